//! Sets of integers as ranges, for ports and addresses.

use std::sync::Arc;

use super::steps::{Exhausted, Steps};

/// A number of a [`RangeSet`].
pub(crate) trait Number: Copy + Ord + std::fmt::Debug + std::hash::Hash {
    /// Returns the next number, or `None` for the highest.
    fn next(self) -> Option<Self>;
    /// Returns the previous number, or `None` for the lowest.
    fn previous(self) -> Option<Self>;
}

macro_rules! number {
    ($($kind:ty),*) => { $(
        impl Number for $kind {
            fn next(self) -> Option<Self> {
                self.checked_add(1)
            }
            fn previous(self) -> Option<Self> {
                self.checked_sub(1)
            }
        }
    )* };
}
number!(u32, u128);

/// A set of numbers: inclusive ranges, sorted, with a gap between each range and the next. Equal sets are equal values.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct RangeSet<N> {
    ranges: Arc<[(N, N)]>,
}

impl<N: Number> RangeSet<N> {
    /// Returns the union of inclusive ranges in any order. A range whose end is before its start is empty.
    pub(crate) fn new(ranges: impl IntoIterator<Item = (N, N)>) -> Self {
        let mut ranges: Vec<(N, N)> = ranges.into_iter().filter(|(first, last)| first <= last).collect();
        ranges.sort_unstable();
        let mut merged: Vec<(N, N)> = Vec::with_capacity(ranges.len());
        for (first, last) in ranges {
            match merged.last_mut() {
                Some((_, end)) if end.next().is_none_or(|next| first <= next) => *end = last.max(*end),
                _ => merged.push((first, last)),
            }
        }
        RangeSet { ranges: merged.into() }
    }

    pub(crate) fn ranges(&self) -> &[(N, N)] {
        &self.ranges
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    pub(crate) fn contains(&self, number: N) -> bool {
        let after = self.ranges.partition_point(|(first, _)| *first <= number);
        after.checked_sub(1).and_then(|index| self.ranges.get(index)).is_some_and(|(_, last)| number <= *last)
    }

    /// Returns the ranges of `self` that can overlap `first..=last`, by binary search.
    fn near(&self, first: N, last: N) -> impl Iterator<Item = &(N, N)> {
        let start = self.ranges.partition_point(|(_, end)| *end < first);
        self.ranges.iter().skip(start).take_while(move |(begin, _)| *begin <= last)
    }

    pub(crate) fn intersect(&self, other: &Self, steps: &mut Steps) -> Result<Self, Exhausted> {
        let (few, many) = self.by_length(other);
        let mut both = Vec::new();
        for (first, last) in few.ranges.iter() {
            steps.take(1)?;
            for (begin, end) in many.near(*first, *last) {
                steps.take(1)?;
                both.push((*first.max(begin), *last.min(end)));
            }
        }
        Ok(RangeSet { ranges: both.into() })
    }

    /// Returns the numbers that are in `self` and not in `other`.
    pub(crate) fn subtract(&self, other: &Self, steps: &mut Steps) -> Result<Self, Exhausted> {
        let rest = self.less(other);
        steps.take(self.ranges.len() + rest.ranges.len())?;
        Ok(rest)
    }

    /// The same without a limit on steps, for sets whose size the document bounds.
    pub(crate) fn less(&self, other: &Self) -> Self {
        let mut rest = Vec::new();
        for (first, last) in self.ranges.iter() {
            let mut from = Some(*first);
            for (begin, end) in other.near(*first, *last) {
                if let (Some(start), Some(stop)) = (from, begin.previous())
                    && start <= stop
                {
                    rest.push((start, stop));
                }
                from = end.next();
            }
            if let Some(start) = from.filter(|start| start <= last) {
                rest.push((start, *last));
            }
        }
        RangeSet { ranges: rest.into() }
    }

    pub(crate) fn is_disjoint(&self, other: &Self, steps: &mut Steps) -> Result<bool, Exhausted> {
        let (few, many) = self.by_length(other);
        steps.take(few.ranges.len())?;
        Ok(few.ranges.iter().all(|(first, last)| many.near(*first, *last).next().is_none()))
    }

    pub(crate) fn is_subset(&self, other: &Self, steps: &mut Steps) -> Result<bool, Exhausted> {
        steps.take(self.ranges.len())?;
        Ok(self
            .ranges
            .iter()
            .all(|(first, last)| other.near(*first, *last).next().is_some_and(|(begin, end)| begin <= first && last <= end)))
    }

    fn by_length<'s>(&'s self, other: &'s Self) -> (&'s Self, &'s Self) {
        if self.ranges.len() <= other.ranges.len() { (self, other) } else { (other, self) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn members(set: &RangeSet<u32>) -> Vec<bool> {
        (0..24).map(|number| set.contains(number)).collect()
    }

    fn small() -> impl Strategy<Value = RangeSet<u32>> {
        proptest::collection::vec((0_u32..24, 0_u32..6), 0..6)
            .prop_map(|ranges| RangeSet::new(ranges.into_iter().map(|(first, length)| (first, (first + length).min(23)))))
    }

    proptest! {
        #[test]
        fn set_operations_agree_with_membership(left in small(), right in small()) {
            let steps = &mut Steps::new(10_000);
            let pairs: Vec<(bool, bool)> = members(&left).into_iter().zip(members(&right)).collect();
            let both: Vec<bool> = pairs.iter().map(|(l, r)| *l && *r).collect();
            let only: Vec<bool> = pairs.iter().map(|(l, r)| *l && !*r).collect();
            prop_assert_eq!(members(&left.intersect(&right, steps).unwrap()), both.clone());
            prop_assert_eq!(members(&left.subtract(&right, steps).unwrap()), only.clone());
            prop_assert_eq!(left.is_disjoint(&right, steps).unwrap(), !both.contains(&true));
            prop_assert_eq!(left.is_subset(&right, steps).unwrap(), !only.contains(&true));
            prop_assert_eq!(left == right, members(&left) == members(&right));
        }
    }

    #[test]
    fn the_lowest_and_highest_numbers_are_ordinary_members() {
        let steps = &mut Steps::new(1_000);
        let all = RangeSet::new([(0_u128, u128::MAX)]);
        assert_eq!(all, RangeSet::new([(5, u128::MAX), (0, 4)]));
        let without_ends = all.subtract(&RangeSet::new([(0, 0), (u128::MAX, u128::MAX)]), steps).unwrap();
        assert_eq!(without_ends.ranges(), [(1, u128::MAX - 1)]);
        assert!(all.subtract(&all, steps).unwrap().is_empty());
    }
}
