//! Whether a rule applies to an endpoint, and to which ports.

use super::endpoint::{Addresses, End, Pods, number, unknown};
use super::ports::PortSet;
use super::reason::Reason;
use crate::policy::addresses::Family;
use crate::policy::ports::Ports;
use crate::policy::ranges::RangeSet;
use crate::policy::rule::{Peers, Rule};
use crate::policy::traffic::PeerSet;

/// Whether peers include an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Match {
    /// They do not.
    No,
    /// They do or do not: network plugins differ.
    Maybe,
    /// They do.
    Yes,
}

/// Returns whether the peers of a rule include an endpoint.
pub(crate) fn peers(peers: &Peers, end: &End) -> Match {
    match peers {
        Peers::Everyone => Match::Yes,
        Peers::Listed(listed) => listed.iter().map(|peer| peer_set(peer, end)).max().unwrap_or(Match::No),
    }
}

fn peer_set(peer: &PeerSet, end: &End) -> Match {
    match (peer, end) {
        (PeerSet::Pods { namespaces, pods }, End::Pods(end)) => {
            let of_namespace = |key: &str| end.namespace.labels.get(key).map(String::as_str);
            let of_pod = |key: &str| end.labels.get(key).map(String::as_str);
            match pods.matches(of_pod) && namespaces.matches(of_namespace) {
                false => Match::No,
                // Most network plugins treat a pod on the host network as a node, which no selector selects (rule 27).
                true if end.host_network => Match::Maybe,
                true => Match::Yes,
            }
        }
        (PeerSet::Addresses(family, block), End::Addresses(addresses)) => block_of(*family, block, addresses),
        (PeerSet::Addresses(family, block), End::Pods(end)) => block_of_pod(*family, block, end),
        (PeerSet::Pods { .. } | PeerSet::Others, _) => Match::No,
    }
}

/// Returns whether a block contains addresses that no block divides.
fn block_of(family: Family, block: &RangeSet<u128>, addresses: &Addresses) -> Match {
    let first = addresses.set.ranges().first().map(|(first, _)| *first);
    if family == addresses.family && first.is_some_and(|first| block.contains(first)) { Match::Yes } else { Match::No }
}

/// Returns whether a block may include a pod by its address: network plugins differ (rule 25).
fn block_of_pod(family: Family, block: &RangeSet<u128>, pods: &Pods) -> Match {
    // A pod on the host network has the addresses of a node, of which it may list only some.
    let known = pods.addresses.as_ref().filter(|_| !pods.host_network);
    let contains = |address: &std::net::IpAddr| {
        let (of, number) = number(*address);
        of == family && block.contains(number)
    };
    let may_contain = known.map_or(!block.is_empty(), |addresses| addresses.iter().any(contains));
    match pods.blocks {
        _ if !may_contain => Match::No,
        Some(false) if !pods.host_network => Match::No,
        Some(true) if known.is_some() => Match::Yes,
        _ => Match::Maybe,
    }
}

/// The ports of a rule on one destination.
#[derive(Debug, Clone)]
pub(crate) struct Resolved {
    pub(crate) allowed: PortSet,
    pub(crate) possible: PortSet,
    /// Why some ports are only possible.
    pub(crate) reasons: Vec<Reason>,
}

/// Resolves the ports of a rule on their destination (rule 22).
pub(crate) fn ports(rule: &Rule, destination: &End) -> Resolved {
    let Ports { numbers, names } = &rule.ports;
    let numbers = PortSet::of(numbers);
    let mut resolved = Resolved { allowed: numbers.clone(), possible: numbers, reasons: Vec::new() };
    // Only pods have named ports.
    let End::Pods(pods) = destination else { return resolved };
    for named in names.iter() {
        let text = || named.1.to_string();
        let (sure, unsure, reason) = match &pods.ports {
            None => (PortSet::none(), unknown(named.0), Reason::UnknownPort(text())),
            Some(known) => {
                let (sure, unsure) = known.resolve(named);
                (sure, unsure, Reason::InitContainerPort(text()))
            }
        };
        // Whether a name resolves on a node is not specified.
        let allowed = if pods.host_network { PortSet::none() } else { sure.clone() };
        if !unsure.is_empty() {
            resolved.reasons.push(reason);
        }
        resolved.allowed = resolved.allowed.or(&allowed);
        resolved.possible = PortSet::union([&resolved.possible, &sure, &unsure]);
    }
    resolved
}
