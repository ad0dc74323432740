//! A value that is checked now and read later.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Visitor};
use serde_json::value::RawValue;

/// The name by which a deserializer recognizes [`Raw`].
pub(crate) const TOKEN: &str = "$json_skim::Raw";

/// The JSON text of one value, borrowed from a larger text. The deserializer has checked the syntax of the
/// whole value.
///
/// [`Reader`](crate::Reader) and `serde_json` can read this type.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Raw<'a>(&'a str);

impl<'a> Raw<'a> {
    /// Returns the JSON text.
    pub fn text(self) -> &'a str {
        self.0
    }
}

impl fmt::Debug for Raw<'_> {
    /// Prints the length in bytes. The text itself may be confidential.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Raw({} bytes)", self.0.len())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Raw<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(TOKEN, RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    /// `Reader` passes the text that it skipped.
    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Raw<'de>, E> {
        Ok(Raw(text))
    }

    /// Any other deserializer passes itself.
    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw<'de>, D::Error> {
        <&RawValue>::deserialize(deserializer).map(|value| Raw(value.get()))
    }
}
