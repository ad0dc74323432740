//! The result of judging one request.

use super::finding::Finding;

/// The findings about a request, and the changes of its object.
#[derive(Debug, Default)]
pub struct Judgment<'r> {
    /// The findings.
    pub findings: Vec<Finding>,
    /// Changes of the object's labels: only of pods, and only for `/mutate`.
    pub edits: Vec<Edit<'r>>,
}

impl From<Vec<Finding>> for Judgment<'_> {
    fn from(findings: Vec<Finding>) -> Self {
        Judgment { findings, edits: Vec::new() }
    }
}

/// One change of a pod's labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edit<'r> {
    /// Adds the label map, which does not exist yet. Always the first edit.
    MakeMap,
    /// Adds a label that does not exist.
    Add {
        /// The key, under `netpol/`.
        key: &'r str,
        /// The value.
        value: &'r str,
    },
    /// Removes a label that exists.
    Remove {
        /// The key, under `netpol/`.
        key: &'r str,
    },
}
