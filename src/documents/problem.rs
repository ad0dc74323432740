//! Problems in documents: what is wrong, with the file, the document, the object and the field.

use std::fmt;

use super::fault::Fault;
use super::file::File;
use super::text;

/// The maximum number of problems that one error lists. The rest are counted.
const MAX_PROBLEMS: usize = 20;

/// The maximum length of a field or message of one problem, in characters.
const MAX_TEXT: usize = 300;

/// One problem in a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file's name in its folder or the path that the user gave, if the problem is about one file.
    pub file: Option<String>,
    /// The number of the document in the file, from 1. Empty documents are not counted.
    pub document: Option<usize>,
    /// The kind and name of the object, as far as they are known: `NetworkPolicy "memcached-rights"`.
    pub object: Option<String>,
    /// The path of the field in the object: `spec.egress[0].ports[1].port`.
    pub field: Option<String>,
    /// What is wrong and what to do: a lowercase sentence without a full stop.
    pub message: String,
}

impl fmt::Display for Problem {
    /// `policies.yaml, document 3 (NetworkPolicy "a"), spec.podSelector: …`
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let document = match (self.document, &self.object) {
            (Some(number), Some(object)) => Some(format!("document {number} ({object})")),
            (Some(number), None) => Some(format!("document {number}")),
            (None, object) => object.clone(),
        };
        let mut separator = "";
        for part in [&self.file, &document, &self.field].into_iter().flatten() {
            write!(formatter, "{separator}{part}")?;
            separator = ", ";
        }
        write!(formatter, "{}{}", if separator.is_empty() { "" } else { ": " }, self.message)
    }
}

/// The place that a problem is about.
#[derive(Debug, Clone, Default)]
pub(crate) struct Place {
    pub(crate) file: Option<String>,
    /// The number of the document in the file, from 1.
    pub(crate) document: Option<usize>,
    /// The kind and name of the object.
    pub(crate) object: Option<String>,
    /// The prefix of the object's fields: `items[3]` for an item of a List, else empty.
    pub(crate) within: String,
}

impl Place {
    /// Returns the place of a document of a file.
    pub(crate) fn of_document(file: &File, number: usize) -> Place {
        Place { file: Some(file.name.clone()), document: Some(number), ..Place::default() }
    }
}

impl fmt::Display for Place {
    /// `policies.yaml, document 3`, for problems that refer to a second place.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.file.as_deref().unwrap_or_default())?;
        if let Some(document) = self.document {
            write!(formatter, ", document {document}")?;
        }
        if !self.within.is_empty() {
            write!(formatter, ", {}", self.within)?;
        }
        Ok(())
    }
}

/// Collects problems.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    problems: Vec<Problem>,
    more: usize,
}

impl Problems {
    /// Adds a problem. `field` is empty if the problem is about the whole object or document.
    pub(crate) fn add(&mut self, place: &Place, field: &str, message: impl Into<String>) {
        if self.problems.len() >= MAX_PROBLEMS {
            self.more += 1;
            return;
        }
        let field = join(&place.within, field);
        self.problems.push(Problem {
            file: place.file.clone(),
            document: place.document,
            object: place.object.clone(),
            field: (!field.is_empty()).then(|| text::one_line(&field, MAX_TEXT)),
            message: text::one_line(&message.into(), MAX_TEXT),
        });
    }

    /// Adds the faults of one object.
    pub(crate) fn add_faults(&mut self, place: &Place, faults: &[Fault]) {
        for fault in faults {
            self.add(place, &fault.field, fault.message.as_str());
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    /// Returns the problems in the order in which they were found, and how many more there were.
    pub(crate) fn into_parts(self) -> (Vec<Problem>, usize) {
        (self.problems, self.more)
    }
}

/// Joins two parts of a field's path. The second part starts with a dot if its root has no name.
fn join(before: &str, field: &str) -> String {
    match (before, field.strip_prefix('.').unwrap_or(field)) {
        ("", field) => field.to_owned(),
        (before, "") => before.to_owned(),
        (before, field) if field.starts_with('[') => format!("{before}{field}"),
        (before, field) => format!("{before}.{field}"),
    }
}
