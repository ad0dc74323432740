//! One object of a manifest file.

use std::fmt;

use serde_json::Value;

use super::kinds::Resource;
use crate::verdict::foreign::GivenKind;

/// The place of an object in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The name of the file in messages.
    pub file: String,
    /// The number of the document in the file, from 1.
    pub document: usize,
    /// The line of the file where the document starts, from 1.
    pub line: usize,
    /// The index in `items`, if the document is a list.
    pub item: Option<usize>,
    /// The indexes in the `items` of the lists in that list, the outermost first.
    pub nested: Vec<usize>,
}

impl Place {
    /// Returns the place of an item of the list at this place.
    pub(super) fn of_item(&self, index: usize) -> Place {
        let mut place = self.clone();
        match place.item {
            None => place.item = Some(index),
            Some(_) => place.nested.push(index),
        }
        place
    }
}

impl fmt::Display for Place {
    /// `pods.yaml, document 3, items[2]`, or `pods.yaml, document 3, items[2].items[0]` in a nested list
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}, document {}", self.file, self.document)?;
        for (level, index) in self.item.iter().chain(&self.nested).enumerate() {
            write!(formatter, "{}items[{index}]", if level == 0 { ", " } else { "." })?;
        }
        Ok(())
    }
}

/// An object and its place.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// The place of the object.
    pub place: Place,
    /// The API group; empty for the core group.
    pub group: String,
    /// The API version, without the group.
    pub version: String,
    /// The kind.
    pub kind: String,
    /// The resource that the API uses for the kind.
    pub resource: Resource,
    /// The namespace in `metadata`.
    pub namespace: Option<String>,
    /// The whole object.
    pub object: Value,
}

impl Manifest {
    /// Returns a manifest for an object.
    ///
    /// # Errors
    /// Returns the first field that is missing or wrong, with the reason.
    pub(super) fn new(place: Place, object: Value, given: &[GivenKind]) -> Result<Manifest, String> {
        if !object.is_object() {
            return Err("must be a map with apiVersion, kind and metadata".to_owned());
        }
        let required = |field: &str| match object.get(field) {
            Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
            Some(Value::Null) | None => Err(format!("{field}: is missing")),
            Some(_) => Err(format!("{field}: must be a string that is not empty")),
        };
        let (api_version, kind) = (required("apiVersion")?, required("kind")?);
        let (group, version) = api_version.split_once('/').unwrap_or(("", &api_version));
        let metadata = object.get("metadata").unwrap_or(&Value::Null);
        let optional = |name: &str| match metadata.get(name) {
            Some(Value::String(text)) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
            Some(Value::Null) | None => Ok(None),
            Some(_) => Err(format!("metadata.{name}: must be a string")),
        };
        let namespace = optional("namespace")?;
        let resource = Resource::of(group, &kind, namespace.is_some(), given);
        if resource.is_judged() && optional("name")?.is_none() && optional("generateName")?.is_none() {
            return Err("metadata.name: is missing".to_owned());
        }
        let (group, version) = (group.to_owned(), version.to_owned());
        Ok(Manifest { place, group, version, kind, resource, namespace, object })
    }

    /// Returns the name of the object, or its `generateName` if it has no name yet.
    pub fn name(&self) -> &str {
        let stated = |field| self.object.get("metadata")?.get(field)?.as_str().filter(|name| !name.is_empty());
        stated("name").or_else(|| stated("generateName")).unwrap_or_default()
    }

    /// Returns the kind as audit lines state it: `Pod`, `NetworkPolicy.networking.k8s.io`.
    pub fn qualified_kind(&self) -> String {
        if self.group.is_empty() { self.kind.clone() } else { format!("{}.{}", self.kind, self.group) }
    }

    /// Returns the name by which kubectl finds the resource of a policy.
    pub fn kubectl_resource(&self) -> String {
        if self.is_network_policy() { "networkpolicy".to_owned() } else { format!("{}.{}", self.resource.plural, self.group) }
    }

    /// Returns whether the object is a `NetworkPolicy`.
    pub fn is_network_policy(&self) -> bool {
        self.group == "networking.k8s.io" && self.kind == "NetworkPolicy"
    }
}
