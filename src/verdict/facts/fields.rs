//! How `serde` reads fields of Kubernetes objects: `null` means the same as a missing field, a struct is a map and
//! never a list, and a list has a bounded number of items.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::documents::node::Node;

/// The maximum number of labels, groups, owner references or finalizers. An API server stores fewer, and the memory
/// for a body that consists of nothing else stays small.
pub const MAX_ENTRIES: usize = 200_000;

/// The error for a longer list or map.
pub const TOO_MANY: &str = "has too many entries to check";

/// The error for a key that a map has twice. Parsers disagree about which value counts.
pub const DUPLICATE_KEY: &str = "duplicate key";

/// A struct that is read from a map. A derived `Deserialize` alone also accepts a list of the field values.
#[derive(Debug, PartialEq)]
pub struct Map<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Map<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MapVisitor(PhantomData))
    }
}

struct MapVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for MapVisitor<T> {
    type Value = Map<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Map<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Map)
    }
}

/// Reads a value that is not a struct. `null` gives the default.
///
/// # Errors
/// The value has another type.
pub fn value<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Reads a struct from a map. `null` gives the default.
///
/// # Errors
/// The value is not a map, or a field is wrong.
pub fn map<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::<Map<T>>::deserialize(deserializer)?.map(|Map(value)| value).unwrap_or_default())
}

/// Reads a struct from a map, or `None` from `null`.
///
/// # Errors
/// The value is not a map, or a field is wrong.
pub fn optional_map<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Ok(Option::<Map<T>>::deserialize(deserializer)?.map(|Map(value)| value))
}

/// Reads the metadata of an object, which must have them.
///
/// # Errors
/// The value is `null` or not a map, or a field is wrong.
pub fn metadata<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    optional_map(deserializer)?.ok_or_else(|| D::Error::missing_field("metadata"))
}

/// Reads a list of values that are not structs. `null` gives an empty list.
///
/// # Errors
/// The value is not a list, an item is wrong, or there are more than [`MAX_ENTRIES`] items.
pub fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    deserializer.deserialize_any(ListVisitor::<T, T>(|item| item, PhantomData))
}

/// Reads a list of structs, each from a map. `null` gives an empty list.
///
/// # Errors
/// The value is not a list, an item is wrong, or there are more than [`MAX_ENTRIES`] items.
pub fn maps<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    deserializer.deserialize_any(ListVisitor::<Map<T>, T>(|Map(item)| item, PhantomData))
}

/// Reads items of type `I` into a list of `T`.
struct ListVisitor<I, T>(fn(I) -> T, PhantomData<(I, T)>);

impl<'de, I: Deserialize<'de>, T> Visitor<'de> for ListVisitor<I, T> {
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
            if items.len() == MAX_ENTRIES {
                return Err(A::Error::custom(TOO_MANY));
            }
            items.push(self.0(item));
        }
        Ok(items)
    }
}

/// Returns whether a field has a value other than `null`.
///
/// # Errors
/// The value is not JSON.
pub fn is_present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Option::<IgnoredAny>::deserialize(deserializer).map(|value| value.is_some())
}

/// Returns the value of a missing field that is read as a tree.
pub fn null<'a>() -> Node<'a> {
    Node::Null
}
