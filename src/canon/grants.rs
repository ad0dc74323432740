//! Grants: which pods may wear which `netpol/` labels.

use std::collections::BTreeMap;

use super::CAPABILITY_PREFIX;
use super::metadata::{check_maps, read_name};
use crate::documents::fault::{FaultKind, Faults, Path};
use crate::documents::names::{is_subdomain, label_key_fault, label_value_fault};
use crate::documents::node::Node;
use crate::documents::problem::Place;
use crate::policy::Selector;
use crate::policy::selector;

/// One identity and the labels that it is granted.
#[derive(Debug, Clone)]
pub struct Grant {
    /// Its name, unique in a canon.
    pub name: String,
    /// The selector of the pods that have this identity: never reads a `netpol/` key.
    pub selector: Selector,
    /// The selector in words, for refusals: `run=mongodb-od`.
    pub selects: String,
    /// The labels they may wear: keys under `netpol/`.
    pub labels: BTreeMap<String, String>,
    /// Whether a pod may have this one beside another.
    pub shared: bool,
}

/// A grant and where it is stated.
#[derive(Debug)]
pub(super) struct StatedGrant {
    pub(super) place: Place,
    /// `grants[2]`
    pub(super) field: String,
    pub(super) grant: Grant,
}

/// Reads an object of kind Grants: its name, and its grants as far as they can be understood.
pub(super) fn read_set(place: &Place, object: &Node<'_>, faults: &mut Faults) -> (Option<String>, Vec<StatedGrant>) {
    let root = Path::Root("");
    faults.map(object, &root, &["apiVersion", "kind", "metadata", "grants"]);
    let field = Path::Root("metadata");
    let name = match object.get("metadata") {
        None => {
            faults.add(&field, FaultKind::Invalid, "is missing: a name is needed");
            None
        }
        Some(metadata) => faults.map(metadata, &field, &["name", "labels", "annotations"]).map(|metadata| {
            check_maps(metadata, &field, faults);
            read_name(metadata, &field, faults)
        }),
    };
    let list = Path::Root("grants");
    if object.get("grants").is_none() {
        faults.add(&list, FaultKind::Invalid, "is missing: a list of grants is needed");
    }
    let mut grants = Vec::new();
    for (index, node) in faults.list(object, "grants", &root).iter().enumerate() {
        let field = list.index(index);
        if let Some(grant) = read(node, &field, faults) {
            grants.push(StatedGrant { place: place.clone(), field: field.to_string(), grant });
        }
    }
    (name, grants)
}

fn read<'n>(node: &'n Node<'n>, field: &Path<'_>, faults: &mut Faults) -> Option<Grant> {
    let grant = faults.map(node, field, &["name", "podSelector", "labels", "shared"])?;
    let name = read_grant_name(grant, field, faults);
    let selector = read_selector(grant, field, faults);
    let labels = read_labels(grant, field, faults);
    let shared = match grant.get("shared") {
        None => false,
        Some(Node::Bool(shared)) => *shared,
        Some(other) => {
            faults.wrong_type(other, &field.key("shared"), "true or false");
            false
        }
    };
    let selector = selector?;
    Some(Grant { name: name?, selects: selector.to_string(), selector, labels, shared })
}

fn read_grant_name<'n>(grant: &'n Node<'n>, field: &Path<'_>, faults: &mut Faults) -> Option<String> {
    let Some(value) = grant.get("name") else {
        faults.add(&field.key("name"), FaultKind::Invalid, "is missing");
        return None;
    };
    let name = faults.string(grant, "name", field)?;
    if value.as_str().is_some() && (name.len() > 63 || !is_subdomain(name)) {
        let message = "must be at most 63 lower-case letters, digits, '-' and '.', and begin and end with a letter or digit";
        faults.add(&field.key("name"), FaultKind::Invalid, message);
    }
    Some(name.to_owned())
}

fn read_selector<'n>(grant: &'n Node<'n>, field: &Path<'_>, faults: &mut Faults) -> Option<Selector> {
    let field = field.key("podSelector");
    let Some(node) = grant.get("podSelector") else {
        faults.add(&field, FaultKind::Invalid, "is missing: say {} where every pod is meant");
        return None;
    };
    let selector = selector::read(node, &field, selector::Labels::OfPods, faults);
    for key in stated_keys(node) {
        if key.starts_with(CAPABILITY_PREFIX) {
            let message = format!("a grant may not read a {CAPABILITY_PREFIX} label: recognize its pods by another label");
            faults.add(&field, FaultKind::Invalid, message);
        }
    }
    if selector.is_empty() {
        faults.add(&field, FaultKind::Invalid, "no pod can match this selector");
    }
    Some(selector)
}

/// The keys that a selector reads as it is written, also where they cancel out.
fn stated_keys<'n>(selector: &'n Node<'n>) -> impl Iterator<Item = &'n str> {
    let labels = match selector.get("matchLabels") {
        Some(Node::Object(entries)) => entries.as_ref(),
        _ => &[],
    };
    let expressions = match selector.get("matchExpressions") {
        Some(Node::Array(items)) => items.as_ref(),
        _ => &[],
    };
    labels.iter().map(|(key, _)| key.as_ref()).chain(expressions.iter().filter_map(|term| term.get("key")?.as_str()))
}

fn read_labels<'n>(grant: &'n Node<'n>, field: &Path<'_>, faults: &mut Faults) -> BTreeMap<String, String> {
    let field = field.key("labels");
    let mut labels = BTreeMap::new();
    match grant.get("labels") {
        None => faults.add(&field, FaultKind::Invalid, "is missing: say {} where a grant gives nothing"),
        Some(Node::Object(entries)) => {
            for (key, value) in entries {
                let field = field.key(key);
                if !key.starts_with(CAPABILITY_PREFIX) {
                    faults.add(&field, FaultKind::Invalid, format!("a grant gives labels under {CAPABILITY_PREFIX} only"));
                    continue;
                }
                let Node::String(text) = value else {
                    faults.wrong_type(value, &field, "a string (in YAML, quote it)");
                    continue;
                };
                match label_key_fault(key).or_else(|| label_value_fault(text)) {
                    Some(fault) => faults.add(&field, FaultKind::Invalid, fault),
                    None => {
                        labels.insert(key.to_string(), text.to_string());
                    }
                }
            }
        }
        Some(other) => faults.wrong_type(other, &field, "a map"),
    }
    labels
}
