//! Which grants select a pod, as a CEL expression that the API server evaluates with few steps.
//!
//! Most selectors list the values of one label, so what these grants give is a table from the value to an [`Entry`]. Any other selector has
//! an item of its own. If only one item can select a pod that is plainly right, the expression names the labels of each item (`named`).
//! Otherwise it is a list of what selects the pod, in which a table is a constant map, which the API server builds once.

use std::collections::{BTreeMap, BTreeSet};

use super::conditions::{literal, matches};
use super::entry::{Entry, LABELS, map, tag_of_identity};
use super::named::{Item, Named};
use crate::canon::{CAPABILITY_PREFIX, Grant};

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
        match values_of_one_label(grant) {
            Some((key, values)) => {
                for value in values {
                    add_to_table(self.tables.entry(key).or_default(), value, &entry);
                }
            }
            None => add_to_list(self.others.entry(matches(&grant.selector, LABELS)).or_default(), entry),
        }
    }

    /// Returns the expression that exclusive grants select a pod with labels, at least one and at most one of each of the canons, that its
    /// labels under `netpol/` are those that all grants give, and that `limits` are kept. These get the expression that a grant with a tag
    /// selects the pod.
    pub(super) fn plainly_right(&self, canons: usize, limits: impl Fn(&dyn Fn(&str) -> String) -> Option<String>) -> String {
        let and = |limits: Option<String>| limits.map(|limits| format!(" && {limits}")).unwrap_or_default();
        let named = self.named();
        // If each item is an identity of one canon, two of them are two identities.
        let only = Some(&named).filter(|named| canons == 1 && named.all_have(&tag_of_identity(0))).and_then(Named::only_one_gives);
        if let Some(only) = only {
            return format!("({only}){}", and(limits(&|tag| named.has(tag))));
        }
        // A list of one item binds a name: match conditions have no variables.
        let listed = |tag: &str| format!("selected.exists(each, {} in each.is)", literal(tag));
        format!("[{}].exists(selected, {} && {}{})", self.list(), one_identity(canons), exactly_the_granted(), and(limits(&listed)))
    }

    /// Returns the expression that no grant selects a pod with labels, or that it lacks a label of one that does; `None` if it would be
    /// long.
    pub(super) fn lacks_labels(&self) -> Option<String> {
        self.named().lacks_labels()
    }

    fn named(&self) -> Named<'_, 'g> {
        let tables = self.tables.iter().flat_map(|(key, tables)| tables.iter().map(|table| Item::table(key, table)));
        let others = self.others.iter().flat_map(|(selects, entries)| entries.iter().map(|entry| Item::other(selects, entry)));
        Named::new(tables.chain(others).collect())
    }

    /// Returns the list of what selects a pod: at most one item for each table and each other selector.
    fn list(&self) -> String {
        let tables = self.tables.iter().flat_map(|(key, tables)| {
            tables.iter().map(move |table| {
                let entries = map(table.iter().map(|(value, entry)| (*value, entry.expression())));
                format!(r#"?{entries}[?{LABELS}[?{}].orValue("")]"#, literal(key))
            })
        });
        let others = self.others.iter().flat_map(|(selects, entries)| {
            entries.iter().map(move |entry| format!("?({selects} ? optional.of({}) : optional.none())", entry.expression()))
        });
        format!("[{}]", tables.chain(others).collect::<Vec<_>>().join(", "))
    }
}

/// Returns the expression that exclusive grants select the pod: at least one, and at most one of each of the canons.
fn one_identity(canons: usize) -> String {
    let in_each = |canon: usize| format!("{} in each.is", literal(&tag_of_identity(canon)));
    if canons == 1 {
        return format!("selected.exists_one(each, {})", in_each(0));
    }
    let any: Vec<String> = (0..canons).map(in_each).collect();
    let at_most_one = (0..canons).map(|canon| format!("selected.filter(each, {}).size() <= 1", in_each(canon)));
    let terms = std::iter::once(format!("selected.exists(each, {})", any.join(" || "))).chain(at_most_one);
    terms.collect::<Vec<_>>().join(" && ")
}

/// The labels under `netpol/` are those that what selects the pod gives.
fn exactly_the_granted() -> String {
    let prefix = literal(CAPABILITY_PREFIX);
    format!(
        "selected.all(each, each.labels.all(key, key in {LABELS} && {LABELS}[key] == each.labels[key])) \
         && {LABELS}.all(key, !key.startsWith({prefix}) || selected.exists(each, key in each.labels))"
    )
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
            found.merge(entry.clone());
            return;
        }
    }
    tables.push(BTreeMap::from([(value, entry.clone())]));
}

fn add_to_list<'g>(entries: &mut Vec<Entry<'g>>, entry: Entry<'g>) {
    match entries.iter_mut().find(|found| found.fits(&entry)) {
        Some(found) => found.merge(entry),
        None => entries.push(entry),
    }
}
