//! How a policy is written.

use serde_json::{Value, json};

use crate::analysis::lint::ANNOTATION;
use crate::cli::manifests::Place;

/// How a policy is written.
#[derive(Debug, Clone, Default)]
pub(crate) struct Written {
    /// Its place in a file.
    pub(crate) place: Option<Place>,
    /// Its annotation that names findings of `netpol lint` to be ignored.
    pub(crate) lint_ignore: Option<String>,
    /// Its manifest without what has no meaning for it: other metadata can hold secrets.
    pub(crate) manifest: Value,
}

impl Written {
    /// Reads an object that is in `namespace`.
    pub(super) fn new(object: &Value, namespace: &str, place: Option<Place>) -> Written {
        let annotation = object.get("metadata").and_then(|metadata| metadata.get("annotations")?.get(ANNOTATION)?.as_str());
        let mut metadata = json!({"name": object.pointer("/metadata/name"), "namespace": namespace});
        if let (Some(annotation), Some(metadata)) = (annotation, metadata.as_object_mut()) {
            metadata.insert("annotations".to_owned(), json!({ANNOTATION: annotation}));
        }
        let mut manifest = json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata});
        if let (Some(spec), Some(manifest)) = (object.get("spec"), manifest.as_object_mut()) {
            manifest.insert("spec".to_owned(), spec.clone());
        }
        Written { place, lint_ignore: annotation.map(str::to_owned), manifest }
    }
}
