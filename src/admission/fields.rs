//! Reads some fields of a map, and passes over the rest without keeping it.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

/// What is filled in from a map.
pub(super) trait Fields<'de> {
    /// The fields that are read: at most 32.
    const NAMES: &'static [&'static str];

    /// Reads the value of one of them, of which each comes at most once.
    fn read<A: MapAccess<'de>>(&mut self, name: &'static str, map: &mut A, trail: &Trail) -> Result<(), A::Error>;
}

/// The way to the field that is being read: where it stands still when reading fails, the fault is.
#[derive(Debug, Default)]
pub(super) struct Trail {
    depth: Cell<usize>,
    names: [Cell<&'static str>; 8],
}

impl Trail {
    fn enter(&self, name: &'static str) {
        let depth = self.depth.get();
        if let Some(slot) = self.names.get(depth) {
            slot.set(name);
        }
        self.depth.set(depth + 1);
    }

    fn leave(&self) {
        self.depth.set(self.depth.get().saturating_sub(1));
    }
}

impl fmt::Display for Trail {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, name) in self.names.iter().take(self.depth.get()).enumerate() {
            if position > 0 {
                formatter.write_str(".")?;
            }
            formatter.write_str(name.get())?;
        }
        Ok(())
    }
}

/// Reads a map into its fields; answers whether there was one, or `null`.
pub(super) struct Map<'r, F> {
    pub(super) fields: &'r mut F,
    pub(super) trail: &'r Trail,
}

impl<'de, F: Fields<'de>> DeserializeSeed<'de> for Map<'_, F> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, F: Fields<'de>> Visitor<'de> for Map<'_, F> {
    type Value = bool;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a map")
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let mut seen = 0u32;
        while let Some(known) = map.next_key_seed(Known(F::NAMES))? {
            let Some((bit, name)) = known else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            self.trail.enter(name);
            if seen & bit != 0 {
                return Err(A::Error::custom(DUPLICATE_KEY));
            }
            seen |= bit;
            self.fields.read(name, &mut map, self.trail)?;
            self.trail.leave();
        }
        Ok(true)
    }
}

/// What is said where a map has a key twice: readers disagree on which value counts.
pub(super) const DUPLICATE_KEY: &str = "stands there twice";

/// Reads a key; answers its bit and its name where it is one of these. Keys are compared as bytes, so
/// that one which is no UTF-8 hides nothing of its neighbors.
struct Known(&'static [&'static str]);

impl<'de> DeserializeSeed<'de> for Known {
    type Value = Option<(u32, &'static str)>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_bytes(self)
    }
}

impl Visitor<'_> for Known {
    type Value = Option<(u32, &'static str)>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        self.visit_bytes(key.as_bytes())
    }

    fn visit_bytes<E>(self, key: &[u8]) -> Result<Self::Value, E> {
        Ok((0..).zip(self.0).find(|(_, name)| name.as_bytes() == key).map(|(position, name)| (1 << position, *name)))
    }
}
