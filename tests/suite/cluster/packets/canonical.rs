//! The canonical matrix: every identity of the canon, its neighbors and what is outside, on every port of the canon and on others.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::host::{Port, tcp, udp};
use super::matrix::Matrix;
use super::page;
use super::place::on_a_network;
use super::prediction::Prediction;
use super::site::Site;
use crate::cluster::harness::guard::scene;
use crate::cluster::harness::plane::plane;
use crate::cluster::harness::scene::{list, pod};

/// Labels of a pod.
type Labels<'l> = &'l [(&'l str, &'l str)];

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

/// Connections that packets and `netpol reach` see differently with this plugin: source, destination, port and the reason.
const KNOWN: [(&str, &str, &str, &str); 0] = [];

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
        let scene = scene();
        scene.given_policies("abcdesktop", &[]);
        let policies = list(&scene.guarded, "networkpolicies");
        let mut ports = ports_of(&policies);
        ports.extend(OTHERS);
        let mut site = Site::new(&ports.into_iter().collect::<Vec<_>>());
        for (name, labels) in IDENTITIES {
            site.create(&scene.guarded, &pod(name, labels));
        }
        // The DNS server of the cluster is known by the name of its namespace in one policy, and by a label of it in another.
        let (system, monitor, foreign) = (neighbor(&site, "kube-system"), neighbor(&site, "kube-monitor"), neighbor(&site, "foreign"));
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

        let prediction = Prediction::of(&site);
        let predicted = prediction.matrix(&prediction.pairs(), &site.ports);
        let measured = site.measure(&prediction, &predicted, "canonical");
        let listed = KNOWN.map(|(from, to, port, _)| format!("{from} -> {to} {port}"));
        let (known, unknown): (Vec<String>, Vec<String>) = super::matrix::differences(&prediction, &predicted, &measured)
            .into_iter()
            .partition(|line| listed.iter().any(|known| line.contains(known.as_str())));
        assert!(unknown.is_empty(), "{} connections differ:\n{}", unknown.len(), super::matrix::first(&unknown));
        assert_eq!(known.len(), KNOWN.len(), "a known difference is gone");
        assert_plausible(&prediction, &measured);
        page::check(&prediction, &measured, &scene.guarded);
    });
}

/// Returns the capability label that the subject of a policy has.
pub(super) fn capability(policy: &Value) -> Option<String> {
    let labels = policy["spec"]["podSelector"]["matchLabels"].as_object()?;
    labels.keys().find(|key| key.starts_with("netpol/")).cloned()
}

/// Checks a few connections that do not depend on any analysis, and that both answers are frequent.
fn assert_plausible(prediction: &Prediction, measured: &Matrix) {
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
    assert!(!open("/desktop-a", "/desktop-b", tcp(443)) && !open("/stray", "/nginx", tcp(443)));
    assert!(open("/desktop-a", "203.0.113.10", tcp(443)) && !open("/desktop-a", "203.0.113.10", tcp(22)));
    assert!(open("203.0.113.10", "/router", tcp(443)) && !open("203.0.113.10", "/mongodb", tcp(27017)));
    let count = measured.values().filter(|open| **open).count();
    assert!(measured.len() > 40_000 && count > 1000, "{count} of {} connections are open", measured.len());
}
