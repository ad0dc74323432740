//! What the canon needs of a label map, however its owner stores it.

use std::collections::BTreeMap;

/// The labels of an object: every key once.
pub trait Labels {
    /// Answers the value under a key.
    fn value(&self, key: &str) -> Option<&str>;

    /// Iterates over keys and values, in any order.
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

/// Looks a key up from the front: for the handful of labels that a pod has.
impl<K: AsRef<str>, V: AsRef<str>> Labels for [(K, V)] {
    fn value(&self, key: &str) -> Option<&str> {
        self.iter().find(|(name, _)| name.as_ref() == key).map(|(_, value)| value.as_ref())
    }

    fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.iter().map(|(key, value)| (key.as_ref(), value.as_ref()))
    }
}
