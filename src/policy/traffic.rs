//! Traffic as boxes, and their subtraction.
//!
//! A box is a product: subject pods × peers of one kind × ports. Subtracting one box from another gives at
//! most one box for each dimension. Subtracting all members of a union from a box gives the part that the
//! union does not cover, and any remaining piece is a witness. The subtraction is depth first, so it finds an
//! uncovered piece before it creates the others (`semantics.md` 2c).

use std::sync::LazyLock;

use super::addresses::Family;
use super::ranges::RangeSet;
use super::selector::Selector;
use super::steps::{Exhausted, Steps};

/// Peers of one kind. Peers of different kinds never cover each other (rule 25).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum PeerSet {
    /// The pods that `pods` selects, in the namespaces that `namespaces` selects.
    Pods { namespaces: Selector, pods: Selector },
    /// Addresses of an `ipBlock`.
    Addresses(Family, RangeSet<u128>),
    /// Endpoints that only a rule without peers allows: nodes, and everything else that network plugins exclude from
    /// IP blocks (2b.2).
    Others,
}

impl PeerSet {
    /// Returns every peer: one set for each kind (rule 15).
    pub(crate) fn everyone() -> &'static [PeerSet; 4] {
        static EVERYONE: LazyLock<[PeerSet; 4]> = LazyLock::new(|| {
            [
                PeerSet::Pods { namespaces: Selector::all(), pods: Selector::all() },
                PeerSet::Addresses(Family::V4, Family::V4.every_address()),
                PeerSet::Addresses(Family::V6, Family::V6.every_address()),
                PeerSet::Others,
            ]
        });
        &EVERYONE
    }

    pub(crate) fn is_empty(&self) -> bool {
        match self {
            PeerSet::Pods { namespaces, pods } => namespaces.is_empty() || pods.is_empty(),
            PeerSet::Addresses(_, addresses) => addresses.is_empty(),
            PeerSet::Others => false,
        }
    }

    fn is_disjoint(&self, other: &Self, steps: &mut Steps) -> Result<bool, Exhausted> {
        match (self, other) {
            (PeerSet::Pods { namespaces, pods }, PeerSet::Pods { namespaces: their_namespaces, pods: their_pods }) => {
                Ok(pods.is_disjoint(their_pods, steps)? || namespaces.is_disjoint(their_namespaces, steps)?)
            }
            (PeerSet::Addresses(family, addresses), PeerSet::Addresses(their_family, their_addresses)) => {
                Ok(family != their_family || addresses.is_disjoint(their_addresses, steps)?)
            }
            (PeerSet::Others, PeerSet::Others) => Ok(false),
            _ => Ok(true),
        }
    }

    /// Returns the pieces of `self` outside `other`, and the intersection of both.
    fn split(&self, other: &Self, steps: &mut Steps) -> Result<(Vec<PeerSet>, PeerSet), Exhausted> {
        match (self, other) {
            (PeerSet::Pods { namespaces, pods }, PeerSet::Pods { namespaces: their_namespaces, pods: their_pods }) => {
                let mut pieces = Vec::new();
                for outside in pods.subtract(their_pods, steps)? {
                    pieces.push(PeerSet::Pods { namespaces: namespaces.clone(), pods: outside });
                }
                let pods = pods.intersect(their_pods, steps)?;
                for outside in namespaces.subtract(their_namespaces, steps)? {
                    if let Some(namespaces) = outside.among_namespaces(steps)? {
                        pieces.push(PeerSet::Pods { namespaces, pods: pods.clone() });
                    }
                }
                let namespaces = namespaces.intersect(their_namespaces, steps)?;
                Ok((pieces, PeerSet::Pods { namespaces, pods }))
            }
            (PeerSet::Addresses(family, addresses), PeerSet::Addresses(_, their_addresses)) => {
                let outside = addresses.subtract(their_addresses, steps)?;
                let inside = addresses.intersect(their_addresses, steps)?;
                let pieces = if outside.is_empty() { Vec::new() } else { vec![PeerSet::Addresses(*family, outside)] };
                Ok((pieces, PeerSet::Addresses(*family, inside)))
            }
            _ => Ok((Vec::new(), self.clone())),
        }
    }
}

/// A box from which covers are subtracted.
#[derive(Debug, Clone)]
pub(crate) struct Piece {
    pub(crate) subject: Selector,
    pub(crate) peer: PeerSet,
    pub(crate) numbers: RangeSet<u32>,
}

/// A box that is subtracted: a member of a union.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cover<'c> {
    pub(crate) subject: &'c Selector,
    pub(crate) peer: &'c PeerSet,
    pub(crate) numbers: &'c RangeSet<u32>,
}

impl Piece {
    fn is_disjoint(&self, cover: &Cover<'_>, steps: &mut Steps) -> Result<bool, Exhausted> {
        steps.take(1)?;
        Ok(self.numbers.is_disjoint(cover.numbers, steps)?
            || self.peer.is_disjoint(cover.peer, steps)?
            || self.subject.is_disjoint(cover.subject, steps)?)
    }

    /// Returns the disjoint pieces of `self` outside a cover that overlaps it.
    fn subtract(self, cover: &Cover<'_>, steps: &mut Steps) -> Result<Vec<Piece>, Exhausted> {
        let mut pieces = Vec::new();
        let outside = self.numbers.subtract(cover.numbers, steps)?;
        let numbers = self.numbers.intersect(cover.numbers, steps)?;
        if !outside.is_empty() {
            pieces.push(Piece { subject: self.subject.clone(), peer: self.peer.clone(), numbers: outside });
        }
        let (outside, peer) = self.peer.split(cover.peer, steps)?;
        for outside in outside {
            pieces.push(Piece { subject: self.subject.clone(), peer: outside, numbers: numbers.clone() });
        }
        for outside in self.subject.subtract(cover.subject, steps)? {
            pieces.push(Piece { subject: outside, peer: peer.clone(), numbers: numbers.clone() });
        }
        Ok(pieces)
    }
}

/// Returns the disjoint pieces of `piece` that the union of `covers` does not cover: at most `limit`, in the
/// order in which they are found.
pub(crate) fn residue(piece: Piece, covers: &[Cover<'_>], limit: usize, steps: &mut Steps) -> Result<Vec<Piece>, Exhausted> {
    let mut near = Vec::new();
    for cover in covers {
        if !piece.is_disjoint(cover, steps)? {
            near.push(*cover);
        }
    }
    let mut left = Vec::new();
    let mut open = vec![(piece, 0)];
    while let Some((piece, from)) = open.pop() {
        let mut hit = None;
        for (index, cover) in near.iter().enumerate().skip(from) {
            if !piece.is_disjoint(cover, steps)? {
                hit = Some((index, cover));
                break;
            }
        }
        if let Some((index, cover)) = hit {
            // The first piece of a subtraction has the fewest restrictions, so it is the best witness.
            open.extend(piece.subtract(cover, steps)?.into_iter().rev().map(|piece| (piece, index + 1)));
        } else {
            left.push(piece);
            if left.len() >= limit {
                break;
            }
        }
    }
    Ok(left)
}
