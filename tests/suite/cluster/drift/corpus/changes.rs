//! Changes of policies: something that is not in the canon in every list, something that is missing, and other spellings.

use serde_json::{Value, json};

/// The key of the rules of a direction, and that of their peers.
const DIRECTIONS: [(&str, &str, &str); 2] = [("Ingress", "ingress", "from"), ("Egress", "egress", "to")];

/// Returns changed specs, most with another meaning.
pub(super) fn changed(spec: &Value) -> Vec<Value> {
    let mut all = Vec::new();
    for (kind, rules, peers) in DIRECTIONS {
        if !has_type(spec, kind) {
            all.push(with(spec, |spec| push(&mut spec["policyTypes"], json!(kind))));
            continue;
        }
        all.push(with(spec, |spec| push(&mut spec[rules], json!({}))));
        all.push(with(spec, |spec| push(&mut spec[rules], json!({"ports": [{"protocol": "UDP", "port": 9, "endPort": 11}]}))));
        all.push(with(spec, |spec| {
            spec.as_object_mut().expect("a map").remove(rules);
        }));
        for rule in 0..length(&spec[rules]) {
            all.push(with(spec, |spec| {
                spec[rules].as_array_mut().expect("a list").remove(rule);
            }));
            if !spec[rules][rule][peers].is_null() {
                let added = [
                    json!({"podSelector": {}}),
                    json!({"namespaceSelector": {}}),
                    json!({"ipBlock": {"cidr": "203.0.113.0/24", "except": ["203.0.113.128/25"]}}),
                    json!({"podSelector": {"matchExpressions": [{"key": "stranger", "operator": "Exists"}]}}),
                ];
                all.extend(added.into_iter().map(|peer| with(spec, |spec| push(&mut spec[rules][rule][peers], peer))));
                all.push(with(spec, |spec| {
                    spec[rules][rule].as_object_mut().expect("a map").remove(peers);
                }));
            }
            if !spec[rules][rule]["ports"].is_null() {
                all.push(with(spec, |spec| push(&mut spec[rules][rule]["ports"], json!({"protocol": "SCTP", "port": 9}))));
                all.push(with(spec, |spec| push(&mut spec[rules][rule]["ports"], json!({"protocol": "TCP", "port": "named"}))));
                all.push(with(spec, |spec| spec[rules][rule]["ports"][0]["protocol"] = json!("SCTP")));
                all.push(with(spec, |spec| {
                    spec[rules][rule].as_object_mut().expect("a map").remove("ports");
                }));
            }
        }
    }
    all.push(with(spec, |spec| spec["podSelector"] = json!({"matchLabels": {"run": "nothing"}})));
    all.push(with(spec, |spec| {
        spec["podSelector"]["matchExpressions"] = json!([{"key": "stranger", "operator": "DoesNotExist"}]);
    }));
    all
}

/// Returns other spellings of a spec.
pub(super) fn respelled(spec: &Value) -> Vec<Value> {
    let mut all = vec![
        with(spec, |spec| spec["podSelector"] = expressed(&spec["podSelector"])),
        with(spec, |spec| spec["policyTypes"].as_array_mut().expect("a list").reverse()),
    ];
    for (kind, rules, peers) in DIRECTIONS {
        if !has_type(spec, kind) {
            // Rules of a direction that the policy does not have are ignored.
            all.push(with(spec, |spec| spec[rules] = json!([{}])));
            continue;
        }
        for rule in 0..length(&spec[rules]) {
            all.push(with(spec, |spec| {
                let copy = spec[rules][rule].clone();
                push(&mut spec[rules], copy);
            }));
            for list in [peers, "ports"] {
                let items = length(&spec[rules][rule][list]);
                if items == 0 {
                    continue;
                }
                all.push(with(spec, |spec| {
                    let copy = spec[rules][rule][list][0].clone();
                    push(&mut spec[rules][rule][list], copy);
                }));
                if items > 1 {
                    all.push(with(spec, |spec| spec[rules][rule][list].as_array_mut().expect("a list").reverse()));
                    // One rule for each item.
                    all.push(with(spec, |spec| {
                        let whole = spec[rules].as_array_mut().expect("a list").remove(rule);
                        for item in whole[list].as_array().expect("a list") {
                            push(&mut spec[rules], with(&whole, |rule| rule[list] = json!([item])));
                        }
                    }));
                }
            }
            for peer in 0..length(&spec[rules][rule][peers]) {
                let selectors = ["podSelector", "namespaceSelector"];
                for selector in selectors.into_iter().filter(|selector| !spec[rules][rule][peers][peer][selector]["matchLabels"].is_null())
                {
                    all.push(with(spec, |spec| {
                        let selector = &mut spec[rules][rule][peers][peer][selector];
                        *selector = expressed(selector);
                    }));
                }
            }
        }
        if length(&spec[rules]) > 1 {
            all.push(with(spec, |spec| spec[rules].as_array_mut().expect("a list").reverse()));
        }
    }
    all.retain(|other| other != spec);
    all
}

/// Writes the labels of a selector as expressions.
fn expressed(selector: &Value) -> Value {
    let labels = selector["matchLabels"].as_object();
    let of_labels = labels.into_iter().flatten().map(|(key, value)| json!({"key": key, "operator": "In", "values": [value]}));
    let all: Vec<Value> = of_labels.chain(selector["matchExpressions"].as_array().into_iter().flatten().cloned()).collect();
    json!({"matchExpressions": all})
}

fn with(value: &Value, change: impl FnOnce(&mut Value)) -> Value {
    let mut value = value.clone();
    change(&mut value);
    value
}

fn push(list: &mut Value, item: Value) {
    match list.as_array_mut() {
        Some(list) => list.push(item),
        None => *list = json!([item]),
    }
}

fn length(list: &Value) -> usize {
    list.as_array().map_or(0, Vec::len)
}

fn has_type(spec: &Value, kind: &str) -> bool {
    spec["policyTypes"].as_array().is_some_and(|types| types.contains(&json!(kind)))
}
