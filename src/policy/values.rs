//! The values of one label key that a selector accepts: a subset of "absent" and every string.

use std::sync::Arc;

use super::steps::{Exhausted, Steps};

/// The accepted values of a key: a finite list of strings or everything except such a list, and separately
/// whether the key may be absent. No list can contain every label value (`semantics.md` 2c).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct ValueSet {
    absent: bool,
    /// Whether `values` lists the strings that are not accepted.
    inverted: bool,
    /// Sorted and without duplicates.
    values: Arc<[Arc<str>]>,
}

impl ValueSet {
    /// `In`: present, with one of these.
    pub(crate) fn one_of(values: impl IntoIterator<Item = Arc<str>>) -> Self {
        ValueSet { absent: false, inverted: false, values: sorted(values) }
    }

    /// Present, with this one.
    pub(crate) fn exactly(value: Arc<str>) -> Self {
        ValueSet { absent: false, inverted: false, values: Arc::from([value]) }
    }

    /// `NotIn`: absent, or present with none of these.
    pub(crate) fn none_of(values: impl IntoIterator<Item = Arc<str>>) -> Self {
        ValueSet { absent: true, inverted: true, values: sorted(values) }
    }

    /// `Exists`.
    pub(crate) fn present() -> Self {
        ValueSet { absent: false, inverted: true, values: Arc::default() }
    }

    /// `DoesNotExist`.
    pub(crate) fn missing() -> Self {
        ValueSet { absent: true, inverted: false, values: Arc::default() }
    }

    /// Everything.
    pub(crate) fn full() -> Self {
        ValueSet { absent: true, inverted: true, values: Arc::default() }
    }

    /// Returns the same set without absence.
    pub(crate) fn without_absence(&self) -> Self {
        ValueSet { absent: false, ..self.clone() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        !self.absent && !self.inverted && self.values.is_empty()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.absent && self.inverted && self.values.is_empty()
    }

    pub(crate) fn accepts_absence(&self) -> bool {
        self.absent
    }

    pub(crate) fn accepts(&self, value: Option<&str>) -> bool {
        value.map_or(self.absent, |value| self.lists(value) != self.inverted)
    }

    /// Returns the accepted strings if the set is finite, or else the strings that are not accepted.
    pub(crate) fn listed(&self) -> &[Arc<str>] {
        &self.values
    }

    /// Returns whether [`Self::listed`] returns the accepted strings.
    pub(crate) fn is_finite(&self) -> bool {
        !self.inverted
    }

    fn lists(&self, value: &str) -> bool {
        self.values.binary_search_by(|listed| (**listed).cmp(value)).is_ok()
    }

    pub(crate) fn intersect(&self, other: &Self, steps: &mut Steps) -> Result<Self, Exhausted> {
        steps.take(1 + self.values.len() + other.values.len())?;
        Ok(self.and(other))
    }

    /// Returns the intersection without a limit on steps, for sets whose size the document bounds.
    pub(crate) fn and(&self, other: &Self) -> Self {
        let values = match (self.inverted, other.inverted) {
            // Repeated `Exists` terms must not visit every value.
            (_, true) if other.values.is_empty() => self.values.clone(),
            (true, _) if self.values.is_empty() => other.values.clone(),
            (false, false) => self.keep(|value| other.lists(value)),
            (false, true) => self.keep(|value| !other.lists(value)),
            (true, false) => other.keep(|value| !self.lists(value)),
            (true, true) => sorted(self.values.iter().chain(other.values.iter()).cloned()),
        };
        ValueSet { absent: self.absent && other.absent, inverted: self.inverted && other.inverted, values }
    }

    /// Returns the values that are in `self` and not in `other`.
    pub(crate) fn subtract(&self, other: &Self, steps: &mut Steps) -> Result<Self, Exhausted> {
        let rest = ValueSet { absent: !other.absent, inverted: !other.inverted, values: other.values.clone() };
        self.intersect(&rest, steps)
    }

    /// Returns whether no value is in both.
    pub(crate) fn is_disjoint(&self, other: &Self, steps: &mut Steps) -> Result<bool, Exhausted> {
        if self.absent && other.absent {
            return Ok(false);
        }
        match (self.inverted, other.inverted) {
            (true, true) => Ok(false),
            (false, _) => {
                steps.take(self.values.len())?;
                Ok(!self.values.iter().any(|value| other.accepts(Some(value))))
            }
            (true, false) => {
                steps.take(other.values.len())?;
                Ok(!other.values.iter().any(|value| self.accepts(Some(value))))
            }
        }
    }

    pub(crate) fn is_subset(&self, other: &Self, steps: &mut Steps) -> Result<bool, Exhausted> {
        if self.absent && !other.absent {
            return Ok(false);
        }
        match (self.inverted, other.inverted) {
            (true, false) => Ok(false),
            (true, true) => {
                steps.take(other.values.len())?;
                Ok(other.values.iter().all(|value| self.lists(value)))
            }
            (false, _) => {
                steps.take(self.values.len())?;
                Ok(self.values.iter().all(|value| other.accepts(Some(value))))
            }
        }
    }

    /// Returns one accepted value for a witness. `None` is absence.
    pub(crate) fn example(&self) -> Option<Arc<str>> {
        if !self.inverted {
            return self.values.first().cloned();
        }
        if self.absent {
            return None;
        }
        // The first of "any", "any1", "any2" … that is not listed.
        let mut candidate = Arc::from("any");
        let mut number = 0_u32;
        while self.lists(&candidate) {
            number += 1;
            candidate = Arc::from(format!("any{number}"));
        }
        Some(candidate)
    }

    fn keep(&self, wanted: impl Fn(&str) -> bool) -> Arc<[Arc<str>]> {
        if self.values.iter().all(|value| wanted(value)) {
            return self.values.clone();
        }
        self.values.iter().filter(|value| wanted(value)).cloned().collect()
    }
}

fn sorted(values: impl IntoIterator<Item = Arc<str>>) -> Arc<[Arc<str>]> {
    let mut values: Vec<Arc<str>> = values.into_iter().collect();
    values.sort_unstable();
    values.dedup();
    values.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(bits: u32) -> ValueSet {
        let listed = ["a", "b"].iter().enumerate().filter(|(index, _)| bits & (1 << index) != 0).map(|(_, value)| Arc::from(*value));
        ValueSet { absent: bits & 4 != 0, inverted: bits & 8 != 0, values: sorted(listed) }
    }

    fn members(set: &ValueSet) -> Vec<bool> {
        [None, Some("a"), Some("b"), Some("c")].into_iter().map(|value| set.accepts(value)).collect()
    }

    #[test]
    fn every_pair_of_small_sets_agrees_with_membership() {
        let steps = &mut Steps::new(100_000);
        for (left, right) in (0..16).flat_map(|left| (0..16).map(move |right| (left, right))) {
            let (left, right) = (set(left), set(right));
            let pairs: Vec<(bool, bool)> = members(&left).into_iter().zip(members(&right)).collect();
            let both: Vec<bool> = pairs.iter().map(|(l, r)| *l && *r).collect();
            let only: Vec<bool> = pairs.iter().map(|(l, r)| *l && !*r).collect();
            assert_eq!(members(&left.intersect(&right, steps).unwrap()), both, "{left:?} and {right:?}");
            assert_eq!(members(&left.subtract(&right, steps).unwrap()), only, "{left:?} less {right:?}");
            assert_eq!(left.is_disjoint(&right, steps).unwrap(), !both.contains(&true), "{left:?} beside {right:?}");
            assert_eq!(left.is_subset(&right, steps).unwrap(), !only.contains(&true), "{left:?} in {right:?}");
            assert_eq!(left == right, members(&left) == members(&right));
            assert_eq!(left.is_empty(), !members(&left).contains(&true));
            assert_eq!(left.is_full(), !members(&left).contains(&false));
            if !left.is_empty() {
                assert!(left.accepts(left.example().as_deref()), "{left:?}");
            }
        }
    }
}
