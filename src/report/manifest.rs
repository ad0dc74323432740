//! A policy as the page shows it.

use serde_json::{Value, json};

use crate::analysis::lint::ANNOTATION;

/// Returns the manifest of a policy without what has no meaning for it: other metadata can hold secrets. `lint_ignore` is its annotation
/// that names findings to be ignored.
pub fn manifest(namespace: &str, name: Option<&str>, lint_ignore: Option<&str>, spec: Option<&Value>) -> Value {
    let mut metadata = json!({"name": name, "namespace": namespace});
    if let (Some(annotation), Some(metadata)) = (lint_ignore, metadata.as_object_mut()) {
        metadata.insert("annotations".to_owned(), json!({ANNOTATION: annotation}));
    }
    let mut manifest = json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata});
    if let (Some(spec), Some(manifest)) = (spec, manifest.as_object_mut()) {
        manifest.insert("spec".to_owned(), spec.clone());
    }
    manifest
}
