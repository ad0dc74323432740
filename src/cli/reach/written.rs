//! How a policy is written, as far as it has no effect on its meaning.

use serde_json::Value;

use crate::analysis::lint::ANNOTATION;
use crate::cli::manifests::Place;

/// How a policy is written, as far as it has no effect on its meaning.
#[derive(Debug, Clone, Default)]
pub(crate) struct Written {
    /// Its place in a file.
    pub(crate) place: Option<Place>,
    /// Its annotation that names findings of `netpol lint` to be ignored.
    pub(crate) lint_ignore: Option<String>,
}

impl Written {
    /// Reads the annotation of an object.
    pub(super) fn new(object: &Value, place: Option<Place>) -> Written {
        let annotation = object.get("metadata").and_then(|metadata| metadata.get("annotations")?.get(ANNOTATION)?.as_str());
        Written { place, lint_ignore: annotation.map(str::to_owned) }
    }
}
