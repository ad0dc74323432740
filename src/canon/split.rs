//! A canon of the same meaning whose policies have one direction each.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::compiled::Canon;
use super::documents::Documents;
use super::error::CanonError;
use crate::documents::Node;
use crate::documents::names::dns_subdomain_fault;
use crate::documents::problem::{Place, Problems};
use crate::documents::reading;
use crate::documents::text::escaped;
use crate::policy::{Direction, Home, Policy};

/// The maximum length of a name in a message, in characters.
const MAX_NAME: usize = 63;

/// Returns the objects of a canon, in which each policy with rules that isolates pods in both directions is two: one of ingress, which
/// keeps the name, and `NAME-egress`. The rules and the isolated pods of each direction are the same (`semantics.md` rules 8 to 10).
///
/// # Errors
/// The canon is not valid, or the name of a new policy is taken or not valid.
pub fn split_directions(documents: &Documents) -> Result<Vec<Value>, CanonError> {
    Canon::from_documents(documents, &[])?;
    let mut problems = Problems::default();
    let mut objects = Vec::new();
    for file in documents.files() {
        reading::read_file(file, &mut problems, |document, _| add(document.value, &mut objects));
    }
    let taken: BTreeSet<String> = objects.iter().filter(|object| is_policy(object)).filter_map(name).collect();
    let mut split = Vec::with_capacity(objects.len());
    for object in objects {
        if !has_both(&object) {
            split.push(object);
            continue;
        }
        let own = name(&object).unwrap_or_default();
        let other = format!("{own}-egress");
        let fault = if taken.contains(&other) { Some("is taken") } else { dns_subdomain_fault(&other).map(|_| "is not valid") };
        if let Some(fault) = fault {
            let message =
                format!("the name of the policy for egress, which is this name with -egress at the end, {fault}; rename a policy");
            let object = Some(format!("NetworkPolicy \"{}\"", escaped(&own, MAX_NAME)));
            problems.add(&Place { object, ..Place::default() }, "metadata.name", message);
        }
        split.push(half(&object, Direction::Ingress, &own));
        split.push(half(&object, Direction::Egress, &other));
    }
    if problems.is_empty() { Ok(split) } else { Err(CanonError::new(documents.source(), problems)) }
}

/// Adds an object, or the items of a list.
fn add(object: Value, objects: &mut Vec<Value>) {
    match object {
        Value::Object(mut list) if list.get("kind").is_some_and(|kind| kind == "List") => {
            if let Some(Value::Array(items)) = list.remove("items") {
                objects.extend(items);
            }
        }
        object => objects.push(object),
    }
}

fn is_policy(object: &Value) -> bool {
    let is = |field: &str, text: &str| object.get(field).is_some_and(|value| value == text);
    // Other APIs have kinds of this name.
    is("apiVersion", "networking.k8s.io/v1") && is("kind", "NetworkPolicy")
}

fn name(object: &Value) -> Option<String> {
    object.pointer("/metadata/name").and_then(Value::as_str).map(str::to_owned)
}

/// Returns whether an object is a policy with rules that isolates pods in both directions.
fn has_both(object: &Value) -> bool {
    let Some(spec) = object.get("spec").filter(|_| is_policy(object)) else { return false };
    let home = Home { namespace: "default", written_for: None };
    let isolates = |policy: &Policy| Direction::BOTH.into_iter().all(|direction| policy.rules(direction).is_some());
    let has_rules =
        ["ingress", "egress"].iter().any(|list| spec.get(list).and_then(Value::as_array).is_some_and(|rules| !rules.is_empty()));
    has_rules && Policy::parse(&Node::from(spec), home).is_ok_and(|policy| isolates(&policy))
}

/// Returns one direction of a policy.
fn half(policy: &Value, direction: Direction, name: &str) -> Value {
    let (kind, own, other) = match direction {
        Direction::Ingress => ("Ingress", "ingress", "egress"),
        Direction::Egress => ("Egress", "egress", "ingress"),
    };
    let mut half = policy.clone();
    if let Some(spec) = half.get_mut("spec").and_then(Value::as_object_mut) {
        spec.remove(other);
        if spec.get(own).is_some_and(Value::is_null) {
            spec.remove(own);
        }
        spec.insert("policyTypes".to_owned(), json!([kind]));
    }
    if let Some(metadata) = half.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert("name".to_owned(), json!(name));
    }
    half
}
