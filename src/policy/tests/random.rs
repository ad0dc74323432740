//! Random small policies: the results of the code against those of the naive model, point by point.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use super::super::ports::PROTOCOLS;
use super::super::steps::Steps;
use super::super::{Allowed, Change, Comparison, Direction, compare};
use super::model::{self, Model};
use super::of_value;

/// Pairs in a run.
const PAIRS: u32 = 10_000;
/// Sets with an extra policy in a run. Each costs as much as several pairs.
const SETS: u32 = 4_000;

fn selector(keys: &'static [&'static str], values: &'static [&'static str]) -> impl Strategy<Value = Value> {
    let labels = proptest::collection::btree_map(select(keys), select(values), 0..2);
    let expression = (select(keys), select(&["In", "NotIn", "Exists", "DoesNotExist"][..]), subsequence(values, 1..=values.len()));
    (labels, proptest::collection::vec(expression, 0..2)).prop_map(|(labels, expressions)| {
        let expressions: Vec<Value> = expressions
            .into_iter()
            .map(|(key, operator, values)| match operator {
                "In" | "NotIn" => json!({"key": key, "operator": operator, "values": values}),
                _ => json!({"key": key, "operator": operator}),
            })
            .collect();
        json!({"matchLabels": labels, "matchExpressions": expressions})
    })
}

fn pod_selector() -> impl Strategy<Value = Value> {
    selector(&["a", "b"], &["x", "y"])
}

fn namespace_selector() -> impl Strategy<Value = Value> {
    prop_oneof![selector(&["t"], &["x"]), selector(&["kubernetes.io/metadata.name"], &["abcdesktop", "other"])]
}

fn peer() -> impl Strategy<Value = Value> {
    let blocks = [
        json!({"cidr": "0.0.0.0/0"}),
        json!({"cidr": "::/0"}),
        json!({"cidr": "10.0.0.0/30"}),
        json!({"cidr": "10.0.0.0/31"}),
        json!({"cidr": "10.0.0.2/31"}),
        json!({"cidr": "10.0.0.0/30", "except": ["10.0.0.1/32"]}),
        json!({"cidr": "10.0.0.1/32"}),
        json!({"cidr": "0.0.0.0/0", "except": ["10.0.0.0/31", "10.0.0.0/30"]}),
        json!({"cidr": "2001:db8::/127"}),
        json!({"cidr": "2001:db8::1/128"}),
    ];
    prop_oneof![
        3 => pod_selector().prop_map(|pods| json!({"podSelector": pods})),
        1 => namespace_selector().prop_map(|namespaces| json!({"namespaceSelector": namespaces})),
        2 => (namespace_selector(), pod_selector()).prop_map(|(namespaces, pods)| json!({"namespaceSelector": namespaces, "podSelector": pods})),
        2 => select(blocks.to_vec()).prop_map(|block| json!({"ipBlock": block})),
    ]
}

fn port() -> impl Strategy<Value = Value> {
    select(vec![
        json!({"port": 80}),
        json!({"protocol": "TCP", "port": 81}),
        json!({"port": 80, "endPort": 81}),
        json!({"port": 1, "endPort": 79}),
        json!({"port": 80, "endPort": 65_535}),
        json!({"port": 82, "endPort": 65_535}),
        json!({"port": 1, "endPort": 65_535}),
        json!({"protocol": "TCP"}),
        json!({"protocol": "UDP"}),
        json!({"protocol": "UDP", "port": 80}),
        json!({"port": "http"}),
        json!({"port": "http"}),
        json!({"protocol": "UDP", "port": "http"}),
        json!({"protocol": "SCTP", "port": 80, "endPort": 81}),
        json!({"protocol": "SCTP"}),
    ])
}

fn rules(peers_key: &'static str) -> impl Strategy<Value = Vec<Value>> {
    let rule = (proptest::collection::vec(peer(), 0..3), proptest::collection::vec(port(), 0..3))
        .prop_map(move |(peers, ports)| json!({peers_key: peers, "ports": ports}));
    proptest::collection::vec(rule, 0..4)
}

pub(crate) fn spec() -> impl Strategy<Value = Value> {
    let types = select(vec![json!([]), json!(["Ingress"]), json!(["Egress"]), json!(["Egress", "Ingress"])]);
    let subject = prop_oneof![Just(json!({})), pod_selector()];
    (subject, types, rules("from"), rules("to")).prop_map(
        |(subject, types, ingress, egress)| json!({"podSelector": subject, "policyTypes": types, "ingress": ingress, "egress": egress}),
    )
}

/// Rewrites a spec. Even steps keep its meaning, odd steps may change it. The model decides which it was.
fn rewrite(spec: &mut Value, step: u32, place: usize) {
    let (list_key, peers_key) = if place & 1 == 0 { ("ingress", "from") } else { ("egress", "to") };
    let place = place >> 1;
    let Some(rules) = spec.get_mut(list_key).and_then(Value::as_array_mut) else { return };
    let count = rules.len();
    match step {
        0 => rules.reverse(),
        2 if count > 0 => rules.push(rules[place % count].clone()),
        4 if count > 0 => {
            // One rule for each peer.
            let rule = rules.remove(place % count);
            let peers = rule[peers_key].as_array().cloned().unwrap_or_default();
            if peers.is_empty() {
                rules.push(rule.clone());
            }
            rules.extend(peers.into_iter().map(|peer| json!({peers_key: [peer], "ports": rule["ports"]})));
        }
        6 if count > 0 => {
            // One rule for each port.
            let rule = rules.remove(place % count);
            let ports = rule["ports"].as_array().cloned().unwrap_or_default();
            if ports.is_empty() {
                rules.push(rule.clone());
            }
            rules.extend(ports.into_iter().map(|port| json!({peers_key: rule[peers_key], "ports": [port]})));
        }
        8 if count > 0 => respell(&mut rules[place % count]),
        10 if count > 0 => {
            // Split pod peers and blocks into two complementary halves.
            if let Some(peers) = rules[place % count][peers_key].as_array_mut() {
                let halves = peers.iter().flat_map(halves).collect();
                *peers = halves;
            }
        }
        12 => spec["policyTypes"].as_array_mut().into_iter().for_each(|types| types.reverse()),
        14 if count > 0 => {
            // Every port of a protocol covers a named port.
            if let Some(ports) = rules[place % count]["ports"].as_array_mut()
                && ports.contains(&json!({"protocol": "TCP"}))
            {
                ports.push(json!({"port": "http"}));
            }
        }
        1 if count > 0 => drop(rules.remove(place % count)),
        3 if count > 0 => rules[place % count]["ports"] = json!([{"port": 80, "endPort": 81}]),
        5 if count > 0 => rules[place % count][peers_key] = json!([{"podSelector": {"matchLabels": {"a": "x"}}}]),
        7 => rules.push(json!({peers_key: [{"ipBlock": {"cidr": "10.0.0.0/31"}}], "ports": [{"port": "http"}]})),
        9 => spec["podSelector"] = json!({"matchExpressions": [{"key": "a", "operator": "Exists"}]}),
        11 => spec["policyTypes"] = json!(["Ingress"]),
        13 if count > 0 => rules[place % count]["ports"] = json!([{"port": "http"}]),
        15 => rules.push(json!({peers_key: [{"ipBlock": {"cidr": "10.0.0.2/31"}}], "ports": [{"protocol": "TCP"}]})),
        _ => {}
    }
}

fn respell(value: &mut Value) {
    match value {
        Value::Object(entries) => {
            if let Some(Value::Object(labels)) = entries.remove("matchLabels") {
                let expressions = entries.entry("matchExpressions").or_insert_with(|| json!([]));
                for (key, label) in labels {
                    expressions.as_array_mut().expect("a list").push(json!({"key": key, "operator": "In", "values": [label]}));
                }
            }
            match entries.get("cidr").and_then(Value::as_str) {
                Some("10.0.0.0/30") => entries.insert("cidr".into(), json!("10.0.0.3/30")),
                Some("2001:db8::/127") => entries.insert("cidr".into(), json!("2001:0DB8:0::1/127")),
                _ => None,
            };
            entries.values_mut().for_each(respell);
        }
        Value::Array(items) => {
            items.reverse();
            items.iter_mut().for_each(respell);
        }
        _ => {}
    }
}

fn halves(peer: &Value) -> Vec<Value> {
    let cidr = peer.get("ipBlock").filter(|block| block.get("except").is_none()).and_then(|block| block["cidr"].as_str());
    let halves = match cidr {
        Some("10.0.0.0/30") => ["10.0.0.0/31", "10.0.0.2/31"],
        Some("0.0.0.0/0") => ["0.0.0.0/1", "128.0.0.0/1"],
        Some("2001:db8::/127") => ["2001:db8::/128", "2001:db8::1/128"],
        _ => [""; 2],
    };
    if cidr.is_some() && !halves.contains(&"") {
        return halves.map(|cidr| json!({"ipBlock": {"cidr": cidr}})).to_vec();
    }
    let Some(pods) = peer.get("podSelector") else { return vec![peer.clone()] };
    let half = |operator: &str| {
        let mut half = peer.clone();
        let mut expressions = pods.get("matchExpressions").and_then(Value::as_array).cloned().unwrap_or_default();
        expressions.push(json!({"key": "b", "operator": operator, "values": ["y"]}));
        half["podSelector"]["matchExpressions"] = Value::Array(expressions);
        half
    };
    vec![half("In"), half("NotIn")]
}

/// A spec, and a rewritten or unrelated spec.
pub(crate) fn pair() -> impl Strategy<Value = (Value, Value)> {
    let rewritten = (spec(), proptest::collection::vec((0_u32..8, 0_usize..64), 1..6), proptest::option::of((0_u32..16, 0_usize..64)));
    let rewritten = rewritten.prop_map(|(spec, steps, last)| {
        let mut other = spec.clone();
        for (step, place) in steps {
            rewrite(&mut other, 2 * step, place);
        }
        if let Some((step, place)) = last {
            rewrite(&mut other, step, place);
        }
        (spec, other)
    });
    prop_oneof![4 => rewritten, 1 => (spec(), spec())]
}

pub(crate) fn run<S: Strategy>(cases: u32, strategy: &S, test: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    if let Err(error) = TestRunner::new(config).run(strategy, test) {
        panic!("{error}");
    }
}

#[test]
fn comparison_agrees_with_brute_force() {
    let (equal, unequal) = (AtomicUsize::new(0), AtomicUsize::new(0));
    run(PAIRS, &pair(), |(canonical, found)| {
        let answer = compare(&of_value(&canonical), &of_value(&found));
        let (canonical, found) = (Model::read(&canonical), Model::read(&found));
        let expected = match (model::wider(&found, &canonical), model::wider(&canonical, &found)) {
            (false, false) => None,
            (true, false) => Some(Change::Wider),
            (false, true) => Some(Change::Narrower),
            (true, true) => Some(Change::Both),
        };
        let (change, witness) = match answer {
            Comparison::Same => (None, false),
            Comparison::Drift(drift) => (Some(drift.change), drift.witness.is_some()),
            Comparison::NotProven => return Err(TestCaseError::fail("the limit on steps was reached")),
        };
        prop_assert_eq!(change, expected);
        prop_assert_eq!(witness, matches!(expected, Some(Change::Wider | Change::Both)));
        if expected.is_none() { &equal } else { &unequal }.fetch_add(1, Ordering::Relaxed);
        Ok(())
    });
    let (equal, unequal) = (equal.into_inner(), unequal.into_inner());
    println!("compared by brute force: {equal} equal and {unequal} unequal pairs");
    assert!(equal > 2_000 && unequal > 2_000, "{equal} equal and {unequal} unequal pairs");
}

#[test]
fn grants_of_an_extra_policy_agree_with_brute_force() {
    let (nothing, something) = (AtomicUsize::new(0), AtomicUsize::new(0));
    run(SETS, &(proptest::collection::vec(spec(), 1..4), pair(), any::<bool>()), |(mut canon, (one, extra), known)| {
        if known {
            canon.push(one);
        }
        let policies: Vec<_> = canon.iter().map(of_value).collect();
        let allowed = Allowed::new(&policies);
        let extra_policy = of_value(&extra);
        let models: Vec<Model> = canon.iter().map(Model::read).collect();
        let extra = Model::read(&extra);
        let mut grants = false;
        for direction in [Direction::Ingress, Direction::Egress] {
            let expected = model::grants_beyond(&models, &extra, direction);
            let left = allowed.granted(&extra_policy, direction, &mut Steps::new(1_000_000));
            let left = left.map_err(|_| TestCaseError::fail("the limit on steps was reached"))?;
            prop_assert_eq!(left.is_some(), expected, "{}", direction);
            if let Some((piece, name)) = left {
                grants = true;
                let witness = Point::of(&piece, name.is_some());
                prop_assert!(witness.is_granted(&extra, direction), "{:?} is not granted by the extra policy", witness);
                let isolated = models.iter().any(|model| model.isolates(witness.subject, direction));
                prop_assert!(isolated, "{:?} is not isolated", witness);
                prop_assert!(!models.iter().any(|model| witness.is_granted(model, direction)), "{:?} is granted by the canon", witness);
            }
        }
        if grants { &something } else { &nothing }.fetch_add(1, Ordering::Relaxed);
        Ok(())
    });
    let (nothing, something) = (nothing.into_inner(), something.into_inner());
    println!("extra policies by brute force: {something} grant something beyond, {nothing} nothing");
    assert!(nothing > 500 && something > 500, "{nothing} and {something}");
}

/// One point of an uncovered piece: a witness that the naive model can check.
#[derive(Debug)]
struct Point {
    subject: model::Pod,
    peer: model::Peer,
    port: model::Mask,
    http: model::Reading,
}

impl Point {
    fn of(piece: &super::super::traffic::Piece, named: bool) -> Point {
        use super::super::traffic::PeerSet;
        let labels = |selector: &super::super::Selector| -> BTreeMap<String, String> {
            selector.entries().iter().filter_map(|(key, values)| Some((key.to_string(), values.example()?.to_string()))).collect()
        };
        let pod = |labels: &BTreeMap<String, String>| {
            let place = |key: &str| {
                model::VALUES.iter().position(|value| *value == labels.get(key).map(String::as_str)).expect("a value of the universe")
            };
            (place("a"), place("b"))
        };
        let peer = match &piece.peer {
            PeerSet::Others => model::Peer::Node,
            PeerSet::Addresses(family, addresses) => {
                let inside = |peer: &&model::Peer| match peer {
                    model::Peer::Address(place) => {
                        let (is_v4, number) = match model::address(*place) {
                            std::net::IpAddr::V4(address) => (true, u128::from(u32::from(address))),
                            std::net::IpAddr::V6(address) => (false, u128::from(address)),
                        };
                        is_v4 == (*family == super::super::addresses::Family::V4) && addresses.contains(number)
                    }
                    _ => false,
                };
                *model::PEERS.iter().find(inside).expect("an address of the universe")
            }
            PeerSet::Pods { namespaces, pods } => {
                let place = labels(namespaces);
                let name = place.get("kubernetes.io/metadata.name").map_or("any", String::as_str);
                model::pod_peer(pod(&labels(pods)), name, place.get("t").map(String::as_str))
            }
        };
        let (protocol, number) = model::NUMBERS
            .iter()
            .flat_map(|number| model::PROTOCOLS.map(|protocol| (protocol, *number)))
            .find(|(protocol, number)| {
                let base = PROTOCOLS.into_iter().find(|known| known.name() == *protocol).expect("a protocol").all().0;
                piece.numbers.contains(base - 1 + u32::try_from(*number).expect("small"))
            })
            .unwrap_or(("other", 0));
        let port = if protocol == "other" { model::OTHER } else { model::bit(protocol, number) };
        let http = model::Reading { number: named.then_some(number), in_blocks: true };
        Point { subject: pod(&labels(&piece.subject)), peer, port, http }
    }

    fn is_granted(&self, model: &Model, direction: Direction) -> bool {
        let place = model::PEERS.iter().position(|peer| *peer == self.peer).expect("a peer of the universe");
        model.isolates(self.subject, direction) && model.table(direction, self.http)[place] & self.port != 0
    }
}
