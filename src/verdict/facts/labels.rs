//! A label map.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

use super::fields::{DUPLICATE_KEY, MAX_ENTRIES, TOO_MANY};
use crate::canon::CAPABILITY_PREFIX;
use crate::verdict::text::Text;

/// More labels than most objects have.
const MANY: usize = 24;

/// Labels in order of their keys. Each key occurs once.
#[derive(Debug, Default, PartialEq)]
pub struct Labels<'a> {
    entries: Vec<(Text<'a>, Text<'a>)>,
    is_present: bool,
}

/// A map has the same key twice.
#[derive(Debug, PartialEq, Eq)]
pub struct DuplicateKey;

impl<'a> Labels<'a> {
    /// Sorts the entries of a map. [`Labels::default`] is a missing map.
    ///
    /// # Errors
    /// A key occurs twice. Parsers disagree about which value counts.
    pub fn new(mut entries: Vec<(Text<'a>, Text<'a>)>) -> Result<Self, DuplicateKey> {
        // The API server writes maps in order of their keys.
        if !entries.is_sorted_by(|(left, _), (right, _)| left < right) {
            entries.sort_unstable_by(|(left, _), (right, _)| left.cmp(right));
            if entries.windows(2).any(|pair| matches!(pair, [(left, _), (right, _)] if left == right)) {
                return Err(DuplicateKey);
            }
        }
        Ok(Labels { entries, is_present: true })
    }

    /// Returns whether the map exists. A patch must add a missing map first.
    pub fn is_present(&self) -> bool {
        self.is_present
    }

    /// Returns the value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        let position = self.entries.binary_search_by(|(name, _)| (**name).cmp(key)).ok()?;
        self.entries.get(position).map(|(_, value)| &**value)
    }

    /// Returns the keys and values, in order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.iter().map(|(key, value)| (&**key, &**value))
    }

    /// Returns the capability labels, in order of their keys.
    pub fn capabilities(&self) -> impl Iterator<Item = (&str, &str)> {
        let start = self.entries.partition_point(|(key, _)| &**key < CAPABILITY_PREFIX);
        let rest = self.entries.get(start..).unwrap_or_default();
        rest.iter().map(|(key, value)| (&**key, &**value)).take_while(|(key, _)| key.starts_with(CAPABILITY_PREFIX))
    }
}

impl crate::canon::Labels for Labels<'_> {
    fn value(&self, key: &str) -> Option<&str> {
        self.get(key)
    }

    fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.iter()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Labels<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(LabelsVisitor)
    }
}

struct LabelsVisitor;

impl<'de> Visitor<'de> for LabelsVisitor {
    type Value = Labels<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a map of strings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Labels<'de>, A::Error> {
        let mut entries: Vec<(Text<'de>, Text<'de>)> = Vec::with_capacity(MANY);
        while let Some(entry) = map.next_entry()? {
            if entries.len() == MAX_ENTRIES {
                return Err(A::Error::custom(TOO_MANY));
            }
            entries.push(entry);
        }
        Labels::new(entries).map_err(|DuplicateKey| A::Error::custom(DUPLICATE_KEY))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels<'a>(entries: &[(&'a str, &'a str)]) -> Result<Labels<'a>, DuplicateKey> {
        Labels::new(entries.iter().map(|(key, value)| (Text::from(*key), Text::from(*value))).collect())
    }

    #[test]
    fn labels_in_any_order_are_found_by_key() {
        let labels = labels(&[("type", "x11server"), ("netpol/ocuser", "true"), ("app", "")]).unwrap();
        assert_eq!(labels.get("netpol/ocuser"), Some("true"));
        assert_eq!(labels.get("app"), Some(""));
        assert_eq!(labels.get("run"), None);
        assert!(labels.is_present() && !Labels::default().is_present());
    }

    #[test]
    fn a_duplicate_key_is_rejected_in_any_order() {
        assert_eq!(labels(&[("a", "1"), ("a", "1")]).unwrap_err(), DuplicateKey);
        assert_eq!(labels(&[("b", "1"), ("a", "1"), ("b", "2")]).unwrap_err(), DuplicateKey);
    }

    #[test]
    fn capabilities_are_exactly_the_keys_under_the_prefix() {
        let labels = labels(&[("netpol.x", "1"), ("netpol/", "2"), ("netpol/dns", "true"), ("netpol0", "3"), ("netpols/x", "4")]).unwrap();
        assert_eq!(labels.capabilities().collect::<Vec<_>>(), [("netpol/", "2"), ("netpol/dns", "true")]);
    }
}
