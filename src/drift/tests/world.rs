//! A small cluster in memory, to which actions are applied as an API server does.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::canon::{Canons, DEFAULT, Documents};
use crate::documents::values::text;
use crate::drift::{Action, Memory, NamespaceObject, Plan, PodObject, Pods, PolicyObject, Program, Repair, Snapshot, Target, plan};
use crate::verdict::{Guard, Settings};

pub(super) const NAMESPACE: &str = "abcdesktop";

/// The objects of one guarded namespace.
#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) policies: Vec<Value>,
    pub(super) pods: Vec<Value>,
    pub(super) namespaces: Vec<Value>,
    version: u64,
}

/// Returns the guard with the default canons.
pub(super) fn guard() -> Guard {
    guard_of(Canons::load(&DEFAULT.map(str::to_owned), &[NAMESPACE.to_owned()]).unwrap(), Settings::default())
}

pub(super) fn guard_of(canons: Canons, settings: Settings) -> Guard {
    Guard::new(Arc::new(canons), Arc::new(settings))
}

/// Returns the guard of a canon with one policy `only`, or `None` if the canon is not valid.
pub(super) fn guard_of_spec(spec: &Value) -> Option<Guard> {
    let policy = json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "only"}, "spec": spec});
    let documents = Documents::from_text("canon.yaml", &policy.to_string());
    Some(guard_of(Canons::from_documents(&[documents], &[NAMESPACE.to_owned()]).ok()?, Settings::default()))
}

pub(super) fn pod(name: &str, labels: &Value) -> Value {
    json!({"metadata": {"name": name, "namespace": NAMESPACE, "uid": format!("uid-{name}"), "labels": labels}, "spec": {}})
}

impl World {
    /// Returns a cluster without objects in the guarded namespace.
    pub(super) fn empty() -> World {
        let namespace = |name: &str, labels: Value| json!({"metadata": {"name": name, "labels": labels}});
        let system = namespace("kube-system", json!({"kubernetes.io/metadata.name": "kube-system", "name": "kube-system"}));
        let guarded = namespace(NAMESPACE, json!({"kubernetes.io/metadata.name": NAMESPACE, "name": NAMESPACE}));
        World { policies: Vec::new(), pods: Vec::new(), namespaces: vec![system, guarded], version: 100 }
    }

    /// Returns a cluster with the policies of the first canon.
    pub(super) fn of(guard: &Guard) -> World {
        let mut world = World::empty();
        for policy in guard.canons.first().policies(NAMESPACE).unwrap().by_name.values() {
            world.create(policy.manifest.clone());
        }
        world
    }

    fn next_version(&mut self) -> Value {
        self.version += 1;
        json!(self.version.to_string())
    }

    pub(super) fn create(&mut self, mut policy: Value) {
        policy["metadata"]["resourceVersion"] = self.next_version();
        policy["metadata"]["uid"] = json!(format!("uid-{}", policy["metadata"]["name"]));
        self.policies.push(policy);
    }

    pub(super) fn add_pod(&mut self, mut pod: Value) {
        pod["metadata"]["resourceVersion"] = self.next_version();
        self.pods.push(pod);
    }

    /// Changes a policy as another client does.
    pub(super) fn change(&mut self, name: &str, change: impl FnOnce(&mut Value)) {
        let version = self.next_version();
        let policy = self.policies.iter_mut().find(|policy| policy["metadata"]["name"] == name).unwrap();
        change(policy);
        policy["metadata"]["resourceVersion"] = version;
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        let on_host = self.pods.iter().filter(|pod| pod["spec"]["hostNetwork"] == true);
        let pods = Pods {
            all: self.pods.iter().map(PodObject::read).collect(),
            on_host_network: Ok(on_host.filter_map(|pod| text(pod, "/metadata/uid").map(str::to_owned)).collect()),
            programs: Ok(self.pods.iter().filter_map(Program::read).map(|program| (program.uid.clone(), program)).collect()),
        };
        Snapshot {
            policies: BTreeMap::from([(NAMESPACE.to_owned(), Ok(self.policies.iter().map(PolicyObject::read).collect()))]),
            pods: BTreeMap::from([(NAMESPACE.to_owned(), Ok(pods))]),
            namespaces: Some(Ok(self.namespaces.iter().map(NamespaceObject::read).collect())),
            ..Snapshot::default()
        }
    }

    /// Returns the first plan.
    pub(super) fn plan(&self, guard: &Guard) -> Plan {
        plan(&self.snapshot(), guard, Repair::default(), &Memory::default(), Duration::ZERO)
    }

    /// Applies actions. Each must have its precondition and must succeed.
    pub(super) fn apply(&mut self, actions: &[Action]) {
        for action in actions {
            match action {
                Action::Create { namespace, name, manifest, .. } => {
                    assert_eq!(namespace, NAMESPACE);
                    assert!(self.policies.iter().all(|policy| policy["metadata"]["name"] != **name), "{name} exists");
                    self.create(manifest.clone());
                }
                Action::Patch { target, namespace, name, operations } => {
                    assert_eq!(namespace, NAMESPACE);
                    let version = self.next_version();
                    let list = if *target == Target::Pod { &mut self.pods } else { &mut self.policies };
                    let object = list.iter_mut().find(|object| object["metadata"]["name"] == **name).unwrap();
                    assert!(object["metadata"]["deletionTimestamp"].is_null(), "{name} is terminating");
                    let tested: Vec<&Value> =
                        operations.as_array().unwrap().iter().filter(|it| it["op"] == "test").map(|it| &it["path"]).collect();
                    assert!(tested.contains(&&json!("/metadata/resourceVersion")), "{operations}");
                    assert!(*target == Target::NetworkPolicy || tested.contains(&&json!("/metadata/uid")), "{operations}");
                    let patch: json_patch::Patch = serde_json::from_value(operations.clone()).unwrap();
                    json_patch::patch(object, &patch).unwrap();
                    object["metadata"]["resourceVersion"] = version;
                }
            }
        }
    }
}
