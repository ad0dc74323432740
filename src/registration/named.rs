//! What selects a pod, named one by one in a CEL expression: for few grants, it takes the API server fewer steps than a list.
//!
//! The expressions have one loop, over the labels of the pod: the API server takes longest for loops.

use std::collections::{BTreeMap, BTreeSet};

use super::conditions::{list, literal};
use super::entry::{Entry, LABELS};

/// The most items of which only one may select the pod: the expression compares every two of them.
const MAX_ITEMS: usize = 8;

/// The length of the longest expression in bytes. In a table, the API server finds one of many entries faster.
const MAX_LENGTH: usize = 16 * 1024;

/// All items, those that give few entries first: the API server seldom evaluates what follows the one that selects the pod.
pub(super) struct Named<'s, 'g>(Vec<Item<'s, 'g>>);

/// What selects a pod at most once: a table, or another selector.
pub(super) struct Item<'s, 'g> {
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

impl<'s, 'g> Item<'s, 'g> {
    /// Returns the item of a table, from the values of the label `key`.
    pub(super) fn table(key: &'s str, table: &'s BTreeMap<&'g str, Entry<'g>>) -> Item<'s, 'g> {
        let mut gives: Vec<(Vec<&str>, &Entry<'g>)> = Vec::new();
        for (value, entry) in table {
            match gives.iter_mut().find(|(_, known)| *known == entry) {
                Some((values, _)) => values.push(value),
                None => gives.push((vec![value], entry)),
            }
        }
        Item { selects: Selects::Label(key), gives }
    }

    /// Returns the item of another selector.
    pub(super) fn other(selects: &'s str, entry: &'s Entry<'g>) -> Item<'s, 'g> {
        Item { selects: Selects::Other(selects), gives: vec![(Vec::new(), entry)] }
    }

    /// Returns the expression that the item selects the pod and gives an entry for which `is` holds; `None` if there is no such entry.
    fn gives(&self, is: impl Fn(&Entry<'_>) -> bool) -> Option<String> {
        let mut found = self.gives.iter().filter(|(_, entry)| is(entry)).peekable();
        found.peek()?;
        Some(match self.selects {
            Selects::Label(key) => {
                let values: BTreeSet<&str> = found.flat_map(|(values, _)| values.iter().copied()).collect();
                format!("{LABELS}[?{}].orValue(\"\") in {}", literal(key), list(values))
            }
            Selects::Other(selects) => format!("({selects})"),
        })
    }

    /// Returns the expression that the labels of the pod are those that the item gives, if it selects the pod.
    fn labels_are_given(&self) -> String {
        let each = self.gives.iter().map(|(_, given)| {
            let which = (self.gives.len() > 1).then(|| self.gives(|entry| entry == *given)).flatten();
            which.into_iter().chain(given.exact()).collect::<Vec<_>>().join(" && ")
        });
        each.collect::<Vec<_>>().join(" || ")
    }
}

impl<'s, 'g> Named<'s, 'g> {
    pub(super) fn new(mut items: Vec<Item<'s, 'g>>) -> Named<'s, 'g> {
        items.sort_by_key(|item| item.gives.len());
        Named(items)
    }

    /// Returns whether all entries have a tag.
    pub(super) fn all_have(&self, tag: &str) -> bool {
        self.0.iter().flat_map(|item| &item.gives).all(|(_, entry)| entry.is.contains(tag))
    }

    /// Returns the expression that exactly one item selects the pod, and that its labels under `netpol/` are those that the item gives;
    /// `None` if it would be long.
    pub(super) fn only_one_gives(&self) -> Option<String> {
        let selects = self.selects();
        let only = |at: usize| {
            let others = selects.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, other)| format!(" && !({other})"));
            selects.get(at).into_iter().cloned().chain(others).collect::<String>()
        };
        let each = self.0.iter().enumerate().map(|(at, item)| format!("({} && ({}))", only(at), item.labels_are_given()));
        (self.0.len() <= MAX_ITEMS).then(|| each.collect::<Vec<_>>().join(" || ")).filter(|expression| expression.len() <= MAX_LENGTH)
    }

    /// Returns the expression that an item with a tag selects the pod, if only one item does. Some item must have it.
    pub(super) fn has(&self, tag: &str) -> String {
        let tagged: Vec<String> = self.0.iter().filter_map(|item| item.gives(|entry| entry.is.contains(tag))).collect();
        format!("({})", tagged.join(" || "))
    }

    /// Returns the expression that no item selects the pod, or that the pod lacks a label of one that does; `None` if it would be long.
    pub(super) fn lacks_labels(&self) -> Option<String> {
        let given = self.0.iter().flat_map(|item| item.gives.iter().map(move |(_, given)| (item, *given)));
        let lacks = given.filter_map(|(item, given)| {
            let has: Vec<String> = given.labels.keys().map(|key| format!("{} in {LABELS}", literal(key))).collect();
            let selects = item.gives(|entry| entry == given).filter(|_| !has.is_empty())?;
            Some(format!("({selects} && !({}))", has.join(" && ")))
        });
        let unselected = format!("!({})", self.selects().join(" || "));
        let expression = std::iter::once(unselected).chain(lacks).collect::<Vec<_>>().join(" || ");
        (expression.len() <= MAX_LENGTH).then_some(expression)
    }

    /// Returns the expressions that each item selects the pod.
    fn selects(&self) -> Vec<String> {
        self.0.iter().filter_map(|item| item.gives(|_| true)).collect()
    }
}
