//! The data of the page as JSON, for programs.

use serde_json::{Value, json};

use super::model::Model;
use crate::analysis::{Endpoint, Flow};

/// Returns the data as the content of a `script` element: no character of it can end the element or begin a comment in it.
pub(super) fn data(model: &Model<'_>) -> String {
    let input = model.input;
    let endpoints: Vec<Value> = input.endpoints.iter().map(|endpoint| listed(endpoint, input.pods.get(&endpoint.id))).collect();
    let connections: Vec<Value> = model.open().flat_map(|(from, to, flow)| connections(&id(model, from), &id(model, to), flow)).collect();
    let shown = model.shown_policies().filter_map(|index| input.policies.get(index));
    let policies: Vec<Value> = shown.map(|named| json!({"namespace": &*named.policy.home, "name": named.name})).collect();
    let mut value = json!({
        "schema": "netpol.abcdesktop.io/report/v1",
        "source": input.about,
        "time": input.time,
        "canon": {"source": input.canons.source, "hash": input.canons.hash},
        "policies": policies,
        "endpoints": endpoints,
        "connections": connections,
        "findings": input.lint.findings,
        "ignored": input.lint.ignored.iter().map(|it| json!({"id": it.finding.id, "reason": it.reason})).collect::<Vec<_>>(),
        "notEvaluated": input.not_evaluated,
    });
    if let (Some(live), Some(fields)) = (input.live, value.as_object_mut()) {
        fields.insert("cluster".to_owned(), live.data());
    }
    safe(&value.to_string())
}

/// Returns JSON in which no character has a meaning in HTML or is invisible.
pub(super) fn safe(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for character in json.chars() {
        if matches!(character, '<' | '>' | '&') || (!character.is_ascii() && !character.is_alphanumeric()) {
            let mut units = [0; 2];
            text.extend(character.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            text.push(character);
        }
    }
    text
}

fn listed(endpoint: &Endpoint, pods: Option<&Vec<String>>) -> Value {
    let mut listed = match &endpoint.object {
        Some((namespace, name)) => json!({"id": endpoint.id, "kind": endpoint.kind, "namespace": namespace, "name": name}),
        None => json!({"id": endpoint.id, "kind": endpoint.kind}),
    };
    if let (Value::Object(fields), Some(pods)) = (&mut listed, pods) {
        fields.insert("pods".to_owned(), json!(pods));
    }
    listed
}

fn id(model: &Model<'_>, group: usize) -> String {
    model.groups.get(group).map_or_else(String::new, |group| group.endpoint.id.clone())
}

/// Returns the entries of a connection, as `netpol reach --output json` has them: one for the ports that are open, one for those
/// that depend.
fn connections(from: &str, to: &str, flow: &Flow) -> Vec<Value> {
    let mut entries = Vec::new();
    if !flow.allowed.is_empty() {
        let ports: serde_json::Map<String, Value> = flow.allowed.by_protocol().map(|(name, list)| (name.to_owned(), json!(list))).collect();
        entries.push(json!({"from": from, "to": to, "ports": ports, "dependsOnPlugin": false}));
    }
    if !flow.depends.is_empty() {
        let ports: serde_json::Map<String, Value> = flow.depends.by_protocol().map(|(name, list)| (name.to_owned(), json!(list))).collect();
        let reasons: Vec<String> = flow.reasons.iter().map(ToString::to_string).collect();
        entries.push(json!({"from": from, "to": to, "ports": ports, "dependsOnPlugin": true, "reasons": reasons}));
    }
    entries
}
