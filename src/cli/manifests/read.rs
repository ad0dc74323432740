//! Parses files into manifests or `AdmissionReview`s.

use anyhow::anyhow;
use serde::Deserialize;
use serde_json::Value;

use super::manifest::{Manifest, Place};
use crate::cli::exit::Failure;
use crate::cli::input::Input;
use crate::documents::reading::{self, Document};

/// The content of a file.
#[derive(Debug)]
pub enum Contents {
    /// The JSON bodies of `AdmissionReview`s.
    Reviews(Vec<Vec<u8>>),
    /// Objects.
    Manifests(Vec<Manifest>),
}

/// Parses a file.
///
/// # Errors
/// Returns every problem in the file, each with its document and field.
pub fn read(input: Input) -> Result<Contents, Failure> {
    let Input { name, bytes } = input;
    // A JSON review is evaluated unchanged, with any errors in it, as the webhook does.
    if serde_json::from_slice::<Peek>(&bytes).is_ok_and(|peek| is_review(peek.kind.as_deref())) {
        return Ok(Contents::Reviews(vec![bytes]));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let line = error.as_bytes().iter().take(error.utf8_error().valid_up_to()).filter(|byte| **byte == b'\n').count() + 1;
        Failure::input(anyhow!("cannot read {name}: line {line} is not UTF-8; manifests are YAML or JSON"))
    })?;
    let documents = reading::read(&name, text).map_err(|error| Failure::input(anyhow!("cannot read {error}")))?;
    if documents.is_empty() {
        return Err(Failure::input(anyhow!("{name} is empty: name a file with manifests or an AdmissionReview")));
    }
    let is_review = |document: &Document| is_review(document.value.get("kind").and_then(Value::as_str));
    match documents.iter().filter(|document| is_review(document)).count() {
        0 => manifests(&name, documents).map(Contents::Manifests),
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
pub fn read_manifests(inputs: Vec<Input>) -> Result<Vec<Manifest>, Failure> {
    let mut manifests = Vec::new();
    for input in inputs {
        let name = input.name.clone();
        match read(input)? {
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

fn manifests(file: &str, documents: Vec<Document>) -> Result<Vec<Manifest>, Failure> {
    let mut manifests = Vec::new();
    let mut problems = Vec::new();
    for document in documents {
        let place = Place { file: file.to_owned(), document: document.number, item: None };
        for (place, object) in objects(place, document.value, &mut problems) {
            match Manifest::new(place.clone(), object) {
                Ok(manifest) => manifests.push(manifest),
                Err(problem) => problems.push(format!("{place}, {problem}")),
            }
        }
    }
    if problems.is_empty() { Ok(manifests) } else { Err(Failure::input(anyhow!("cannot read {}", problems.join("\n  ")))) }
}

/// Returns the objects of a document: the document itself, or its items if it is a list. Items of a typed
/// list (`PodList`) may leave out `kind` and `apiVersion`.
fn objects(place: Place, document: Value, problems: &mut Vec<String>) -> Vec<(Place, Value)> {
    let stated = |field| document.get(field).and_then(Value::as_str).map(str::to_owned);
    let (Some(kind), Some(api_version)) = (stated("kind"), stated("apiVersion")) else { return vec![(place, document)] };
    let Some(item_kind) = kind.strip_suffix("List").filter(|_| document.get("items").is_some()) else { return vec![(place, document)] };
    let Some(Value::Array(items)) = document.get("items").cloned() else {
        problems.push(format!("{place}, items: must be a list"));
        return Vec::new();
    };
    let typed = |mut item: Value| {
        if let (false, Some(fields)) = (item_kind.is_empty(), item.as_object_mut()) {
            fields.entry("kind").or_insert_with(|| item_kind.into());
            fields.entry("apiVersion").or_insert_with(|| api_version.clone().into());
        }
        item
    };
    let at = |(index, item)| (Place { item: Some(index), ..place.clone() }, typed(item));
    items.into_iter().enumerate().map(at).collect()
}
