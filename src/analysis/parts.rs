//! The parts of all addresses that policies tell apart.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::policy::addresses::Family;
use crate::policy::ranges::RangeSet;
use crate::policy::rule::Rule;
use crate::policy::traffic::PeerSet;
use crate::policy::{Direction, Policy};

/// Every address of a family, divided into the parts that the blocks of some policies tell apart.
#[derive(Debug)]
pub(crate) struct Partition {
    pub(crate) family: Family,
    /// In the order of their first addresses.
    pub(crate) parts: Vec<RangeSet<u128>>,
    /// The first address of each range, in order, with the index of its part.
    starts: Vec<(u128, usize)>,
}

impl Partition {
    pub(crate) fn new<'p>(family: Family, policies: impl Iterator<Item = &'p Policy>) -> Partition {
        let blocks = blocks(family, policies);
        // The blocks that begin or end at an address.
        let mut changes: BTreeMap<u128, Vec<usize>> = BTreeMap::new();
        for (index, block) in blocks.iter().enumerate() {
            for (first, last) in block.ranges() {
                changes.entry(*first).or_default().push(index);
                if let Some(after) = last.checked_add(1) {
                    changes.entry(after).or_default().push(index);
                }
            }
        }
        let mut ranges: Vec<Vec<(u128, u128)>> = Vec::new();
        let mut starts = Vec::new();
        for (first, last) in family.every_address().ranges() {
            changes.entry(*first).or_default();
            let mut inside = vec![0_u64; blocks.len().div_ceil(64)];
            let mut known: HashMap<Vec<u64>, usize> = HashMap::new();
            let mut remaining = changes.range(first..=last).peekable();
            while let Some((start, changed)) = remaining.next() {
                for index in changed {
                    if let Some(word) = inside.get_mut(index / 64) {
                        *word ^= 1 << (index % 64);
                    }
                }
                let end = remaining.peek().map_or(*last, |(next, _)| next.saturating_sub(1));
                let part = *known.entry(inside.clone()).or_insert(ranges.len());
                match ranges.get_mut(part) {
                    Some(part) => part.push((*start, end)),
                    None => ranges.push(vec![(*start, end)]),
                }
                starts.push((*start, part));
            }
        }
        Partition { family, parts: ranges.into_iter().map(RangeSet::new).collect(), starts }
    }

    /// Returns the part that contains an address.
    pub(crate) fn part_of(&self, address: u128) -> Option<&RangeSet<u128>> {
        let after = self.starts.partition_point(|(start, _)| *start <= address);
        let (_, part) = self.starts.get(after.checked_sub(1)?)?;
        self.parts.get(*part)
    }
}

/// Returns the blocks of policies, each once.
fn blocks<'p>(family: Family, policies: impl Iterator<Item = &'p Policy>) -> Vec<&'p RangeSet<u128>> {
    let mut blocks: HashSet<&RangeSet<u128>> = HashSet::new();
    for policy in policies {
        for rules in [Direction::Ingress, Direction::Egress].into_iter().filter_map(|direction| policy.rules(direction)) {
            blocks.extend(rules.written.iter().flat_map(Rule::peer_sets).filter_map(|peer| match peer {
                PeerSet::Addresses(of, addresses) if *of == family => Some(addresses),
                _ => None,
            }));
        }
    }
    blocks.into_iter().collect()
}

/// Returns the CIDRs that a set of addresses consists of, in order, as few as possible.
pub(crate) fn cidrs(family: Family, addresses: &RangeSet<u128>) -> Vec<String> {
    let bits = family.bits();
    let mut cidrs = Vec::new();
    for (first, last) in addresses.ranges() {
        let mut next = Some(*first);
        while let Some(start) = next.filter(|start| start <= last) {
            // The largest block that starts here and does not end after `last`.
            let end = |host: u32| start.checked_add(u128::MAX.checked_shr(128 - host).unwrap_or(0));
            let fits = |host: &u32| start.trailing_zeros() >= *host && end(*host).is_some_and(|end| end <= *last);
            let host = (0..=bits).rev().find(fits).unwrap_or(0);
            cidrs.push(format!("{}/{}", family.text(start), bits - host));
            next = end(host).and_then(|end| end.checked_add(1));
        }
    }
    cidrs
}
