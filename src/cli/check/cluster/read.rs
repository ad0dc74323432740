//! Reads the objects of a cluster into a snapshot: a few lists, in chunks, and no call for a single object.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::anyhow;
use jiff::Timestamp;
use serde_json::Value;

use crate::cli::exit::Failure;
use crate::cluster::{self, CallError, Cluster, Collection, Form, Selectors};
use crate::controller::{WebhookConfiguration, drift};
use crate::documents::values::text;
use crate::drift::{
    DaemonSetObject, K3sServer, NamespaceObject, Network, PodObject, Pods, PolicyObject, Program, Read, Section, Snapshot, Webhooks,
    judged_programs,
};
use crate::verdict::Guard;

/// What the versions of k3s contain: `v1.36.2+k3s1`.
const OF_K3S: &str = "+k3s";

/// A snapshot and its age.
pub(super) struct Reading {
    pub(super) snapshot: Snapshot,
    /// The webhook configurations; empty if they were not asked for or could not be read.
    pub(super) configurations: Vec<WebhookConfiguration>,
    /// The resource version of the first list.
    pub(super) first_version: u64,
}

impl Reading {
    /// Reads what the wanted sections need.
    ///
    /// # Errors
    /// The API server does not respond, or rejects the credentials.
    pub(super) async fn new(cluster: &Cluster, guard: &Guard, registration: &str, wanted: &BTreeSet<Section>) -> Result<Reading, Failure> {
        let snapshot = Snapshot { time: Some(Timestamp::now()), ..Snapshot::default() };
        let mut reading = Reading { snapshot, configurations: Vec::new(), first_version: u64::MAX };
        let is_wanted = |sections: &[Section]| sections.iter().any(|section| wanted.contains(section));
        if is_wanted(&[Section::Policies, Section::Pods, Section::Neighbors]) {
            let all = Collection { api: "/api/v1", namespace: None, resource: "namespaces" };
            let namespaces =
                reading.list(cluster, &all, Form::Metadata, &Selectors::default(), |object| NamespaceObject::read(&object)).await?;
            reading.snapshot.namespaces = Some(namespaces);
        }
        for namespace in guard.canons.namespaces() {
            if wanted.contains(&Section::Policies) {
                let all = Collection { api: "/apis/networking.k8s.io/v1", namespace: Some(namespace), resource: "networkpolicies" };
                let policies =
                    reading.list(cluster, &all, Form::Whole, &Selectors::default(), |object| PolicyObject::read(&object)).await?;
                reading.snapshot.policies.insert(namespace.to_owned(), policies);
            }
            if wanted.contains(&Section::Pods) {
                let pods = reading.pods(cluster, guard, namespace).await?;
                reading.snapshot.pods.insert(namespace.to_owned(), pods);
            }
        }
        if is_wanted(&[Section::Registration, Section::Certificate]) {
            let webhooks = match evaluated(WebhookConfiguration::read_all(cluster, &[registration.to_owned()]).await)? {
                Ok(configurations) => {
                    reading.configurations = configurations;
                    Ok(webhooks(registration, &reading.configurations))
                }
                Err(reason) => Err(reason),
            };
            reading.snapshot.registration = Some(webhooks);
        }
        if wanted.contains(&Section::ForeignPolicies) {
            reading.snapshot.foreign = drift::read_foreign(cluster, guard).await.map_err(|error| Failure::internal(anyhow!(error)))?;
        }
        if wanted.contains(&Section::Plugins) {
            reading.snapshot.network = Some(reading.network(cluster).await?);
        }
        Ok(reading)
    }

    async fn pods(&mut self, cluster: &Cluster, guard: &Guard, namespace: &str) -> Result<Read<Pods>, Failure> {
        let collection = Collection { api: "/api/v1", namespace: Some(namespace), resource: "pods" };
        let running = Selectors::fields(Pods::RUNNING);
        let all = match self.list(cluster, &collection, Form::Metadata, &running, |object| PodObject::read(&object)).await? {
            Ok(all) => all,
            Err(reason) => return Ok(Err(reason)),
        };
        let on_host_network = Selectors::fields(Pods::ON_HOST_NETWORK);
        let uid = |object: Value| text(&object, "/metadata/uid").unwrap_or_default().to_owned();
        let on_host_network = self.list(cluster, &collection, Form::Metadata, &on_host_network, uid).await?;
        let programs = self.programs(cluster, guard, &collection).await?;
        let mut pods = Pods { all, on_host_network: on_host_network.map(BTreeSet::from_iter), programs };
        let missing = pods.without_program(guard);
        // Most of them ended between the lists.
        if !missing.is_empty()
            && let Ok(left) = self.list(cluster, &collection, Form::Metadata, &running, uid).await?
        {
            let left = BTreeSet::from_iter(left);
            pods.all.retain(|pod| !missing.contains(&pod.uid) || left.contains(&pod.uid));
        }
        Ok(Ok(pods))
    }

    /// Reads what the pods run whose grants limit it.
    async fn programs(
        &mut self,
        cluster: &Cluster,
        guard: &Guard,
        collection: &Collection<'_>,
    ) -> Result<Read<BTreeMap<String, Program>>, Failure> {
        let mut programs = BTreeMap::new();
        for labels in judged_programs(guard) {
            let selected = Selectors::fields(Pods::RUNNING).labels(&labels);
            match self.list(cluster, collection, Form::Large, &selected, |object| Program::read(&object)).await? {
                Ok(read) => programs.extend(read.into_iter().flatten().map(|program| (program.uid.clone(), program))),
                Err(reason) => return Ok(Err(reason)),
            }
        }
        Ok(Ok(programs))
    }

    /// Reads what shows which network plugins there are. k3s has its own in its processes, and its nodes show it.
    async fn network(&mut self, cluster: &Cluster) -> Result<Read<Network>, Failure> {
        let all = Collection { api: "/apis/apps/v1", namespace: None, resource: "daemonsets" };
        let daemon_sets =
            match self.list(cluster, &all, Form::Whole, &Selectors::default(), |object| DaemonSetObject::read(&object)).await? {
                Ok(daemon_sets) => daemon_sets,
                Err(reason) => return Ok(Err(reason)),
            };
        let version = match evaluated(cluster.document("/version").await)? {
            Ok(version) => version.unwrap_or_default(),
            Err(reason) => return Ok(Err(reason)),
        };
        let is_k3s = text(&version, "/gitVersion").is_some_and(|version| version.contains(OF_K3S));
        let k3s = if is_k3s {
            let nodes = Collection { api: "/api/v1", namespace: None, resource: "nodes" };
            let servers = self.list(cluster, &nodes, Form::Metadata, &Selectors::default(), |object| K3sServer::read(&object)).await?;
            Some(servers.map(|servers| servers.into_iter().flatten().collect()))
        } else {
            None
        };
        Ok(Ok(Network { daemon_sets, k3s }))
    }

    async fn list<T>(
        &mut self,
        cluster: &Cluster,
        collection: &Collection<'_>,
        form: Form,
        selectors: &Selectors,
        read: impl Fn(Value) -> T,
    ) -> Result<Read<Vec<T>>, Failure> {
        let listed = evaluated(cluster.list(collection, form, selectors, |object| Some(read(object))).await)?;
        Ok(listed.map(|(objects, version)| {
            self.first_version = self.first_version.min(version.parse().unwrap_or(u64::MAX));
            objects
        }))
    }
}

fn webhooks(name: &str, configurations: &[WebhookConfiguration]) -> Webhooks {
    let content = |index: usize| configurations.get(index).and_then(|configuration| configuration.content.clone());
    let servers = configurations.iter().flat_map(|configuration| &configuration.webhooks).filter_map(|webhook| webhook.server.clone());
    Webhooks { name: name.to_owned(), mutating: content(0), validating: content(1), servers: servers.collect() }
}

/// Returns the sentence of a call that failed for one part of the cluster.
///
/// # Errors
/// The call failed for a reason that ends the check.
pub(super) fn evaluated<T>(result: Result<T, CallError>) -> Result<Read<T>, Failure> {
    cluster::evaluated(result).map_err(|error| Failure::internal(anyhow!(error)))
}
