//! The interface of label maps, independent of how they are stored.

use std::collections::BTreeMap;

/// The labels of an object, without duplicate keys.
pub trait Labels {
    /// Returns the value of a key.
    fn value(&self, key: &str) -> Option<&str>;

    /// Iterates over the keys and values, in any order.
    fn pairs(&self) -> impl Iterator<Item = (&str, &str)>;
}

impl Labels for BTreeMap<String, String> {
    fn value(&self, key: &str) -> Option<&str> {
        self.get(key).map(String::as_str)
    }

    fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }
}

/// Looks a key up by linear search, for the few labels that a pod has.
impl<K: AsRef<str>, V: AsRef<str>> Labels for [(K, V)] {
    fn value(&self, key: &str) -> Option<&str> {
        self.iter().find(|(name, _)| name.as_ref() == key).map(|(_, value)| value.as_ref())
    }

    fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.iter().map(|(key, value)| (key.as_ref(), value.as_ref()))
    }
}
