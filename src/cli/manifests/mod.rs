//! Manifests: what files hold, taken apart into objects.

pub mod created;
mod kinds;
pub mod words;

use std::fmt;

use anyhow::anyhow;
use serde::Deserialize;
use serde_json::Value;

use super::exit::Failure;
use super::input::{Input, STDIN, called};
use crate::documents::encoding;
use crate::documents::reading::{self, Document};
pub use kinds::Resource;

/// Where an object stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file, as messages call it.
    pub file: String,
    /// The document in it, from 1.
    pub document: usize,
    /// The index in its `items`, where the document is a list.
    pub item: Option<usize>,
    /// The indexes in the `items` of the lists in that list, the outermost first.
    pub nested: Vec<usize>,
}

impl Place {
    /// Returns the place of an item of the list at this place.
    fn of_item(&self, index: usize) -> Place {
        let mut place = self.clone();
        match place.item {
            None => place.item = Some(index),
            Some(_) => place.nested.push(index),
        }
        place
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}, document {}", self.file, self.document)?;
        for (level, index) in self.item.iter().chain(&self.nested).enumerate() {
            write!(formatter, "{}items[{index}]", if level == 0 { ", " } else { "." })?;
        }
        Ok(())
    }
}

/// One object.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// Where it stands.
    pub place: Place,
    /// The group of its API; empty for the core group.
    pub group: String,
    /// The version of its API.
    pub version: String,
    /// Its kind.
    pub kind: String,
    /// What the API calls objects of that kind.
    pub resource: Resource,
    /// The namespace that it states.
    pub namespace: Option<String>,
    /// Itself.
    pub object: Value,
}

impl Manifest {
    /// Its name, or its `generateName` where it has none yet.
    pub fn name(&self) -> &str {
        let stated = |field| self.object.get("metadata")?.get(field)?.as_str().filter(|name| !name.is_empty());
        stated("name").or_else(|| stated("generateName")).unwrap_or_default()
    }

    /// Its kind as audit lines state it: `Pod`, `NetworkPolicy.networking.k8s.io`.
    pub fn qualified_kind(&self) -> String {
        if self.group.is_empty() { self.kind.clone() } else { format!("{}.{}", self.kind, self.group) }
    }

    /// Answers whether it is a `NetworkPolicy`.
    pub fn is_network_policy(&self) -> bool {
        self.group == "networking.k8s.io" && self.kind == "NetworkPolicy"
    }
}

/// What a file holds.
#[derive(Debug)]
pub enum Contents {
    /// Bodies of `AdmissionReview`s, as they are sent.
    Reviews(Vec<Vec<u8>>),
    /// Objects.
    Manifests(Vec<Manifest>),
}

/// Takes a file apart.
///
/// # Errors
/// Everything that cannot be read in it, each with document and field.
pub fn read(input: Input) -> Result<Contents, Failure> {
    let Input { name, bytes } = input;
    // A review that is JSON goes to the judges as it is, whatever is wrong inside of it.
    if serde_json::from_slice::<Peek>(&bytes).is_ok_and(|peek| is_review(peek.kind.as_deref())) {
        return Ok(Contents::Reviews(vec![bytes]));
    }
    let text = encoding::decode(bytes).map_err(|fault| Failure::input(anyhow!("cannot read {name}: {fault}")))?;
    // A command before the pipe that failed writes nothing. Without this error its failure would look like success.
    if name == called(STDIN) && text.trim().is_empty() {
        return Err(Failure::input(anyhow!("standard input is empty; check the command that writes to it")));
    }
    let documents = reading::read(&name, text).map_err(|error| Failure::input(anyhow!("cannot read {error}")))?;
    let is_review = |document: &Document| is_review(document.value.get("kind").and_then(Value::as_str));
    match documents.iter().filter(|document| is_review(document)).count() {
        0 => manifests(&name, documents).map(Contents::Manifests),
        reviews if reviews == documents.len() => {
            let bodies = documents.iter().map(|document| serde_json::to_vec(&document.value)).collect::<Result<_, _>>();
            bodies.map(Contents::Reviews).map_err(Failure::ours)
        }
        _ => Err(Failure::input(anyhow!("{name} holds AdmissionReviews and manifests: put them into files of their own"))),
    }
}

/// Takes files apart that may hold manifests only.
///
/// # Errors
/// Those of [`read`], and the first file that holds an `AdmissionReview`.
pub fn read_manifests(inputs: Vec<Input>) -> Result<Vec<Manifest>, Failure> {
    let mut manifests = Vec::new();
    for input in inputs {
        let name = input.name.clone();
        match read(input)? {
            Contents::Manifests(found) => manifests.extend(found),
            Contents::Reviews(_) => {
                return Err(Failure::input(anyhow!("{name} holds an AdmissionReview: netpol review judges those")));
            }
        }
    }
    Ok(manifests)
}

#[derive(Deserialize)]
struct Peek {
    kind: Option<String>,
}

fn is_review(kind: Option<&str>) -> bool {
    kind == Some("AdmissionReview")
}

fn manifests(file: &str, documents: Vec<Document>) -> Result<Vec<Manifest>, Failure> {
    let mut manifests = Vec::new();
    let mut problems = Vec::new();
    for document in documents {
        let place = Place { file: file.to_owned(), document: document.number, item: None, nested: Vec::new() };
        let mut objects = Vec::new();
        flatten(place, document.value, &mut objects, &mut problems);
        for (place, object) in objects {
            match manifest(place.clone(), object) {
                Ok(manifest) => manifests.push(manifest),
                Err(problem) => problems.push(format!("{place}, {problem}")),
            }
        }
    }
    if problems.is_empty() { Ok(manifests) } else { Err(Failure::input(anyhow!("cannot read {}", problems.join("\n  ")))) }
}

/// Adds the objects of a document: the document itself, or the items of a list. `kubectl` takes every object with
/// `items` for a list, and kustomize also applies what is in a list in a list. The items of a typed list
/// (`PodList`) may omit kind and API version.
fn flatten(place: Place, mut object: Value, objects: &mut Vec<(Place, Value)>, problems: &mut Vec<String>) {
    let text = |object: &Value, field| object.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (kind, api_version) = (text(&object, "kind"), text(&object, "apiVersion"));
    let is_list = !kind.is_empty() && !api_version.is_empty();
    let items = match object.as_object_mut().filter(|_| is_list).and_then(|fields| fields.remove("items")) {
        Some(Value::Array(items)) => items,
        Some(Value::Null) => Vec::new(),
        Some(_) => return problems.push(format!("{place}, items: must be a list")),
        None if kind == "List" && api_version == "v1" => Vec::new(),
        None => return objects.push((place, object)),
    };
    let is_plain_list = kind.ends_with("List");
    let item_kind = kind.strip_suffix("List").unwrap_or(&kind);
    for (index, mut item) in items.into_iter().enumerate() {
        if let Some(fields) = item.as_object_mut().filter(|_| !item_kind.is_empty())
            && !["kind", "apiVersion"].iter().any(|field| fields.get(*field).is_some_and(|value| !value.is_null()))
        {
            fields.insert("kind".to_owned(), item_kind.into());
            fields.insert("apiVersion".to_owned(), api_version.as_str().into());
        }
        flatten(place.of_item(index), item, objects, problems);
    }
    // Some programs apply the items of an object of another kind, others the object.
    if !is_plain_list {
        objects.push((place, object));
    }
}

fn manifest(place: Place, object: Value) -> Result<Manifest, String> {
    if !object.is_object() {
        return Err("must be a map with apiVersion, kind and metadata".to_owned());
    }
    let stated = |field: &str| match object.get(field) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
        Some(Value::Null) | None => Err(format!("{field}: is missing")),
        Some(_) => Err(format!("{field}: must be a string that is not empty")),
    };
    let (api_version, kind) = (stated("apiVersion")?, stated("kind")?);
    let (group, version) = api_version.split_once('/').unwrap_or(("", &api_version));
    let resource = Resource::of(group, &kind);
    let metadata = object.get("metadata").unwrap_or(&Value::Null);
    let field = |name: &str| match metadata.get(name) {
        Some(Value::String(text)) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
        Some(Value::Null) | None => Ok(None),
        Some(_) => Err(format!("metadata.{name}: must be a string")),
    };
    let namespace = field("namespace")?;
    if resource.is_judged() && field("name")?.is_none() && field("generateName")?.is_none() {
        return Err("metadata.name: is missing".to_owned());
    }
    let (group, version) = (group.to_owned(), version.to_owned());
    Ok(Manifest { place, group, version, kind, resource, namespace, object })
}
