//! Everything that is watched, and the snapshot of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::Notify;

use super::store::{Keyed, Store};
use crate::cluster::News;
use crate::controller::webhook_configurations::servers;
use crate::documents::values::text;
use crate::drift::{ForeignList, NamespaceObject, Object, PodObject, Pods, PolicyObject, Program, Read, Snapshot, Webhooks};

/// A webhook configuration, or another object that is read as a whole.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct WholeObject {
    name: String,
    /// The object without `managedFields`.
    pub(super) content: Value,
}

impl WholeObject {
    /// Reads an object.
    pub(super) fn read(mut object: Value) -> Option<WholeObject> {
        let name = text(&object, "/metadata/name")?.to_owned();
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("managedFields");
        }
        Some(WholeObject { name, content: object })
    }
}

impl Keyed for WholeObject {
    fn key(&self) -> &str {
        &self.name
    }
}

impl Keyed for PolicyObject {
    fn key(&self) -> &str {
        &self.name
    }
}

impl Keyed for PodObject {
    fn key(&self) -> &str {
        &self.name
    }
}

impl Keyed for Program {
    fn key(&self) -> &str {
        &self.uid
    }
}

impl Keyed for NamespaceObject {
    fn key(&self) -> &str {
        &self.name
    }
}

/// The stores of all watches.
#[derive(Debug, Default)]
pub(super) struct Stores {
    pub(super) policies: BTreeMap<String, Store<PolicyObject>>,
    pub(super) pods: BTreeMap<String, Store<PodObject>>,
    pub(super) on_host_network: BTreeMap<String, Store<PodObject>>,
    /// What pods run, by namespace and label selector.
    pub(super) programs: BTreeMap<(String, String), Store<Program>>,
    pub(super) namespaces: Store<NamespaceObject>,
    /// The name of the webhook configurations.
    pub(super) registration: String,
    pub(super) mutating: Store<WholeObject>,
    pub(super) validating: Store<WholeObject>,
    /// The foreign policies as they were last listed, by group, resource and namespace.
    pub(super) foreign: Vec<ForeignList>,
}

impl Stores {
    /// Returns a snapshot.
    pub(super) fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot { time: Some(Timestamp::now()), namespaces: Some(all(&self.namespaces)), ..Snapshot::default() };
        for (namespace, store) in &self.policies {
            snapshot.policies.insert(namespace.clone(), all(store));
        }
        for (namespace, store) in &self.pods {
            let on_host_network = match self.on_host_network.get(namespace).map(Store::objects) {
                Some(Ok(pods)) => Ok(pods.map(|pod| pod.uid.clone()).collect::<BTreeSet<_>>()),
                Some(Err(reason)) => Err(reason),
                None => Ok(BTreeSet::new()),
            };
            let programs = self.programs(namespace);
            snapshot.pods.insert(namespace.clone(), all(store).map(|all| Pods { all, on_host_network, programs }));
        }
        snapshot.foreign.clone_from(&self.foreign);
        snapshot.registration = Some(self.webhooks());
        snapshot
    }

    /// Returns what the pods of a namespace run. Several selectors may select a pod.
    fn programs(&self, namespace: &str) -> Read<BTreeMap<String, Program>> {
        let mut programs = BTreeMap::new();
        for (_, store) in self.programs.iter().filter(|((of, _), _)| of == namespace) {
            programs.extend(store.objects()?.map(|program| (program.uid.clone(), program.clone())));
        }
        Ok(programs)
    }

    /// Returns the uid of a policy or pod, if it exists.
    pub(super) fn uid(&self, object: &Object) -> Option<&str> {
        match object.kind.as_str() {
            "NetworkPolicy" => Some(&self.policies.get(&object.namespace)?.get(&object.name)?.uid),
            "Pod" => Some(&self.pods.get(&object.namespace)?.get(&object.name)?.uid),
            _ => None,
        }
    }

    /// Returns the webhook configurations, of which each watch sees at most one.
    fn webhooks(&self) -> Result<Webhooks, String> {
        let mutating = self.mutating.objects()?.next().map(|object| object.content.clone());
        let validating = self.validating.objects()?.next().map(|object| object.content.clone());
        let servers = [&mutating, &validating].into_iter().flatten().flat_map(servers).collect();
        Ok(Webhooks { name: self.registration.clone(), mutating, validating, servers })
    }

    /// Returns what is wrong with the watches at `now`, by the name of the watch, and when each was last in contact.
    pub(super) fn watches(&self, now: Duration) -> Vec<Watch> {
        let mut watches = Vec::new();
        let mut add = |name: &'static str, freshness: &super::store::Freshness| {
            watches.push(Watch { name, contact: freshness.contact, problem: freshness.problem(now), is_complete: freshness.is_complete });
        };
        self.policies.values().for_each(|store| add("networkpolicies", store.freshness()));
        self.pods.values().for_each(|store| add("pods", store.freshness()));
        self.on_host_network.values().for_each(|store| add("pods-on-the-host-network", store.freshness()));
        self.programs.values().for_each(|store| add("pods-of-limited-grants", store.freshness()));
        add("namespaces", self.namespaces.freshness());
        add("mutatingwebhookconfigurations", self.mutating.freshness());
        add("validatingwebhookconfigurations", self.validating.freshness());
        watches
    }
}

fn all<T: Keyed + PartialEq + Clone>(store: &Store<T>) -> Result<Vec<T>, String> {
    store.objects().map(|objects| objects.cloned().collect())
}

/// The state of a watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Watch {
    /// Its name, the same in metrics.
    pub(super) name: &'static str,
    /// When the API server last responded, since the start of the process.
    pub(super) contact: Option<Duration>,
    /// What is wrong with it.
    pub(super) problem: Option<String>,
    /// Whether everything was read once.
    pub(super) is_complete: bool,
}

/// The stores, shared by the watches and the loop that plans.
#[derive(Debug, Clone)]
pub(super) struct Shared {
    stores: Arc<Mutex<Stores>>,
    changed: Arc<Notify>,
    /// Asks for the lists of foreign policies.
    relist: Arc<Notify>,
    started: Instant,
}

impl Shared {
    pub(super) fn new(stores: Stores) -> Shared {
        Shared {
            stores: Arc::new(Mutex::new(stores)),
            changed: Arc::new(Notify::new()),
            relist: Arc::new(Notify::new()),
            started: Instant::now(),
        }
    }

    /// Returns the time since the start.
    pub(super) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// Returns the stores. The lock is held for a moment, never across a call.
    pub(super) fn lock(&self) -> MutexGuard<'_, Stores> {
        self.stores.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives news to a store, and wakes the loop if something changed.
    pub(super) fn take<T: Keyed + PartialEq>(&self, news: News<T>, store: impl FnOnce(&mut Stores) -> Option<&mut Store<T>>) {
        let now = self.now();
        if store(&mut self.lock()).is_some_and(|store| store.take(news, now)) {
            self.changed.notify_one();
        }
    }

    /// Wakes the loop.
    pub(super) fn wake(&self) {
        self.changed.notify_one();
    }

    /// Asks for the lists of foreign policies, which are read only now and then.
    pub(super) fn relist(&self) {
        self.relist.notify_one();
    }

    /// Waits until the lists of foreign policies are asked for.
    pub(super) async fn asked(&self) {
        self.relist.notified().await;
    }

    /// Waits until something changed.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }
}
