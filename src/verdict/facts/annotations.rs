//! The annotations that a verdict reads.

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use super::fields::DUPLICATE_KEY;
use crate::verdict::annotations::{BREAK_GLASS, known};
use crate::verdict::text::Text;

/// The annotations of an object whose keys [`known`] lists. All others are ignored.
#[derive(Debug, Default, PartialEq)]
pub struct Annotations<'a>(Vec<(&'static str, Text<'a>)>);

impl Annotations<'_> {
    /// Returns the value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| *name == key).map(|(_, value)| &**value)
    }

    /// Returns the value of the break-glass annotation: the user's reason.
    pub fn break_glass(&self) -> Option<&str> {
        self.get(BREAK_GLASS)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Annotations<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(AnnotationsVisitor)
    }
}

struct AnnotationsVisitor;

impl<'de> Visitor<'de> for AnnotationsVisitor {
    type Value = Annotations<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a map of strings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Annotations<'de>, A::Error> {
        let mut annotations = Annotations::default();
        while let Some(key) = map.next_key_seed(KnownKey)? {
            let Some(key) = key else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            if annotations.get(key).is_some() {
                return Err(A::Error::custom(DUPLICATE_KEY));
            }
            annotations.0.push((key, map.next_value()?));
        }
        Ok(annotations)
    }
}

/// Reads a key without keeping it. Returns `None` for a key that no verdict reads.
struct KnownKey;

impl<'de> DeserializeSeed<'de> for KnownKey {
    type Value = Option<&'static str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KnownKey {
    type Value = Option<&'static str>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(known(key))
    }
}
