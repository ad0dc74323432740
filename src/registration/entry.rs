//! What grants give to a pod, in CEL expressions.

use std::collections::{BTreeMap, BTreeSet};

use super::conditions::{list, literal};
use crate::canon::CAPABILITY_PREFIX;

/// The labels of the pod. The condition reads them only if there are some.
pub(super) const LABELS: &str = "object.metadata.labels";

/// What one or more grants with the same selector give to a pod.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Entry<'g> {
    pub(super) labels: BTreeMap<&'g str, &'g str>,
    /// What is said of the pod, for the terms of the condition: `identity 0`.
    pub(super) is: BTreeSet<String>,
}

impl<'g> Entry<'g> {
    /// Adds another entry that fits.
    pub(super) fn merge(&mut self, other: Entry<'g>) {
        self.labels.extend(other.labels);
        self.is.extend(other.is);
    }

    /// Returns whether an entry can be both: they agree on the labels, and say different things.
    pub(super) fn fits(&self, other: &Self) -> bool {
        self.is.iter().filter(|tag| tag.starts_with(IDENTITY)).all(|tag| !other.is.contains(tag))
            && self.labels.iter().all(|(key, value)| other.labels.get(key).is_none_or(|given| given == value))
    }

    /// Returns the expressions that the labels of the pod under `netpol/` are those of the entry.
    pub(super) fn exact(&self) -> Vec<String> {
        // An absent label is looked up as another value.
        let has = |(key, value): (&&str, &&str)| {
            let absent = if value.is_empty() { "-" } else { "" };
            format!("{LABELS}[?{}].orValue({}) == {}", literal(key), literal(absent), literal(value))
        };
        let prefix = literal(CAPABILITY_PREFIX);
        let or_given = if self.labels.is_empty() { String::new() } else { format!(" || key in {}", list(self.labels.keys().copied())) };
        let no_other = format!("{LABELS}.all(key, !key.startsWith({prefix}){or_given})");
        self.labels.iter().map(has).chain([no_other]).collect()
    }

    /// Returns the map of the entry. All values of a map in CEL have one type, so `is` is a map too.
    pub(super) fn expression(&self) -> String {
        let labels = self.labels.iter().map(|(key, value)| (*key, literal(value)));
        let is = self.is.iter().map(|tag| (tag.as_str(), literal("")));
        format!(r#"{{"labels": {}, "is": {}}}"#, map(labels), map(is))
    }
}

/// The start of the tags that an exclusive grant gives: one for each canon. An item has each of them at most once.
const IDENTITY: &str = "identity ";

/// Returns the tag that an exclusive grant gives.
pub(super) fn tag_of_identity(canon: usize) -> String {
    format!("{IDENTITY}{canon}")
}

/// Returns a CEL map with string keys.
pub(super) fn map<'k>(entries: impl Iterator<Item = (&'k str, String)>) -> String {
    let entries: Vec<String> = entries.map(|(key, value)| format!("{}: {value}", literal(key))).collect();
    format!("{{{}}}", entries.join(", "))
}
