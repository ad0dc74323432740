//! Policies and endpoints of a snapshot, as the page shows them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::analysis::identities::told_apart;
use crate::analysis::lint::{self, Lint, lint};
use crate::analysis::{Classes, End, Endpoint, NamedPolicy, Namespace, Pods, addresses, by_class};
use crate::canon::Canons;
use crate::documents::Node;
use crate::documents::text::one_line;
use crate::drift::{self, PodObject, PolicyObject, Snapshot};
use crate::policy::{Home, Policy};
use crate::report::manifest;

/// The most policies that are evaluated. Without some, the pods that they select would look open.
const MOST_POLICIES: usize = 1_000;
/// The most endpoints that are shown: pods that policies cannot tell apart are one.
const MOST_ENDPOINTS: usize = 150;
/// The most bytes of a policy, as JSON, whose text is shown, and of all of them.
const MOST_TEXT: usize = 64 << 10;
const MOST_TEXTS: usize = 1 << 20;
/// The most characters of a sentence about one object.
const LONGEST: usize = 300;

/// Policies and endpoints of a snapshot.
#[derive(Debug, Default)]
pub(super) struct World {
    /// The policies of the guarded namespaces.
    pub(super) policies: Vec<NamedPolicy>,
    /// The text of each policy; null if it is too long.
    pub(super) manifests: Vec<Value>,
    /// The endpoints that are shown.
    pub(super) shown: Classes,
    /// What `netpol lint` finds.
    pub(super) lint: Lint,
    /// What was not evaluated, as sentences.
    pub(super) not_evaluated: Vec<String>,
    texts: usize,
}

impl World {
    /// Reads a snapshot.
    pub(super) fn read(snapshot: &Snapshot, canons: &Canons) -> World {
        let mut world = World::default();
        let namespaces: BTreeMap<String, Namespace> = match &snapshot.namespaces {
            Some(Ok(all)) => all.iter().map(|it| (it.name.clone(), Namespace::new(&it.name, it.labels()))).collect(),
            Some(Err(reason)) => world.lacks("the labels of namespaces", reason),
            None => BTreeMap::new(),
        };
        let mut endpoints = Vec::new();
        for (name, policies) in &snapshot.policies {
            let policies = match policies {
                Ok(policies) => policies,
                Err(reason) => {
                    // Pods without their policies would look open.
                    world.lacks::<()>(&format!("the policies of {name}"), reason);
                    continue;
                }
            };
            for policy in policies {
                world.add_policy(name, policy);
            }
            let namespace = namespaces.get(name).cloned().unwrap_or_else(|| Namespace::new(name, BTreeMap::new()));
            match snapshot.pods.get(name) {
                Some(Ok(pods)) => world.add_pods(&mut endpoints, &namespace, pods),
                Some(Err(reason)) => world.lacks(&format!("the pods of {name}"), reason),
                None => {}
            }
        }
        if world.policies.len() > MOST_POLICIES {
            world.not_evaluated.push(format!("connections: there are more than {MOST_POLICIES} policies"));
            return world;
        }
        let is_whole = world.not_evaluated.is_empty();
        endpoints.extend(outside(canons, &world.policies));
        if is_whole {
            let ignores = vec![None; world.policies.len()];
            world.lint = lint(lint::Input {
                policies: &world.policies,
                endpoints: &endpoints,
                namespaces: &namespaces,
                canon: None,
                namespace: canons.namespaces().next().unwrap_or_default(),
                ignores: &ignores,
            });
        } else {
            world.not_evaluated.push("the rules of netpol lint, because something could not be read".to_owned());
        }
        world.show(&endpoints);
        world.not_evaluated.push("named ports and addresses of pods, which are watched as metadata only".to_owned());
        world.not_evaluated.push("pods of other namespaces: what policies select there is shown as if it existed".to_owned());
        world
    }

    /// Notes that something could not be read, and returns nothing instead.
    fn lacks<T: Default>(&mut self, what: &str, reason: &str) -> T {
        self.not_evaluated.push(format!("{what}: {reason}"));
        T::default()
    }

    fn add_policy(&mut self, namespace: &str, object: &PolicyObject) {
        let empty = Value::Object(serde_json::Map::new());
        let spec = object.spec().filter(|spec| !spec.is_null()).unwrap_or(&empty);
        match Policy::parse(&Node::from(spec), Home { namespace, written_for: None }) {
            Ok(policy) => {
                self.policies.push(NamedPolicy { name: object.name.clone(), policy });
                let length = spec.to_string().len();
                let is_shown = length <= MOST_TEXT && self.texts + length <= MOST_TEXTS;
                self.texts += if is_shown { length } else { 0 };
                self.manifests.push(if is_shown { manifest(namespace, Some(&object.name), None, Some(spec)) } else { Value::Null });
            }
            Err(faults) => {
                let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
                let sentence = format!(
                    "NetworkPolicy \"{namespace}/{}\", so pods that it selects look more open or more closed than they are: {}",
                    object.name,
                    faults.join("; ")
                );
                self.not_evaluated.push(one_line(&sentence, LONGEST));
            }
        }
    }

    fn add_pods(&mut self, endpoints: &mut Vec<Endpoint>, namespace: &Namespace, pods: &drift::Pods) {
        if let Err(reason) = &pods.on_host_network {
            // A pod on the host network has other connections, so no pod is known.
            return self.lacks(&format!("the pods of {}, of which some may use the host network", namespace.name), reason);
        }
        for pod in &pods.all {
            match pod.labels() {
                Ok(labels) => {
                    let host_network = pods.on_host_network.as_ref().is_ok_and(|uids| uids.contains(&pod.uid));
                    endpoints.push(endpoint(namespace, pod, labels, host_network));
                }
                Err(problem) => self.not_evaluated.push(problem),
            }
        }
    }

    /// Selects the endpoints that are shown.
    fn show(&mut self, endpoints: &[Endpoint]) {
        let mut shown = by_class(&self.policies, endpoints, |_| false);
        let more = shown.endpoints.len().saturating_sub(MOST_ENDPOINTS);
        if more > 0 {
            shown.endpoints.truncate(MOST_ENDPOINTS);
            let ids: BTreeSet<&str> = shown.endpoints.iter().map(|endpoint| endpoint.id.as_str()).collect();
            shown.pods.retain(|id, _| ids.contains(id.as_str()));
            self.not_evaluated.push(format!("{more} more endpoints are not shown: netpol reach --live has all"));
        }
        self.shown = shown;
    }
}

fn endpoint(namespace: &Namespace, pod: &PodObject, labels: BTreeMap<String, String>, host_network: bool) -> Endpoint {
    let object = Some((namespace.name.to_string(), pod.name.clone()));
    let id = format!("{}/Pod/{}", namespace.name, pod.name);
    let pods = Pods { host_network, single: true, ..Pods::labeled(namespace.clone(), labels) };
    Endpoint { id, kind: "Pod".to_owned(), object, end: End::Pods(pods), outside: false }
}

/// Returns what policies tell apart outside the guarded namespaces: pods that they select, others, and addresses.
fn outside(canons: &Canons, policies: &[NamedPolicy]) -> Vec<Endpoint> {
    let guarded: BTreeSet<&str> = canons.namespaces().collect();
    let is_guarded = |endpoint: &Endpoint| matches!(&endpoint.end, End::Pods(pods) if guarded.contains(&*pods.namespace.name));
    let mut seen = BTreeSet::new();
    let told = guarded.iter().flat_map(|namespace| told_apart(canons, namespace, policies));
    let pods = told.filter(|endpoint| endpoint.outside && !is_guarded(endpoint) && seen.insert(endpoint.id.clone()));
    let mut found: Vec<Endpoint> = pods.collect();
    found.extend(addresses(policies));
    found
}
