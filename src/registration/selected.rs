//! Which grants select a pod, as a CEL expression that the API server evaluates with few steps.
//!
//! The expression is a list of what selects the pod. Most selectors list the values of one label, so what these grants give is a
//! constant map from the value to an [`Entry`], which the API server builds once. Any other selector has an item of its own.

use std::collections::{BTreeMap, BTreeSet};

use super::conditions::{literal, matches};
use crate::canon::Grant;

/// What one or more grants with the same selector give to a pod.
#[derive(Debug, Clone, Default)]
struct Entry<'g> {
    labels: BTreeMap<&'g str, &'g str>,
    /// What is said of the pod, for the terms of the condition: `identity 0`.
    is: BTreeSet<String>,
}

impl Entry<'_> {
    /// Returns whether an entry can be both: they agree on the labels, and say different things.
    fn fits(&self, other: &Self) -> bool {
        self.is.iter().filter(|tag| tag.starts_with(IDENTITY)).all(|tag| !other.is.contains(tag))
            && self.labels.iter().all(|(key, value)| other.labels.get(key).is_none_or(|given| given == value))
    }

    /// All values of a map in CEL have one type, so `is` is a map too.
    fn expression(&self) -> String {
        let labels = self.labels.iter().map(|(key, value)| (*key, literal(value)));
        let is = self.is.iter().map(|tag| (tag.as_str(), literal("")));
        format!(r#"{{"labels": {}, "is": {}}}"#, map(labels), map(is))
    }
}

/// The start of the tags that an exclusive grant gives: one for each canon. An item has each of them at most once.
const IDENTITY: &str = "identity ";

/// The grants, in the order of their selectors.
#[derive(Debug, Default)]
pub(super) struct Selected<'g> {
    /// From the key of a label to tables: from its value to what is given. Grants whose entries cannot be one are in several tables.
    tables: BTreeMap<&'g str, Vec<BTreeMap<&'g str, Entry<'g>>>>,
    /// From the expression of another selector to what is given.
    others: BTreeMap<String, Vec<Entry<'g>>>,
}

impl<'g> Selected<'g> {
    /// Adds a grant. `identity` is the number of its canon if it is exclusive.
    pub(super) fn add(&mut self, grant: &'g Grant, identity: Option<usize>, mut is: BTreeSet<String>) {
        is.extend(identity.map(tag_of_identity));
        let labels = grant.labels.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        let entry = Entry { labels, is };
        if grant.selector.is_empty() {
            return;
        }
        match values_of_one_label(grant) {
            Some((key, values)) => {
                for value in values {
                    add_to_table(self.tables.entry(key).or_default(), value, &entry);
                }
            }
            None => add_to_list(self.others.entry(matches(&grant.selector, "labels")).or_default(), entry),
        }
    }

    /// Returns the list of what selects a pod with the labels `labels`: at most one item for each table and each other selector.
    pub(super) fn expression(&self) -> String {
        let tables = self.tables.iter().flat_map(|(key, tables)| {
            tables.iter().map(move |table| {
                let entries = map(table.iter().map(|(value, entry)| (*value, entry.expression())));
                format!(r#"?{entries}[?labels[?{}].orValue("")]"#, literal(key))
            })
        });
        let others = self.others.iter().flat_map(|(selects, entries)| {
            entries.iter().map(move |entry| format!("?({selects} ? optional.of({}) : optional.none())", entry.expression()))
        });
        format!("[{}]", tables.chain(others).collect::<Vec<_>>().join(", "))
    }
}

/// Returns the expression that an item of the list `selected` has a tag.
pub(super) fn has(tag: &str) -> String {
    format!("selected.exists(each, {} in each.is)", literal(tag))
}

/// Returns the expression that exclusive grants select the pod: at least one, and at most one of each of the canons.
pub(super) fn one_identity(canons: usize) -> String {
    let in_each = |canon: usize| format!("{} in each.is", literal(&tag_of_identity(canon)));
    if canons == 1 {
        return format!("selected.exists_one(each, {})", in_each(0));
    }
    let any: Vec<String> = (0..canons).map(in_each).collect();
    let at_most_one = (0..canons).map(|canon| format!("selected.filter(each, {}).size() <= 1", in_each(canon)));
    let terms = std::iter::once(format!("selected.exists(each, {})", any.join(" || "))).chain(at_most_one);
    terms.collect::<Vec<_>>().join(" && ")
}

fn tag_of_identity(canon: usize) -> String {
    format!("{IDENTITY}{canon}")
}

/// Returns the label and its values if the selector is just that. An absent label is looked up as an empty value, so that one is
/// not among them.
fn values_of_one_label(grant: &Grant) -> Option<(&str, Vec<&str>)> {
    let key = grant.selector.keys().next().filter(|_| grant.selector.keys().count() == 1)?;
    let values: Vec<&str> = grant.selector.required_values(key)?.collect();
    (!values.contains(&"")).then_some((key, values))
}

fn add_to_table<'g>(tables: &mut Vec<BTreeMap<&'g str, Entry<'g>>>, value: &'g str, entry: &Entry<'g>) {
    for table in tables.iter_mut() {
        let found = table.entry(value).or_default();
        if found.fits(entry) {
            merge(found, entry.clone());
            return;
        }
    }
    tables.push(BTreeMap::from([(value, entry.clone())]));
}

fn add_to_list<'g>(entries: &mut Vec<Entry<'g>>, entry: Entry<'g>) {
    match entries.iter_mut().find(|found| found.fits(&entry)) {
        Some(found) => merge(found, entry),
        None => entries.push(entry),
    }
}

fn merge<'g>(found: &mut Entry<'g>, entry: Entry<'g>) {
    found.labels.extend(entry.labels);
    found.is.extend(entry.is);
}

/// Returns a CEL map with string keys.
fn map<'k>(entries: impl Iterator<Item = (&'k str, String)>) -> String {
    let entries: Vec<String> = entries.map(|(key, value)| format!("{}: {value}", literal(key))).collect();
    format!("{{{}}}", entries.join(", "))
}
