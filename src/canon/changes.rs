//! What a canon changes in comparison with another one: in meaning, not in spelling.
//!
//! Policies are compared by name, and what they allow by everything that the two canons allow: a rule that moved to
//! another policy takes nothing away.

use std::collections::BTreeSet;

use super::attachment_changes::attachments;
use super::compiled::Canon;
use super::foreign_changes::{self, ForeignChange};
use super::grant_changes::{self, GrantChange, Kind, ProtectedChange};
use super::policies::{CanonicalPolicy, Policies};
use crate::policy::{Allowed, Beyond, Comparison, Difference, Direction, Isolation, Policy, Selector, compare, compare_among, isolation};

/// What the second of two canons changes.
#[derive(Debug)]
pub struct Changes<'c> {
    /// The policies that differ, sorted by name.
    pub policies: Vec<PolicyChange<'c>>,
    /// The policies that have another name in the second canon and the same meaning: no difference in meaning.
    pub renamed: Vec<Renamed<'c>>,
    /// The policies of other APIs that differ, sorted by group, resource and name.
    pub foreign: Vec<ForeignChange<'c>>,
    /// The pods that only one of the canons isolates.
    pub isolation: Vec<IsolationChange>,
    /// The grants that differ.
    pub grants: Vec<GrantChange<'c>>,
    /// The protected labels that only one of the canons has.
    pub protected: Vec<ProtectedChange<'c>>,
}

/// A policy that differs.
#[derive(Debug)]
pub struct PolicyChange<'c> {
    /// Its name.
    pub name: &'c str,
    /// What happens to it.
    pub kind: Kind,
    /// The differences of a changed policy. The first canon is the canonical side.
    pub differences: Vec<Difference>,
    /// A connection that the policy allows in the second canon, and no policy of the first one.
    pub opens: Beyond,
    /// A connection that the policy allows in the first canon, and no policy of the second one.
    pub breaks: Beyond,
    /// Whether the comparison of a changed policy ended before its limit. If not, both may mean the same.
    pub proven: bool,
}

impl PolicyChange<'_> {
    /// Returns whether every comparison ended before its limit on steps. If not, there may be fewer differences.
    pub fn is_proven(&self) -> bool {
        self.proven && self.opens != Beyond::NotProven && self.breaks != Beyond::NotProven
    }
}

/// A policy that has another name in the second canon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Renamed<'c> {
    /// The name in the first canon.
    pub from: &'c str,
    /// The name in the second canon.
    pub to: &'c str,
}

/// Pods that only one of the canons isolates.
#[derive(Debug, PartialEq, Eq)]
pub enum IsolationChange {
    /// Only the first canon isolates these pods in a direction: the second one leaves them open.
    Ends(Direction, Selector),
    /// Only the second canon isolates these pods in a direction: connections that no policy allows are lost.
    Begins(Direction, Selector),
    /// The comparison takes too many steps.
    NotProven,
}

impl<'c> Changes<'c> {
    /// Compares two canons that are compiled for `namespace`.
    pub fn new(from: &'c Canon, to: &'c Canon, namespace: &str) -> Changes<'c> {
        let none = Policies::default();
        let (old, new) = (from.policies(namespace), to.policies(namespace));
        let sides = Sides {
            from: Allowed::new(old.unwrap_or(&none).by_name.values().map(|canonical| &canonical.policy)),
            to: Allowed::new(new.unwrap_or(&none).by_name.values().map(|canonical| &canonical.policy)),
        };
        let renamed = old.zip(new).map(|(old, new)| renamed(old, new)).unwrap_or_default();
        let names: BTreeSet<&str> = old.into_iter().chain(new).flat_map(|policies| policies.by_name.keys()).map(String::as_str).collect();
        let is_renamed = |name: &str| renamed.iter().any(|renamed| renamed.from == name || renamed.to == name);
        let named = |policies: Option<&'c Policies>, name: &str| policies.and_then(|policies| policies.named(name));
        let changes = names.into_iter().filter_map(|name| match (named(old, name), named(new, name)) {
            (Some(old), Some(new)) => sides.changed(name, old, new),
            _ if is_renamed(name) => None,
            (Some(old), None) => Some(sides.change(name, Kind::Removed, Some(old), None)),
            (None, new) => Some(sides.change(name, Kind::Added, None, new)),
        });
        Changes {
            policies: changes.collect(),
            renamed,
            foreign: foreign_changes::foreign_changes(old, new),
            isolation: isolation_changes(old, new),
            grants: grant_changes::grant_changes(&from.grants, &to.grants),
            protected: grant_changes::protected_changes(&from.protected_labels, &to.protected_labels),
        }
    }

    /// Returns whether both canons mean the same.
    pub fn is_empty(&self) -> bool {
        self.policies.is_empty()
            && self.foreign.is_empty()
            && self.isolation.is_empty()
            && self.grants.is_empty()
            && self.protected.is_empty()
    }
}

/// What each of the canons allows.
struct Sides {
    from: Allowed,
    to: Allowed,
}

impl Sides {
    fn changed<'c>(&self, name: &'c str, old: &CanonicalPolicy, new: &CanonicalPolicy) -> Option<PolicyChange<'c>> {
        let (mut differences, proven) = match compare_among((&old.policy, &self.from), (&new.policy, &self.to)) {
            Comparison::Same => (Vec::new(), true),
            Comparison::Drift(drift) => (drift.differences, true),
            Comparison::NotProven => (Vec::new(), false),
        };
        differences.extend(of_policies(old, new));
        let differs = !differences.is_empty() || !proven;
        differs.then(|| PolicyChange { differences, proven, ..self.change(name, Kind::Changed, Some(old), Some(new)) })
    }

    fn change<'c>(&self, name: &'c str, kind: Kind, old: Option<&CanonicalPolicy>, new: Option<&CanonicalPolicy>) -> PolicyChange<'c> {
        let beyond = |set: &Allowed, canonical: Option<&CanonicalPolicy>| canonical.map_or(Beyond::Nothing, |it| set.beyond(&it.policy));
        let (opens, breaks) = (beyond(&self.from, new), beyond(&self.to, old));
        PolicyChange { name, kind, differences: Vec::new(), opens, breaks, proven: true }
    }
}

/// Returns the policies that only one canon has under this name, but the other one under another name.
fn renamed<'c>(old: &'c Policies, new: &'c Policies) -> Vec<Renamed<'c>> {
    let mut added: Vec<(&String, &CanonicalPolicy)> = new.by_name.iter().filter(|(name, _)| old.named(name).is_none()).collect();
    let removed = old.by_name.iter().filter(|(name, _)| new.named(name).is_none());
    let pairs = removed.filter_map(|(from, policy)| {
        let is_the_same = |(_, other): &(&String, &CanonicalPolicy)| {
            // Cheap, and true of the same policies.
            policy.policy.isolates_the_same(&other.policy)
                && compare(&policy.policy, &other.policy) == Comparison::Same
                && of_policies(policy, other).is_empty()
        };
        let position = added.iter().position(is_the_same)?;
        Some(Renamed { from, to: added.remove(position).0 })
    });
    pairs.collect()
}

/// Returns the differences between the owner references and finalizers that two canons list for a policy.
fn of_policies(old: &CanonicalPolicy, new: &CanonicalPolicy) -> Vec<Difference> {
    attachments((&old.owner_references, &old.finalizers), (&new.owner_references, &new.finalizers))
}

/// Returns pods of each direction that only one of the canons isolates.
fn isolation_changes(old: Option<&Policies>, new: Option<&Policies>) -> Vec<IsolationChange> {
    let set = |policies: Option<&'_ Policies>| -> Vec<Policy> {
        policies.into_iter().flat_map(|policies| policies.by_name.values()).map(|canonical| canonical.policy.clone()).collect()
    };
    let (old, new) = (set(old), set(new));
    let (old, new): (Vec<&Policy>, Vec<&Policy>) = (old.iter().collect(), new.iter().collect());
    let mut changes = Vec::new();
    match isolation(std::slice::from_ref(&old), &new) {
        Isolation::Common => {}
        Isolation::Apart(direction, pods) => changes.push(IsolationChange::Ends(direction, pods)),
        Isolation::NotProven => changes.push(IsolationChange::NotProven),
    }
    match isolation(std::slice::from_ref(&new), &old) {
        Isolation::Common => {}
        Isolation::Apart(direction, pods) => changes.push(IsolationChange::Begins(direction, pods)),
        Isolation::NotProven => changes.push(IsolationChange::NotProven),
    }
    changes
}
