//! The annotations that a verdict reads.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use super::fields::{self, DUPLICATE_KEY};
use super::labels::Labels;
use crate::documents::node::Node;
use crate::verdict::annotations::{BREAK_GLASS, known};
use crate::verdict::text::Text;

/// The annotations of an object whose keys [`known`] lists. All others are ignored, unless a flag adds keys.
#[derive(Debug, Default, PartialEq)]
pub struct Annotations<'a> {
    known: Vec<(&'static str, Text<'a>)>,
    /// All annotations; empty unless a flag adds keys.
    all: Labels<'a>,
}

impl<'a> Annotations<'a> {
    /// Returns the annotations of an object that was read as a whole, without those that a flag adds.
    ///
    /// # Errors
    /// They are not a map, or the value of a known key is not a string.
    pub(super) fn of(map: Option<&'a Node<'_>>) -> Result<Annotations<'a>, &'static str> {
        const FIELD: &str = "metadata.annotations";
        let fields = match map {
            None => &[][..],
            Some(Node::Object(fields)) => fields,
            Some(_) => return Err(FIELD),
        };
        let mut annotations = Annotations::default();
        for (key, value) in fields {
            if let Some(key) = known(key) {
                annotations.known.push((key, value.as_str().map(Text::from).ok_or(FIELD)?));
            }
        }
        Ok(annotations)
    }
}

impl Annotations<'_> {
    /// Returns the value of a known key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.known.iter().find(|(name, _)| *name == key).map(|(_, value)| &**value)
    }

    /// Returns the value of a key that a flag adds.
    pub fn get_given(&self, key: &str) -> Option<&str> {
        self.all.get(key)
    }

    /// Returns the value of the break-glass annotation: the user's reason.
    pub fn break_glass(&self) -> Option<&str> {
        self.get(BREAK_GLASS)
    }
}

/// An object whose annotations a verdict reads.
pub trait WithAnnotations<'a> {
    /// Returns its annotations.
    fn annotations(&mut self) -> &mut Annotations<'a>;

    /// Adds all annotations of the object.
    fn add_annotations(&mut self, object: Annotated<'a>) {
        self.annotations().all = object.metadata.annotations;
    }
}

/// An object of any kind with all of its annotations.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Annotated<'a> {
    #[serde(borrow, deserialize_with = "fields::map")]
    metadata: AnnotatedMetadata<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct AnnotatedMetadata<'a> {
    #[serde(borrow, deserialize_with = "fields::value")]
    annotations: Labels<'a>,
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
            annotations.known.push((key, map.next_value()?));
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
