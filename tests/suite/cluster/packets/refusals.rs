//! Every way to open the network is refused, and no packet passes that did not pass before. Without a guard, each of them opens a
//! connection.

use hyper::Method;
use serde_json::{Value, json};

use super::host::{Port, tcp};
use super::matrix::Probe;
use super::place::on_a_network;
use super::site::Site;
use crate::cluster::harness::act::{Act, call, kubectl};
use crate::cluster::harness::api::Call;
use crate::cluster::harness::guard::scene;
use crate::cluster::harness::plane::plane;
use crate::cluster::harness::scene::{create, pod};

const MERGE: &str = "application/merge-patch+json";
const POLICIES: &str = "/apis/networking.k8s.io/v1/namespaces/{ns}/networkpolicies";

/// Returns ways to open the network, each with a word of the refusal, and a port that it opens without a guard. `node` is the node
/// of a binding.
fn acts(node: &str) -> Vec<(&'static str, Act, &'static str, Port)> {
    let spec = |spec: Value| json!({"spec": spec});
    let labels = |pairs: Value| json!({"metadata": {"labels": pairs}});
    let everyone = spec(json!({"ingress": [{"ports": [{"port": 27017}]}]}));
    let debug = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "debug"},
        "spec": {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"ports": [{"port": 8000}]}]},
    });
    let mut binding = labels(json!({"netpol/memcached": "true"}));
    binding["apiVersion"] = json!("v1");
    binding["kind"] = json!("Binding");
    binding["metadata"]["name"] = json!("late");
    binding["target"] = json!({"apiVersion": "v1", "kind": "Node", "name": node});
    let pod = |path: &str| format!("/api/v1/namespaces/{{ns}}/pods/{path}");
    let of_label = |path: &str, label: &str| call(Call::patch(pod(path), MERGE, &labels(json!({label: "true"}))));
    vec![
        ("drift", kubectl("patch networkpolicy mongodb-rights --type=merge -p").word(everyone.to_string()), "mongodb-rights", tcp(27017)),
        ("an extra policy", kubectl("create -f -").stdin(&debug), "wider than the canon", tcp(8000)),
        ("a label", of_label("plain", "netpol/ocuser"), "netpol/ocuser", tcp(6081)),
        ("a status update", of_label("plain/status", "netpol/https"), "netpol/https", tcp(443)),
        ("a binding", call(Call::new(Method::POST, pod("late/binding")).json(&binding)), "netpol/memcached", tcp(11211)),
        ("deletion", call(Call::new(Method::DELETE, format!("{POLICIES}/abcdesktop-rights"))), "abcdesktop-rights", tcp(22)),
    ]
}

#[test]
fn what_is_refused_opens_no_connection() {
    on_a_network(|| {
        let scene = scene();
        scene.given_policies("abcdesktop", &[]);
        let ports = [tcp(22), tcp(443), tcp(6081), tcp(8000), tcp(11211), tcp(27017)];
        // Two nodes, so that the matrix of each namespace has its own.
        let mut guarded = Site::new(&ports);
        let mut open = Site::new(&ports);
        for (site, namespace) in [(&mut guarded, &scene.guarded), (&mut open, &scene.open)] {
            for (name, labels) in [
                ("memcached", ("run", "memcached-od")),
                ("mongodb", ("run", "mongodb-od")),
                ("desktop", ("type", "x11server")),
                ("plain", ("app", "any")),
            ] {
                site.create(namespace, &pod(name, &[labels]));
            }
            create(namespace, &pod("late", &[("app", "any")]));
            site.outside(&["203.0.113.10"]);
            site.settle();
        }
        let (_, before) = guarded.agrees("before refusals");
        let (_, mut previous) = open.agrees("without a guard");
        for (what, act, word, port) in acts(&open.name) {
            scene.denied(&act, &[word]);
            if what == "a binding" {
                // API servers copy the labels of a binding since 1.35. The guard denies it on every version.
                if plane().minor() < 35 {
                    continue;
                }
                open.run(&scene.open, "late");
            }
            guarded.settle();
            open.settle();
            let (_, after) = guarded.agrees(what);
            assert_eq!(after, before, "{what} is refused and changes a connection");
            let (_, now) = open.agrees(&format!("{what} without a guard"));
            let is_new = |((_, _, asked), open): &(&Probe, &bool)| **open && *asked == port;
            let opened = now.iter().filter(is_new).any(|(probe, _)| !previous.get(probe).copied().unwrap_or_default());
            assert!(opened, "without a guard, {what} does not open {port}");
            previous = now;
        }
    });
}
