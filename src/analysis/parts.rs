//! The parts of all addresses that policies tell apart.

use std::collections::HashSet;

use crate::policy::addresses::Family;
use crate::policy::ranges::RangeSet;
use crate::policy::rule::Rule;
use crate::policy::traffic::PeerSet;
use crate::policy::{Direction, Policy};

/// Returns the parts of `whole` that the blocks of some policies tell apart, in the order of their first addresses.
pub(crate) fn parts<'p>(family: Family, whole: &RangeSet<u128>, policies: impl Iterator<Item = &'p Policy>) -> Vec<RangeSet<u128>> {
    let mut blocks: HashSet<&RangeSet<u128>> = HashSet::new();
    for policy in policies {
        for rules in [Direction::Ingress, Direction::Egress].into_iter().filter_map(|direction| policy.rules(direction)) {
            blocks.extend(rules.written.iter().flat_map(Rule::peer_sets).filter_map(|peer| match peer {
                PeerSet::Addresses(of, addresses) if *of == family => Some(addresses),
                _ => None,
            }));
        }
    }
    let mut parts = vec![whole.clone()];
    for block in blocks {
        let mut split = Vec::with_capacity(parts.len() + 1);
        for part in parts {
            let outside = part.less(block);
            let inside = part.less(&outside);
            split.extend([outside, inside].into_iter().filter(|part| !part.is_empty()));
        }
        parts = split;
    }
    parts.sort_by_key(|part| part.ranges().first().copied());
    parts
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
