//! What shows which network plugins a cluster has. Arguments and annotations can contain secrets, so only what a plan reads is kept.

use serde_json::Value;

use crate::documents::values::{map, text};

/// What shows which network plugins a cluster has.
#[derive(Debug, Default, Clone)]
pub struct Network {
    /// The `DaemonSets` of all namespaces.
    pub daemon_sets: Vec<DaemonSetObject>,
    /// The servers of k3s, or why they could not be read; `None` if the API server is not that of k3s.
    pub k3s: Option<Result<Vec<K3sServer>, String>>,
}

/// A DaemonSet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DaemonSetObject {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Whether it has a pod on a node, or soon has one.
    pub is_scheduled: bool,
    /// The names of its containers.
    pub(super) containers: Vec<String>,
    /// The flags that say whether a plugin applies policies, and their values.
    flags: Vec<(&'static str, bool)>,
}

/// A server of k3s that is a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct K3sServer {
    /// Whether its network policy controller is on.
    pub applies_policies: bool,
}

/// The flag of the agent of Amazon VPC CNI.
pub(super) const ENABLE_NETWORK_POLICY: &str = "--enable-network-policy";
/// The flag of kube-router.
pub(super) const RUN_FIREWALL: &str = "--run-firewall";
/// The flags that say whether a plugin applies policies.
const FLAGS: [&str; 2] = [ENABLE_NETWORK_POLICY, RUN_FIREWALL];

/// The annotation that k3s gives its nodes, with the arguments of its process. Those that are secret are left out.
const NODE_ARGUMENTS: &str = "k3s.io/node-args";
/// The argument of a server that turns the network policy controller of all nodes off.
const WITHOUT_POLICIES: &str = "--disable-network-policy";

impl DaemonSetObject {
    /// Reads a DaemonSet of the API.
    pub fn read(object: &Value) -> DaemonSetObject {
        let owned = |pointer: &str| text(object, pointer).unwrap_or_default().to_owned();
        let containers: Vec<&Value> =
            object.pointer("/spec/template/spec/containers").and_then(Value::as_array).into_iter().flatten().collect();
        let lists = || containers.iter().flat_map(|container| ["command", "args"].map(|list| container.get(list)));
        let arguments: Vec<&str> = lists().flatten().filter_map(Value::as_array).flatten().filter_map(Value::as_str).collect();
        DaemonSetObject {
            namespace: owned("/metadata/namespace"),
            name: owned("/metadata/name"),
            is_scheduled: object.pointer("/status/desiredNumberScheduled").and_then(Value::as_u64).is_some_and(|number| number > 0),
            containers: containers.iter().filter_map(|container| text(container, "/name")).map(str::to_owned).collect(),
            flags: FLAGS.into_iter().filter_map(|flag| Some((flag, value_of(flag, &arguments)?))).collect(),
        }
    }

    /// Returns the value of a flag that says whether a plugin applies policies; `None` if it is not set.
    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        self.flags.iter().find(|(flag, _)| *flag == name).map(|(_, value)| *value)
    }
}

impl K3sServer {
    /// Reads a node of the API, or its metadata; `None` if it is no server of k3s.
    pub fn read(object: &Value) -> Option<K3sServer> {
        let annotations = map(object, "/metadata/annotations");
        let arguments: Vec<String> = serde_json::from_str(annotations.get(NODE_ARGUMENTS)?.as_str()?).ok()?;
        let mut arguments = arguments.iter().map(String::as_str);
        (arguments.next() == Some("server")).then_some(())?;
        // k3s writes a flag and its value as two arguments.
        let arguments: Vec<&str> = arguments.collect();
        let is_off = arguments.iter().position(|argument| *argument == WITHOUT_POLICIES).is_some_and(|position| {
            let next = arguments.get(position + 1).and_then(|next| truth(next));
            next.unwrap_or(true)
        });
        Some(K3sServer { applies_policies: !is_off })
    }
}

/// Returns the value of a flag of a Go program: the last one counts, and a flag without a value is true.
fn value_of(flag: &str, arguments: &[&str]) -> Option<bool> {
    arguments.iter().rev().find_map(|argument| match argument.strip_prefix(flag)? {
        "" => Some(true),
        rest => truth(rest.strip_prefix('=')?),
    })
}

/// Reads a truth value as Go does (`strconv.ParseBool`).
fn truth(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}
