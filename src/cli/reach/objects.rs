//! The NetworkPolicies, pods, workloads, Services and namespaces of manifests or of a cluster.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::pods::{PodFacts, has_ended, labels};
use super::services::Service;
use super::written::Written;
use crate::analysis::{End, Endpoint, NamedPolicy, Namespace, addresses};
use crate::cli::manifests::display::KindAndName;
use crate::cli::manifests::{Manifest, Place};
use crate::documents::Node;
use crate::policy::{Home, Policy};
use crate::verdict::foreign;

/// The kinds from whose template a controller creates pods: group, kind, and the path of the template.
const WORKLOADS: [(&str, &str, &str); 7] = [
    ("", "ReplicationController", "/spec/template"),
    ("apps", "Deployment", "/spec/template"),
    ("apps", "StatefulSet", "/spec/template"),
    ("apps", "DaemonSet", "/spec/template"),
    ("apps", "ReplicaSet", "/spec/template"),
    ("batch", "Job", "/spec/template"),
    ("batch", "CronJob", "/spec/jobTemplate/spec/template"),
];

/// What is evaluated.
#[derive(Debug, Default)]
pub(super) struct Objects {
    pub(super) policies: Vec<NamedPolicy>,
    /// Pods and workloads, and, at the end, addresses.
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) namespaces: BTreeMap<String, Namespace>,
    /// How each policy is written, by its index.
    pub(super) written: Vec<Written>,
    pub(super) services: Vec<Service>,
    pub(super) ids: BTreeSet<String>,
    /// The workloads of pods, as kind and name, by the id of the pod.
    pub(super) workloads: BTreeMap<String, Vec<(String, String)>>,
}

impl Objects {
    /// Adds a namespace with its labels.
    pub(super) fn add_namespace(&mut self, name: &str, labels: BTreeMap<String, String>) {
        self.namespaces.insert(name.to_owned(), Namespace::new(name, labels));
    }

    /// Adds a policy.
    ///
    /// # Errors
    /// Returns the faults of its spec.
    pub(super) fn add_policy(&mut self, (namespace, name): (&str, &str), object: &Value, place: Option<Place>) -> Result<(), Vec<String>> {
        let empty = Value::Object(serde_json::Map::new());
        let spec = object.get("spec").unwrap_or(&empty);
        let parsed = Policy::parse(&Node::from(spec), Home { namespace, written_for: None });
        let policy = parsed.map_err(|faults| faults.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        self.policies.push(NamedPolicy { name: name.to_owned(), policy });
        self.written.push(Written::new(object, namespace, place));
        Ok(())
    }

    /// Adds a pod, or the pods of a workload. A namespace that is not known has no labels of its own.
    pub(super) fn add_pods(&mut self, (namespace, kind, name): (&str, &str, &str), mut facts: PodFacts, outside: bool) {
        let workloads = std::mem::take(&mut facts.workloads);
        let known = self.namespaces.entry(namespace.to_owned()).or_insert_with(|| Namespace::new(namespace, BTreeMap::new()));
        let end = End::Pods(facts.of(known.clone(), kind == "Pod"));
        let id = self.unique(format!("{namespace}/{kind}/{name}"));
        if !workloads.is_empty() {
            self.workloads.insert(id.clone(), workloads);
        }
        let object = Some((namespace.to_owned(), name.to_owned()));
        self.endpoints.push(Endpoint { id, kind: kind.to_owned(), object, end, outside });
    }

    /// Returns an id that no earlier object has. Objects that have only a `generateName` may share it.
    fn unique(&mut self, id: String) -> String {
        let numbered = (2..).map(|number: u32| format!("{id}#{number}"));
        let free = std::iter::once(id.clone()).chain(numbered).find(|id| !self.ids.contains(id)).unwrap_or(id);
        self.ids.insert(free.clone());
        free
    }

    /// Sorts the endpoints and adds the addresses that the policies tell apart.
    pub(super) fn finish(&mut self) {
        self.endpoints.sort_by(|left, right| left.id.cmp(&right.id));
        self.endpoints.extend(addresses(&self.policies));
    }
}

/// Reads manifests. Objects without a namespace are in `own`.
///
/// # Errors
/// Returns every problem, with its place.
pub(super) fn read(manifests: &[Manifest], own: &str) -> Result<Objects, Vec<String>> {
    let mut objects = Objects::default();
    let mut problems = named_twice(manifests, own);
    for manifest in manifests.iter().filter(|manifest| manifest.group.is_empty() && manifest.kind == "Namespace") {
        match labels(&manifest.object) {
            Ok(labels) => objects.add_namespace(manifest.name(), labels),
            Err(problem) => problems.push(placed(manifest, &problem)),
        }
    }
    for manifest in manifests {
        let namespace = manifest.namespace.as_deref().unwrap_or(own);
        if manifest.is_network_policy() {
            if let Err(faults) = objects.add_policy((namespace, manifest.name()), &manifest.object, Some(manifest.place.clone())) {
                problems.extend(faults.iter().map(|fault| placed(manifest, fault)));
            }
        } else if manifest.group.is_empty() && manifest.kind == "Service" {
            match Service::read(namespace, manifest.name(), &manifest.object) {
                Ok(service) => objects.services.push(service),
                Err(problem) => problems.push(placed(manifest, &problem)),
            }
        } else if let Some(template) = template(manifest) {
            match PodFacts::read(template) {
                Ok(facts) => objects.add_pods((namespace, &manifest.kind, manifest.name()), facts, false),
                Err(problem) => problems.push(placed(manifest, &problem)),
            }
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    objects.finish();
    Ok(objects)
}

/// Returns a problem for each policy and namespace that has the name of an earlier one: a cluster has only one of them. Policies that
/// have only a `generateName` get different names.
fn named_twice(manifests: &[Manifest], own: &str) -> Vec<String> {
    let (mut names, mut problems) = (BTreeSet::new(), Vec::new());
    for manifest in manifests {
        let is_namespace = manifest.group.is_empty() && manifest.kind == "Namespace";
        let namespace = if is_namespace { None } else { Some(manifest.namespace.as_deref().unwrap_or(own)) };
        let name = manifest.object.pointer("/metadata/name").and_then(Value::as_str);
        if (is_namespace || manifest.is_network_policy()) && name.is_some_and(|name| !names.insert((namespace, name))) {
            problems.push(placed(manifest, "another document has the same namespace and name; leave out one of them"));
        }
    }
    problems
}

/// Returns what is in the manifests, but is not evaluated, as sentences.
pub(super) fn not_evaluated(manifests: &[Manifest]) -> Vec<String> {
    let is_foreign =
        |manifest: &&Manifest| foreign::KINDS.iter().any(|kind| kind.group == manifest.group && kind.resource == manifest.resource.plural);
    let foreign = manifests.iter().filter(is_foreign);
    foreign.map(|manifest| format!("{} is a policy of another API, which is not evaluated", KindAndName(manifest))).collect()
}

fn placed(manifest: &Manifest, problem: &str) -> String {
    format!("{} ({}): {problem}", KindAndName(manifest), manifest.place)
}

/// Returns the pod or the template of pods of an object.
fn template(manifest: &Manifest) -> Option<&Value> {
    if manifest.group.is_empty() && manifest.kind == "Pod" {
        return (!has_ended(&manifest.object)).then_some(&manifest.object);
    }
    let (.., path) = WORKLOADS.iter().find(|(group, kind, _)| *group == manifest.group && *kind == manifest.kind)?;
    Some(manifest.object.pointer(path).unwrap_or(&Value::Null))
}
