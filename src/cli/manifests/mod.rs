//! Manifests: what files hold, taken apart into objects.

pub mod created;
mod kinds;
pub mod words;

use std::fmt;

use anyhow::anyhow;
use serde::Deserialize;
use serde_json::Value;

use super::exit::Failure;
use super::input::Input;
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
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}, document {}", self.file, self.document)?;
        self.item.map_or(Ok(()), |index| write!(formatter, ", items[{index}]"))
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
    let text = String::from_utf8(bytes).map_err(|error| {
        let line = error.as_bytes().iter().take(error.utf8_error().valid_up_to()).filter(|byte| **byte == b'\n').count() + 1;
        Failure::input(anyhow!("cannot read {name}: line {line} is not UTF-8; manifests are YAML or JSON"))
    })?;
    let documents = reading::read(&name, text).map_err(|error| Failure::input(anyhow!("cannot read {error}")))?;
    if documents.is_empty() {
        return Err(Failure::input(anyhow!("{name} holds nothing: name a file of manifests or an AdmissionReview")));
    }
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
        let place = Place { file: file.to_owned(), document: document.number, item: None };
        for (place, object) in items(place, document.value, &mut problems) {
            match manifest(place.clone(), object) {
                Ok(manifest) => manifests.push(manifest),
                Err(problem) => problems.push(format!("{place}, {problem}")),
            }
        }
    }
    if problems.is_empty() { Ok(manifests) } else { Err(Failure::input(anyhow!("cannot read {}", problems.join("\n  ")))) }
}

/// The objects of a document: itself, or what is in it where it is a list. The items of a typed list (`PodList`)
/// need not say what they are.
fn items(place: Place, document: Value, problems: &mut Vec<String>) -> Vec<(Place, Value)> {
    let stated = |field| document.get(field).and_then(Value::as_str).map(str::to_owned);
    let (Some(kind), Some(api_version)) = (stated("kind"), stated("apiVersion")) else { return vec![(place, document)] };
    let Some(of) = kind.strip_suffix("List").filter(|_| document.get("items").is_some()) else { return vec![(place, document)] };
    let Some(Value::Array(items)) = document.get("items").cloned() else {
        problems.push(format!("{place}, items: must be a list"));
        return Vec::new();
    };
    let known = |mut item: Value| {
        if let (false, Some(fields)) = (of.is_empty(), item.as_object_mut()) {
            fields.entry("kind").or_insert_with(|| of.into());
            fields.entry("apiVersion").or_insert_with(|| api_version.clone().into());
        }
        item
    };
    let at = |(index, item)| (Place { item: Some(index), ..place.clone() }, known(item));
    items.into_iter().enumerate().map(at).collect()
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
