//! The grants that differ between two canons. Their names have no meaning: a grant is found again by what it says.

use std::collections::BTreeSet;

use super::grants::Grant;
use crate::policy::Selector;

/// What happens to a part of a canon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Only the first canon has it.
    Removed,
    /// Only the second canon has it.
    Added,
    /// Both have it, with another meaning.
    Changed,
}

/// A grant that differs.
#[derive(Debug)]
pub struct GrantChange<'c> {
    /// Its name, in the second canon if both have it.
    pub name: &'c str,
    /// What happens to it.
    pub kind: Kind,
    /// The grant of the first canon.
    pub from: Option<&'c Grant>,
    /// The grant of the second canon.
    pub to: Option<&'c Grant>,
    /// The labels that pods get only in the second canon.
    pub gains: Vec<PodLabel<'c>>,
    /// The labels that pods get only in the first canon.
    pub loses: Vec<PodLabel<'c>>,
}

/// A label that some pods get.
#[derive(Debug)]
pub struct PodLabel<'c> {
    /// Such pods. With a complicated selector, there may be others.
    pub pods: Selector,
    /// The key.
    pub key: &'c str,
    /// The value.
    pub value: &'c str,
}

/// A protected label that only one canon has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProtectedChange<'c> {
    /// The key.
    pub key: &'c str,
    /// What happens to it.
    pub kind: Kind,
}

/// Returns the protected labels that only one canon has, sorted by key.
pub(super) fn protected_changes<'c>(from: &'c BTreeSet<String>, to: &'c BTreeSet<String>) -> Vec<ProtectedChange<'c>> {
    let change = |key: &'c String| ProtectedChange { key, kind: if from.contains(key) { Kind::Removed } else { Kind::Added } };
    from.symmetric_difference(to).map(change).collect()
}

/// Returns the grants that differ: by name if both canons have the name, else by selector.
pub(super) fn grant_changes<'c>(from: &'c [Grant], to: &'c [Grant]) -> Vec<GrantChange<'c>> {
    let mut removed: Vec<&Grant> = from.iter().filter(|grant| !to.iter().any(|other| grant.says_the_same(other))).collect();
    let mut added: Vec<&Grant> = to.iter().filter(|grant| !from.iter().any(|other| grant.says_the_same(other))).collect();
    let mut pairs: Vec<(Option<&Grant>, Option<&Grant>)> = Vec::new();
    for is_pair in [has_the_name as fn(&Grant, &Grant) -> bool, has_the_selector] {
        removed.retain(|old| match added.iter().position(|new| is_pair(old, new)) {
            Some(position) => {
                pairs.push((Some(old), Some(added.remove(position))));
                false
            }
            None => true,
        });
    }
    pairs.extend(removed.into_iter().map(|grant| (Some(grant), None)));
    pairs.extend(added.into_iter().map(|grant| (None, Some(grant))));
    let changes = pairs.into_iter().filter_map(|(old, new)| change(old, new, from, to));
    let mut changes: Vec<GrantChange<'c>> = changes.collect();
    changes.sort_by_key(|change| (change.name, change.kind));
    changes
}

fn has_the_name(one: &Grant, other: &Grant) -> bool {
    one.name == other.name
}

fn has_the_selector(one: &Grant, other: &Grant) -> bool {
    one.selector == other.selector
}

/// Returns the change of a grant, or `None` if other grants make up for it.
fn change<'c>(old: Option<&'c Grant>, new: Option<&'c Grant>, from: &'c [Grant], to: &'c [Grant]) -> Option<GrantChange<'c>> {
    let gains = new.map(|grant| beyond(grant, from)).unwrap_or_default();
    let loses = old.map(|grant| beyond(grant, to)).unwrap_or_default();
    let kind = match (old, new) {
        (Some(_), Some(_)) => Kind::Changed,
        (Some(_), None) => Kind::Removed,
        (None, _) => Kind::Added,
    };
    // A grant can also exclude others, and one without labels does nothing else.
    let is_exclusive = |grant: Option<&Grant>| grant.is_some_and(|grant| !grant.shared);
    let excludes = match (old, new) {
        (Some(old), Some(new)) => {
            old.shared != new.shared || (old.selector != new.selector && old.labels.is_empty() && new.labels.is_empty())
        }
        (old, new) => is_exclusive(old.or(new)) && old.or(new).is_some_and(|grant| grant.labels.is_empty()),
    };
    let name = new.or(old)?.name.as_str();
    // A grant that only one canon has limits nothing in the other.
    let limits = |grant: Option<&Grant>| grant.map(|grant| grant.limits.clone()).unwrap_or_default();
    let differs = excludes || !gains.is_empty() || !loses.is_empty() || limits(old) != limits(new);
    differs.then_some(GrantChange { name, kind, from: old, to: new, gains, loses })
}

/// Returns the labels that a grant gives to pods to which `others` do not give them.
fn beyond<'c>(grant: &'c Grant, others: &[Grant]) -> Vec<PodLabel<'c>> {
    let labels = grant.labels.iter().filter_map(|(key, value)| {
        let givers = others.iter().filter(|other| other.labels.get(key) == Some(value)).map(|other| &other.selector);
        let pods = grant.selector.without(givers)?;
        Some(PodLabel { pods, key, value })
    });
    labels.collect()
}
