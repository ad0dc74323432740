//! Whether a policy means the same as the canonical policy of the same name, and how it differs.
//!
//! Two policies are the same if they isolate the same pods in the same directions and their rules allow the
//! same traffic of those pods (`semantics.md` 2c). A policy is wider than another if, together with some other
//! policies, it allows a connection that the other does not: it does not isolate a pod, or a rule allows
//! traffic that no rule of the other allows. Narrower is the reverse. A policy that isolates more pods and has
//! rules for them is both.

use super::allowed::Allowed;
use super::differences::{Among, differences};
use super::direction::Direction;
use super::drift::{Change, Drift};
use super::ports::every_port;
use super::relation::{Relation, Union};
use super::selector::Selector;
use super::spec::Policy;
use super::steps::{Exhausted, MAX_STEPS, Steps};
use super::traffic::{PeerSet, Piece};
use super::witness::{Witness, witness};

/// The result of a comparison of two policies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Comparison {
    /// Both mean the same.
    Same,
    /// They do not mean the same.
    Drift(Drift),
    /// The limit on steps was reached first.
    NotProven,
}

/// Compares `found` with `canonical`, within [`MAX_STEPS`] steps.
pub fn compare(canonical: &Policy, found: &Policy) -> Comparison {
    compare_within(canonical, found, &mut Steps::new(MAX_STEPS))
}

/// Compares a policy of one set with the policy of the same name in another set. Each difference of a rule then says
/// whether another policy of the set makes up for it.
pub fn compare_among(canonical: (&Policy, &Allowed), found: (&Policy, &Allowed)) -> Comparison {
    let among = Among { canonical: canonical.1, found: found.1 };
    compare_listing(canonical.0, found.0, Some(among), &mut Steps::new(MAX_STEPS))
}

pub(crate) fn compare_within(canonical: &Policy, found: &Policy, steps: &mut Steps) -> Comparison {
    compare_listing(canonical, found, None, steps)
}

fn compare_listing(canonical: &Policy, found: &Policy, among: Option<Among<'_>>, steps: &mut Steps) -> Comparison {
    // Both are evaluated: if one reaches the limit, the result of the other still counts.
    let wider = grants_beyond(found, canonical, steps);
    let narrower = grants_beyond(canonical, found, steps);
    let change = match (&wider, &narrower) {
        (Ok(None), Ok(None)) => return Comparison::Same,
        (Ok(Some(_)), Ok(Some(_))) => Change::Both,
        (Ok(Some(_)), _) => Change::Wider,
        (_, Ok(Some(_))) => Change::Narrower,
        (Err(Exhausted), _) | (_, Err(Exhausted)) => return Comparison::NotProven,
    };
    Comparison::Drift(Drift { change, differences: differences(canonical, found, change, among), witness: wider.ok().flatten() })
}

/// Returns a connection that `this` allows, together with some other policies, and `that` does not.
fn grants_beyond(this: &Policy, that: &Policy, steps: &mut Steps) -> Result<Option<Witness>, Exhausted> {
    for direction in Direction::BOTH {
        if let Some(witness) = rules_beyond(this, that, direction, steps)? {
            return Ok(Some(witness));
        }
    }
    for direction in Direction::BOTH {
        if let Some(witness) = isolation_lost(this, that, direction, steps)? {
            return Ok(Some(witness));
        }
    }
    Ok(None)
}

/// Returns pods that `this` isolates in a direction and `that` does not: the first piece, if there are several.
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
    // A wider rule for pods that both policies select is a better witness than an additional pod.
    let theirs = relation(that, direction)?;
    let both = this.subject.intersect(&that.subject, steps)?;
    if let Some(theirs) = theirs
        && !both.is_empty()
    {
        let everything = Selector::all();
        let union = Union::new([(&everything, theirs)]);
        if let Some(left) = union.first_beyond(&both, ours, steps)? {
            return Ok(Some(witness(&left, direction, &this.home)));
        }
    }
    let Some(subject) = subjects_beyond(this, that, direction, steps)? else { return Ok(None) };
    let left = Union::default().first_beyond(&subject, ours, steps)?;
    Ok(left.map(|left| witness(&left, direction, &this.home)))
}

/// Returns a connection of pods that `that` isolates and `this` does not, preferably one that no rule of `that` allows.
fn isolation_lost(this: &Policy, that: &Policy, direction: Direction, steps: &mut Steps) -> Result<Option<Witness>, Exhausted> {
    let Some(subject) = subjects_beyond(that, this, direction, steps)? else { return Ok(None) };
    let everything = Selector::all();
    let union = Union::new(relation(that, direction)?.map(|theirs| (&everything, theirs)));
    let any = |peer: &PeerSet| Piece { subject: subject.clone(), peer: peer.clone(), numbers: every_port() };
    for peer in PeerSet::everyone() {
        if let Some(piece) = union.uncovered(any(peer), 1, steps)?.pop() {
            return Ok(Some(witness(&(piece, None), direction, &this.home)));
        }
    }
    let [pods, ..] = PeerSet::everyone();
    Ok(Some(witness(&(any(pods), None), direction, &this.home)))
}
