//! A label map.

use super::Text;
use crate::canon::CAPABILITY_PREFIX;

/// Labels, sorted by key, every key once.
#[derive(Debug, Default, PartialEq)]
pub struct Labels<'a> {
    entries: Vec<(Text<'a>, Text<'a>)>,
    stated: bool,
}

/// A key that stands twice in one map.
#[derive(Debug, PartialEq, Eq)]
pub struct DuplicateKey;

impl<'a> Labels<'a> {
    /// Sorts a map as it was written. [`Labels::default`] is a map that is not there.
    ///
    /// # Errors
    /// A key stands there twice: readers disagree on which value counts.
    pub fn new(mut entries: Vec<(Text<'a>, Text<'a>)>) -> Result<Self, DuplicateKey> {
        // The API server writes maps in order of their keys.
        if !entries.is_sorted_by(|(left, _), (right, _)| left < right) {
            entries.sort_unstable_by(|(left, _), (right, _)| left.cmp(right));
            if entries.windows(2).any(|pair| matches!(pair, [(left, _), (right, _)] if left == right)) {
                return Err(DuplicateKey);
            }
        }
        Ok(Labels { entries, stated: true })
    }

    /// Answers whether the map is there: a patch of one that is not must make it first.
    pub fn is_stated(&self) -> bool {
        self.stated
    }

    /// Answers the value under a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        let position = self.entries.binary_search_by(|(name, _)| (**name).cmp(key)).ok()?;
        self.entries.get(position).map(|(_, value)| &**value)
    }

    /// The keys and values, in order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.iter().map(|(key, value)| (&**key, &**value))
    }

    /// Those under `netpol/`.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn labels<'a>(entries: &[(&'a str, &'a str)]) -> Result<Labels<'a>, DuplicateKey> {
        Labels::new(entries.iter().map(|(key, value)| (Text::from(*key), Text::from(*value))).collect())
    }

    #[test]
    fn a_map_in_any_order_is_found_by_key() {
        let labels = labels(&[("type", "x11server"), ("netpol/ocuser", "true"), ("app", "")]).unwrap();
        assert_eq!(labels.get("netpol/ocuser"), Some("true"));
        assert_eq!(labels.get("app"), Some(""));
        assert_eq!(labels.get("run"), None);
        assert!(labels.is_stated() && !Labels::default().is_stated());
    }

    #[test]
    fn a_key_twice_is_refused_in_any_order() {
        assert_eq!(labels(&[("a", "1"), ("a", "1")]).unwrap_err(), DuplicateKey);
        assert_eq!(labels(&[("b", "1"), ("a", "1"), ("b", "2")]).unwrap_err(), DuplicateKey);
    }

    #[test]
    fn capabilities_are_the_keys_under_the_prefix_and_no_others() {
        let labels = labels(&[("netpol.x", "1"), ("netpol/", "2"), ("netpol/dns", "true"), ("netpol0", "3"), ("netpols/x", "4")]).unwrap();
        assert_eq!(labels.capabilities().collect::<Vec<_>>(), [("netpol/", "2"), ("netpol/dns", "true")]);
    }
}
