//! Which grants select a pod.
//!
//! Every grant that requires one of finitely many values of some label is found under that label's
//! value; only the others are tried one by one. So what a pod costs depends on its labels, not on
//! how many grants there are.

use std::collections::BTreeMap;

use super::{Grant, Labels};

/// The grants that select a pod.
#[derive(Debug, Clone)]
pub struct Identity<'c> {
    canon: &'c [Grant],
    /// Positions in the canon, ascending.
    selecting: Vec<usize>,
    conflict: bool,
}

impl<'c> Identity<'c> {
    /// Every grant that selects the pod, in the order of the canon.
    pub fn grants(&self) -> impl Iterator<Item = &'c Grant> {
        self.selecting.iter().filter_map(|position| self.canon.get(*position))
    }

    /// Whether no grant selects the pod.
    pub fn is_unknown(&self) -> bool {
        self.selecting.is_empty()
    }

    /// Whether two grants that exclude each other select the pod: it is two things at once, and
    /// is granted nothing.
    pub fn is_conflict(&self) -> bool {
        self.conflict
    }

    /// The grants that exclude each other: those that are not shared.
    pub fn exclusive(&self) -> impl Iterator<Item = &'c Grant> {
        self.grants().filter(|grant| !grant.shared)
    }

    /// Answers the value that the pod may wear under a key of `netpol/`; `None` where it may not
    /// wear the key at all, as in a conflict.
    pub fn value(&self, key: &str) -> Option<&'c str> {
        self.giving().find_map(|grant| grant.labels.get(key)).map(String::as_str)
    }

    /// The labels that the pod is to wear, each key once: none in a conflict.
    pub fn labels(&self) -> impl Iterator<Item = (&'c str, &'c str)> {
        self.giving().enumerate().flat_map(move |(position, grant)| {
            grant
                .labels
                .iter()
                .filter(move |(key, _)| position == 0 || !self.giving().take(position).any(|earlier| earlier.labels.contains_key(*key)))
                .map(|(key, value)| (key.as_str(), value.as_str()))
        })
    }

    fn giving(&self) -> impl Iterator<Item = &'c Grant> {
        self.grants().filter(|_| !self.conflict)
    }
}

/// The grants by what they require and by what they give; numbers are positions in the canon.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// Label key and value to the grants that are found under them.
    required: BTreeMap<String, BTreeMap<String, Vec<usize>>>,
    /// Those that are tried for every pod.
    others: Vec<usize>,
    /// The label keys that grants give.
    given: BTreeMap<String, Vec<usize>>,
}

impl Index {
    pub(super) fn new(grants: &[Grant]) -> Index {
        // Of the keys that a grant requires, the one that the fewest others share tells most.
        let mut shared_by: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for grant in grants {
            for key in grant.selector.keys() {
                for value in grant.selector.required_values(key).into_iter().flatten() {
                    *shared_by.entry((key, value)).or_default() += 1;
                }
            }
        }
        let mut index = Index::default();
        for (position, grant) in grants.iter().enumerate() {
            let best = grant
                .selector
                .keys()
                .filter_map(|key| {
                    let values = grant.selector.required_values(key)?;
                    let load: usize = values.map(|value| shared_by.get(&(key, value)).copied().unwrap_or_default()).sum();
                    Some((load, key))
                })
                .min();
            match best {
                Some((_, key)) => {
                    let values = index.required.entry(key.to_owned()).or_default();
                    for value in grant.selector.required_values(key).into_iter().flatten() {
                        values.entry(value.to_owned()).or_default().push(position);
                    }
                }
                None => index.others.push(position),
            }
            for key in grant.labels.keys() {
                index.given.entry(key.clone()).or_default().push(position);
            }
        }
        index
    }

    pub(super) fn identify<'c>(&self, grants: &'c [Grant], labels: &(impl Labels + ?Sized)) -> Identity<'c> {
        let found = labels.pairs().filter_map(|(key, value)| self.required.get(key)?.get(value)).flatten();
        let selects = |position: &usize| grants.get(*position).is_some_and(|grant| grant.selector.matches(|key| labels.value(key)));
        // A grant stands under one key only, and a pod has one value of it: no position comes twice.
        let mut selecting: Vec<usize> = found.chain(&self.others).copied().filter(selects).collect();
        selecting.sort_unstable();
        let mut identity = Identity { canon: grants, selecting, conflict: false };
        let conflict = identity.exclusive().nth(1).is_some();
        identity.conflict = conflict;
        identity
    }

    pub(super) fn granters<'c>(&'c self, grants: &'c [Grant], key: &str) -> impl Iterator<Item = &'c Grant> + Clone + use<'c> {
        self.given.get(key).into_iter().flatten().filter_map(|position| grants.get(*position))
    }
}
