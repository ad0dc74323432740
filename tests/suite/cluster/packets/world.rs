//! Three namespaces with three pods each and no guard, whose policies a test replaces.

use hyper::Method;
use serde_json::{Value, json};

use super::host::{Port, tcp, udp};
use super::site::Site;
use crate::cluster::harness::api::Call;
use crate::cluster::harness::plane::plane;
use crate::cluster::harness::scene::{list, path, pod};

/// The ports that every pod serves.
pub(super) const PORTS: [Port; 4] = [tcp(80), tcp(81), udp(80), udp(81)];

/// The short names of the namespaces, and those of the pods in each.
pub(super) const NAMESPACES: [&str; 3] = ["x", "y", "z"];
pub(super) const PODS: [&str; 3] = ["a", "b", "c"];

/// Namespaces `x`, `y` and `z` with the label `ns`, and pods `a`, `b` and `c` with the label `pod` in each.
pub(super) struct World {
    pub(super) site: Site,
}

impl World {
    /// Makes the namespaces and pods. The named ports are `web`, which is 80 or, of pods `c`, 81, and `talk`, which is UDP 81.
    pub(super) fn new() -> World {
        let mut site = Site::new(&PORTS);
        for short in NAMESPACES {
            let name = format!("{short}-of-{}", site.name);
            let manifest = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {"ns": short}}});
            plane().api.post("/api/v1/namespaces", &manifest).expect("a namespace");
            for letter in PODS {
                let mut manifest = pod(letter, &[("pod", letter)]);
                let web = if letter == "c" { 81 } else { 80 };
                manifest["spec"]["containers"][0]["ports"] = json!([
                    {"name": "web", "containerPort": web}, {"name": "talk", "containerPort": 81, "protocol": "UDP"},
                ]);
                site.create(&name, &manifest);
            }
        }
        World { site }
    }

    /// Returns the name of a namespace.
    pub(super) fn namespace(&self, short: &str) -> String {
        format!("{short}-of-{}", self.site.name)
    }

    /// Returns blocks that contain only the addresses of a pod such as `x/a`, as peers.
    pub(super) fn blocks(&self, pod: &str) -> Vec<Value> {
        let (short, name) = pod.split_once('/').expect("a namespace and a pod");
        let namespace = self.namespace(short);
        let is_it = |of: &(String, String)| *of == (namespace.clone(), name.to_owned());
        let host = self.site.hosts.iter().find(|host| host.pod.as_ref().is_some_and(is_it)).expect("a pod");
        let bits = |is_ipv4: bool| if is_ipv4 { 32 } else { 128 };
        host.addresses.iter().map(|address| json!({"ipBlock": {"cidr": format!("{address}/{}", bits(address.is_ipv4()))}})).collect()
    }

    /// Replaces all policies by others, each with the short name of its namespace, and waits until they are applied.
    pub(super) fn set_policies(&mut self, policies: &[(&str, Value)]) {
        for short in NAMESPACES {
            let all = path(&self.namespace(short), "networkpolicies");
            if !list(&self.namespace(short), "networkpolicies").is_empty() {
                plane().api.call(&Call::new(Method::DELETE, all)).expect("the policies are deleted");
            }
        }
        for (index, (short, spec)) in policies.iter().enumerate() {
            let name = format!("policy-{}", index + 1);
            let manifest = json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": name}, "spec": spec});
            plane().api.post(&path(&self.namespace(short), "networkpolicies"), &manifest).expect("a policy");
        }
        self.site.settle();
    }
}
