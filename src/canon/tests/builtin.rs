//! The built-in canons against tables of release 4.4 and of the documentation.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::canon::{BUILT_IN, Canon, Canons, Documents};
use crate::documents::Node;
use crate::policy::{Comparison, Home, Policy, compare};

/// A row of a table: the policy's name, the label of the selected pods, and the rules. A rule is `in` or `out`,
/// ports by protocol, and after `|` the peers: `label=value` for pods of the namespace, `ns//label=value` for pods
/// of namespaces labeled `name=ns`, `ns:label=value` for all pods of namespaces with that label, or an address
/// block. No peers means every peer.
type Row = (&'static str, &'static str, &'static [&'static str]);

/// The policies that every built-in canon has.
const COMMON: [Row; 22] = [
    ("memcached-rights", "run=memcached-od", &["in TCP 11211 | netpol/memcached=true kube-monitor//netpol/metrics=true"]),
    ("memcached-permits", "netpol/memcached=true", &["out TCP 11211 | run=memcached-od"]),
    ("mongodb-rights", "run=mongodb-od", &["in TCP 27017 | netpol/mongodb=true kube-monitor//netpol/metrics=true"]),
    ("mongodb-permits", "netpol/mongodb=true", &["out TCP 27017 | run=mongodb-od"]),
    ("console-rights", "run=console-od", &["in TCP 80 | netpol/console=true"]),
    ("console-permits", "netpol/console=true", &["out TCP 80 | run=console-od"]),
    (
        "pyos-rights",
        "run=pyos-od",
        &[
            "in TCP 8000 | netpol/pyos=true kube-monitor//netpol/metrics=true",
            "out TCP 8000 | netpol/pyos=true",
            "out TCP 443",
            "out TCP 8088",
            "out TCP 6443",
        ],
    ),
    ("pyos-permits", "netpol/pyos=true", &["out TCP 8000 | run=pyos-od"]),
    (
        "router-rights",
        "run=router-od",
        &["in TCP 443 80", "in TCP 443 80 | abcdesktop//netpol/nginx=true kube-monitor//netpol/metrics=true"],
    ),
    ("router-permits", "netpol/router=true", &["out TCP 443 80 | run=nginx-od"]),
    ("nginx-rights", "run=nginx-od", &["in TCP 443 80", "in TCP 443 80 | abcdesktop//netpol/nginx=true kube-monitor//netpol/metrics=true"]),
    ("nginx-permits", "netpol/nginx=true", &["out TCP 443 80 | run=nginx-od"]),
    ("authentication-permits", "netpol/auth=true", &["out TCP 443 88 UDP 88"]),
    ("ldap-permits", "netpol/ldaps=true", &["out TCP 389 10389 636 10636"]),
    ("ldap-rights", "run=openldap-od", &["in TCP 389 636 10389 10636"]),
    ("smtp-permits", "netpol/smtp=true", &["out TCP 25 587 465"]),
    ("https-permits", "netpol/https=true", &["out TCP 443 | 0.0.0.0/0"]),
    ("storage-permits", "netpol/cifs=true", &["out UDP 137 138 TCP 139 445 2049 | 0.0.0.0/0"]),
    ("coredns-permits", "netpol/dns=true", &["out TCP 53 UDP 53 | k8s-app=kube-dns ns:kubernetes.io/metadata.name=kube-system"]),
    ("apiserver-permits", "netpol/api=true", &["out TCP 6443 | 0.0.0.0/0", "out TCP 443 | 10.96.0.0/12"]),
    ("graylog-permits", "netpol/graylog=true", &["out UDP 1514 TCP 12201 | kube-monitor//k8s-app=graylog"]),
    ("abcdesktop-rights", "", &["in", "out"]),
];

/// The policies of the speed test, with the port of release 4.4, and of older releases.
const SPEEDTEST: [Row; 2] = [
    ("speedtest-rights", "run=speedtest-od", &["in TCP 8080 | netpol/speedtest=true kube-monitor//netpol/metrics=true"]),
    ("speedtest-permits", "netpol/speedtest=true", &["out TCP 8080 | run=speedtest-od"]),
];

const SPEEDTEST_4_0: [Row; 2] = [
    ("speedtest-rights", "run=speedtest-od", &["in TCP 80 | netpol/speedtest=true kube-monitor//netpol/metrics=true"]),
    ("speedtest-permits", "netpol/speedtest=true", &["out TCP 80 | run=speedtest-od"]),
];

const APPLICATIONS: [Row; 1] = [("ocapplications-permits", "netpol/ocapplication=true", &["out TCP 6000 | type=x11server"])];

const DOCUMENTED: [Row; 2] = [
    (
        "ocuser-rights",
        "type=x11server",
        &[
            "in TCP 4714 6081 8000 29780-29786 | netpol/ocuser=true",
            "out TCP 53 UDP 53 | kube-system//k8s-app=kube-dns",
            "out TCP 443 80",
            "out TCP 88 UDP 88",
        ],
    ),
    ("ocuser-permits", "netpol/ocuser=true", &["out TCP 4714 6081 29780-29786 | type=x11server"]),
];

const RELEASE_3_3: [Row; 2] = [
    (
        "ocuser-rights",
        "type=x11server",
        &[
            "in TCP 4714 6081 29780-29787 | netpol/ocuser=true",
            "out TCP 53 UDP 53",
            "out TCP 3478 3479 5349 5350 19302 UDP 3478 3479 5349 5350 19302",
            "out TCP 443 80",
            "out TCP 88 UDP 88",
        ],
    ),
    ("ocuser-permits", "netpol/ocuser=true", &["out TCP 4714 6081 29780-29786 631 | type=x11server"]),
];

const RELEASE: [Row; 2] = [
    (
        "ocuser-rights",
        "type=x11server",
        &[
            "in TCP 6000 | netpol/ocapplication=true",
            "in TCP 4714 6000 6081 29780-29789 | netpol/ocuser=true",
            "out TCP 53 UDP 53",
            "out TCP 443 80",
            "out TCP 88 UDP 88",
        ],
    ),
    ("ocuser-permits", "netpol/ocuser=true", &["out TCP 4714 6081 29780-29789 631 | type=x11server"]),
];

fn built_in(name: &str) -> Canon {
    Canon::load(name, &["abcdesktop".to_owned()]).unwrap_or_else(|error| panic!("{error}"))
}

fn labeled(label: &str) -> Value {
    label.split_once('=').map_or(json!({}), |(key, value)| json!({"matchLabels": {key: value}}))
}

fn peer(text: &str) -> Value {
    match (text.split_once("//"), text.strip_prefix("ns:")) {
        (Some((namespace, pods)), _) => {
            json!({"namespaceSelector": {"matchLabels": {"name": namespace}}, "podSelector": labeled(pods)})
        }
        (None, Some(namespace)) => json!({"namespaceSelector": labeled(namespace)}),
        (None, None) if text.contains('=') => json!({"podSelector": labeled(text)}),
        (None, None) => json!({"ipBlock": {"cidr": text}}),
    }
}

fn ports(text: &str) -> Vec<Value> {
    let mut protocol = "";
    let mut ports = Vec::new();
    for word in text.split_whitespace() {
        match word.split_once('-') {
            _ if word.starts_with(char::is_alphabetic) => protocol = word,
            Some((first, last)) => {
                ports.push(json!({"protocol": protocol, "port": first.parse::<u16>().unwrap(), "endPort": last.parse::<u16>().unwrap()}));
            }
            None => ports.push(json!({"protocol": protocol, "port": word.parse::<u16>().unwrap()})),
        }
    }
    ports
}

/// Returns the policy of a row. A direction without ports is isolated and has no rule.
fn meaning((_, subject, rules): &Row) -> Policy {
    let mut spec = json!({"podSelector": labeled(subject), "policyTypes": [], "ingress": [], "egress": []});
    for rule in *rules {
        let (side, peers) = rule.split_once(" | ").unwrap_or((rule, ""));
        let (direction, allowed) = side.split_once(' ').unwrap_or((side, ""));
        let (name, list, ends) = if direction == "in" { ("Ingress", "ingress", "from") } else { ("Egress", "egress", "to") };
        let types = spec["policyTypes"].as_array_mut().unwrap();
        if !types.contains(&json!(name)) {
            types.push(json!(name));
        }
        if !allowed.is_empty() {
            let peers: Vec<Value> = peers.split_whitespace().map(peer).collect();
            spec[list].as_array_mut().unwrap().push(json!({"ports": ports(allowed), ends: peers}));
        }
    }
    Policy::parse(&Node::from(&spec), Home { namespace: "abcdesktop", written_for: None }).unwrap()
}

#[test]
fn each_built_in_canon_means_what_its_table_says() {
    for (name, rows) in [
        ("abcdesktop", [&COMMON[..], &SPEEDTEST, &APPLICATIONS, &DOCUMENTED].concat()),
        ("abcdesktop-4.4", [&COMMON[..], &SPEEDTEST, &APPLICATIONS, &RELEASE].concat()),
        ("abcdesktop-4.0", [&COMMON[..], &SPEEDTEST_4_0, &APPLICATIONS, &RELEASE].concat()),
        ("abcdesktop-3.3", [&COMMON[..], &SPEEDTEST_4_0, &RELEASE_3_3].concat()),
    ] {
        let canon = built_in(name);
        let policies = canon.policies("abcdesktop").unwrap();
        assert_eq!(rows.len(), policies.by_name.len(), "{name}");
        for row in &rows {
            let policy = &policies.named(row.0).unwrap_or_else(|| panic!("{name} lacks {}", row.0)).policy;
            assert_eq!(compare(policy, &meaning(row)), Comparison::Same, "{name}: {}", row.0);
        }
    }
}

#[test]
fn every_pod_of_the_architecture_is_granted_its_labels() {
    let pods = [
        ("router", "run=router-od", "console dns nginx ocuser pyos speedtest"),
        ("pyos", "run=pyos-od", "api auth cifs dns graylog https ldaps memcached mongodb nginx router"),
        ("mongodb", "run=mongodb-od", "dns mongodb"),
        ("openldap", "run=openldap-od", "dns"),
        ("memcached", "run=memcached-od", ""),
        ("nginx", "run=nginx-od", ""),
        ("speedtest", "run=speedtest-od", ""),
        ("console", "run=console-od", ""),
        ("desktop", "type=x11server", "ocuser"),
        ("application", "type=pod_application", "ocapplication"),
        ("cleaner", "name=abcdesktop-cleaner", "dns pyos"),
    ];
    for source in BUILT_IN {
        let has_applications = source != "abcdesktop-3.3";
        assert_eq!(built_in(source).grants.len(), if has_applications { pods.len() } else { pods.len() - 1 });
        let accepted = Canons::new(built_in(source), Vec::new()).unwrap();
        for (name, label, capabilities) in pods.into_iter().filter(|(name, ..)| has_applications || *name != "application") {
            let identity = accepted.identify(&[label.split_once('=').unwrap()][..]);
            assert_eq!(identity.grants().map(|grant| grant.name.as_str()).collect::<Vec<_>>(), [name]);
            let expected: BTreeMap<String, &str> = capabilities.split_whitespace().map(|name| (format!("netpol/{name}"), "true")).collect();
            let granted: BTreeMap<String, &str> = identity.labels().map(|(key, value)| (key.to_owned(), value)).collect();
            assert_eq!(granted, expected, "{name}");
        }
    }
}

#[test]
fn a_desktop_with_the_label_of_a_service_has_two_identities() {
    let canon = Canons::new(built_in("abcdesktop"), Vec::new()).unwrap();
    assert!(canon.identify(&[("type", "x11server"), ("run", "pyos-od")][..]).is_conflict());
    assert!(!canon.identify(&[("type", "service"), ("run", "pyos-od")][..]).is_conflict());
}

#[test]
fn no_built_in_canon_depends_on_the_namespace() {
    for source in BUILT_IN {
        let elsewhere = Canon::load(source, &["desks".to_owned()]).unwrap();
        let at_home = built_in(source);
        for (name, canonical) in &elsewhere.namespaces["desks"].by_name {
            assert_eq!(canonical.manifest["metadata"]["namespace"], "desks");
            assert_eq!(canonical.manifest["spec"], at_home.namespaces["abcdesktop"].by_name[name].manifest["spec"]);
        }
    }
}

#[test]
fn the_built_in_canons_differ_and_have_their_sources() {
    let canons = BUILT_IN.map(built_in);
    let hashes: std::collections::BTreeSet<&str> = canons.iter().map(|canon| canon.hash.as_str()).collect();
    assert_eq!(hashes.len(), BUILT_IN.len());
    assert!(canons.iter().zip(BUILT_IN).all(|(canon, name)| canon.source == name));
    assert!(BUILT_IN.iter().all(|name| Documents::read(name).unwrap().is_built_in()));
}
