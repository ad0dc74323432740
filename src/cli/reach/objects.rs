//! The NetworkPolicies, pods, workloads and namespaces in manifests.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde_json::Value;

use super::written::Written;
use crate::analysis::{End, Endpoint, NamedPolicy, Namespace, PodPorts, Pods, addresses};
use crate::cli::manifests::Manifest;
use crate::cli::manifests::display::{KindAndName, printable};
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

/// What manifests contain.
#[derive(Debug, Default)]
pub(super) struct Objects {
    pub(super) policies: Vec<NamedPolicy>,
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) namespaces: BTreeMap<String, Namespace>,
    /// How each policy is written, by its index.
    pub(super) written: Vec<Written>,
}

/// Reads manifests. Objects without a namespace are in `own`.
///
/// # Errors
/// Returns every problem, with its place.
pub(super) fn read(manifests: &[Manifest], own: &str) -> Result<Objects, Vec<String>> {
    let mut objects = Objects::default();
    let mut problems = Vec::new();
    for manifest in manifests.iter().filter(|manifest| manifest.group.is_empty() && manifest.kind == "Namespace") {
        match labels(&manifest.object) {
            Ok(labels) => {
                objects.namespaces.insert(manifest.name().to_owned(), Namespace::new(manifest.name(), labels));
            }
            Err(problem) => problems.push(placed(manifest, &problem)),
        }
    }
    let mut ids = BTreeSet::new();
    for manifest in manifests {
        let namespace = manifest.namespace.as_deref().unwrap_or(own);
        if manifest.is_network_policy() {
            let empty = Value::Object(serde_json::Map::new());
            let spec = manifest.object.get("spec").unwrap_or(&empty);
            match Policy::parse(&Node::from(spec), Home { namespace, written_for: None }) {
                Ok(policy) => {
                    objects.policies.push(NamedPolicy { name: manifest.name().to_owned(), policy });
                    objects.written.push(Written::new(&manifest.object, namespace, Some(manifest.place.clone())));
                }
                Err(faults) => problems.extend(faults.iter().map(|fault| placed(manifest, &fault.to_string()))),
            }
            continue;
        }
        let Some(template) = template(manifest) else { continue };
        let known = objects.namespaces.entry(namespace.to_owned()).or_insert_with(|| Namespace::new(namespace, BTreeMap::new()));
        match pods(template, known.clone(), manifest.kind == "Pod") {
            Ok(pods) => {
                let (kind, name) = (manifest.kind.clone(), manifest.name().to_owned());
                let id = unique(format!("{namespace}/{kind}/{name}"), &mut ids);
                objects.endpoints.push(Endpoint {
                    id,
                    kind,
                    object: Some((namespace.to_owned(), name)),
                    end: End::Pods(pods),
                    outside: false,
                });
            }
            Err(problem) => problems.push(placed(manifest, &problem)),
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    objects.endpoints.sort_by(|left, right| left.id.cmp(&right.id));
    objects.endpoints.extend(addresses(&objects.policies));
    Ok(objects)
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

/// Returns an id that no earlier object has. Objects that have only a `generateName` may share it.
fn unique(id: String, ids: &mut BTreeSet<String>) -> String {
    let numbered = (2..).map(|number: u32| format!("{id}#{number}"));
    let free = std::iter::once(id.clone()).chain(numbered).find(|id| !ids.contains(id)).unwrap_or(id);
    ids.insert(free.clone());
    free
}

/// Returns the pod or the template of pods of an object. A pod that ended has no traffic (`semantics.md` rule 31).
fn template(manifest: &Manifest) -> Option<&Value> {
    if manifest.group.is_empty() && manifest.kind == "Pod" {
        let phase = manifest.object.pointer("/status/phase").and_then(Value::as_str);
        return (!matches!(phase, Some("Succeeded" | "Failed"))).then_some(&manifest.object);
    }
    let (.., path) = WORKLOADS.iter().find(|(group, kind, _)| *group == manifest.group && *kind == manifest.kind)?;
    Some(manifest.object.pointer(path).unwrap_or(&Value::Null))
}

fn pods(template: &Value, namespace: Namespace, single: bool) -> Result<Pods, String> {
    let host_network = match template.pointer("/spec/hostNetwork") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(host_network)) => *host_network,
        Some(_) => return Err("spec.hostNetwork: must be true or false".to_owned()),
    };
    let addresses = addresses_of(template)?;
    Ok(Pods { namespace, labels: labels(template)?, ports: Some(ports(template)?), addresses, host_network, single })
}

/// Returns the labels of an object.
fn labels(object: &Value) -> Result<BTreeMap<String, String>, String> {
    let labels = match object.pointer("/metadata/labels") {
        None | Some(Value::Null) => return Ok(BTreeMap::new()),
        Some(Value::Object(labels)) => labels,
        Some(_) => return Err("metadata.labels: must be a map".to_owned()),
    };
    let label = |(key, value): (&String, &Value)| {
        let value = value.as_str().ok_or_else(|| format!("metadata.labels[{}]: must be a string (in YAML, quote it)", printable(key)))?;
        Ok((key.clone(), value.to_owned()))
    };
    labels.iter().map(label).collect()
}

/// Returns the addresses in the status of a pod.
fn addresses_of(pod: &Value) -> Result<Option<Vec<IpAddr>>, String> {
    let listed = pod.pointer("/status/podIPs").and_then(Value::as_array).into_iter().flatten().filter_map(|entry| entry.get("ip"));
    let texts: Vec<&str> = listed.chain(pod.pointer("/status/podIP")).filter_map(Value::as_str).filter(|text| !text.is_empty()).collect();
    let parsed = texts.iter().map(|text| text.parse().map_err(|_| format!("status.podIPs: {} is not an IP address", printable(text))));
    let addresses = parsed.collect::<Result<Vec<IpAddr>, String>>()?;
    Ok((!addresses.is_empty()).then_some(addresses))
}

/// Returns the named ports of the containers, and of the restartable init containers.
fn ports(template: &Value) -> Result<PodPorts, String> {
    let mut ports = PodPorts::default();
    for (field, is_init) in [("containers", false), ("initContainers", true)] {
        let containers = template.pointer("/spec").and_then(|spec| spec.get(field)?.as_array()).into_iter().flatten();
        let is_running = |container: &&Value| !is_init || container.get("restartPolicy").is_some_and(|policy| policy == "Always");
        for port in containers.filter(is_running).filter_map(|container| container.get("ports")?.as_array()).flatten() {
            let Some(name) = port.get("name").and_then(Value::as_str) else { continue };
            let protocol = port.get("protocol").filter(|protocol| !protocol.is_null()).map_or(Some("TCP"), Value::as_str);
            let number = port.get("containerPort").and_then(Value::as_i64);
            let added = protocol.zip(number).and_then(|(protocol, number)| ports.add(protocol, name, number, is_init));
            added.ok_or_else(|| {
                format!(
                    "spec.{field}: the port {} must have a containerPort from 1 to 65535 and the protocol TCP, UDP or SCTP",
                    printable(name)
                )
            })?;
        }
    }
    Ok(ports)
}
