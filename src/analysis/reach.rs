//! Which of many endpoints can connect.

use std::collections::{BTreeMap, BTreeSet};

use super::classes::Reader;
use super::connection::{NamedPolicy, between, connection, isolating};
use super::endpoint::{Addresses, End, Endpoint, Pods};
use super::parts::Partition;
use super::ports::PortSet;
use super::reason::Reason;
use crate::policy::Direction;

/// The connections between endpoints. Pods that policies cannot tell apart are one class, so that the cost grows with the number
/// of classes.
#[derive(Debug)]
pub struct Reach<'w> {
    policies: &'w [NamedPolicy],
    endpoints: &'w [Endpoint],
    /// The class of each endpoint.
    classes: Vec<usize>,
    /// The connections from each class to each class.
    flows: Vec<Vec<Flow>>,
}

/// The ports that are open from one endpoint to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow {
    /// The ports that are open whatever network plugin enforces the policies.
    pub allowed: PortSet,
    /// The ports that may be open in addition.
    pub depends: PortSet,
    /// Why they only may be open.
    pub reasons: BTreeSet<Reason>,
}

impl Flow {
    /// Returns a flow without a port.
    pub fn none() -> Flow {
        Flow { allowed: PortSet::none(), depends: PortSet::none(), reasons: BTreeSet::new() }
    }

    /// Returns whether no port is or may be open.
    pub fn is_empty(&self) -> bool {
        self.allowed.is_empty() && self.depends.is_empty()
    }

    /// Returns the same for some of the ports.
    #[must_use]
    pub fn of(&self, ports: &PortSet) -> Flow {
        let depends = self.depends.and(ports);
        let reasons = if depends.is_empty() { BTreeSet::new() } else { self.reasons.clone() };
        Flow { allowed: self.allowed.and(ports), depends, reasons }
    }
}

impl<'w> Reach<'w> {
    /// Evaluates policies for every pair of endpoints.
    pub fn new(policies: &'w [NamedPolicy], endpoints: &'w [Endpoint]) -> Reach<'w> {
        let Classes { of_endpoint: classes, ends: members } = Classes::new(policies, endpoints);
        let isolated = |direction| members.iter().map(|end| isolating(policies, end, direction)).collect::<Vec<_>>();
        let (egress, ingress) = (isolated(Direction::Egress), isolated(Direction::Ingress));
        let row = |(from, egress): (&End, &Vec<usize>)| {
            let cell = |(to, ingress): (&End, &Vec<usize>)| flow(policies, (from, egress), (to, ingress));
            members.iter().zip(&ingress).map(cell).collect::<Vec<_>>()
        };
        let flows = members.iter().zip(&egress).map(row).collect();
        Reach { policies, endpoints, classes, flows }
    }

    /// Returns the endpoints.
    pub fn endpoints(&self) -> &'w [Endpoint] {
        self.endpoints
    }

    /// Returns the class of an endpoint: endpoints of one class are those that policies cannot tell apart.
    pub fn class(&self, endpoint: usize) -> Option<usize> {
        self.classes.get(endpoint).copied()
    }

    /// Returns the policies that isolate an endpoint in a direction, as indexes.
    pub fn isolated_by(&self, endpoint: usize, direction: Direction) -> Vec<usize> {
        self.endpoints.get(endpoint).map(|endpoint| isolating(self.policies, &endpoint.end, direction)).unwrap_or_default()
    }

    /// Returns the number of classes.
    pub fn classes(&self) -> usize {
        self.flows.len()
    }

    /// Returns the ports that are open from one endpoint to another, each given by its index. There are none between two
    /// endpoints to which other policies may apply.
    pub fn flow(&self, from: usize, to: usize) -> Flow {
        let is_outside = |index: usize| self.endpoints.get(index).is_none_or(|endpoint| endpoint.outside);
        if is_outside(from) && is_outside(to) {
            return Flow::none();
        }
        if from == to
            && let Some(Endpoint { end: end @ End::Pods(Pods { single: true, .. }), .. }) = self.endpoints.get(from)
        {
            let found = connection(self.policies, end, end, true);
            return Flow { allowed: found.allowed, depends: found.depends, reasons: found.reasons };
        }
        let class = |endpoint: usize| self.classes.get(endpoint).copied();
        let found = class(from).zip(class(to)).and_then(|(from, to)| self.flows.get(from)?.get(to));
        found.cloned().unwrap_or_else(Flow::none)
    }
}

/// The classes of endpoints that policies cannot tell apart.
pub(crate) struct Classes {
    /// The class of each endpoint.
    pub(crate) of_endpoint: Vec<usize>,
    /// What the members of each class are, with only what policies read of them.
    pub(crate) ends: Vec<End>,
}

impl Classes {
    pub(crate) fn new(policies: &[NamedPolicy], endpoints: &[Endpoint]) -> Classes {
        let reader = Reader::new(policies);
        let mut known: BTreeMap<Pods, usize> = BTreeMap::new();
        let mut ends: Vec<End> = Vec::new();
        let mut of_endpoint = Vec::with_capacity(endpoints.len());
        for endpoint in endpoints {
            let end = reader.read(&endpoint.end);
            let class = match &end {
                End::Pods(pods) => *known.entry(pods.clone()).or_insert(ends.len()),
                End::Addresses(_) => ends.len(),
            };
            if class == ends.len() {
                ends.push(end);
            }
            of_endpoint.push(class);
        }
        Classes { of_endpoint, ends }
    }
}

fn flow(policies: &[NamedPolicy], from: (&End, &Vec<usize>), to: (&End, &Vec<usize>)) -> Flow {
    // What is between addresses is not considered.
    if matches!((from.0, to.0), (End::Addresses(_), End::Addresses(_))) {
        return Flow::none();
    }
    let found = between(policies, (from.0, from.1.clone()), (to.0, to.1.clone()), false);
    Flow { allowed: found.allowed, depends: found.depends, reasons: found.reasons }
}

/// Returns an endpoint for each part of all addresses that policies tell apart.
pub fn addresses(policies: &[NamedPolicy]) -> Vec<Endpoint> {
    Addresses::world().iter().flat_map(|whole| divided(policies, whole)).map(Addresses::endpoint).collect()
}

/// Returns the parts of some addresses that policies tell apart.
pub fn divided(policies: &[NamedPolicy], addresses: &Addresses) -> Vec<Addresses> {
    let family = addresses.family;
    let parts = Partition::new(family, policies.iter().map(|named| &named.policy)).parts;
    let inside = parts.into_iter().map(|part| part.less(&part.less(&addresses.set)));
    let mut inside: Vec<_> = inside.filter(|set| !set.is_empty()).collect();
    inside.sort_by_key(|set| set.ranges().first().copied());
    inside.into_iter().map(|set| Addresses { family, set }).collect()
}
