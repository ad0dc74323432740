//! Names and numbers of objects in messages.

use std::fmt;

use super::manifest::Manifest;
use crate::documents::text::escaped;

/// The maximum length of a name in Kubernetes, in characters. Longer text from a file is cut.
const MAX_NAME: usize = 253;

/// Returns text from a file so that it can be printed to a terminal: cut, with control characters escaped.
pub fn printable(text: &str) -> String {
    escaped(text, MAX_NAME)
}

/// The kind and the name of an object: `NetworkPolicy "memcached-rights"`.
#[derive(Debug, Clone, Copy)]
pub struct KindAndName<'m>(pub &'m Manifest);

impl fmt::Display for KindAndName<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let KindAndName(manifest) = self;
        write!(formatter, "{} \"{}\"", printable(&manifest.kind), printable(manifest.name()))
    }
}

/// A number with its noun: `1 policy`, `2 policies`.
#[derive(Debug, Clone, Copy)]
pub struct Count(pub usize, pub &'static str);

impl fmt::Display for Count {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Count(number, noun) = self;
        match (*number, noun.strip_suffix('y')) {
            (1, _) => write!(formatter, "1 {noun}"),
            (number, Some(stem)) => write!(formatter, "{number} {stem}ies"),
            (number, None) => write!(formatter, "{number} {noun}s"),
        }
    }
}
