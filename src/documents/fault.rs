//! What can be wrong with a policy or a selector, and the reading of fields that finds it.

use std::fmt;

use super::MAX_KEY;
use super::node::Node;

/// What is wrong with a policy or selector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where: `spec.egress[0].ports[1].port`.
    pub field: String,
    /// What kind of fault.
    pub kind: FaultKind,
    /// What is wrong, and what to write instead: a lower-case sentence without its field.
    pub message: String,
}

/// Kinds of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// A value of a JSON type that the field cannot have: the object cannot be understood.
    WrongType,
    /// A field that is not known: whatever it means, the canon does not say it.
    UnknownField,
    /// A value that the API's validation refuses.
    Invalid,
    /// A spelling that readers take differently: leading zeros in a CIDR, an IPv4-mapped block.
    Ambiguous,
    /// More than is judged ([`MAX_NODES`](super::node::MAX_NODES)): not proven to be anything.
    TooLarge,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.field, self.message)
    }
}

/// How many faults of one object are told; a hostile object has thousands.
const MAX_FAULTS: usize = 32;

/// Collects faults.
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

    /// The value, unless there was a fault.
    pub(crate) fn or<T>(self, value: T) -> Result<T, Vec<Fault>> {
        if self.found.is_empty() { Ok(value) } else { Err(self.found) }
    }

    /// The entries of a map, every key of which must be in `known`.
    pub(crate) fn map<'n>(&mut self, node: &'n Node<'n>, field: &Path<'_>, known: &[&str]) -> Option<&'n Node<'n>> {
        let Node::Object(entries) = node else {
            self.wrong_type(node, field, "a map");
            return None;
        };
        for (key, _) in entries {
            if !known.contains(&key.as_ref()) {
                let known = known.join(", ");
                self.add(&field.key(key), FaultKind::UnknownField, format!("unknown field; the fields known here are {known}"));
            }
        }
        Some(node)
    }

    /// The items of a list; none where the field is missing or `null` (rule 4).
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

    /// A string; `None` where the field is missing or `null`.
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
            return self.add(field, FaultKind::TooLarge, "the policy has more values than are judged: split it");
        }
        self.add(field, FaultKind::WrongType, format!("must be {expected}, not {}", node.type_name()));
    }
}

/// The path of a field, spelled out only where a fault is told.
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
                let cut: String = key.chars().take(MAX_KEY).flat_map(char::escape_debug).collect();
                let plain = key.chars().all(|letter| letter.is_ascii_alphanumeric());
                if plain { write!(formatter, "{parent}.{cut}") } else { write!(formatter, "{parent}[\"{cut}\"]") }
            }
            Path::Index(parent, index) => write!(formatter, "{parent}[{index}]"),
        }
    }
}
