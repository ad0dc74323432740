//! The identity of a pod: the grants that select it.
//!
//! With several accepted canons, grants exclude each other only within a canon: two canons may know the same pod.
//!
//! Grants that require a label with a value from a finite list are indexed by label and value. Only the other
//! grants are tried one by one. The cost of a pod depends on its labels, not on the number of grants.

use std::collections::BTreeMap;

use super::grants::Grant;
use super::labels::Labels;

/// The grants that select a pod.
#[derive(Debug, Clone)]
pub struct Identity<'c> {
    grants: &'c [Grant],
    /// The canons that have each of the grants.
    origins: &'c [Origins],
    /// Indexes in `grants`, ascending.
    selecting: Vec<usize>,
    conflict: bool,
}

impl<'c> Identity<'c> {
    /// Returns every grant that selects the pod, in the order of the canons.
    pub fn grants(&self) -> impl Iterator<Item = &'c Grant> {
        self.selecting.iter().filter_map(|position| self.grants.get(*position))
    }

    /// Returns whether no grant selects the pod.
    pub fn is_unknown(&self) -> bool {
        self.selecting.is_empty()
    }

    /// Returns whether more than one exclusive grant of a canon selects the pod. Then the pod is granted nothing.
    pub fn is_conflict(&self) -> bool {
        self.conflict
    }

    /// Returns the grants that are not shared. Those of one canon exclude each other.
    pub fn exclusive(&self) -> impl Iterator<Item = &'c Grant> {
        self.grants().filter(|grant| !grant.shared)
    }

    /// Returns the value that the pod may have for a `netpol/` key, or `None` if it may not have the key. In a
    /// conflict it may have none.
    pub fn value(&self, key: &str) -> Option<&'c str> {
        self.giving().find_map(|grant| grant.labels.get(key)).map(String::as_str)
    }

    /// Returns the labels that the pod must have, without duplicates. In a conflict there are none.
    pub fn labels(&self) -> impl Iterator<Item = (&'c str, &'c str)> {
        self.giving().enumerate().flat_map(move |(position, grant)| {
            grant
                .labels
                .iter()
                .filter(move |(key, _)| position == 0 || !self.giving().take(position).any(|earlier| earlier.labels.contains_key(*key)))
                .map(|(key, value)| (key.as_str(), value.as_str()))
        })
    }

    /// Returns whether the pod keeps a limit. `states` returns whether a grant has the limit, and `is_kept` whether the pod keeps
    /// that of the grant. Within a canon, every limit counts. Of several canons, one that has the limit is enough, so that a release can be
    /// upgraded; a canon without it does not lift the limit of another one.
    pub fn keeps(&self, states: impl Fn(&Grant) -> bool, is_kept: impl Fn(&Grant) -> bool) -> bool {
        let stating = || self.grants().filter(|grant| states(grant));
        if stating().all(&is_kept) {
            return true;
        }
        (0..MAX_CANONS).any(|canon| {
            let is_of = |position: &&usize| self.origins.get(**position).is_some_and(|origins| origins.overlaps(Origins::of(canon)));
            let mut own = self
                .selecting
                .iter()
                .filter(is_of)
                .filter_map(|position| self.grants.get(*position))
                .filter(|grant| states(grant))
                .peekable();
            own.peek().is_some() && own.all(&is_kept)
        })
    }

    fn giving(&self) -> impl Iterator<Item = &'c Grant> {
        self.grants().filter(|_| !self.conflict)
    }
}

/// The maximum number of accepted canons: the bits of `Origins`.
pub const MAX_CANONS: usize = 16;

/// The canons that have a grant, as a set of positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Origins(u16);

impl Origins {
    /// The set of one canon. Positions are less than [`MAX_CANONS`].
    pub(super) fn of(position: usize) -> Origins {
        Origins(1 << position)
    }

    pub(super) fn add(&mut self, position: usize) {
        self.0 |= 1 << position;
    }

    fn overlaps(self, other: Origins) -> bool {
        self.0 & other.0 != 0
    }
}

/// The grants by the labels that they require and by the labels that they give, as indexes in the canon.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// From label key and value to the grants that require them.
    required: BTreeMap<String, BTreeMap<String, Vec<usize>>>,
    /// The grants that are tried for every pod.
    others: Vec<usize>,
    /// From label key to the grants that give it.
    given: BTreeMap<String, Vec<usize>>,
    /// The canons that have each grant.
    origins: Vec<Origins>,
}

impl Index {
    pub(super) fn new(grants: &[Grant], origins: Vec<Origins>) -> Index {
        // Each grant is indexed by the required key and value that the fewest grants share.
        let mut shared_by: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for grant in grants {
            for key in grant.selector.keys() {
                for value in grant.selector.required_values(key).into_iter().flatten() {
                    *shared_by.entry((key, value)).or_default() += 1;
                }
            }
        }
        let mut index = Index { origins, ..Index::default() };
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

    pub(super) fn identify<'c>(&'c self, grants: &'c [Grant], labels: &(impl Labels + ?Sized)) -> Identity<'c> {
        let found = labels.pairs().filter_map(|(key, value)| self.required.get(key)?.get(value)).flatten();
        let selects = |position: &usize| grants.get(*position).is_some_and(|grant| grant.selector.matches(|key| labels.value(key)));
        // A grant is indexed by one key, and a pod has one value of it, so there are no duplicates.
        let mut selecting: Vec<usize> = found.chain(&self.others).copied().filter(selects).collect();
        selecting.sort_unstable();
        let mut identity = Identity { grants, origins: &self.origins, selecting, conflict: false };
        identity.conflict = self.is_conflict(&identity);
        identity
    }

    /// Returns whether two exclusive grants of one canon select the pod.
    fn is_conflict(&self, identity: &Identity<'_>) -> bool {
        if identity.exclusive().nth(1).is_none() {
            return false;
        }
        let exclusive = || {
            let is_exclusive = |position: &&usize| identity.grants.get(**position).is_some_and(|grant| !grant.shared);
            identity.selecting.iter().filter(is_exclusive).filter_map(|position| self.origins.get(*position))
        };
        exclusive().enumerate().any(|(index, one)| exclusive().skip(index + 1).any(|other| one.overlaps(*other)))
    }

    pub(super) fn granters<'c>(&'c self, grants: &'c [Grant], key: &str) -> impl Iterator<Item = &'c Grant> + Clone + use<'c> {
        self.given.get(key).into_iter().flatten().filter_map(|position| grants.get(*position))
    }
}
