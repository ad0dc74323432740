//! Words about objects, for people.

use std::fmt;

use super::Manifest;

/// The most characters of one name that are shown: as long as a name in Kubernetes can be.
const LONGEST: usize = 253;

/// A text out of a file, for a terminal: bounded, and without control characters.
#[derive(Debug, Clone, Copy)]
pub struct Plain<'t>(pub &'t str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut characters = self.0.chars();
        for character in characters.by_ref().take(LONGEST) {
            fmt::Write::write_char(formatter, if character.is_control() { char::REPLACEMENT_CHARACTER } else { character })?;
        }
        if characters.next().is_some() { formatter.write_str("…") } else { Ok(()) }
    }
}

/// Kind and name of an object: `NetworkPolicy "memcached-rights"`.
#[derive(Debug, Clone, Copy)]
pub struct Named<'m>(pub &'m Manifest);

impl fmt::Display for Named<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Named(manifest) = self;
        write!(formatter, "{} \"{}\"", Plain(&manifest.kind), Plain(manifest.name()))
    }
}

/// A number of things.
#[derive(Debug, Clone, Copy)]
pub struct Count(pub usize, pub &'static str);

impl fmt::Display for Count {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Count(number, what) = self;
        match (*number, what.strip_suffix('y')) {
            (1, _) => write!(formatter, "1 {what}"),
            (number, Some(stem)) => write!(formatter, "{number} {stem}ies"),
            (number, None) => write!(formatter, "{number} {what}s"),
        }
    }
}
