//! Cases by hand.

use serde_json::json;

use super::super::{Addresses, End, PodPorts, Pods, PortSet, Reason, addresses, connection, divided};
use super::{flow, pods, policy};
use crate::policy::Direction;

fn https(spec: &serde_json::Value) -> Vec<super::NamedPolicy> {
    vec![
        policy("shop", "all", &json!({"podSelector": {}, "policyTypes": ["Ingress", "Egress"], "ingress": [{}]})),
        policy("shop", "https", spec),
    ]
}

#[test]
fn a_block_is_not_said_to_include_a_pod() {
    let spec = json!({"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}], "ports": [{"port": 443}]}]});
    let policies = https(&spec);
    let web = End::Pods(pods("shop", &[("run", "web")]));
    let found = flow(&policies, &web, &web, false);
    assert!(found.allowed.is_empty());
    assert_eq!(found.depends.to_string(), "TCP 443");
    let reasons: Vec<String> = found.reasons.iter().map(ToString::to_string).collect();
    assert_eq!(reasons, ["whether the ipBlock in https egress rule 1 applies to pods depends on the network plugin"]);
    // An address outside of the block settles it.
    let End::Pods(known) = web.clone() else { unreachable!() };
    let far = End::Pods(Pods { addresses: Some(vec!["192.168.0.1".parse().unwrap()]), ..known });
    assert!(flow(&policies, &web, &far, false).is_empty());
}

#[test]
fn the_rule_and_the_policies_are_named() {
    let spec = json!({"podSelector": {"matchLabels": {"run": "web"}}, "policyTypes": ["Egress"], "egress": [{"ports": [{"port": 1}]}, {"ports": [{"protocol": "SCTP", "port": 443}]}]});
    let policies = https(&spec);
    let web = End::Pods(pods("shop", &[("run", "web")]));
    let found = connection(&policies, &web, &End::Pods(pods("shop", &[])), false);
    assert_eq!(found.allowed.to_string(), "TCP 1, SCTP 443");
    assert_eq!((found.egress.isolated_by, found.ingress.isolated_by), (vec![0, 1], vec![0]));
    let granted: Vec<_> = found.egress.grants.iter().map(|granted| (granted.policy, granted.rule, granted.allowed.to_string())).collect();
    assert_eq!(granted, [(1, 1, "TCP 1".to_owned()), (1, 2, "SCTP 443".to_owned())]);
}

#[test]
fn a_policy_acts_only_in_its_namespace() {
    let policies = https(&json!({"podSelector": {}, "policyTypes": ["Ingress"]}));
    let (own, other) = (End::Pods(pods("shop", &[])), End::Pods(pods("bank", &[])));
    assert!(flow(&policies, &own, &other, false).is_empty());
    assert_eq!(flow(&policies, &other, &own, false).allowed, PortSet::every());
    assert_eq!(flow(&policies, &other, &other, false).allowed, PortSet::every());
}

#[test]
fn a_named_port_of_an_init_container_depends() {
    let policies = [policy("shop", "p", &json!({"podSelector": {}, "ingress": [{"ports": [{"port": "web"}]}]}))];
    let mut ports = PodPorts::default();
    ports.add("TCP", "web", 80, false).unwrap();
    ports.add("TCP", "web", 81, true).unwrap();
    let of = |ports| End::Pods(Pods { ports, ..pods("shop", &[]) });
    let found = flow(&policies, &of(None), &of(Some(ports)), false);
    assert_eq!((found.allowed.to_string(), found.depends.to_string()), ("TCP 80".to_owned(), "TCP 81".to_owned()));
    assert_eq!(found.reasons.into_iter().collect::<Vec<_>>(), [Reason::InitContainerPort("web".to_owned())]);
    let unknown = flow(&policies, &of(None), &of(None), false);
    assert_eq!(unknown.depends.to_string(), "TCP every port");
    assert_eq!(unknown.reasons.into_iter().collect::<Vec<_>>(), [Reason::UnknownPort("web".to_owned())]);
    assert!(PodPorts::default().add("tcp", "web", 80, false).is_none() && PodPorts::default().add("TCP", "web", 65_536, false).is_none());
}

#[test]
fn addresses_are_divided_where_a_policy_divides_them() {
    let blocks = json!([{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]}}, {"ipBlock": {"cidr": "10.96.0.0/12"}}]);
    let policies = [policy("shop", "p", &json!({"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"to": blocks}]}))];
    let ids: Vec<String> = addresses(&policies).into_iter().map(|endpoint| endpoint.id).collect();
    assert_eq!(ids.len(), 4);
    assert_eq!(ids[1], "10.0.0.0/10,10.64.0.0/11,10.112.0.0/12,10.128.0.0/9");
    assert_eq!((ids[2].as_str(), ids[3].as_str()), ("10.96.0.0/12", "::/0"));
    let within = Addresses::parse("10.96.0.0/11").unwrap();
    let parts: Vec<_> = divided(&policies, &within).iter().map(|part| part.cidrs().join(",")).collect();
    assert_eq!(parts, ["10.96.0.0/12", "10.112.0.0/12"]);
    assert_eq!(Addresses::parse("2001:db8::1").unwrap().cidrs(), ["2001:db8::1/128"]);
    for wrong in ["10.0.0.0/33", "010.0.0.1", "::ffff:10.0.0.1", "example.org", ""] {
        assert!(Addresses::parse(wrong).is_err(), "{wrong}");
    }
    assert_eq!(addresses(&[]).into_iter().map(|endpoint| endpoint.id).collect::<Vec<_>>(), ["0.0.0.0/0", "::/0"]);
}

#[test]
fn a_pod_reaches_itself_or_that_depends() {
    let policies = https(&json!({"podSelector": {}, "policyTypes": ["Ingress"]}));
    let one = End::Pods(Pods { single: true, ..pods("shop", &[]) });
    let found = flow(&policies, &one, &one, true);
    assert!(found.allowed.is_empty());
    assert_eq!((found.depends, found.reasons.contains(&Reason::Itself)), (PortSet::every(), true));
    assert!(flow(&policies, &one, &one, false).is_empty());
}

#[test]
fn labels_are_not_in_debug_text() {
    let secret = End::Pods(pods("shop", &[("cookie", "5ecret")]));
    assert!(!format!("{secret:?}").contains("5ecret") && !format!("{secret:?}").contains("cookie"));
    assert_eq!(format!("{}", Direction::Egress), "egress");
}
