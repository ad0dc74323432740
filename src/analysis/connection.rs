//! What policies allow between two endpoints, and why.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::BTreeSet;

use super::endpoint::{End, Pods};
use super::matching::{self, Match};
use super::ports::PortSet;
use super::reason::Reason;
use crate::policy::{Direction, Policy};

/// A policy with its name. Its namespace is that which it was parsed for.
#[derive(Debug, Clone)]
pub struct NamedPolicy {
    /// The name.
    pub name: String,
    /// The policy.
    pub policy: Policy,
}

/// What policies allow from one endpoint to another.
#[derive(Debug, Clone)]
pub struct Connection {
    /// What the policies of the source allow.
    pub egress: Side,
    /// What the policies of the destination allow.
    pub ingress: Side,
    /// The ports that are open whatever network plugin enforces the policies.
    pub allowed: PortSet,
    /// The ports that may be open in addition.
    pub depends: PortSet,
    /// Why they only may be open.
    pub reasons: BTreeSet<Reason>,
}

/// What the policies of one end allow.
#[derive(Debug, Clone)]
pub struct Side {
    /// The direction.
    pub direction: Direction,
    /// The policies that isolate the pod in this direction, as indexes. If there is none, every port is open (rule 10).
    pub isolated_by: Vec<usize>,
    /// The ports that are open for certain.
    pub allowed: PortSet,
    /// These ports, and those that may be open.
    pub possible: PortSet,
    /// The rules that open them.
    pub grants: Vec<Granted>,
}

/// What one rule opens.
#[derive(Debug, Clone)]
pub struct Granted {
    /// The index of the policy.
    pub policy: usize,
    /// The number of the rule, from 1.
    pub rule: usize,
    /// The ports that it opens for certain.
    pub allowed: PortSet,
    /// These ports, and those that it may open.
    pub possible: PortSet,
    /// Why some ports are only possible.
    pub reasons: Vec<Reason>,
}

/// Returns what policies allow from one endpoint to another. `itself` tells whether both are the same endpoint.
pub fn connection(policies: &[NamedPolicy], from: &End, to: &End, itself: bool) -> Connection {
    let of = |end, direction| isolating(policies, end, direction);
    between(policies, (from, of(from, Direction::Egress)), (to, of(to, Direction::Ingress)), itself)
}

/// One end of a connection, with the policies that isolate it. They are looked for when they are first needed.
#[derive(Debug, Clone)]
pub(crate) struct Part<'e> {
    end: Cow<'e, End>,
    direction: Direction,
    isolated_by: OnceCell<Vec<usize>>,
}

impl<'e> Part<'e> {
    pub(crate) fn new(end: Cow<'e, End>, direction: Direction) -> Part<'e> {
        Part { end, direction, isolated_by: OnceCell::new() }
    }

    fn allowed(&self, policies: &[NamedPolicy], peer: &Part<'_>) -> PortSet {
        let isolated_by = self.isolated_by.get_or_init(|| isolating(policies, &self.end, self.direction));
        open_for_certain(policies, self.direction, isolated_by, (&self.end, &peer.end))
    }
}

/// Returns whether some ports, or without ports any port, are open for certain: the same as [`connection`] says, in less time for
/// many connections.
pub(crate) fn is_open(policies: &[NamedPolicy], from: &Part<'_>, to: &Part<'_>, ports: Option<&PortSet>) -> bool {
    let is_met = |allowed: &PortSet| ports.map_or(!allowed.is_empty(), |ports| ports.is_subset(allowed));
    // The end whose policies are known is faster, and may be enough.
    let (first, second) = if to.isolated_by.get().is_some() { (to, from) } else { (from, to) };
    let allowed = first.allowed(policies, second);
    is_met(&allowed) && is_met(&allowed.and(&second.allowed(policies, first)))
}

/// The same for ends whose isolating policies are known.
pub(crate) fn between(
    policies: &[NamedPolicy],
    (from, egress): (&End, Vec<usize>),
    (to, ingress): (&End, Vec<usize>),
    itself: bool,
) -> Connection {
    let egress = side(policies, Direction::Egress, egress, (from, to));
    let ingress = side(policies, Direction::Ingress, ingress, (to, from));
    let allowed = egress.allowed.and(&ingress.allowed);
    let mut unrestricted = BTreeSet::new();
    let is = |test: fn(&Pods) -> bool, end: &End| matches!(end, End::Pods(pods) if test(pods));
    if is(|pods| pods.host_network, from) || is(|pods| pods.host_network, to) {
        unrestricted.insert(Reason::HostNetwork);
    }
    if itself && is(|pods| pods.single, from) {
        unrestricted.insert(Reason::Itself);
    }
    let possible = if unrestricted.is_empty() { egress.possible.and(&ingress.possible) } else { PortSet::every() };
    let depends = possible.less(&allowed);
    let mut reasons = if depends.is_empty() { BTreeSet::new() } else { unrestricted };
    for granted in egress.grants.iter().chain(&ingress.grants) {
        if !granted.possible.less(&granted.allowed).and(&depends).is_empty() {
            reasons.extend(granted.reasons.iter().cloned());
        }
    }
    Connection { egress, ingress, allowed, depends, reasons }
}

/// Returns the policies that isolate an endpoint in a direction, as indexes. Addresses are isolated by none (rule 11).
pub(crate) fn isolating(policies: &[NamedPolicy], end: &End, direction: Direction) -> Vec<usize> {
    let End::Pods(pods) = end else { return Vec::new() };
    let label = |key: &str| pods.labels.get(key).map(String::as_str);
    let isolates =
        |policy: &Policy| policy.rules(direction).is_some() && *policy.home == *pods.namespace.name && policy.subject().matches(label);
    policies.iter().enumerate().filter(|(_, named)| isolates(&named.policy)).map(|(index, _)| index).collect()
}

/// Returns [`Side::allowed`] without the reasons.
fn open_for_certain(policies: &[NamedPolicy], direction: Direction, isolated_by: &[usize], (subject, peer): (&End, &End)) -> PortSet {
    if isolated_by.is_empty() {
        return PortSet::every();
    }
    let destination = match direction {
        Direction::Ingress => subject,
        Direction::Egress => peer,
    };
    let policies = isolated_by.iter().filter_map(|index| policies.get(*index)?.policy.rules(direction));
    let rules = policies.flat_map(|rules| &rules.written).filter(|rule| matching::peers(&rule.peers, peer) == Match::Yes);
    let mut open = rules.map(|rule| matching::ports(rule, destination).allowed);
    match (open.next(), open.next()) {
        (None, _) => PortSet::none(),
        (Some(one), None) => one,
        (Some(one), Some(other)) => PortSet::union(&[one, other].into_iter().chain(open).collect::<Vec<_>>()),
    }
}

fn side(policies: &[NamedPolicy], direction: Direction, isolated_by: Vec<usize>, (subject, peer): (&End, &End)) -> Side {
    if isolated_by.is_empty() {
        return Side { direction, isolated_by, allowed: PortSet::every(), possible: PortSet::every(), grants: Vec::new() };
    }
    let destination = match direction {
        Direction::Ingress => subject,
        Direction::Egress => peer,
    };
    let mut grants = Vec::new();
    for index in &isolated_by {
        let Some(named) = policies.get(*index) else { continue };
        let rules = named.policy.rules(direction).map(|rules| rules.written.as_slice()).unwrap_or_default();
        for (place, rule) in rules.iter().enumerate() {
            let matched = matching::peers(&rule.peers, peer);
            if matched == Match::No {
                continue;
            }
            let mut resolved = matching::ports(rule, destination);
            if matched == Match::Maybe {
                resolved.allowed = PortSet::none();
                resolved.reasons.extend(match peer {
                    // The reason is that of the whole connection.
                    End::Pods(pods) if pods.host_network => None,
                    // Then only an address that is not known leaves it open.
                    End::Pods(pods) if pods.blocks == Some(true) => {
                        Some(Reason::Address { policy: named.name.clone(), direction, rule: place + 1 })
                    }
                    _ => Some(Reason::Block { policy: named.name.clone(), direction, rule: place + 1 }),
                });
            }
            if !resolved.possible.is_empty() {
                let (policy, rule) = (*index, place + 1);
                grants.push(Granted { policy, rule, allowed: resolved.allowed, possible: resolved.possible, reasons: resolved.reasons });
            }
        }
    }
    let allowed = PortSet::union(grants.iter().map(|granted| &granted.allowed));
    let possible = PortSet::union(grants.iter().map(|granted| &granted.possible));
    Side { direction, isolated_by, allowed, possible, grants }
}
