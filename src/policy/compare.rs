//! Whether a policy means what its canonical namesake means, and where it does not.
//!
//! Two policies are the same where they isolate the same pods in the same directions and their rules
//! allow the same traffic of those pods (`semantics.md` 2c). One is wider than the other if in the
//! company of some other policies it lets a connection through that the other does not: isolation is
//! lost, or a rule allows what no rule of the other does. Narrower is the reverse; isolation gained
//! with rules in it is both.

use super::differences::differences;
use super::relation::{Relation, Union};
use super::selector::Selector;
use super::spec::Policy;
use super::steps::{Exhausted, MAX_STEPS, Steps};
use super::traffic::{PeerSet, Piece};
use super::{Change, Comparison, Direction, Drift, Witness, words};

/// Answers whether `found` means what `canonical` means, within [`MAX_STEPS`] steps.
pub fn compare(canonical: &Policy, found: &Policy) -> Comparison {
    compare_within(canonical, found, &mut Steps::new(MAX_STEPS))
}

pub(crate) fn compare_within(canonical: &Policy, found: &Policy, steps: &mut Steps) -> Comparison {
    // Each question on its own: one that exhausts the bound leaves what the other has found.
    let wider = grants_beyond(found, canonical, steps);
    let narrower = grants_beyond(canonical, found, steps);
    let change = match (&wider, &narrower) {
        (Ok(None), Ok(None)) => return Comparison::Same,
        (Ok(Some(_)), Ok(Some(_))) => Change::Both,
        (Ok(Some(_)), _) => Change::Wider,
        (_, Ok(Some(_))) => Change::Narrower,
        (Err(Exhausted), _) | (_, Err(Exhausted)) => return Comparison::NotProven,
    };
    Comparison::Drift(Drift { change, differences: differences(canonical, found, change), witness: wider.ok().flatten() })
}

/// A connection that `this` lets through in some company and `that` does not.
fn grants_beyond(this: &Policy, that: &Policy, steps: &mut Steps) -> Result<Option<Witness>, Exhausted> {
    for direction in [Direction::Ingress, Direction::Egress] {
        if let Some(witness) = rules_beyond(this, that, direction, steps)? {
            return Ok(Some(witness));
        }
    }
    for direction in [Direction::Ingress, Direction::Egress] {
        if let Some(witness) = isolation_lost(this, that, direction, steps)? {
            return Ok(Some(witness));
        }
    }
    Ok(None)
}

/// The pods of `this` that `that` does not isolate in a direction; of several pieces the first.
fn subjects_beyond(this: &Policy, that: &Policy, direction: Direction, steps: &mut Steps) -> Result<Option<Selector>, Exhausted> {
    if this.rules(direction).is_none() || this.subject.is_empty() {
        return Ok(None);
    }
    if that.rules(direction).is_none() {
        return Ok(Some(this.subject.clone()));
    }
    Ok(this.subject.subtract(&that.subject, steps)?.into_iter().next())
}

fn relation(policy: &Policy, direction: Direction) -> Result<Option<&Relation>, Exhausted> {
    match policy.rules(direction) {
        None => Ok(None),
        Some(rules) => rules.relation.as_ref().map(Some).ok_or(Exhausted),
    }
}

fn rules_beyond(this: &Policy, that: &Policy, direction: Direction, steps: &mut Steps) -> Result<Option<Witness>, Exhausted> {
    let Some(ours) = relation(this, direction)? else { return Ok(None) };
    if ours.is_empty() || this.subject.is_empty() {
        return Ok(None);
    }
    // First what is wider for pods that both select: it says more than that more pods are selected.
    let theirs = relation(that, direction)?;
    let both = this.subject.intersect(&that.subject, steps)?;
    if let Some(theirs) = theirs
        && !both.is_empty()
    {
        let everything = Selector::all();
        let union = Union::new([(&everything, theirs)]);
        if let Some(left) = union.first_beyond(&both, ours, steps)? {
            return Ok(Some(words::witness(&left, direction, &this.home)));
        }
    }
    let Some(subject) = subjects_beyond(this, that, direction, steps)? else { return Ok(None) };
    let left = Union::default().first_beyond(&subject, ours, steps)?;
    Ok(left.map(|left| words::witness(&left, direction, &this.home)))
}

/// A connection of pods that `that` isolates and `this` does not; one that no rule of `that` allows if there is one.
fn isolation_lost(this: &Policy, that: &Policy, direction: Direction, steps: &mut Steps) -> Result<Option<Witness>, Exhausted> {
    let Some(subject) = subjects_beyond(that, this, direction, steps)? else { return Ok(None) };
    let everything = Selector::all();
    let union = Union::new(relation(that, direction)?.map(|theirs| (&everything, theirs)));
    let any = |peer: &PeerSet| Piece { subject: subject.clone(), peer: peer.clone(), numbers: super::ports::every_port() };
    for peer in PeerSet::everyone() {
        if let Some(piece) = union.leaves(any(peer), 1, steps)?.pop() {
            return Ok(Some(words::witness(&(piece, None), direction, &this.home)));
        }
    }
    let [pods, ..] = PeerSet::everyone();
    Ok(Some(words::witness(&(any(pods), None), direction, &this.home)))
}
