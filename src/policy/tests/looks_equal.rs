//! Part 2b of `semantics.md`: specs that look equal but are not.

use super::super::{Allowed, Beyond, Change};
use super::{drifts, egress, ingress, policy};

fn from(peers: &str) -> String {
    ingress(&format!(r#"[{{"from":{peers}}}]"#))
}

#[test]
fn part_2b_1_everyone_the_own_namespace_and_every_namespace() {
    let (everyone, own, every) = (from("[]"), from(r#"[{"podSelector":{}}]"#), from(r#"[{"namespaceSelector":{}}]"#));
    drifts(&own, &everyone, Change::Wider);
    drifts(&every, &everyone, Change::Wider);
    let drift = drifts(&own, &every, Change::Wider);
    assert_eq!(
        drift.witness.unwrap().to_string(),
        "any pod in a namespace other than abcdesktop could reach any pod of the namespace on TCP 443"
    );
}

#[test]
fn part_2b_2_no_peers_and_every_address() {
    let block = |cidr: &str| format!(r#"{{"ipBlock":{{"cidr":"{cidr}"}}}}"#);
    let to = |peers: &str| egress(&format!(r#"[{{"to":[{peers}]}}]"#));
    drifts(&to(&block("0.0.0.0/0")), &to(""), Change::Wider);
    drifts(&to(&block("0.0.0.0/0")), &to(&[block("0.0.0.0/0"), block("::/0")].join(",")), Change::Wider);
    drifts(&to(&[block("0.0.0.0/0"), block("::/0")].join(",")), &to(""), Change::Wider);
    // Every pod and every block still do not cover nodes.
    let all = [block("0.0.0.0/0"), block("::/0"), r#"{"namespaceSelector":{}}"#.to_owned()].join(",");
    let drift = drifts(&to(&all), &to(""), Change::Wider);
    assert!(drift.witness.unwrap().peer.contains("a node"));
}

#[test]
fn part_2b_3_two_peers_and_one_with_two_fields() {
    let and = from(r#"[{"namespaceSelector":{"matchLabels":{"name":"x"}},"podSelector":{"matchLabels":{"run":"a"}}}]"#);
    let or = from(r#"[{"namespaceSelector":{"matchLabels":{"name":"x"}}},{"podSelector":{"matchLabels":{"run":"a"}}}]"#);
    drifts(&and, &or, Change::Wider);
}

#[test]
fn part_2b_4_a_named_port_and_its_number() {
    let port = |port: &str| egress(&format!(r#"[{{"to":[{{"podSelector":{{}}}}],"ports":[{{"port":{port}}}]}}]"#));
    let drift = drifts(&port("80"), &port(r#""http""#), Change::Both);
    assert_eq!(drift.witness.unwrap().port.as_deref(), Some("http"));
}

#[test]
fn part_2b_5_every_port_and_every_port_of_the_three_protocols() {
    let three = egress(r#"[{"ports":[{"protocol":"TCP"},{"protocol":"UDP"},{"protocol":"SCTP"}]}]"#);
    let drift = drifts(&three, &egress("[{}]"), Change::Wider);
    assert_eq!(drift.witness.as_ref().map(|witness| witness.protocol.as_str()), Some("other"));
    let text = drift.differences.first().unwrap().to_string();
    assert!(text.contains("the same for TCP, UDP and SCTP"), "{text}");
}

#[test]
fn part_2b_6_fewer_policies_more_traffic() {
    // In one object: the last policy type that isolates is removed.
    let deny = r#"{"podSelector":{},"policyTypes":["Ingress","Egress"]}"#;
    let drift = drifts(deny, r#"{"podSelector":{},"policyTypes":["Ingress"]}"#, Change::Wider);
    assert_eq!(drift.witness.unwrap().to_string(), "any pod of the namespace could reach any pod in any namespace on TCP 443");
    // In a set: without an isolating policy everything is allowed, so another policy grants nothing.
    let allow = policy(&egress("[{}]"));
    assert_eq!(Allowed::new([]).beyond(&allow), Beyond::Nothing);
    assert!(matches!(Allowed::new([&policy(deny)]).beyond(&allow), Beyond::Grants(_)));
}

#[test]
fn part_2b_7_not_in_accepts_absence() {
    let not = from(r#"[{"podSelector":{"matchExpressions":[{"key":"k","operator":"NotIn","values":["x"]}]}}]"#);
    let present =
        from(r#"[{"podSelector":{"matchExpressions":[{"key":"k","operator":"NotIn","values":["x"]},{"key":"k","operator":"Exists"}]}}]"#);
    let drift = drifts(&present, &not, Change::Wider);
    assert!(drift.witness.unwrap().peer.contains("without the label k"));
}

#[test]
fn isolation_lost_is_wider_and_gained_is_narrower() {
    drifts(r#"{"policyTypes":["Ingress","Egress"]}"#, r#"{"policyTypes":["Egress"]}"#, Change::Wider);
    drifts(r#"{"policyTypes":["Ingress"]}"#, r#"{"policyTypes":["Ingress","Egress"]}"#, Change::Narrower);
    // An empty list of rules is the same as no list, so only the types count (rule 1).
    drifts(r#"{"egress":[]}"#, r#"{"egress":[],"policyTypes":["Ingress","Egress"]}"#, Change::Narrower);
}

#[test]
fn a_wider_pod_selector_applies_the_rules_to_more_pods() {
    let permits = |subject: &str| {
        format!(
            r#"{{"podSelector":{subject},"policyTypes":["Egress"],"egress":[{{"to":[{{"podSelector":{{"matchLabels":{{"run":"memcached-od"}}}}}}],"ports":[{{"port":11211}}]}}]}}"#
        )
    };
    let drift = drifts(&permits(r#"{"matchLabels":{"netpol/memcached":"true"}}"#), &permits("{}"), Change::Both);
    let witness = drift.witness.unwrap().to_string();
    assert_eq!(witness, "a pod without the label netpol/memcached could reach pods run=memcached-od on TCP 11211");
}

#[test]
fn a_witness_has_as_few_restrictions_as_possible() {
    let canon = policy(
        r#"{"podSelector":{"matchLabels":{"run":"mongodb-od"}},"ingress":[{"ports":[{"port":27017}],"from":[
            {"podSelector":{"matchLabels":{"netpol/mongodb":"true"}}},
            {"namespaceSelector":{"matchLabels":{"name":"kube-monitor"}},"podSelector":{"matchLabels":{"netpol/metrics":"true"}}}]}]}"#,
    );
    let witness = |peers: &str| {
        let spec = format!(
            r#"{{"podSelector":{{"matchLabels":{{"run":"mongodb-od"}}}},"ingress":[{{"from":[{peers}],"ports":[{{"port":27017}}]}}]}}"#
        );
        match Allowed::new([&canon]).beyond(&policy(&spec)) {
            Beyond::Grants(witness) => witness.peer,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(witness(r#"{"podSelector":{}}"#), "pods without the label netpol/metrics, netpol/mongodb");
    assert_eq!(
        witness(r#"{"podSelector":{"matchLabels":{"app":"x"}}}"#),
        "pods labeled app=x without the label netpol/metrics, netpol/mongodb"
    );
    assert_eq!(
        witness(r#"{"namespaceSelector":{"matchLabels":{"name":"kube-monitor"}}}"#),
        "pods without the label netpol/metrics, netpol/mongodb in a namespace labeled name=kube-monitor"
    );
    let by_name =
        r#"{"namespaceSelector":{"matchLabels":{"kubernetes.io/metadata.name":"kube-system"}},"podSelector":{"matchLabels":{"app":"x"}}}"#;
    assert_eq!(witness(by_name), "pods labeled app=x without the label netpol/metrics in namespace kube-system");
}
