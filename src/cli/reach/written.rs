//! How a policy is written.

use serde_json::Value;

use crate::analysis::lint::ANNOTATION;
use crate::cli::manifests::Place;
use crate::report::manifest;

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
        let name = object.pointer("/metadata/name").and_then(Value::as_str);
        let manifest = manifest(namespace, name, annotation, object.get("spec"));
        Written { place, lint_ignore: annotation.map(str::to_owned), manifest }
    }
}
