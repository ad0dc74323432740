//! What is read of a pod, or of the template of pods.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::Value;

use crate::analysis::{Namespace, PodPorts, Pods};
use crate::cli::manifests::display::printable;

/// What is read of a pod.
#[derive(Debug)]
pub(super) struct PodFacts {
    labels: BTreeMap<String, String>,
    ports: PodPorts,
    addresses: Option<Vec<IpAddr>>,
    host_network: bool,
    /// The workloads that it is a pod of, as kind and name.
    pub(super) workloads: Vec<(String, String)>,
}

/// The label with which a Deployment names its `ReplicaSet`: `DEPLOYMENT-HASH`.
const TEMPLATE_HASH: &str = "pod-template-hash";

impl PodFacts {
    /// Reads a pod or a template of pods.
    ///
    /// # Errors
    /// Returns the first field that is not valid.
    pub(super) fn read(pod: &Value) -> Result<PodFacts, String> {
        let host_network = match pod.pointer("/spec/hostNetwork") {
            None | Some(Value::Null) => false,
            Some(Value::Bool(host_network)) => *host_network,
            Some(_) => return Err("spec.hostNetwork: must be true or false".to_owned()),
        };
        let addresses = addresses(pod)?;
        let labels = labels(pod)?;
        let workloads = workloads(pod, &labels);
        Ok(PodFacts { labels, ports: ports(pod)?, addresses, host_network, workloads })
    }

    /// Returns the pods in a namespace; `single` if it is one pod.
    pub(super) fn of(self, namespace: Namespace, single: bool) -> Pods {
        let PodFacts { labels, ports, addresses, host_network, .. } = self;
        Pods { namespace, labels, ports: Some(ports), addresses, blocks: None, host_network, single }
    }
}

/// Returns whether a pod ended. It then has no traffic (`semantics.md` rule 31).
pub(super) fn has_ended(pod: &Value) -> bool {
    matches!(pod.pointer("/status/phase").and_then(Value::as_str), Some("Succeeded" | "Failed"))
}

/// Returns the labels of an object.
///
/// # Errors
/// Returns the label that is not valid.
pub(super) fn labels(object: &Value) -> Result<BTreeMap<String, String>, String> {
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

/// Returns the workload that controls a pod and, if that is a `ReplicaSet` with the name that a Deployment gives it, the Deployment.
fn workloads(pod: &Value, labels: &BTreeMap<String, String>) -> Vec<(String, String)> {
    let owners = pod.pointer("/metadata/ownerReferences").and_then(Value::as_array).into_iter().flatten();
    let controls = |owner: &&Value| owner.get("controller") == Some(&Value::Bool(true));
    let named = |owner: &Value| Some((owner.get("kind")?.as_str()?.to_owned(), owner.get("name")?.as_str()?.to_owned()));
    let Some((kind, name)) = owners.filter(controls).find_map(named) else { return Vec::new() };
    let stem =
        labels.get(TEMPLATE_HASH).filter(|_| kind == "ReplicaSet").and_then(|hash| name.strip_suffix(hash.as_str())?.strip_suffix('-'));
    let deployment = stem.map(|stem| ("Deployment".to_owned(), stem.to_owned()));
    deployment.into_iter().chain([(kind, name)]).collect()
}

/// Returns the addresses in the status of a pod.
fn addresses(pod: &Value) -> Result<Option<Vec<IpAddr>>, String> {
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
