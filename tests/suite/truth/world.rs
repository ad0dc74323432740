//! A world as manifests, and what `netpol reach` says about it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::{Value, json};

use super::table::{Labels, Pod};
use crate::support::command::netpol_reading;

/// What is stated about a connection, and what `netpol` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Open,
    Closed,
    Depends,
}

/// Namespaces, pods and policies.
#[derive(Debug, Default)]
pub(super) struct World {
    documents: Vec<Value>,
    pods: Vec<String>,
}

/// What `netpol reach` says: for each pair of ids, the ports of each protocol, and whether they depend on the plugin.
pub(super) struct Reached(BTreeMap<(String, String), Vec<(Value, bool)>>);

impl World {
    pub(super) fn namespace(&mut self, name: &str, labels: &Labels) {
        self.documents.push(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}));
    }

    /// Adds a pod, named `NAMESPACE/NAME`, with named ports as `NUMBER/PROTOCOL`.
    pub(super) fn pod(&mut self, name: &str, pod: &Pod, ports: &BTreeMap<String, String>) {
        let (namespace, own) = name.split_once('/').unwrap();
        let port = |(name, port): (&String, &String)| {
            let (number, protocol) = port.split_once('/').unwrap();
            json!({"name": name, "containerPort": number.parse::<u16>().unwrap(), "protocol": protocol})
        };
        let ports: Vec<Value> = ports.iter().map(port).collect();
        self.documents.push(json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": own, "namespace": namespace, "labels": pod.labels},
            "spec": {"hostNetwork": pod.host_network, "containers": [{"name": "c", "ports": ports}]},
            "status": {"podIP": pod.ip},
        }));
        self.pods.push(name.to_owned());
    }

    pub(super) fn policy(&mut self, name: &str, namespace: Option<&str>, spec: &Value) {
        let metadata = match namespace {
            Some(namespace) => json!({"name": name, "namespace": namespace}),
            None => json!({"name": name}),
        };
        self.documents.push(json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec}));
    }

    pub(super) fn pods(&self) -> &[String] {
        &self.pods
    }

    /// Returns what `netpol reach` says about all pods and some addresses, or why it rejects the input.
    pub(super) fn reach(&self, addresses: &[&str]) -> Result<Reached, String> {
        let endpoints: Vec<String> =
            self.pods.iter().map(|pod| id(pod)).chain(addresses.iter().map(|address| (*address).to_owned())).collect();
        let mut args = vec!["reach", "-f", "-", "-n", "default", "--output", "json"];
        for endpoint in &endpoints {
            args.extend(["--from", endpoint, "--to", endpoint]);
        }
        let ran = netpol_reading(&args, self.manifests().as_bytes());
        if ran.code == 2 {
            return Err(ran.err);
        }
        assert_eq!(ran.code, 0, "{}", ran.err);
        let report: Value = serde_json::from_str(&ran.out).unwrap();
        let mut reached: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for connection in report["connections"].as_array().unwrap() {
            let end = |field: &str| connection[field].as_str().unwrap().to_owned();
            let ports = (connection["ports"].clone(), connection["dependsOnPlugin"] == true);
            reached.entry((end("from"), end("to"))).or_default().push(ports);
        }
        Ok(Reached(reached))
    }

    /// Returns what `netpol explain` says about a port.
    pub(super) fn explain(&self, from: &str, to: &str, port: &str) -> Verdict {
        let name = |end: &str| if end.contains('/') { id(end) } else { end.to_owned() };
        let to = format!("{}:{port}", name(to));
        let args = ["explain", &name(from), &to, "-f", "-", "-n", "default", "--output", "json"];
        let ran = netpol_reading(&args, self.manifests().as_bytes());
        let report: Value = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{}", ran.err));
        match (report["verdict"].as_str(), ran.code) {
            (Some("allowed"), 0) => Verdict::Open,
            (Some("denied"), 1) => Verdict::Closed,
            (Some("depends"), 1) => Verdict::Depends,
            _ => panic!("{} {report}", ran.code),
        }
    }

    fn manifests(&self) -> String {
        self.documents.iter().map(Value::to_string).collect::<Vec<_>>().join("\n---\n")
    }
}

impl Reached {
    /// Returns the verdict on a port, as `NUMBER/PROTOCOL`.
    pub(super) fn verdict(&self, from: &str, to: &str, port: &str) -> Verdict {
        let (number, protocol) = port.split_once('/').unwrap();
        let number: u16 = number.parse().unwrap();
        let is_in = |range: &Value| {
            let range = range.as_str().unwrap();
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            (first.parse::<u16>().unwrap()..=last.parse().unwrap()).contains(&number)
        };
        let flows = self.0.get(&(id(from), id(to))).into_iter().flatten();
        let mut found = flows.filter(|(ports, _)| ports.get(protocol).is_some_and(|ranges| ranges.as_array().unwrap().iter().any(is_in)));
        match found.next() {
            None => Verdict::Closed,
            Some((_, false)) => Verdict::Open,
            Some((_, true)) => Verdict::Depends,
        }
    }
}

/// Returns the id that `netpol reach` gives to a pod `NAMESPACE/NAME` or to an address.
fn id(end: &str) -> String {
    match (end.split_once('/'), end.parse::<IpAddr>()) {
        (Some((namespace, name)), _) => format!("{namespace}/Pod/{name}"),
        (None, Ok(address)) => format!("{address}/{}", if address.is_ipv4() { 32 } else { 128 }),
        (None, Err(_)) => panic!("{end} is neither a pod nor an address"),
    }
}
