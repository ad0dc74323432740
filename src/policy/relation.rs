//! What the rules of one policy allow in one direction, as boxes without their subject.

use std::collections::HashMap;
use std::hash::Hash;

use super::Direction;
use super::addresses::Family;
use super::ports::{NamedPort, Ports, Protocol};
use super::ranges::RangeSet;
use super::selector::Selector;
use super::steps::{Exhausted, Steps};
use super::traffic::{Cover, Flow, NamedFlow, PeerSet, Piece, residue};

/// The union of a policy's rules in one direction. Rules with equal peers have their ports merged, blocks
/// with equal ports their addresses (2a.6, 2a.7): no peer stands in it twice.
#[derive(Debug, Clone, Default)]
pub(crate) struct Relation {
    flows: Vec<Flow>,
    named: Vec<NamedFlow>,
    by_peer: HashMap<PeerSet, usize>,
    named_by_peer: HashMap<PeerSet, usize>,
}

impl Relation {
    /// Merges rules, each given as its peers and its ports.
    pub(crate) fn new<'r>(
        rules: impl Iterator<Item = (Vec<PeerSet>, &'r Ports)>,
        direction: Direction,
        steps: &mut Steps,
    ) -> Result<Relation, Exhausted> {
        let mut blocks = InOrder::<(Family, &Ports), (u128, u128)>::default();
        let mut peers = InOrder::<PeerSet, &Ports>::default();
        for (rule_peers, ports) in rules {
            let mut addresses: [Vec<(u128, u128)>; 2] = Default::default();
            for peer in rule_peers {
                steps.take(1)?;
                match peer {
                    PeerSet::Addresses(family, set) => {
                        let [v4, v6] = &mut addresses;
                        let ranges = if family == Family::V4 { v4 } else { v6 };
                        ranges.extend_from_slice(set.ranges());
                    }
                    peer if peer.is_empty() => {}
                    peer => peers.push(peer, [ports]),
                }
            }
            for (family, ranges) in [Family::V4, Family::V6].into_iter().zip(addresses) {
                if !ranges.is_empty() {
                    steps.take(ranges.len() + ports.len())?;
                    blocks.push((family, ports), ranges);
                }
            }
        }
        for ((family, ports), ranges) in blocks.entries {
            peers.push(PeerSet::Addresses(family, RangeSet::new(ranges)), [ports]);
        }
        let mut relation = Relation::default();
        for (peer, ports) in peers.entries {
            relation.allow(peer, &ports, direction, steps)?;
        }
        Ok(relation)
    }

    /// Opens ports to peers that are not in it yet.
    fn allow(&mut self, peer: PeerSet, ports: &[&Ports], direction: Direction, steps: &mut Steps) -> Result<(), Exhausted> {
        let (numbers, names) = match ports {
            [one] => (one.numbers.clone(), one.names.clone()),
            several => {
                steps.take(several.iter().map(|ports| ports.len()).sum())?;
                let numbers = RangeSet::new(several.iter().flat_map(|ports| ports.numbers.ranges()).copied());
                let mut names: Vec<NamedPort> = several.iter().flat_map(|ports| ports.names.iter()).cloned().collect();
                names.sort_unstable();
                names.dedup();
                (numbers, names.into())
            }
        };
        // A name is resolved on the destination: only pods have any (rule 22).
        let has_names = direction == Direction::Ingress || matches!(peer, PeerSet::Pods { .. });
        if has_names && !names.is_empty() {
            self.named_by_peer.insert(peer.clone(), self.named.len());
            self.named.push(NamedFlow { peer: peer.clone(), names });
        }
        if !numbers.is_empty() {
            self.by_peer.insert(peer.clone(), self.flows.len());
            self.flows.push(Flow { peer, numbers });
        }
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.flows.is_empty() && self.named.is_empty()
    }

    /// The numeric ports that it opens to exactly these peers.
    pub(crate) fn numbers_of(&self, peer: &PeerSet) -> Option<&RangeSet<u32>> {
        self.by_peer.get(peer).and_then(|index| self.flows.get(*index)).map(|flow| &flow.numbers)
    }

    /// The named ports that it opens to exactly these peers.
    pub(crate) fn names_of(&self, peer: &PeerSet) -> &[NamedPort] {
        self.named_by_peer.get(peer).and_then(|index| self.named.get(*index)).map_or(&[], |flow| &flow.names)
    }
}

/// Values gathered by key, keys in the order in which they came first.
struct InOrder<K, V> {
    entries: Vec<(K, Vec<V>)>,
    places: HashMap<K, usize>,
}

impl<K, V> Default for InOrder<K, V> {
    fn default() -> Self {
        InOrder { entries: Vec::new(), places: HashMap::new() }
    }
}

impl<K: Clone + Eq + Hash, V> InOrder<K, V> {
    fn push(&mut self, key: K, values: impl IntoIterator<Item = V>) {
        let place = *self.places.entry(key).or_insert_with_key(|key| {
            self.entries.push((key.clone(), Vec::new()));
            self.entries.len() - 1
        });
        if let Some((_, gathered)) = self.entries.get_mut(place) {
            gathered.extend(values);
        }
    }
}

/// Relations, each with the pods that it holds for: what they allow together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Union<'u> {
    members: Vec<(&'u Selector, &'u Relation)>,
    covers: Vec<Cover<'u>>,
}

impl<'u> Union<'u> {
    pub(crate) fn new(members: impl IntoIterator<Item = (&'u Selector, &'u Relation)>) -> Self {
        let members: Vec<_> = members.into_iter().collect();
        let covers = members
            .iter()
            .flat_map(|(subject, relation)| relation.flows.iter().map(|flow| Cover { subject, peer: &flow.peer, numbers: &flow.numbers }))
            .collect();
        Union { members, covers }
    }

    /// What the union leaves of a numeric flow: at most `limit` pieces.
    pub(crate) fn leaves(&self, piece: Piece, limit: usize, steps: &mut Steps) -> Result<Vec<Piece>, Exhausted> {
        for (subject, relation) in &self.members {
            steps.take(1)?;
            if let Some(numbers) = relation.numbers_of(&piece.peer)
                && piece.numbers.is_subset(numbers, steps)?
                && piece.subject.is_subset(subject, steps)?
            {
                return Ok(Vec::new());
            }
        }
        residue(piece, &self.covers, limit, steps)
    }

    /// Traffic that a relation allows pods of `subject` and the union does not, with the named port that it
    /// stands for, if any.
    pub(crate) fn first_beyond(
        &self,
        subject: &Selector,
        relation: &Relation,
        steps: &mut Steps,
    ) -> Result<Option<(Piece, Option<NamedPort>)>, Exhausted> {
        for flow in &relation.flows {
            let piece = Piece { subject: subject.clone(), peer: flow.peer.clone(), numbers: flow.numbers.clone() };
            if let Some(piece) = self.leaves(piece, 1, steps)?.pop() {
                return Ok(Some((piece, None)));
            }
        }
        for flow in &relation.named {
            for name in flow.names.iter() {
                if let Some(piece) = self.leaves_of_name(subject, &flow.peer, name, 1, steps)?.pop() {
                    return Ok(Some((piece, Some(name.clone()))));
                }
            }
        }
        Ok(None)
    }

    /// What the union leaves of one named port. A name is covered by itself, and where every number of
    /// its protocol is allowed, since it resolves to one of them (rule 22). The numbers of a piece that
    /// is left are those that the name may resolve to and that nothing allows.
    pub(crate) fn leaves_of_name(
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
            for flow in &relation.named {
                steps.take(1)?;
                if flow.names.binary_search(name).is_ok() {
                    covers.push(Cover { subject: their_subject, peer: &flow.peer, numbers: &whole });
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
