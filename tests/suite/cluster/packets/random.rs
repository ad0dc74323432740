//! Random sets of policies: packets against `reach`.
//!
//! `NETPOL_PACKETS_ROUNDS` sets the number of sets, and `NETPOL_PACKETS_SEED` the seed. A failure prints the set.

use std::fmt::Write as _;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

use super::matrix::{differences, first};
use super::place::on_a_network;
use super::prediction::Prediction;
use super::world::{NAMESPACES, PODS, World};

/// The number of sets, without the variable.
const ROUNDS: u64 = 20;

#[test]
fn random_policies_do_what_reach_says() {
    on_a_network(|| {
        let variable = |name: &str| std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is not a number")));
        let rounds = variable("NETPOL_PACKETS_ROUNDS").unwrap_or(ROUNDS);
        let seed = variable("NETPOL_PACKETS_SEED").unwrap_or(1_u64);
        let mut world = World::new();
        world.site.outside(&["203.0.113.10", "2001:db8::10"]);
        let (mut open, mut closed) = (0, 0);
        for round in 0..rounds {
            let mut bytes = [0; 32];
            for (byte, value) in bytes.iter_mut().zip([seed.to_le_bytes(), round.to_le_bytes()].concat()) {
                *byte = value;
            }
            let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
            let node: u8 = world.site.name.rsplit('-').next().and_then(|index| index.parse().ok()).expect("the number of the node");
            let policies = vec((select(&NAMESPACES[..]), spec(node)), 2..7).new_tree(&mut runner).expect("policies").current();
            world.set_policies(&policies);
            let prediction = Prediction::of(&world.site);
            let predicted = prediction.matrix(&prediction.pairs(), &world.site.ports);
            let measured = world.site.measure(&prediction, &predicted, "random");
            let differences = differences(&prediction, &predicted, &measured);
            let set = || {
                policies.iter().fold(String::new(), |mut text, (namespace, spec)| {
                    _ = writeln!(text, "{namespace}: {spec}");
                    text
                })
            };
            assert!(
                differences.is_empty(),
                "round {round} of seed {seed}: {} connections differ:\n{}\n{}",
                differences.len(),
                first(&differences),
                set()
            );
            let count = measured.values().filter(|open| **open).count();
            (open, closed) = (open + count, closed + measured.len() - count);
        }
        assert!(open > closed / 20 && closed > open / 20, "{open} open and {closed} closed connections");
    });
}

/// Returns selectors of a label that has one of three values, or is absent.
fn selector(key: &'static str, values: [&'static str; 3]) -> impl Strategy<Value = Value> {
    let some = subsequence(values.to_vec(), 1..=2);
    prop_oneof![
        1 => Just(json!({})),
        3 => select(values.to_vec()).prop_map(move |value| json!({"matchLabels": {key: value}})),
        3 => (some, any::<bool>()).prop_map(move |(values, is_in)| {
            json!({"matchExpressions": [{"key": key, "operator": if is_in { "In" } else { "NotIn" }, "values": values}]})
        }),
        1 => any::<bool>().prop_map(move |exists| {
            json!({"matchExpressions": [{"key": key, "operator": if exists { "Exists" } else { "DoesNotExist" }}]})
        }),
    ]
}

/// Returns blocks, some of which contain pods of the node.
fn block(node: u8) -> impl Strategy<Value = Value> {
    let pods = format!("10.244.{node}");
    let pods_6 = format!("fd00:10:244:{node:x}");
    let v4 = prop_oneof![
        Just(json!({"cidr": "0.0.0.0/0"})),
        Just(json!({"cidr": "0.0.0.0/0", "except": [format!("{pods}.0/29"), "203.0.113.0/24"]})),
        Just(json!({"cidr": "203.0.113.0/28"})),
        Just(json!({"cidr": format!("{pods}.0/24"), "except": [format!("{pods}.4/32"), format!("{pods}.8/30")]})),
        (1..12_u8).prop_map(move |host| json!({"cidr": format!("{pods}.{host}/32")})),
    ];
    let v6 = prop_oneof![
        Just(json!({"cidr": "::/0", "except": ["2001:db8::/32"]})),
        Just(json!({"cidr": format!("{pods_6}::/64"), "except": [format!("{pods_6}::4/127")]})),
    ];
    prop_oneof![2 => v4, 1 => v6].prop_map(|block| json!({"ipBlock": block}))
}

fn peer(node: u8) -> impl Strategy<Value = Value> {
    let of_pods = selector("pod", PODS);
    let of_namespaces = selector("ns", NAMESPACES);
    prop_oneof![
        2 => selector("pod", PODS).prop_map(|pods| json!({"podSelector": pods})),
        2 => selector("ns", NAMESPACES).prop_map(|namespaces| json!({"namespaceSelector": namespaces})),
        3 => (of_pods, of_namespaces).prop_map(|(pods, namespaces)| json!({"podSelector": pods, "namespaceSelector": namespaces})),
        2 => block(node),
    ]
}

fn port() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => (select(vec!["TCP", "UDP"]), 80..82_u16).prop_map(|(protocol, port)| json!({"protocol": protocol, "port": port})),
        2 => Just(json!({"port": "web"})),
        1 => Just(json!({"protocol": "UDP", "port": "talk"})),
        1 => Just(json!({"protocol": "UDP", "port": "web"})),
        1 => (70..82_u16, 80..90_u16).prop_map(|(port, end)| json!({"port": port, "endPort": end.max(port)})),
        1 => select(vec!["TCP", "UDP", "SCTP"]).prop_map(|protocol| json!({"protocol": protocol})),
    ]
}

fn rules(peers: &'static str, node: u8) -> impl Strategy<Value = Value> {
    let rule = (vec(peer(node), 0..3), vec(port(), 0..3)).prop_map(move |(listed, ports)| {
        let mut rule = json!({});
        // An empty list and no list mean the same.
        if !listed.is_empty() {
            rule[peers] = json!(listed);
        }
        if !ports.is_empty() {
            rule["ports"] = json!(ports);
        }
        rule
    });
    vec(rule, 0..3).prop_map(Value::from)
}

fn spec(node: u8) -> impl Strategy<Value = Value> {
    let types = select(vec![json!(["Ingress"]), json!(["Egress"]), json!(["Ingress", "Egress"]), json!([])]);
    (selector("pod", PODS), types, rules("from", node), rules("to", node)).prop_map(|(subject, types, ingress, egress)| {
        let mut spec = json!({"podSelector": subject, "policyTypes": types});
        let has = |name: &str| types.as_array().is_none_or(|types| types.is_empty() || types.iter().any(|kind| kind == name));
        if has("Ingress") {
            spec["ingress"] = ingress;
        }
        if has("Egress") {
            spec["egress"] = egress;
        }
        spec
    })
}
