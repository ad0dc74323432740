//! What the rules of one policy allow in one direction: boxes of traffic without the subject pods.

use std::sync::Arc;

use indexmap::IndexMap;

use super::addresses::Family;
use super::direction::Direction;
use super::ports::{NamedPort, Ports, Protocol};
use super::ranges::RangeSet;
use super::rule::Rule;
use super::selector::Selector;
use super::steps::{Exhausted, Steps};
use super::traffic::{Cover, PeerSet, Piece, residue};

/// The union of a policy's rules in one direction: a map from peers to their ports. The ports of rules with
/// equal peers are merged, and so are the addresses of blocks with equal ports (2a.6, 2a.7).
#[derive(Debug, Clone, Default)]
pub(crate) struct Relation {
    flows: IndexMap<PeerSet, Ports>,
}

impl Relation {
    /// Merges the rules of one direction.
    pub(crate) fn new(rules: &[Rule], direction: Direction, steps: &mut Steps) -> Result<Relation, Exhausted> {
        let mut blocks: IndexMap<(Family, &Ports), Vec<(u128, u128)>> = IndexMap::new();
        let mut peers: IndexMap<PeerSet, OneOrMore<'_>> = IndexMap::new();
        for rule in rules {
            let mut addresses: [Vec<(u128, u128)>; 2] = Default::default();
            for peer in rule.peer_sets() {
                steps.take(1)?;
                match peer {
                    PeerSet::Addresses(family, set) => {
                        let [v4, v6] = &mut addresses;
                        let ranges = if *family == Family::V4 { v4 } else { v6 };
                        ranges.extend_from_slice(set.ranges());
                    }
                    peer if peer.is_empty() => {}
                    peer => peers.entry(peer.clone()).or_default().push(&rule.ports),
                }
            }
            for (family, ranges) in [Family::V4, Family::V6].into_iter().zip(addresses) {
                if !ranges.is_empty() {
                    steps.take(ranges.len() + rule.ports.len())?;
                    blocks.entry((family, &rule.ports)).or_default().extend(ranges);
                }
            }
        }
        for ((family, ports), ranges) in blocks {
            peers.entry(PeerSet::Addresses(family, RangeSet::new(ranges))).or_default().push(ports);
        }
        let mut flows = IndexMap::with_capacity(peers.len());
        for (peer, ports) in peers {
            let mut ports = ports.merge(steps)?;
            // A named port is resolved on the destination, and only pods have named ports (rule 22).
            if direction == Direction::Egress && !matches!(peer, PeerSet::Pods { .. }) {
                ports.names = Arc::default();
            }
            if ports.len() > 0 {
                flows.insert(peer, ports);
            }
        }
        Ok(Relation { flows })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.flows.is_empty()
    }

    /// Returns the ports that are open to exactly these peers.
    pub(crate) fn ports_to(&self, peer: &PeerSet) -> Option<&Ports> {
        self.flows.get(peer)
    }
}

/// The ports of the rules that have one peer. Usually there is one such rule.
#[derive(Default)]
struct OneOrMore<'r> {
    first: Option<&'r Ports>,
    more: Vec<&'r Ports>,
}

impl<'r> OneOrMore<'r> {
    fn push(&mut self, ports: &'r Ports) {
        match self.first {
            None => self.first = Some(ports),
            Some(_) => self.more.push(ports),
        }
    }

    fn merge(self, steps: &mut Steps) -> Result<Ports, Exhausted> {
        if let (Some(only), []) = (self.first, self.more.as_slice()) {
            return Ok(only.clone());
        }
        let all = || self.first.into_iter().chain(self.more.iter().copied());
        steps.take(all().map(Ports::len).sum())?;
        let numbers = RangeSet::new(all().flat_map(|ports| ports.numbers.ranges()).copied());
        let names = all().flat_map(|ports| ports.names.iter()).cloned().collect();
        Ok(Ports::new(numbers, names))
    }
}

/// Relations, each with its subject pods, and the traffic that they allow together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Union<'u> {
    members: Vec<(&'u Selector, &'u Relation)>,
    covers: Vec<Cover<'u>>,
}

impl<'u> Union<'u> {
    pub(crate) fn new(members: impl IntoIterator<Item = (&'u Selector, &'u Relation)>) -> Self {
        let members: Vec<_> = members.into_iter().collect();
        let of_member = |(subject, relation): &(&'u Selector, &'u Relation)| {
            let subject = *subject;
            relation.flows.iter().map(move |(peer, ports)| Cover { subject, peer, numbers: &ports.numbers })
        };
        let covers = members.iter().flat_map(of_member).collect();
        Union { members, covers }
    }

    /// Returns the parts of `piece`, which has no named ports, that the union does not cover: at most `limit` pieces.
    pub(crate) fn uncovered(&self, piece: Piece, limit: usize, steps: &mut Steps) -> Result<Vec<Piece>, Exhausted> {
        if piece.numbers.is_empty() {
            return Ok(Vec::new());
        }
        for (subject, relation) in &self.members {
            steps.take(1)?;
            if let Some(ports) = relation.ports_to(&piece.peer)
                && piece.numbers.is_subset(&ports.numbers, steps)?
                && piece.subject.is_subset(subject, steps)?
            {
                return Ok(Vec::new());
            }
        }
        residue(piece, &self.covers, limit, steps)
    }

    /// Returns traffic that a relation allows the pods of `subject` and the union does not, with the named port
    /// that it represents, if any.
    pub(crate) fn first_beyond(
        &self,
        subject: &Selector,
        relation: &Relation,
        steps: &mut Steps,
    ) -> Result<Option<(Piece, Option<NamedPort>)>, Exhausted> {
        for (peer, ports) in &relation.flows {
            let piece = Piece { subject: subject.clone(), peer: peer.clone(), numbers: ports.numbers.clone() };
            if let Some(piece) = self.uncovered(piece, 1, steps)?.pop() {
                return Ok(Some((piece, None)));
            }
            for name in ports.names.iter() {
                if let Some(piece) = self.uncovered_of_name(subject, peer, name, 1, steps)?.pop() {
                    return Ok(Some((piece, Some(name.clone()))));
                }
            }
        }
        Ok(None)
    }

    /// Returns the parts of one named port that the union does not cover: at most `limit` pieces. A named port is
    /// covered by the same name, and by every number of its protocol, because it resolves to one of them (rule
    /// 22). The numbers of a returned piece are numbers that the name may resolve to and that nothing allows.
    pub(crate) fn uncovered_of_name(
        &self,
        subject: &Selector,
        peer: &PeerSet,
        name: &NamedPort,
        limit: usize,
        steps: &mut Steps,
    ) -> Result<Vec<Piece>, Exhausted> {
        let whole = whole_protocol(name.0);
        let mut covers = Vec::new();
        for (their_subject, relation) in &self.members {
            for (peer, ports) in &relation.flows {
                steps.take(1)?;
                if ports.names.binary_search(name).is_ok() {
                    covers.push(Cover { subject: their_subject, peer, numbers: &whole });
                }
            }
        }
        let piece = Piece { subject: subject.clone(), peer: peer.clone(), numbers: whole.clone() };
        let mut left = Vec::new();
        for piece in residue(piece, &covers, usize::MAX, steps)? {
            left.extend(residue(piece, &self.covers, limit - left.len(), steps)?);
            if left.len() >= limit {
                break;
            }
        }
        Ok(left)
    }
}

fn whole_protocol(protocol: Protocol) -> RangeSet<u32> {
    RangeSet::new([protocol.all()])
}
