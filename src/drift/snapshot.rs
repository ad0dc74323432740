//! What was read of a cluster.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;

use super::objects::{ForeignObject, NamespaceObject, PodObject, PolicyObject, Program};
use super::plugins::Network;

/// A part of a cluster, or the sentence why it could not be read.
pub type Read<T> = Result<T, String>;

/// What was read of a cluster. A part that was not asked for is not there, and nothing is evaluated of it.
///
/// The parts are read one after another, so they may be moments apart. [`Finding::version`](super::Finding::version) tells which
/// findings are about an object that is newer than the first part.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// When it was made. Without it, it is not known which pauses of repair have ended.
    pub time: Option<Timestamp>,
    /// The `NetworkPolicies`, by guarded namespace.
    pub policies: BTreeMap<String, Read<Vec<PolicyObject>>>,
    /// The pods, by guarded namespace.
    pub pods: BTreeMap<String, Read<Pods>>,
    /// All namespaces.
    pub namespaces: Option<Read<Vec<NamespaceObject>>>,
    /// The webhook configurations.
    pub registration: Option<Read<Webhooks>>,
    /// The foreign policies.
    pub foreign: Vec<ForeignList>,
    /// What shows which network plugins there are.
    pub network: Option<Read<Network>>,
}

/// The webhook configurations that register the servers.
#[derive(Debug, Default)]
pub struct Webhooks {
    /// The name of both.
    pub name: String,
    /// The mutating one, as the API server returns it; `None` if it does not exist.
    pub mutating: Option<Value>,
    /// The validating one.
    pub validating: Option<Value>,
    /// The names of the servers: those that their certificate has, or that the configurations have.
    pub servers: Vec<String>,
}

/// The pods of a guarded namespace that have not terminated.
#[derive(Debug)]
pub struct Pods {
    /// The pods.
    pub all: Vec<PodObject>,
    /// The uids of those that use the host network.
    pub on_host_network: Read<BTreeSet<String>>,
    /// What those run whose grants limit it, by uid. Nothing is read of other pods.
    pub programs: Read<BTreeMap<String, Program>>,
}

impl Pods {
    /// The field selector of pods that have not terminated.
    pub const RUNNING: &str = "status.phase!=Succeeded,status.phase!=Failed";
    /// The field selector of those that use the host network, which the metadata of a pod does not tell.
    pub const ON_HOST_NETWORK: &str = "spec.hostNetwork=true,status.phase!=Succeeded,status.phase!=Failed";
}

/// The foreign policies of one resource: those of one namespace, or all of the cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct ForeignList {
    /// The API group.
    pub group: String,
    /// The plural name of the resource.
    pub resource: String,
    /// The namespace; empty if the list is of the cluster.
    pub namespace: String,
    /// The objects: with their content if the canon has policies of the resource.
    pub objects: Read<Vec<ForeignObject>>,
}
