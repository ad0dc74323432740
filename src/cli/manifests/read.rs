//! Parses files into manifests or `AdmissionReview`s.

use anyhow::anyhow;
use serde::Deserialize;
use serde_json::Value;

use super::manifest::{Manifest, Place};
use crate::cli::exit::Failure;
use crate::cli::input::{Input, STDIN, display_name};
use crate::documents::encoding;
use crate::documents::reading::{self, Document};
use crate::verdict::foreign::GivenKind;

/// The content of a file.
#[derive(Debug)]
pub enum Contents {
    /// The JSON bodies of `AdmissionReview`s.
    Reviews(Vec<Vec<u8>>),
    /// Objects.
    Manifests(Vec<Manifest>),
}

/// Parses a file. `given` are the foreign policy kinds that a flag adds.
///
/// # Errors
/// Returns every problem in the file, each with its document and field.
pub fn read(input: Input, given: &[GivenKind]) -> Result<Contents, Failure> {
    let Input { name, bytes } = input;
    // A JSON review is evaluated unchanged, with any errors in it, as the webhook does.
    if serde_json::from_slice::<Peek>(&bytes).is_ok_and(|peek| is_review(peek.kind.as_deref())) {
        return Ok(Contents::Reviews(vec![bytes]));
    }
    let text = encoding::decode(bytes).map_err(|fault| Failure::input(anyhow!("cannot read {name}: {fault}")))?;
    // If the command before a pipe fails, it writes nothing. Without this error its failure would look like success.
    if name == display_name(STDIN) && text.trim().is_empty() {
        return Err(Failure::input(anyhow!("standard input is empty: check the command that writes to it")));
    }
    let documents = reading::read(&name, text).map_err(|error| Failure::input(anyhow!("cannot read {error}")))?;
    let is_review = |document: &Document| is_review(document.value.get("kind").and_then(Value::as_str));
    match documents.iter().filter(|document| is_review(document)).count() {
        0 => manifests(&name, documents, given).map(Contents::Manifests),
        reviews if reviews == documents.len() => {
            let bodies = documents.iter().map(|document| serde_json::to_vec(&document.value)).collect::<Result<_, _>>();
            bodies.map(Contents::Reviews).map_err(Failure::internal)
        }
        _ => Err(Failure::input(anyhow!("{name} contains AdmissionReviews and manifests: put them into separate files"))),
    }
}

/// Parses files that must contain only manifests.
///
/// # Errors
/// Returns the errors of [`read`], or the first file that contains an `AdmissionReview`.
pub fn read_manifests(inputs: Vec<Input>, given: &[GivenKind]) -> Result<Vec<Manifest>, Failure> {
    let mut manifests = Vec::new();
    for input in inputs {
        let name = input.name.clone();
        match read(input, given)? {
            Contents::Manifests(found) => manifests.extend(found),
            Contents::Reviews(_) => {
                return Err(Failure::input(anyhow!("{name} contains an AdmissionReview: use netpol review")));
            }
        }
    }
    Ok(manifests)
}

/// The field that tells a review from a manifest.
#[derive(Deserialize)]
struct Peek {
    kind: Option<String>,
}

fn is_review(kind: Option<&str>) -> bool {
    kind == Some("AdmissionReview")
}

fn manifests(file: &str, documents: Vec<Document>, given: &[GivenKind]) -> Result<Vec<Manifest>, Failure> {
    let mut manifests = Vec::new();
    let mut problems = Vec::new();
    for document in documents {
        let place = Place { file: file.to_owned(), document: document.number, line: document.line, item: None, nested: Vec::new() };
        let mut objects = Vec::new();
        flatten(place, document.value, &mut objects, &mut problems);
        for (place, object) in objects {
            match Manifest::new(place.clone(), object, given) {
                Ok(manifest) => manifests.push(manifest),
                Err(problem) => problems.push(format!("{place}, {problem}")),
            }
        }
    }
    if problems.is_empty() { Ok(manifests) } else { Err(Failure::input(anyhow!("cannot read {}", problems.join("\n  ")))) }
}

/// Adds the objects of a document to `objects`: the document itself, or the items of a list. `kubectl` reads every
/// object with `items` as a list, and kustomize also applies the items of nested lists. Items of a typed list
/// (`PodList`) may omit `kind` and `apiVersion`.
fn flatten(place: Place, mut object: Value, objects: &mut Vec<(Place, Value)>, problems: &mut Vec<String>) {
    let text = |object: &Value, field| object.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (kind, api_version) = (text(&object, "kind"), text(&object, "apiVersion"));
    let is_typed = !kind.is_empty() && !api_version.is_empty();
    let items = match object.as_object_mut().filter(|_| is_typed).and_then(|fields| fields.remove("items")) {
        Some(Value::Array(items)) => items,
        Some(Value::Null) => Vec::new(),
        Some(_) => return problems.push(format!("{place}, items: must be a list")),
        None if kind == "List" && api_version == "v1" => Vec::new(),
        None => return objects.push((place, object)),
    };
    let is_list_kind = kind.ends_with("List");
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
    // For an object of another kind, some programs apply its items and others apply the object: check both.
    if !is_list_kind {
        objects.push((place, object));
    }
}
