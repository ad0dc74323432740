//! The canonical matrix: every identity of the canon, its neighbors and what is outside, on every port of the canon and on others.
//! With kube-router, packets pass that no policy allows: exactly those that are listed here.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::host::{Port, tcp, udp};
use super::matrix::{Matrix, differences, first};
use super::page;
use super::place::on_a_network;
use super::plugin::Plugin;
use super::prediction::Prediction;
use super::site::Site;
use crate::cluster::harness::guard::scene;
use crate::cluster::harness::plane::plane;
use crate::cluster::harness::scene::{list, pod};

/// Labels of a pod.
pub(super) type Labels<'l> = &'l [(&'l str, &'l str)];

/// Pods with the labels of their identity only: the guard adds the others.
pub(super) const IDENTITIES: [(&str, Labels<'_>); 15] = [
    ("router", &[("run", "router-od")]),
    ("pyos-a", &[("run", "pyos-od")]),
    ("pyos-b", &[("run", "pyos-od")]),
    ("mongodb", &[("run", "mongodb-od")]),
    ("openldap", &[("run", "openldap-od")]),
    ("memcached", &[("run", "memcached-od")]),
    ("nginx", &[("run", "nginx-od")]),
    ("speedtest", &[("run", "speedtest-od")]),
    ("console", &[("run", "console-od")]),
    ("desktop-a", &[("type", "x11server")]),
    ("desktop-b", &[("type", "x11server")]),
    ("cleaner", &[("name", "abcdesktop-cleaner")]),
    ("application", &[("type", "pod_application")]),
    ("dns", &[("k8s-app", "kube-dns")]),
    ("stray", &[("app", "any")]),
];

/// Addresses outside of the cluster: of the internet, of the metadata of a cloud, and of the service network.
const OUTSIDE: [&str; 5] = ["203.0.113.10", "169.254.169.254", "10.96.0.1", "2001:db8::10", "fd00:ec2::254"];

/// Ports that no policy of the canon names, next to those that one names.
const OTHERS: [Port; 6] = [tcp(22), tcp(631), tcp(4713), tcp(65535), udp(443), udp(11211)];

/// What kube-router opens although no policy allows it, in both ways: two pods, ports and the reason. Its rules for a policy with
/// both directions do not ask for the direction, so the ingress rules count for connections that a pod opens, and the egress rules for
/// those that it accepts.
const OF_KUBE_ROUTER: [(&str, &str, &[Port], &str); 2] = [
    (
        "desktop-a",
        "desktop-b",
        &[tcp(80), tcp(88), tcp(443), tcp(8000), udp(88)],
        "ocuser-rights lets desktops open connections to these ports of any address, so they accept them too",
    ),
    (
        "pyos-a",
        "pyos-b",
        &[tcp(443), tcp(6443), tcp(8088)],
        "pyos-rights lets pyos open or accept connections on these ports, so its pods do both with each other",
    ),
];

/// Returns the ports that policies name, and the two beside each range.
pub(super) fn ports_of(policies: &[Value]) -> BTreeSet<Port> {
    let rules =
        ["ingress", "egress"].map(|list| policies.iter().flat_map(move |policy| policy["spec"][list].as_array().into_iter().flatten()));
    let entries = rules.into_iter().flatten().flat_map(|rule| rule["ports"].as_array().into_iter().flatten());
    let mut ports = BTreeSet::new();
    for entry in entries {
        let number = |field: &str| entry[field].as_u64().and_then(|number| u16::try_from(number).ok());
        let kind = if entry["protocol"] == "UDP" { udp } else { tcp };
        match (number("port"), number("endPort")) {
            (Some(first), Some(last)) => ports.extend((first - 1..=last + 1).map(kind)),
            (Some(port), None) => _ = ports.insert(kind(port)),
            (None, _) => panic!("{entry} is not a number"),
        }
    }
    ports
}

/// Creates a namespace with a label `name`, as an administrator of a cluster does, and returns its name.
pub(super) fn neighbor(site: &Site, name: &str) -> String {
    let namespace = format!("{name}-of-{}", site.name);
    let labels = json!({"name": name});
    let manifest = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}});
    plane().api.post("/api/v1/namespaces", &manifest).expect("a namespace");
    namespace
}

#[test]
fn packets_and_reach_agree_on_the_canon() {
    on_a_network(|| {
        let plugin = Plugin::chosen();
        let scene = scene();
        scene.given_policies("abcdesktop", &[]);
        let policies = list(&scene.guarded, "networkpolicies");
        let mut site = Site::with(plugin, &all_ports(&policies));
        inhabit(&mut site, &scene.guarded, &policies, &owned);
        let prediction = Prediction::of(&site);
        let predicted = prediction.matrix(&prediction.pairs(), &site.ports);
        let measured = site.measure(&prediction, &predicted, "canonical");
        let mut found = differences(&prediction, &predicted, &measured);
        let mut known = if plugin == Plugin::KubeRouter { known(&scene.guarded) } else { Vec::new() };
        found.sort();
        known.sort();
        let unknown: Vec<String> = found.iter().filter(|line| !known.contains(line)).cloned().collect();
        assert!(unknown.is_empty(), "{} connections differ:\n{}", unknown.len(), first(&unknown));
        assert_eq!(found, known, "a known difference is gone");
        assert_plausible(plugin, &prediction, &measured);
        if plugin == Plugin::KubeNetworkPolicies {
            page::check(&prediction, &measured, &scene.guarded);
        }
    });
}

/// Returns the ports that policies name, and others.
pub(super) fn all_ports(policies: &[Value]) -> Vec<Port> {
    let mut ports = ports_of(policies);
    ports.extend(OTHERS);
    ports.into_iter().collect()
}

/// Runs every identity of the canon in a namespace, its neighbors and what is outside. `granted` returns the labels of a pod of the
/// namespace with those that a guard does not add.
pub(super) fn inhabit(site: &mut Site, namespace: &str, policies: &[Value], granted: &dyn Fn(Labels<'_>) -> Vec<(String, String)>) {
    for (name, labels) in IDENTITIES {
        let labels = granted(labels);
        let labels: Vec<(&str, &str)> = labels.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        site.create(namespace, &pod(name, &labels));
    }
    // The DNS server of the cluster is known by the name of its namespace in one policy, and by a label of it in another.
    let (system, monitor, foreign) = (neighbor(site, "kube-system"), neighbor(site, "kube-monitor"), neighbor(site, "foreign"));
    let everything: Vec<String> = policies.iter().filter_map(capability).collect();
    let mut forged: Vec<(&str, &str)> = everything.iter().map(|label| (label.as_str(), "true")).collect();
    forged.push(("run", "pyos-od"));
    let of_neighbors: [(&str, &str, Labels<'_>); 8] = [
        ("kube-system", "dns", &[("k8s-app", "kube-dns")]),
        ("kube-system", "proxy", &[("k8s-app", "kube-proxy")]),
        (&system, "dns", &[("k8s-app", "kube-dns")]),
        (&system, "proxy", &[("k8s-app", "kube-proxy")]),
        (&monitor, "metrics", &[("netpol/metrics", "true")]),
        (&monitor, "graylog", &[("k8s-app", "graylog")]),
        (&foreign, "plain", &[("app", "any")]),
        (&foreign, "thief", &forged),
    ];
    for (namespace, name, labels) in of_neighbors {
        let name = if namespace == "kube-system" { format!("{name}-{}", site.name) } else { name.to_owned() };
        site.create(namespace, &pod(&name, labels));
    }
    site.outside(&OUTSIDE);
    site.settle();
}

/// Returns labels as they are.
fn owned(labels: Labels<'_>) -> Vec<(String, String)> {
    labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// Returns the differences that kube-router makes, as the comparison writes them.
fn known(namespace: &str) -> Vec<String> {
    let both =
        |(one, other, ports, _): &(&'static str, &'static str, &'static [Port], &str)| [(*one, *other, *ports), (*other, *one, *ports)];
    let each = OF_KUBE_ROUTER.iter().flat_map(both).flat_map(|(from, to, ports)| ports.iter().map(move |port| (from, to, port)));
    each.map(|(from, to, port)| format!("{namespace}/{from} -> {namespace}/{to} {port} over IPv4: netpol says closed, packets say open"))
        .collect()
}

/// Returns the capability label that the subject of a policy has.
pub(super) fn capability(policy: &Value) -> Option<String> {
    let labels = policy["spec"]["podSelector"]["matchLabels"].as_object()?;
    labels.keys().find(|key| key.starts_with("netpol/")).cloned()
}

/// Checks a few connections that do not depend on any analysis, and that both answers are frequent.
fn assert_plausible(plugin: Plugin, prediction: &Prediction, measured: &Matrix) {
    let open = |from: &str, to: &str, port: Port| {
        let matching = measured.iter().filter(|((source, target, asked), _)| {
            let [source, target] = [*source, *target].map(|end| &prediction.ends[end].name);
            source.ends_with(from) && target.ends_with(to) && *asked == port
        });
        let answers: BTreeSet<bool> = matching.map(|(_, open)| *open).collect();
        assert_eq!(answers.len(), 1, "{from} -> {to} {port}: {answers:?}");
        answers == [true].into()
    };
    assert!(open("/pyos-a", "/memcached", tcp(11211)) && !open("/desktop-a", "/memcached", tcp(11211)));
    assert!(open("/router", "/desktop-a", tcp(6081)) && open("/desktop-a", "/desktop-b", tcp(6081)));
    assert_eq!(open("/desktop-a", "/desktop-b", tcp(443)), plugin == Plugin::KubeRouter);
    assert!(!open("/desktop-a", "/desktop-b", tcp(22)) && !open("/stray", "/nginx", tcp(443)));
    assert!(open("/desktop-a", "203.0.113.10", tcp(443)) && !open("/desktop-a", "203.0.113.10", tcp(22)));
    assert!(open("203.0.113.10", "/router", tcp(443)) && !open("203.0.113.10", "/mongodb", tcp(27017)));
    let count = measured.values().filter(|open| **open).count();
    let most = if plugin.has_ipv6() { 40_000 } else { 20_000 };
    assert!(measured.len() > most && count > 700, "{count} of {} connections are open", measured.len());
}
