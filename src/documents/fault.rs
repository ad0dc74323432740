//! Faults of fields, and the functions that read fields and report them.

use std::fmt;

use super::node::{MAX_NODES, Node};
use super::text;

/// What is wrong with a field of a policy, a selector or a grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The path of the field: `spec.egress[0].ports[1].port`.
    pub field: String,
    /// The kind of fault.
    pub kind: FaultKind,
    /// What is wrong and what to do: a lowercase sentence without the field.
    pub message: String,
}

/// Kinds of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// The field cannot have a value of this JSON type, so the object cannot be understood.
    WrongType,
    /// The field is unknown. It may have an effect that the canon does not know.
    UnknownField,
    /// The API server's validation rejects the value.
    Invalid,
    /// Parsers disagree about the value: leading zeros in a CIDR, an IPv4-mapped IPv6 CIDR.
    Ambiguous,
    /// The object has more values than [`MAX_NODES`], so nothing about it is proven.
    TooLarge,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.field, self.message)
    }
}

/// The maximum number of faults that are reported for one object. A hostile object has thousands.
const MAX_FAULTS: usize = 32;

/// Collects the faults of one object.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    found: Vec<Fault>,
}

impl Faults {
    pub(crate) fn add(&mut self, field: &Path<'_>, kind: FaultKind, message: impl Into<String>) {
        if self.found.len() < MAX_FAULTS {
            self.found.push(Fault { field: field.to_string(), kind, message: message.into() });
        }
    }

    /// Returns `value` if there is no fault, or else the faults.
    pub(crate) fn into_result<T>(self, value: T) -> Result<T, Vec<Fault>> {
        if self.found.is_empty() { Ok(value) } else { Err(self.found) }
    }

    /// Checks that `node` is a map, and that `known` lists all of its keys. Returns the map.
    pub(crate) fn map<'n>(&mut self, node: &'n Node<'n>, field: &Path<'_>, known: &[&str]) -> Option<&'n Node<'n>> {
        let Node::Object(entries) = node else {
            self.wrong_type(node, field, "a map");
            return None;
        };
        for (key, _) in entries {
            if !known.contains(&key.as_ref()) {
                let known = known.join(", ");
                self.add(&field.key(key), FaultKind::UnknownField, format!("unknown field; the known fields are {known}"));
            }
        }
        Some(node)
    }

    /// Returns the items of a list. A missing field and `null` are an empty list (`semantics.md` rule 4).
    pub(crate) fn list<'n>(&mut self, parent: &'n Node<'n>, key: &str, field: &Path<'_>) -> &'n [Node<'n>] {
        match parent.get(key) {
            None => &[],
            Some(Node::Array(items)) => items,
            Some(other) => {
                self.wrong_type(other, &field.key(key), "a list");
                &[]
            }
        }
    }

    /// Returns a string, or `None` if the field is missing or `null`.
    pub(crate) fn string<'n>(&mut self, parent: &'n Node<'n>, key: &str, field: &Path<'_>) -> Option<&'n str> {
        let node = parent.get(key)?;
        let text = node.as_str();
        if text.is_none() {
            self.wrong_type(node, &field.key(key), "a string");
        }
        text
    }

    pub(crate) fn wrong_type(&mut self, node: &Node<'_>, field: &Path<'_>, expected: &str) {
        if matches!(node, Node::Unread) {
            return self.add(field, FaultKind::TooLarge, format!("the object has more than {MAX_NODES} values; split it"));
        }
        self.add(field, FaultKind::WrongType, format!("must be {expected}, not {}", node.type_name()));
    }
}

/// The path of a field. The text is built only when a fault is reported.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Path<'p> {
    Root(&'p str),
    Key(&'p Path<'p>, &'p str),
    Index(&'p Path<'p>, usize),
}

impl<'p> Path<'p> {
    pub(crate) fn key(&'p self, key: &'p str) -> Path<'p> {
        Path::Key(self, key)
    }

    pub(crate) fn index(&'p self, index: usize) -> Path<'p> {
        Path::Index(self, index)
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Root(name) => formatter.write_str(name),
            Path::Key(parent, key) => {
                let plain = key.chars().all(|letter| letter.is_ascii_alphanumeric());
                let key = text::key(key);
                if plain { write!(formatter, "{parent}.{key}") } else { write!(formatter, "{parent}[\"{key}\"]") }
            }
            Path::Index(parent, index) => write!(formatter, "{parent}[{index}]"),
        }
    }
}
