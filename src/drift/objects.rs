//! The objects of a snapshot: the parts that a plan reads. Their `Debug` output has no label, because labels contain secrets.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::canon::foreign_kinds::{CONTENT_ANNOTATIONS, is_selected_by_label};
use crate::documents::values::{map, text};
use crate::verdict::annotations::{BREAK_GLASS, MIRROR, REPAIR_PAUSED};
use crate::verdict::facts::PodSpec;

/// A `NetworkPolicy`.
#[derive(Clone, PartialEq)]
pub struct PolicyObject {
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// Its resource version.
    pub version: String,
    /// Whether it has a `deletionTimestamp`.
    pub is_terminating: bool,
    /// Who changed its spec last, if the API server knows.
    pub writer: Option<Writer>,
    /// Its spec, and the metadata that a verdict reads.
    pub(super) content: Value,
}

/// A client that changed the spec of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Writer {
    /// The field manager.
    pub manager: String,
    /// `Apply` or `Update`.
    pub operation: String,
    /// When, as the API server writes it.
    pub time: String,
}

/// A pod.
#[derive(Clone, PartialEq)]
pub struct PodObject {
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// Its resource version.
    pub version: String,
    /// Whether it has a `deletionTimestamp`.
    pub is_terminating: bool,
    /// Whether it is the mirror pod of a static pod, which is never repaired, as `/mutate` never patches it.
    pub is_mirror: bool,
    labels: Labels,
}

/// The labels of a pod. There may be ten thousand pods, so they take little memory, and a copy shares them.
#[derive(Clone, PartialEq)]
enum Labels {
    /// There is no label map.
    Absent,
    /// A value is not a string.
    Unreadable,
    Map(Arc<[(Box<str>, Box<str>)]>),
}

/// What a pod runs, which its metadata does not tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// The uid of the pod.
    pub uid: String,
    /// The service account.
    pub(super) account: String,
    images: BTreeSet<String>,
}

/// A namespace.
#[derive(Clone, PartialEq, Eq)]
pub struct NamespaceObject {
    /// Its name.
    pub name: String,
    /// Whether it has a `deletionTimestamp`.
    pub is_terminating: bool,
    /// The value of the annotation that pauses repair.
    pub(super) paused_until: Option<String>,
    pub(super) labels: Map<String, Value>,
}

/// A foreign policy.
#[derive(Clone, PartialEq)]
pub struct ForeignObject {
    /// Its namespace; empty if it is in none.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its resource version.
    pub version: String,
    /// Whether it has a `deletionTimestamp`.
    pub is_terminating: bool,
    /// Who changed its spec last, if the API server knows.
    pub writer: Option<Writer>,
    /// Its content, and the metadata that a verdict reads; only the metadata if it was read as metadata.
    pub(super) content: Value,
}

fn owned(object: &Value, pointer: &str) -> String {
    text(object, pointer).unwrap_or_default().to_owned()
}

fn is_terminating(object: &Value) -> bool {
    text(object, "/metadata/deletionTimestamp").is_some()
}

/// Returns the metadata of a policy that a verdict reads, without annotations.
fn policy_metadata(object: &Value) -> Map<String, Value> {
    let mut metadata = Map::new();
    metadata.insert("name".to_owned(), owned(object, "/metadata/name").into());
    for list in ["ownerReferences", "finalizers"] {
        if let Some(value) = object.pointer(&format!("/metadata/{list}")) {
            metadata.insert(list.to_owned(), value.clone());
        }
    }
    metadata
}

impl PolicyObject {
    /// Reads a policy of the API.
    pub fn read(object: &Value) -> PolicyObject {
        let mut metadata = policy_metadata(object);
        if let Some(reason) = map(object, "/metadata/annotations").remove(BREAK_GLASS) {
            metadata.insert("annotations".to_owned(), json!({BREAK_GLASS: reason}));
        }
        PolicyObject {
            name: owned(object, "/metadata/name"),
            uid: owned(object, "/metadata/uid"),
            version: owned(object, "/metadata/resourceVersion"),
            is_terminating: is_terminating(object),
            writer: Writer::last(object),
            content: json!({"metadata": metadata, "spec": object.get("spec").cloned().unwrap_or_default()}),
        }
    }

    /// Returns its spec.
    pub fn spec(&self) -> Option<&Value> {
        self.content.get("spec")
    }
}

impl Writer {
    /// Returns the manager of the newest entry of `managedFields` that has fields of the spec.
    fn last(object: &Value) -> Option<Writer> {
        let entries = object.pointer("/metadata/managedFields").and_then(Value::as_array)?;
        let of_spec = entries.iter().filter(|entry| entry.pointer("/fieldsV1/f:spec").is_some());
        // Times of one format are in the order of their texts.
        let newest = of_spec.max_by_key(|entry| text(entry, "/time").unwrap_or_default())?;
        Some(Writer { manager: owned(newest, "/manager"), operation: owned(newest, "/operation"), time: owned(newest, "/time") })
    }
}

impl PodObject {
    /// Reads a pod of the API, or its metadata.
    pub fn read(object: &Value) -> PodObject {
        let mut owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array).into_iter().flatten();
        PodObject {
            name: owned(object, "/metadata/name"),
            uid: owned(object, "/metadata/uid"),
            version: owned(object, "/metadata/resourceVersion"),
            is_terminating: is_terminating(object),
            // Any user can set the annotation, but only a kubelet can create a pod that is owned by its node.
            is_mirror: map(object, "/metadata/annotations").contains_key(MIRROR)
                && owners.any(|owner| text(owner, "/kind") == Some("Node") && text(owner, "/apiVersion") == Some("v1")),
            labels: object.pointer("/metadata/labels").and_then(Value::as_object).map_or(Labels::Absent, Labels::read),
        }
    }

    /// Returns its labels, which contain secrets.
    ///
    /// # Errors
    /// A value is not a string.
    pub fn labels(&self) -> Result<BTreeMap<String, String>, String> {
        let labels = self.labels.all().ok_or_else(|| format!("pod \"{}\" has labels that cannot be read", self.name))?;
        Ok(labels.iter().map(|(key, value)| (String::from(&**key), String::from(&**value))).collect())
    }

    /// Returns whether it has a label map.
    pub(super) fn has_labels(&self) -> bool {
        self.labels != Labels::Absent
    }
}

impl Labels {
    fn read(labels: &Map<String, Value>) -> Labels {
        let label = |(key, value): (&String, &Value)| Some((key.as_str().into(), value.as_str()?.into()));
        labels.iter().map(label).collect::<Option<_>>().map_or(Labels::Unreadable, Labels::Map)
    }

    /// Returns all labels; `None` if they cannot be read.
    fn all(&self) -> Option<&[(Box<str>, Box<str>)]> {
        match self {
            Labels::Absent => Some(&[]),
            Labels::Unreadable => None,
            Labels::Map(labels) => Some(labels),
        }
    }
}

impl Program {
    /// Reads a pod of the API; `None` if it cannot be understood.
    pub fn read(pod: &Value) -> Option<Program> {
        let spec = pod.get("spec")?.to_string();
        let spec: PodSpec<'_> = serde_json::from_str(&spec).ok()?;
        Some(Program {
            uid: text(pod, "/metadata/uid")?.to_owned(),
            account: spec.account().to_owned(),
            images: spec.images().ok()?.iter().map(|image| image.to_string()).collect(),
        })
    }

    /// Returns containers with the same images.
    pub(super) fn containers(&self) -> Vec<Value> {
        self.images.iter().map(|image| json!({"image": image})).collect()
    }
}

impl NamespaceObject {
    /// Returns its labels.
    pub fn labels(&self) -> BTreeMap<String, String> {
        self.labels.iter().filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
    }

    /// Reads a namespace of the API, or its metadata.
    pub fn read(object: &Value) -> NamespaceObject {
        NamespaceObject {
            name: owned(object, "/metadata/name"),
            is_terminating: is_terminating(object),
            paused_until: map(object, "/metadata/annotations").get(REPAIR_PAUSED).and_then(Value::as_str).map(str::to_owned),
            labels: map(object, "/metadata/labels"),
        }
    }

    /// Returns whether another reading of the namespace has the same pause of repair. Labels do not count: a user who changes them
    /// all the time must not hold up repair.
    pub fn has_same_pause(&self, other: &NamespaceObject) -> bool {
        (&self.name, &self.paused_until, self.is_terminating) == (&other.name, &other.paused_until, other.is_terminating)
    }

    /// Returns the value of a label.
    pub(super) fn label(&self, key: &str) -> Option<&str> {
        self.labels.get(key).and_then(Value::as_str)
    }
}

impl ForeignObject {
    /// Reads a foreign policy of the API, or its metadata. `resource` is the plural name of its resource.
    pub fn read(object: &Value, resource: &str) -> ForeignObject {
        let mut metadata = policy_metadata(object);
        let content_annotations = map(object, "/metadata/annotations");
        let kept = content_annotations.into_iter().filter(|(key, _)| key == BREAK_GLASS || CONTENT_ANNOTATIONS.contains(&key.as_str()));
        let kept: Map<String, Value> = kept.collect();
        if !kept.is_empty() {
            metadata.insert("annotations".to_owned(), kept.into());
        }
        if let Some(labels) = object.pointer("/metadata/labels").filter(|_| is_selected_by_label(resource)) {
            metadata.insert("labels".to_owned(), labels.clone());
        }
        let fields = object.as_object().into_iter().flatten().filter(|(key, _)| !["metadata", "status"].contains(&key.as_str()));
        let mut content: Map<String, Value> = fields.map(|(key, value)| (key.clone(), value.clone())).collect();
        content.insert("metadata".to_owned(), metadata.into());
        ForeignObject {
            namespace: owned(object, "/metadata/namespace"),
            name: owned(object, "/metadata/name"),
            version: owned(object, "/metadata/resourceVersion"),
            is_terminating: is_terminating(object),
            writer: Writer::last(object),
            content: content.into(),
        }
    }
}

impl fmt::Debug for PolicyObject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PolicyObject").field("name", &self.name).finish_non_exhaustive()
    }
}

impl fmt::Debug for PodObject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PodObject").field("name", &self.name).finish_non_exhaustive()
    }
}

impl fmt::Debug for ForeignObject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ForeignObject").field("name", &self.name).finish_non_exhaustive()
    }
}

impl fmt::Debug for NamespaceObject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("NamespaceObject").field("name", &self.name).finish_non_exhaustive()
    }
}
