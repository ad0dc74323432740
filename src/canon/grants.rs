//! Grants: which pods may have which `netpol/` labels, and which labels are fixed.

use std::collections::{BTreeMap, BTreeSet};

use super::claims::{self, Limits};
use super::keys::CAPABILITY_PREFIX;
use super::metadata::{check_maps, read_name};
use crate::documents::fault::{FaultKind, Faults, Path};
use crate::documents::names::{is_dns_subdomain, label_key_fault, label_value_fault};
use crate::documents::node::Node;
use crate::documents::problem::Place;
use crate::policy::Selector;
use crate::policy::selector;

/// A grant: an identity, and the labels that its pods may have.
#[derive(Debug, Clone)]
pub struct Grant {
    /// The name, unique in the canon.
    pub name: String,
    /// The selector of the pods that have this identity. It reads no `netpol/` key.
    pub selector: Selector,
    /// The selector as text for messages: `run=mongodb-od`.
    pub selects: String,
    /// The labels that the pods may have. All keys start with `netpol/`.
    pub labels: BTreeMap<String, String>,
    /// Whether a pod may have this identity in addition to another.
    pub shared: bool,
    /// Who may claim the identity, and how its pods run.
    pub limits: Limits,
}

impl Grant {
    /// Returns whether both say the same, under whatever name.
    pub fn says_the_same(&self, other: &Grant) -> bool {
        self.gives_the_same(other) && self.limits == other.limits
    }

    /// Returns whether both give the same labels to the same pods, without regard to who may claim them.
    pub(super) fn gives_the_same(&self, other: &Grant) -> bool {
        self.selector == other.selector && self.labels == other.labels && self.shared == other.shared
    }
}

/// A grant and its place in the documents.
#[derive(Debug)]
pub(super) struct PlacedGrant {
    pub(super) place: Place,
    /// The path of the grant: `grants[2]`.
    pub(super) field: String,
    pub(super) grant: Grant,
}

/// An object of kind Grants.
#[derive(Debug, Default)]
pub(super) struct GrantSet {
    pub(super) name: Option<String>,
    /// The valid grants.
    pub(super) grants: Vec<PlacedGrant>,
    /// Keys of labels that are fixed once a pod is created, besides those that selectors read.
    pub(super) protected_labels: BTreeSet<String>,
}

/// Parses an object of kind Grants.
pub(super) fn read_set(place: &Place, object: &Node<'_>, faults: &mut Faults) -> GrantSet {
    let root = Path::Root("");
    faults.map(object, &root, &["apiVersion", "kind", "metadata", "grants", "protectedLabels"]);
    let field = Path::Root("metadata");
    let name = match object.get("metadata") {
        None => {
            faults.add(&field, FaultKind::Invalid, "is missing; a name is required");
            None
        }
        Some(metadata) => faults.map(metadata, &field, &["name", "labels", "annotations"]).map(|metadata| {
            check_maps(metadata, &field, faults);
            read_name(metadata, &field, faults)
        }),
    };
    let list = Path::Root("grants");
    if object.get("grants").is_none() {
        faults.add(&list, FaultKind::Invalid, "is missing; a list of grants is required");
    }
    let mut grants = Vec::new();
    for (index, node) in faults.list(object, "grants", &root).iter().enumerate() {
        let field = list.index(index);
        if let Some(grant) = parse(node, &field, faults) {
            grants.push(PlacedGrant { place: place.clone(), field: field.to_string(), grant });
        }
    }
    GrantSet { name, grants, protected_labels: read_protected(object, &root, faults) }
}

fn read_protected<'n>(object: &'n Node<'n>, root: &Path<'_>, faults: &mut Faults) -> BTreeSet<String> {
    let list = Path::Root("protectedLabels");
    let mut keys = BTreeSet::new();
    for (index, node) in faults.list(object, "protectedLabels", root).iter().enumerate() {
        let field = list.index(index);
        let Some(key) = node.as_str() else {
            faults.wrong_type(node, &field, "a string");
            continue;
        };
        if let Some(fault) = label_key_fault(key) {
            faults.add(&field, FaultKind::Invalid, fault);
        } else if key.starts_with(CAPABILITY_PREFIX) {
            let message = format!("must not start with {CAPABILITY_PREFIX}; grants protect these labels");
            faults.add(&field, FaultKind::Invalid, message);
        } else {
            keys.insert(key.to_owned());
        }
    }
    keys
}

fn parse<'n>(node: &'n Node<'n>, field: &Path<'_>, faults: &mut Faults) -> Option<Grant> {
    let known = [["name", "podSelector", "labels", "shared"].as_slice(), &claims::FIELDS].concat();
    let grant = faults.map(node, field, &known)?;
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
    let limits = claims::read(grant, field, faults);
    let selector = selector?;
    Some(Grant { name: name?, selects: selector.to_string(), selector, labels, shared, limits })
}

fn read_grant_name<'n>(grant: &'n Node<'n>, field: &Path<'_>, faults: &mut Faults) -> Option<String> {
    let Some(value) = grant.get("name") else {
        faults.add(&field.key("name"), FaultKind::Invalid, "is missing");
        return None;
    };
    let name = faults.string(grant, "name", field)?;
    if value.as_str().is_some() && (name.len() > 63 || !is_dns_subdomain(name)) {
        let message = "must have at most 63 lowercase letters, digits, '-' or '.', and each part must start and end with a letter or digit";
        faults.add(&field.key("name"), FaultKind::Invalid, message);
    }
    Some(name.to_owned())
}

fn read_selector<'n>(grant: &'n Node<'n>, field: &Path<'_>, faults: &mut Faults) -> Option<Selector> {
    let field = field.key("podSelector");
    let Some(node) = grant.get("podSelector") else {
        faults.add(&field, FaultKind::Invalid, "is missing; write {} to select every pod");
        return None;
    };
    let selector = selector::parse(node, &field, selector::Selects::Pods, faults);
    for key in written_keys(node) {
        if key.starts_with(CAPABILITY_PREFIX) {
            let message = format!("must not read {CAPABILITY_PREFIX} labels; select the pods by other labels");
            faults.add(&field, FaultKind::Invalid, message);
        }
    }
    if selector.is_empty() {
        faults.add(&field, FaultKind::Invalid, "selects no pods");
    }
    Some(selector)
}

/// Returns the keys in a selector as it is written, including terms without effect.
fn written_keys<'n>(selector: &'n Node<'n>) -> impl Iterator<Item = &'n str> {
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
        None => faults.add(&field, FaultKind::Invalid, "is missing; write {} for a grant without labels"),
        Some(Node::Object(entries)) => {
            for (key, value) in entries {
                let field = field.key(key);
                if !key.starts_with(CAPABILITY_PREFIX) {
                    faults.add(&field, FaultKind::Invalid, format!("must start with {CAPABILITY_PREFIX}; grants cannot give other labels"));
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
