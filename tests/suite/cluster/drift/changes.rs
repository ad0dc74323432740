//! Changes of the spec of a policy: in one place, whatever they mean, and other spellings of the same meaning.

use serde_json::{Value, json};

/// Returns each spec that differs in one place: something was removed, added to a list, or has another value.
pub(super) fn one_place(spec: &Value) -> Vec<Value> {
    let mut all = changed(spec, "");
    for (list, kind) in [("ingress", "Ingress"), ("egress", "Egress")] {
        if spec[list].is_null() {
            let mut open = spec.clone();
            open[list] = json!([{}]);
            all.push(open.clone());
            let types = spec["policyTypes"].as_array().into_iter().flatten().cloned();
            open["policyTypes"] = types.chain([json!(kind)]).collect();
            all.push(open);
        }
    }
    all
}

/// Returns a value with each change of one place. `key` is the field that has the value, or the list that has it.
fn changed(value: &Value, key: &str) -> Vec<Value> {
    let mut all = Vec::new();
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let mut without = fields.clone();
                without.remove(name);
                all.push(Value::Object(without));
                for other in changed(field, name) {
                    let mut with = fields.clone();
                    with.insert(name.clone(), other);
                    all.push(Value::Object(with));
                }
            }
        }
        Value::Array(items) => {
            for (place, item) in items.iter().enumerate() {
                let mut without = items.clone();
                without.remove(place);
                all.push(Value::Array(without));
                for other in changed(item, key) {
                    let mut with = items.clone();
                    with[place] = other;
                    all.push(Value::Array(with));
                }
            }
            let leftovers = match key {
                "ingress" | "egress" => json!([{}, {"ports": [{"port": 31_337}]}]),
                "from" | "to" => json!([{"podSelector": {}}, {"ipBlock": {"cidr": "203.0.113.0/24"}}, {"namespaceSelector": {}}]),
                "ports" => json!([{"port": 31_337}, {"protocol": "SCTP"}, {"port": 1, "endPort": 65_535}]),
                "policyTypes" => json!(["Ingress", "Egress"]),
                _ => json!([]),
            };
            for leftover in leftovers.as_array().into_iter().flatten() {
                let mut with = items.clone();
                with.push(leftover.clone());
                all.push(Value::Array(with));
            }
        }
        Value::String(text) => all.push(match text.as_str() {
            "TCP" => json!("UDP"),
            "UDP" => json!("TCP"),
            "Ingress" => json!("Egress"),
            "Egress" => json!("Ingress"),
            _ => json!(format!("{text}x")),
        }),
        Value::Number(number) => all.extend(number.as_u64().map(|number| json!(number + 1))),
        Value::Null | Value::Bool(_) => {}
    }
    all
}

/// Returns other spellings, by one rule or by two. They mean the same in the namespace.
pub(super) fn respelled(spec: &Value, namespace: &str) -> Vec<Value> {
    let rules: [&dyn Fn(&mut Value); 6] = [&reverse, &repeat, &express, &end_ports, &|spec| name_namespace(spec, namespace), &split];
    let mut all = Vec::new();
    for first in rules {
        for second in rules {
            let mut other = spec.clone();
            first(&mut other);
            second(&mut other);
            if other != *spec && !all.contains(&other) {
                all.push(other);
            }
        }
    }
    all
}

/// Changes each value within a value, the innermost first.
fn each(value: &mut Value, change: &dyn Fn(&mut Value)) {
    match value {
        Value::Object(fields) => fields.values_mut().for_each(|field| each(field, change)),
        Value::Array(items) => items.iter_mut().for_each(|item| each(item, change)),
        _ => {}
    }
    change(value);
}

fn reverse(spec: &mut Value) {
    each(spec, &|value| {
        if let Value::Array(items) = value {
            items.reverse();
        }
    });
}

/// Repeats the first rule, peer and port.
fn repeat(spec: &mut Value) {
    each(spec, &|value| {
        for list in ["ingress", "egress", "from", "to", "ports"] {
            if let Some(items) = value.get_mut(list).and_then(Value::as_array_mut) {
                items.extend(items.first().cloned());
            }
        }
    });
}

/// Writes labels as expressions.
fn express(spec: &mut Value) {
    each(spec, &|value| {
        let Some(labels) = value.get("matchLabels").and_then(Value::as_object).cloned() else { return };
        let expressions = labels.iter().map(|(key, value)| json!({"key": key, "operator": "In", "values": [value]}));
        let others = value["matchExpressions"].as_array().cloned().unwrap_or_default();
        *value = json!({"matchExpressions": expressions.chain(others).collect::<Vec<_>>()});
    });
}

fn end_ports(spec: &mut Value) {
    each(spec, &|value| {
        if value["port"].is_u64() && value.get("endPort").is_none() {
            value["endPort"] = value["port"].clone();
        }
    });
}

/// Names the namespace of peers that are in the own one.
fn name_namespace(spec: &mut Value, namespace: &str) {
    each(spec, &|value| {
        for list in ["from", "to"] {
            let peers = value.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten();
            for peer in peers.filter(|peer| peer.get("podSelector").is_some() && peer.get("namespaceSelector").is_none()) {
                peer["namespaceSelector"] = json!({"matchLabels": {"kubernetes.io/metadata.name": namespace}});
            }
        }
    });
}

/// Writes a rule for each peer and each port.
fn split(spec: &mut Value) {
    for list in ["ingress", "egress"] {
        let Some(rules) = spec.get(list).and_then(Value::as_array) else { continue };
        let mut split = Vec::new();
        for rule in rules {
            let mut parts = vec![json!({})];
            for field in ["from", "to", "ports"] {
                let items = rule.get(field).and_then(Value::as_array).filter(|items| !items.is_empty());
                let Some(items) = items else { continue };
                let with = |part: &Value, item: &Value| {
                    let mut part = part.clone();
                    part[field] = json!([item]);
                    part
                };
                parts = parts.iter().flat_map(|part| items.iter().map(|item| with(part, item))).collect();
            }
            split.extend(parts);
        }
        spec[list] = Value::Array(split);
    }
}
