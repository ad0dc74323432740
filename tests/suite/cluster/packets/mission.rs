//! The mission as an example: start here to see what this project is for.

use super::host::tcp;
use super::place::on_a_network;
use super::site::Site;
use crate::cluster::harness::act::kubectl;
use crate::cluster::harness::guard::scene;
use crate::cluster::harness::scene::pod;
use serde_json::json;

/// The port of memcached.
const MEMCACHED: super::host::Port = tcp(11211);

#[test]
fn a_client_of_memcached_gets_its_label_and_connects_and_a_thief_does_not() {
    on_a_network(|| {
        // Two namespaces with the canonical policies. A guard is registered for the first one only.
        let scene = scene();
        scene.given_policies("abcdesktop", &[]);
        let (guarded, open) = (scene.guarded.as_str(), scene.open.as_str());
        // A node with a real network plugin. Its pods run in both namespaces.
        let mut site = Site::new(&[MEMCACHED]);
        for namespace in [guarded, open] {
            site.create(namespace, &pod("cache", &[("run", "memcached-od")]));
            // The control plane of abcdesktop, which uses the cache. Nobody gives it a label of netpol.
            site.create(namespace, &pod("client", &[("run", "pyos-od")]));
        }

        // The guard has given the client its labels, and the client connects. Without a guard, it has no label and does not connect.
        assert!(scene.capabilities("client").contains(&"memcached".to_owned()));
        site.settle();
        assert!(site.is_open((guarded, "client"), (guarded, "cache"), MEMCACHED));
        assert!(site.is_closed((open, "client"), (open, "cache"), MEMCACHED));

        // A thief forges the label. With a guard, its pod does not exist. Without a guard, it exists and connects.
        let thief = pod("thief", &[("app", "thief"), ("netpol/memcached", "true")]);
        scene.denied(&kubectl("create -f -").stdin(&thief), &["netpol/memcached, which no grant allows"]);
        site.run(open, "thief");
        // Then it comes without the label, and does not connect.
        site.create(guarded, &pod("thief", &[("app", "thief")]));
        site.settle();
        assert!(site.is_open((open, "thief"), (open, "cache"), MEMCACHED));
        assert!(site.is_closed((guarded, "thief"), (guarded, "cache"), MEMCACHED));

        // A policy that opens the cache to everyone, and one that opens the thief: with a guard, they are refused and nothing opens.
        let everyone = json!({"spec": {"ingress": [{"ports": [{"protocol": "TCP", "port": 11211}]}]}}).to_string();
        scene.denied(
            &kubectl("patch networkpolicy memcached-rights --type=merge -p").word(everyone),
            &["memcached-rights\" drifts from the canonical spec"],
        );
        let spec = json!({"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"ports": [{"protocol": "TCP", "port": 11211}]}]});
        let debug = json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "debug"}, "spec": spec});
        scene.denied(&kubectl("create -f -").stdin(&debug), &["wider than the canon"]);
        site.create(open, &pod("stranger", &[("app", "stranger")]));
        site.create(guarded, &pod("stranger", &[("app", "stranger")]));
        site.settle();
        assert!(site.is_open((open, "stranger"), (open, "cache"), MEMCACHED));
        assert!(site.is_closed((guarded, "stranger"), (guarded, "cache"), MEMCACHED));
        assert!(site.is_closed((guarded, "thief"), (guarded, "cache"), MEMCACHED));
        assert!(site.is_open((guarded, "client"), (guarded, "cache"), MEMCACHED));

        // What `netpol reach` says of every pair is what the packets do, in both namespaces.
        site.agrees("mission");
    });
}
