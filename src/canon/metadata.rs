//! The metadata of a canonical policy, without the fields that a cluster adds.

use serde_json::{Map, Value};

use super::keys::BREAK_GLASS;
use crate::documents::fault::{FaultKind, Faults, Path};
use crate::documents::metadata::{check_annotations, check_labels, check_namespace};
use crate::documents::names::dns_subdomain_fault;
use crate::documents::node::Node;

/// The annotation in which `kubectl apply` stores the whole manifest.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// The fields of `ObjectMeta`: those that an author writes, and those that a cluster sets.
const FIELDS: [&str; 15] = [
    "name",
    "namespace",
    "labels",
    "annotations",
    "ownerReferences",
    "finalizers",
    "generateName",
    "selfLink",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "managedFields",
];

/// The metadata of a canonical policy.
#[derive(Debug, Clone, Default)]
pub(super) struct Metadata {
    /// Empty if the name is missing, which is a fault.
    pub(super) name: String,
    pub(super) namespace: Option<String>,
    pub(super) owner_references: Vec<Value>,
    pub(super) finalizers: Vec<String>,
    /// `labels` and `annotations`, without what a cluster or tool adds.
    kept: Map<String, Value>,
}

impl Metadata {
    /// Parses the metadata of an object. `node` and `object` are two views of the same object.
    pub(super) fn parse(node: &Node<'_>, object: &Value, faults: &mut Faults) -> Option<Metadata> {
        let field = Path::Root("metadata");
        let Some(node) = node.get("metadata") else {
            faults.add(&field, FaultKind::Invalid, "is missing; a name is required");
            return None;
        };
        let metadata = faults.map(node, &field, &FIELDS)?;
        let name = read_name(metadata, &field, faults);
        let namespace = check_namespace(metadata, &field, faults).map(str::to_owned);
        check_maps(metadata, &field, faults);
        let finalizers = read_finalizers(metadata, &field, faults);
        check_owners(metadata, &field, faults);
        let object = object.get("metadata")?;
        let list = |key| object.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
        Some(Metadata { name, namespace, owner_references: list("ownerReferences"), finalizers, kept: kept(object) })
    }

    /// Returns the metadata of a manifest for one namespace.
    pub(super) fn manifest(&self, namespace: &str) -> Value {
        let mut metadata = self.kept.clone();
        metadata.insert("name".to_owned(), self.name.as_str().into());
        metadata.insert("namespace".to_owned(), namespace.into());
        if !self.owner_references.is_empty() {
            metadata.insert("ownerReferences".to_owned(), self.owner_references.clone().into());
        }
        if !self.finalizers.is_empty() {
            metadata.insert("finalizers".to_owned(), self.finalizers.clone().into());
        }
        Value::Object(metadata)
    }
}

/// Reads the name of an object, which is required.
pub(super) fn read_name<'n>(metadata: &'n Node<'n>, field: &Path<'_>, faults: &mut Faults) -> String {
    let field_name = field.key("name");
    match (faults.string(metadata, "name", field), metadata.get("name")) {
        (Some(name), _) => {
            if let Some(message) = dns_subdomain_fault(name) {
                faults.add(&field_name, FaultKind::Invalid, message);
            }
            name.to_owned()
        }
        (None, None) => {
            faults.add(&field_name, FaultKind::Invalid, "is missing");
            String::new()
        }
        (None, Some(_)) => String::new(),
    }
}

/// Checks labels and annotations.
pub(super) fn check_maps<'n>(metadata: &'n Node<'n>, field: &Path<'_>, faults: &mut Faults) {
    check_labels(metadata, field, faults);
    check_annotations(metadata, field, faults, |key, faults| {
        if key == BREAK_GLASS {
            let message = "must not be set in a canon, only on a policy in the cluster; remove it";
            faults.add(&field.key("annotations").key(key), FaultKind::Invalid, message);
        }
    });
}

fn read_finalizers<'n>(metadata: &'n Node<'n>, field: &Path<'_>, faults: &mut Faults) -> Vec<String> {
    let mut finalizers = Vec::new();
    let list = field.key("finalizers");
    for (index, finalizer) in faults.list(metadata, "finalizers", field).iter().enumerate() {
        match finalizer.as_str() {
            Some(text) => finalizers.push(text.to_owned()),
            None => faults.wrong_type(finalizer, &list.index(index), "a string"),
        }
    }
    finalizers
}

fn check_owners<'n>(metadata: &'n Node<'n>, field: &Path<'_>, faults: &mut Faults) {
    let list = field.key("ownerReferences");
    for (index, owner) in faults.list(metadata, "ownerReferences", field).iter().enumerate() {
        let field = list.index(index);
        let known = ["apiVersion", "kind", "name", "uid", "controller", "blockOwnerDeletion"];
        let Some(owner) = faults.map(owner, &field, &known) else { continue };
        for key in ["apiVersion", "kind", "name", "uid"] {
            match owner.get(key) {
                Some(Node::String(text)) if !text.is_empty() => {}
                None | Some(Node::String(_)) => faults.add(&field.key(key), FaultKind::Invalid, "is missing"),
                Some(other) => faults.wrong_type(other, &field.key(key), "a string"),
            }
        }
        for key in ["controller", "blockOwnerDeletion"] {
            if let Some(other) = owner.get(key)
                && !matches!(other, Node::Bool(_))
            {
                faults.wrong_type(other, &field.key(key), "a boolean");
            }
        }
    }
}

fn kept(metadata: &Value) -> Map<String, Value> {
    let mut kept = Map::new();
    for key in ["labels", "annotations"] {
        let Some(Value::Object(entries)) = metadata.get(key) else { continue };
        let entries: Map<String, Value> =
            entries.iter().filter(|(key, _)| *key != LAST_APPLIED).map(|(key, value)| (key.clone(), value.clone())).collect();
        if !entries.is_empty() {
            kept.insert(key.to_owned(), entries.into());
        }
    }
    kept
}
