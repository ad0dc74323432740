//! Problems in documents: what is wrong, and in which file, document, object and field.

use std::fmt;

use super::fault::Fault;

/// The most problems that one error lists; the rest are counted.
const MAX_PROBLEMS: usize = 20;

/// The longest text of a document or library that one problem repeats, in characters.
const MAX_TEXT: usize = 300;

/// One problem in a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file, as far as it is about one: its name in the folder, or the path that was asked for.
    pub file: Option<String>,
    /// The number of the document in the file, from 1; empty documents do not count.
    pub document: Option<usize>,
    /// Kind and name of the object, as far as they are known: `NetworkPolicy "memcached-rights"`.
    pub object: Option<String>,
    /// Where in the object: `spec.egress[0].ports[1].port`.
    pub field: Option<String>,
    /// What is wrong, and what to do: a lower-case sentence without a full stop.
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

/// Where something stands that may be wrong.
#[derive(Debug, Clone, Default)]
pub(crate) struct Place {
    pub(crate) file: Option<String>,
    pub(crate) document: Option<usize>,
    /// Kind and name.
    pub(crate) object: Option<String>,
    /// What stands before a field of the object: `items[3]` where it is one of a list.
    pub(crate) within: String,
}

impl fmt::Display for Place {
    /// `policies.yaml, document 3`, for problems that point at another place.
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

/// What was found wrong so far.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    problems: Vec<Problem>,
    more: usize,
}

impl Problems {
    /// Notes a problem; `field` is empty where it is about the whole.
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
            field: (!field.is_empty()).then(|| cut(&field)),
            message: cut(&message.into()),
        });
    }

    /// Adds the faults of one object.
    pub(crate) fn add_faults(&mut self, place: &Place, faults: &[Fault]) {
        for fault in faults {
            self.add(place, &fault.field, fault.message.as_str());
        }
    }

    pub(crate) fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }

    /// The problems in the order in which they were found, and how many more there were.
    pub(crate) fn into_parts(self) -> (Vec<Problem>, usize) {
        (self.problems, self.more)
    }
}

/// Joins two parts of a field's path; the second may begin with the dot that follows a root without a name.
fn join(before: &str, field: &str) -> String {
    match (before, field.strip_prefix('.').unwrap_or(field)) {
        ("", field) => field.to_owned(),
        (before, "") => before.to_owned(),
        (before, field) if field.starts_with('[') => format!("{before}{field}"),
        (before, field) => format!("{before}.{field}"),
    }
}

/// Cuts a text that a document may have made long, and keeps it on one line.
fn cut(text: &str) -> String {
    let mut short: String = text.chars().take(MAX_TEXT).map(|character| if character.is_control() { ' ' } else { character }).collect();
    if text.chars().nth(MAX_TEXT).is_some() {
        short.push('…');
    }
    short
}
