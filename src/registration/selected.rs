//! Which grants select a pod, as a CEL expression that the API server evaluates with few steps.
//!
//! Most selectors list the values of one label, so what these grants give is a table from the value to an [`Entry`]. Any other selector has
//! an item of its own. If at most one item can select a pod that is plainly right, the expression names the labels of each item. Otherwise
//! it is a list of what selects the pod, in which a table is a constant map, which the API server builds once.

use std::collections::{BTreeMap, BTreeSet};

use super::conditions::{list, literal, matches};
use crate::canon::{CAPABILITY_PREFIX, Grant};

/// The most items of an expression that names the labels of each: it compares every two of them.
const MAX_ITEMS: usize = 8;

/// The length of the longest of these in bytes. In a table, the API server finds one of many entries faster.
const MAX_NAMED: usize = 16 * 1024;

/// The labels of the pod. The condition reads them only if there are some.
pub(super) const LABELS: &str = "object.metadata.labels";

/// What one or more grants with the same selector give to a pod.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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

    /// Returns the expressions that the labels of the pod under `netpol/` are those of the entry.
    fn exact(&self) -> Vec<String> {
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
        let items = self.items();
        // Then two items would be two identities.
        let all_identify = items.iter().flat_map(|item| &item.gives).all(|(_, entry)| entry.is.contains(&tag_of_identity(0)));
        if canons == 1 && all_identify && items.len() <= MAX_ITEMS {
            let named = by_one(&items);
            if named.len() <= MAX_NAMED {
                return format!("({named}){}", and(limits(&|tag| one_has(&items, tag))));
            }
        }
        // A list of one item binds a name: match conditions have no variables.
        let listed = |tag: &str| format!("selected.exists(each, {} in each.is)", literal(tag));
        format!("[{}].exists(selected, {} && {}{})", self.list(), one_identity(canons), exactly_the_granted(), and(limits(&listed)))
    }

    /// Returns the expression that no grant selects a pod with labels, or that it lacks a label of one that does; `None` if it would be
    /// long.
    pub(super) fn lacks_labels(&self) -> Option<String> {
        let items = self.items();
        let selects: Vec<String> = items.iter().filter_map(|item| item.gives(|_| true)).collect();
        let lacks = items.iter().flat_map(|item| item.gives.iter().map(move |(_, given)| (item, *given))).filter_map(|(item, given)| {
            let has: Vec<String> = given.labels.keys().map(|key| format!("{} in {LABELS}", literal(key))).collect();
            let selects = item.gives(|entry| entry == given).filter(|_| !has.is_empty())?;
            Some(format!("({selects} && !({}))", has.join(" && ")))
        });
        let expression = [format!("!({})", selects.join(" || "))].into_iter().chain(lacks).collect::<Vec<_>>().join(" || ");
        (expression.len() <= MAX_NAMED).then_some(expression)
    }

    /// Returns the items, those with few entries first.
    fn items(&self) -> Vec<Item<'_, 'g>> {
        let mut items: Vec<Item<'_, 'g>> = Vec::new();
        for (key, table) in self.tables.iter().flat_map(|(key, tables)| tables.iter().map(move |table| (*key, table))) {
            let mut gives: Vec<(Vec<&str>, &Entry<'g>)> = Vec::new();
            for (value, entry) in table {
                match gives.iter_mut().find(|(_, known)| *known == entry) {
                    Some((values, _)) => values.push(value),
                    None => gives.push((vec![value], entry)),
                }
            }
            items.push(Item { selects: Selects::Label(key), gives });
        }
        let others = self.others.iter().flat_map(|(selects, entries)| entries.iter().map(move |entry| (selects, entry)));
        items.extend(others.map(|(selects, entry)| Item { selects: Selects::Other(selects), gives: vec![(Vec::new(), entry)] }));
        items.sort_by_key(|item| item.gives.len());
        items
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

/// What selects a pod at most once: a table, or another selector.
struct Item<'s, 'g> {
    selects: Selects<'s>,
    /// What is given, with the values of the label.
    gives: Vec<(Vec<&'s str>, &'s Entry<'g>)>,
}

enum Selects<'s> {
    /// The key of a label.
    Label(&'s str),
    /// The expression of a selector.
    Other(&'s str),
}

impl Item<'_, '_> {
    /// Returns the expression that the item selects the pod and gives one of some entries.
    fn gives(&self, is: impl Fn(&Entry<'_>) -> bool) -> Option<String> {
        let found = self.gives.iter().filter(|(_, entry)| is(entry));
        let values: BTreeSet<&str> = found.clone().flat_map(|(values, _)| values.iter().copied()).collect();
        found.count().ne(&0).then(|| match self.selects {
            Selects::Label(key) => format!("{LABELS}[?{}].orValue(\"\") in {}", literal(key), list(values)),
            Selects::Other(selects) => format!("({selects})"),
        })
    }
}

/// Returns the expression that exactly one item selects the pod, and that its labels under `netpol/` are those that it gives. The API server
/// evaluates one loop, over the labels: it takes longest for loops.
fn by_one(items: &[Item<'_, '_>]) -> String {
    let selects: Vec<String> = items.iter().filter_map(|item| item.gives(|_| true)).collect();
    let only = |at: usize| {
        let others = selects.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, other)| format!(" && !({other})"));
        selects.get(at).into_iter().cloned().chain(others).collect::<String>()
    };
    let given = |item: &Item<'_, '_>| {
        let each = item.gives.iter().map(|(_, given)| {
            let which = (item.gives.len() > 1).then(|| item.gives(|entry| entry == *given)).flatten();
            which.into_iter().chain(given.exact()).collect::<Vec<_>>().join(" && ")
        });
        each.collect::<Vec<_>>().join(" || ")
    };
    items.iter().enumerate().map(|(at, item)| format!("({} && ({}))", only(at), given(item))).collect::<Vec<_>>().join(" || ")
}

/// Returns the expression that an item with a tag selects the pod, if only one item does.
fn one_has(items: &[Item<'_, '_>], tag: &str) -> String {
    let tagged: Vec<String> = items.iter().filter_map(|item| item.gives(|entry| entry.is.contains(tag))).collect();
    format!("({})", tagged.join(" || "))
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
