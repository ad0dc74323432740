//! Canonical policies of other APIs. `netpol` does not know what they mean, so they are compared literally.

use std::cmp::Ordering;

use serde_json::{Map, Value, json};

use super::foreign_kinds::{CONTENT_ANNOTATIONS, is_selected_by_label};
use super::metadata::Metadata;
use crate::documents::difference::{self, Difference};
use crate::documents::fault::Path;
use crate::documents::node::Node;
use crate::documents::problem::Place;

/// The most values that a canonical policy of another API may have: far fewer than a verdict reads of a request, so that a policy
/// in a cluster, with what clients add to its metadata, can always be compared.
pub(super) const MAX_VALUES: usize = 10_000;

/// The fields that are not compared.
const IGNORED: [&str; 2] = ["metadata", "status"];

/// The resource of policies of another API, in one version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ForeignResource {
    /// The API group.
    pub group: String,
    /// The plural name of the resource.
    pub resource: String,
    /// The version of the group in which the policies are written.
    pub version: String,
    /// The kind.
    pub kind: String,
}

impl ForeignResource {
    /// Returns the `apiVersion` of the objects.
    pub fn api_version(&self) -> String {
        format!("{}/{}", self.group, self.version)
    }

    /// Returns the name by which kubectl finds the resource: `ciliumnetworkpolicies.cilium.io`.
    pub fn qualified(&self) -> String {
        format!("{}.{}", self.resource, self.group)
    }
}

/// A policy of another API in the documents of a canon.
#[derive(Debug)]
pub(super) struct ForeignDocument {
    pub(super) place: Place,
    pub(super) metadata: Metadata,
    pub(super) resource: ForeignResource,
    pub(super) content: Content,
}

/// What is compared of a policy of another API: everything but its metadata and its status, and of the metadata what the policies
/// of some API mean by it.
#[derive(Debug, Clone)]
pub(super) struct Content {
    /// The object without the ignored fields.
    body: Map<String, Value>,
    /// The values of [`CONTENT_ANNOTATIONS`], each if the object has it.
    annotations: [Option<Value>; CONTENT_ANNOTATIONS.len()],
    /// The labels, if other objects select the policy by them.
    labels: Option<Value>,
}

impl Content {
    pub(super) fn new(object: &Value, resource: &str) -> Content {
        let fields = object.as_object().into_iter().flatten();
        let body = fields.filter(|(key, _)| !IGNORED.contains(&key.as_str())).map(|(key, value)| (key.clone(), value.clone()));
        let metadata = |map: &str| object.get("metadata").and_then(|metadata| metadata.get(map));
        let annotation = |key: &str| metadata("annotations").and_then(|annotations| annotations.get(key)).cloned();
        let labels = || metadata("labels").filter(|labels| !labels.is_null()).cloned();
        Content {
            body: body.collect(),
            annotations: CONTENT_ANNOTATIONS.map(annotation),
            labels: is_selected_by_label(resource).then(labels).flatten(),
        }
    }

    /// Returns whether there is anything but the kind.
    pub(super) fn is_empty(&self) -> bool {
        self.body.keys().all(|key| ["apiVersion", "kind"].contains(&key.as_str()))
    }

    /// Returns the number of values.
    pub(super) fn values(&self) -> usize {
        self.body.values().map(values).sum()
    }

    /// Returns the first difference of an object.
    fn difference(&self, found: &Node<'_>, resource: &str) -> Option<Difference> {
        let body = Node::Object(self.body.iter().map(|(key, value)| (key.as_str().into(), Node::from(value))).collect());
        difference::difference(&body, found, &IGNORED).or_else(|| {
            let path = Path::Root("metadata");
            let found = |map: &str| found.get("metadata").and_then(|metadata| metadata.get(map));
            let annotation = |(key, expected): (&str, &Option<Value>)| {
                let expected = expected.as_ref().map(Node::from);
                let found = found("annotations").and_then(|annotations| annotations.get(key));
                difference::of_optional(expected.as_ref(), found, &path.key("annotations").key(key))
            };
            let labels = || {
                let expected = self.labels.as_ref().map(Node::from);
                let found = found("labels").filter(|_| is_selected_by_label(resource));
                difference::of_optional(expected.as_ref(), found, &path.key("labels"))
            };
            CONTENT_ANNOTATIONS.into_iter().zip(&self.annotations).find_map(annotation).or_else(labels)
        })
    }
}

fn values(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(values).sum(),
        Value::Object(fields) => fields.values().map(values).sum(),
        _ => 0,
    }
}

/// One canonical policy of another API, in one namespace.
#[derive(Debug)]
pub struct ForeignPolicy {
    /// Its resource.
    pub resource: ForeignResource,
    /// Its name.
    pub name: String,
    /// The manifest for `kubectl apply -f -`, with the namespace.
    pub manifest: Value,
    /// The owner references in the canon, as JSON. Any other owner reference is drift.
    pub owner_references: Vec<Value>,
    /// The finalizers in the canon.
    pub finalizers: Vec<String>,
    content: Content,
}

impl ForeignPolicy {
    /// Returns the policies of a namespace, sorted.
    pub(super) fn compile(documents: &[ForeignDocument], namespace: &str) -> Vec<ForeignPolicy> {
        let mut policies: Vec<ForeignPolicy> = documents.iter().map(|document| ForeignPolicy::new(document, namespace)).collect();
        policies.sort_by(|one, other| one.compare(&other.resource.group, &other.resource.resource, &other.name));
        policies
    }

    fn new(document: &ForeignDocument, namespace: &str) -> ForeignPolicy {
        let ForeignDocument { metadata, resource, content, .. } = document;
        let mut manifest = content.body.clone();
        manifest.insert("metadata".to_owned(), metadata.manifest(namespace));
        ForeignPolicy {
            resource: resource.clone(),
            name: metadata.name.clone(),
            manifest: manifest.into(),
            owner_references: metadata.owner_references.clone(),
            finalizers: metadata.finalizers.clone(),
            content: content.clone(),
        }
    }

    /// Returns the first difference between the policy and an object of its resource and version; `None` if both are the same.
    pub fn difference(&self, found: &Node<'_>) -> Option<Difference> {
        self.content.difference(found, &self.resource.resource)
    }

    /// Returns the first difference between the policy and another canonical policy.
    pub fn difference_of(&self, other: &ForeignPolicy) -> Option<Difference> {
        self.difference(&Node::from(&other.with_content()))
    }

    fn with_content(&self) -> Value {
        let mut object = self.content.body.clone();
        let present = CONTENT_ANNOTATIONS.into_iter().zip(&self.content.annotations);
        let annotations: Map<String, Value> = present.filter_map(|(key, value)| Some((key.to_owned(), value.clone()?))).collect();
        object.insert("metadata".to_owned(), json!({"annotations": annotations, "labels": self.content.labels}));
        object.into()
    }

    /// Returns the JSON patch operations that give an object the canonical content: a replacement or removal of each field, and
    /// of each part of its metadata, that differs.
    pub fn restoring(&self, found: &Value) -> Vec<Value> {
        let is_same = |key: &str| match (self.content.body.get(key), found.get(key)) {
            (Some(expected), Some(found)) => difference::difference(&Node::from(expected), &Node::from(found), &[]).is_none(),
            (expected, found) => expected.is_none() && found.is_none(),
        };
        let mut operations = Vec::new();
        for (key, value) in self.content.body.iter().filter(|(key, _)| !is_same(key)) {
            operations.push(json!({"op": "add", "path": format!("/{}", escaped(key)), "value": value}));
        }
        let extra = found.as_object().into_iter().flat_map(Map::keys);
        for key in extra.filter(|key| !IGNORED.contains(&key.as_str()) && !self.content.body.contains_key(*key)) {
            operations.push(json!({"op": "remove", "path": format!("/{}", escaped(key))}));
        }
        let metadata = |map: &str| found.get("metadata").and_then(|metadata| metadata.get(map)).filter(|map| !map.is_null());
        let has_annotations = metadata("annotations").is_some();
        let mut missing = Map::new();
        for (key, expected) in CONTENT_ANNOTATIONS.into_iter().zip(&self.content.annotations) {
            let path = format!("/metadata/annotations/{}", escaped(key));
            match (expected, metadata("annotations").and_then(|annotations| annotations.get(key))) {
                (Some(expected), found) if found != Some(expected) && has_annotations => {
                    operations.push(json!({"op": "add", "path": path, "value": expected}));
                }
                (Some(expected), None) => {
                    missing.insert(key.to_owned(), expected.clone());
                }
                (None, Some(_)) => operations.push(json!({"op": "remove", "path": path})),
                _ => {}
            }
        }
        if !missing.is_empty() {
            operations.push(json!({"op": "add", "path": "/metadata/annotations", "value": missing}));
        }
        if is_selected_by_label(&self.resource.resource) && metadata("labels") != self.content.labels.as_ref() {
            operations.push(match &self.content.labels {
                Some(labels) => json!({"op": "add", "path": "/metadata/labels", "value": labels}),
                None => json!({"op": "remove", "path": "/metadata/labels"}),
            });
        }
        operations
    }

    /// Compares the policy with a group, a resource and a name, in the order of a list of policies.
    pub(super) fn compare(&self, group: &str, resource: &str, name: &str) -> Ordering {
        (self.resource.group.as_str(), self.resource.resource.as_str(), self.name.as_str()).cmp(&(group, resource, name))
    }
}

/// Returns a key as a part of a JSON pointer.
fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}
