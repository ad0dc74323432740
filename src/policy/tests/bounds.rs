//! The limit on work also holds for hostile policies.

use serde_json::{Value, json};

use super::super::compare::compare_within;
use super::super::steps::{MAX_STEPS, Steps};
use super::super::{Allowed, Beyond, Comparison, compare};
use super::of_value;
use crate::documents::{FaultKind, Node};

#[allow(clippy::needless_pass_by_value, reason = "reads better at its callers")]
fn egress(rules: Value) -> Value {
    json!({"podSelector": {}, "policyTypes": ["Egress"], "egress": rules})
}

fn steps_of(canonical: &Value, found: &Value) -> (Comparison, usize) {
    let mut steps = Steps::new(MAX_STEPS);
    let answer = compare_within(&of_value(canonical), &of_value(found), &mut steps);
    (answer, MAX_STEPS - steps.left())
}

fn peer(number: usize) -> Value {
    json!({"podSelector": {"matchLabels": {"run": format!("app-{number}")}}})
}

#[test]
fn ten_thousand_peers_in_another_order_are_the_same() {
    let peers: Vec<Value> = (0..10_000).map(peer).collect();
    let reversed: Vec<Value> = peers.iter().rev().cloned().collect();
    let rule = |peers: Vec<Value>| egress(json!([{"to": peers, "ports": [{"port": 443}]}]));
    let (answer, steps) = steps_of(&rule(peers), &rule(reversed));
    assert_eq!(answer, Comparison::Same);
    assert!(steps < MAX_STEPS / 4, "{steps} steps");
}

#[test]
fn five_thousand_values_in_a_selector_are_compared() {
    let rule = |values: Vec<String>| {
        egress(json!([{"to": [{"podSelector": {"matchExpressions": [{"key": "run", "operator": "NotIn", "values": values}]}}]}]))
    };
    let values: Vec<String> = (0..5_000).map(|number| format!("v{number}")).collect();
    let reversed: Vec<String> = values.iter().rev().cloned().collect();
    let (answer, steps) = steps_of(&rule(values.clone()), &rule(reversed));
    assert_eq!(answer, Comparison::Same);
    assert!(steps < MAX_STEPS / 4, "{steps} steps");
    let (answer, _) = steps_of(&rule(values.clone()), &rule(values[1..].to_vec()));
    assert!(matches!(answer, Comparison::Drift(_)));
}

#[test]
fn ten_thousand_blocks_are_one_set_of_addresses() {
    let block = |number: usize| json!({"ipBlock": {"cidr": format!("10.{}.{}.0/24", number / 256, number % 256)}});
    let halves = |number: usize| {
        let (third, fourth) = (number / 256, number % 256);
        [
            json!({"ipBlock": {"cidr": format!("10.{third}.{fourth}.0/25")}}),
            json!({"ipBlock": {"cidr": format!("10.{third}.{fourth}.128/25")}}),
        ]
    };
    let (answer, _) = steps_of(
        &egress(json!([{"to": (0..10_000).map(block).collect::<Vec<_>>()}])),
        &egress(json!([{"to": (0..10_000).flat_map(halves).collect::<Vec<_>>()}])),
    );
    assert_eq!(answer, Comparison::Same);
}

/// Returns peers whose complement has exponentially many pieces: each requires one key and excludes another.
fn exploding(keys: usize) -> Vec<Value> {
    let pair = |left: usize, right: usize| {
        json!({"podSelector": {"matchExpressions": [
            {"key": format!("k{left}"), "operator": "In", "values": ["x"]},
            {"key": format!("k{right}"), "operator": "NotIn", "values": ["x"]},
        ]}})
    };
    (0..keys).flat_map(|left| (0..keys).filter(move |right| *right != left).map(move |right| pair(left, right))).collect()
}

#[test]
fn a_union_with_an_exponential_complement_stays_within_the_limit() {
    // The last two peers cover what the others do not: every key is x, and no key is x.
    let mut covered = exploding(40);
    covered.push(json!({"podSelector": {"matchExpressions": (0..40).map(|key| json!({"key": format!("k{key}"), "operator": "In", "values": ["x"]})).collect::<Vec<_>>()}}));
    covered.push(json!({"podSelector": {"matchExpressions": (0..40).map(|key| json!({"key": format!("k{key}"), "operator": "NotIn", "values": ["x"]})).collect::<Vec<_>>()}}));
    let union = egress(json!([{"to": covered}]));
    let everything = egress(json!([{"to": [{"podSelector": {}}]}]));
    let (answer, steps) = steps_of(&union, &everything);
    assert!(steps <= MAX_STEPS);
    assert!(matches!(answer, Comparison::NotProven | Comparison::Same), "{answer:?}");
    // As an extra policy it is proven harmless or not proven, but never reported as a grant.
    let canon = of_value(&union);
    assert!(!matches!(Allowed::new([&canon]).beyond(&of_value(&everything)), Beyond::Grants(_)));
}

#[test]
fn a_comparison_that_reaches_the_limit_is_not_proven() {
    let peers = |from: usize| {
        egress(json!([{"to": (from..from + 3_000).map(|number| json!({"podSelector": {"matchExpressions": [
        {"key": "run", "operator": "NotIn", "values": [format!("v{number}")]}, {"key": format!("k{number}"), "operator": "Exists"}]}})).collect::<Vec<_>>()}]))
    };
    let mut steps = Steps::new(10_000);
    assert_eq!(compare_within(&of_value(&peers(0)), &of_value(&peers(1)), &mut steps), Comparison::NotProven);
    assert_eq!(steps.left(), 0);
}

/// Comparing each entry with each other entry would take hundreds of millions of uncounted steps in each case.
#[test]
fn the_work_is_not_quadratic_in_the_number_of_entries() {
    // Values, then many `Exists` terms.
    let mut terms = vec![json!({"key": "a", "operator": "In", "values": (0..24_000).map(|number| number.to_string()).collect::<Vec<_>>()})];
    terms.extend((0..8_000).map(|_| json!({"key": "a", "operator": "Exists"})));
    let selected = of_value(&json!({"podSelector": {"matchExpressions": terms}}));
    assert_eq!(selected.subject().required_values("a").unwrap().count(), 24_000);

    // Keys, and the same keys in another order.
    let text = |keys: &mut dyn Iterator<Item = usize>| {
        format!("{{{}}}", keys.map(|number| format!("\"k{number}\":{number}")).collect::<Vec<_>>().join(","))
    };
    let (forth, back) = (text(&mut (0..49_000)), text(&mut (0..49_000).rev()));
    let read = |text: &'static str| serde_json::from_str::<Node<'static>>(text).expect("JSON");
    let (forth, back) = (read(forth.leak()), read(back.leak()));
    assert!(forth.same_json(&back) && forth.is_exactly(&back, &[]));

    // Ports that are listed for each of many peers.
    let ports: Vec<Value> = (0..14_000).map(|number| json!({"port": 2 * number + 1})).collect();
    let peers: Vec<Value> = (0..256).map(peer).collect();
    let found = of_value(&egress(json!([{"to": peers, "ports": ports}])));
    let Comparison::Drift(drift) = compare(&of_value(&egress(json!([]))), &found) else { panic!("no drift") };
    let last = drift.differences.last().expect("differences");
    assert!(drift.differences.len() < 32 && last.found == "differences that are not listed", "{}", drift.differences.len());
    assert!(drift.differences[0].found.ends_with("… and 13984 more"), "{}", drift.differences[0].found);
}

#[test]
fn peers_and_ports_of_a_rule_are_not_multiplied() {
    let peers: Vec<Value> = (0..4_000).map(peer).collect();
    let ports: Vec<Value> = (0..4_000).map(|number| json!({"port": 2 * number + 1})).collect();
    let policy = egress(json!([{"to": peers.clone(), "ports": ports.clone()}, {"to": peers, "ports": ports[1..]}]));
    assert!(matches!(compare(&of_value(&policy), &of_value(&policy)), Comparison::NotProven | Comparison::Same));
}

#[test]
fn a_spec_with_too_many_values_is_a_fault_and_equal_to_nothing() {
    let rules = vec!["{}"; crate::documents::node::MAX_NODES].join(",");
    let text = format!(r#"{{"podSelector":{{}},"ingress":[{rules}]}}"#);
    let node: Node<'_> = serde_json::from_str(&text).expect("JSON");
    assert!(!node.same_json(&node));
    let faults = super::parse(&text).expect_err("too large");
    assert_eq!(faults.iter().map(|fault| fault.kind).collect::<Vec<_>>(), [FaultKind::TooLarge]);
    // The syntax of the remaining values is checked.
    assert!(serde_json::from_str::<Node<'_>>(&format!("[{rules},}}]")).is_err());
}
