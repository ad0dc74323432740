//! Reads values: strings, lists, and of maps what verdicts know. `null` is the same as absent.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::fields::DUPLICATE_KEY;
use crate::verdict::annotations;
use crate::verdict::facts::{Annotations, DuplicateKey, Labels, Text};

/// The most labels, groups, owners or finalizers: more than an object can hold that an API server
/// stores, and few enough for the memory of a body made of nothing else.
const MOST_ENTRIES: usize = 200_000;

/// What is said of more.
const TOO_MANY: &str = "has more entries than are judged";

/// Reads a value that may be `null`, which is the same as absent or empty.
pub(super) fn optional<'de, A: MapAccess<'de>, T: Deserialize<'de> + Default>(map: &mut A) -> Result<T, A::Error> {
    Ok(map.next_value::<Option<T>>()?.unwrap_or_default())
}

/// Reads a list that may be `null`.
pub(super) fn list<'de, A: MapAccess<'de>, T: Deserialize<'de>>(map: &mut A) -> Result<Vec<T>, A::Error> {
    map.next_value_seed(List(PhantomData))
}

/// Passes over a value.
pub(super) fn ignore<'de, A: MapAccess<'de>>(map: &mut A) -> Result<(), A::Error> {
    map.next_value::<IgnoredAny>().map(drop)
}

/// Reads a list, or nothing from `null`.
struct List<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for List<T> {
    type Value = Vec<T>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<T>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for List<T> {
    type Value = Vec<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list")
    }

    fn visit_unit<E>(self) -> Result<Vec<T>, E> {
        Ok(Vec::new())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Vec<T>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            if items.len() == MOST_ENTRIES {
                return Err(A::Error::custom(TOO_MANY));
            }
            items.push(item);
        }
        Ok(items)
    }
}

/// Reads a label map.
pub(super) struct LabelMap;

impl<'de> DeserializeSeed<'de> for LabelMap {
    type Value = Labels<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Labels<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for LabelMap {
    type Value = Labels<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a map of strings")
    }

    fn visit_unit<E>(self) -> Result<Labels<'de>, E> {
        Ok(Labels::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Labels<'de>, A::Error> {
        let mut entries: Vec<(Text<'de>, Text<'de>)> = Vec::with_capacity(24);
        while let Some(entry) = map.next_entry()? {
            if entries.len() == MOST_ENTRIES {
                return Err(A::Error::custom(TOO_MANY));
            }
            entries.push(entry);
        }
        Labels::new(entries).map_err(|DuplicateKey| A::Error::custom(DUPLICATE_KEY))
    }
}

/// Reads an annotation map: of it those that verdicts know.
pub(super) struct AnnotationMap;

impl<'de> DeserializeSeed<'de> for AnnotationMap {
    type Value = Annotations<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Annotations<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for AnnotationMap {
    type Value = Annotations<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a map of strings")
    }

    fn visit_unit<E>(self) -> Result<Annotations<'de>, E> {
        Ok(Annotations::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Annotations<'de>, A::Error> {
        let mut known = Annotations::default();
        while let Some(key) = map.next_key_seed(KnownAnnotation)? {
            match key {
                Some(key) => known.insert(key, map.next_value()?).map_err(|DuplicateKey| A::Error::custom(DUPLICATE_KEY))?,
                None => ignore(&mut map)?,
            }
        }
        Ok(known)
    }
}

struct KnownAnnotation;

impl<'de> DeserializeSeed<'de> for KnownAnnotation {
    type Value = Option<&'static str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KnownAnnotation {
    type Value = Option<&'static str>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(annotations::known(key))
    }
}
