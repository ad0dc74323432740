//! Connections of a rule as examples: a rule is not dead if no other rule allows one of them.

use std::collections::BTreeMap;

use super::scene::{Scene, written};
use crate::analysis::identities::example;
use crate::policy::Direction;
use crate::policy::addresses::Family;
use crate::policy::rule::{Peers, Rule};
use crate::policy::selector::NAMESPACE_NAME_KEY;
use crate::policy::traffic::PeerSet;

/// How many peers and ranges of ports of a rule are tried.
const MOST: usize = 8;

/// The name of a namespace that no selector lists, because it is not valid.
const UNLISTED: &str = "*";

/// The peer of an example.
enum Peer {
    /// The labels of a namespace, and of a pod in it.
    Pod(BTreeMap<String, String>, BTreeMap<String, String>),
    Address(Family, u128),
    Other,
}

/// What examples show about a rule.
pub(super) enum Shown {
    /// Some connection of the rule is allowed by no other rule that is alive.
    Alive,
    /// Some connection is allowed by these others too, given by policy and index: the first few.
    SharedBy(Vec<(usize, usize)>),
}

/// Tries some connections of a rule. That is cheap, and decides for most rules.
pub(super) fn shown(scene: &Scene<'_>, alive: &[Vec<bool>], (of, number): (usize, usize), direction: Direction) -> Shown {
    let mut shared = Vec::new();
    let Some((policy, rule)) = scene.policy(of).and_then(|policy| Some((policy, written(policy, direction).get(number)?))) else {
        return Shown::SharedBy(shared);
    };
    if policy.subject.is_empty() {
        return Shown::SharedBy(shared);
    }
    let subject = example(&policy.subject);
    let mut others: Vec<((usize, usize), &Rule)> = Vec::new();
    for ((index, named), alive) in scene.policies().zip(alive) {
        if named.policy.home == policy.home && named.policy.subject.matches(|key| subject.get(key).map(String::as_str)) {
            let rules = written(&named.policy, direction).iter().zip(alive).enumerate().filter(|(_, (_, alive))| **alive);
            others.extend(rules.map(|(other, (rule, _))| ((index, other), rule)).filter(|(place, _)| *place != (of, number)));
        }
    }
    for peer in rule.peer_sets().iter().take(MOST).filter_map(Peer::of) {
        for (port, _) in rule.ports.numbers.ranges().iter().take(MOST) {
            let mut allowing = others.iter().filter(|(_, other)| other.ports.numbers.contains(*port) && peer.is_of(other)).peekable();
            if allowing.peek().is_none() {
                return Shown::Alive;
            }
            if shared.is_empty() {
                shared = allowing.map(|(place, _)| *place).take(MOST).collect();
            }
        }
    }
    Shown::SharedBy(shared)
}

impl Peer {
    fn of(set: &PeerSet) -> Option<Peer> {
        match set {
            _ if set.is_empty() => None,
            PeerSet::Pods { namespaces, pods } => {
                let mut of_namespace = example(namespaces);
                of_namespace.entry(NAMESPACE_NAME_KEY.to_owned()).or_insert_with(|| UNLISTED.to_owned());
                Some(Peer::Pod(of_namespace, example(pods)))
            }
            PeerSet::Addresses(family, addresses) => addresses.ranges().first().map(|(first, _)| Peer::Address(*family, *first)),
            PeerSet::Others => Some(Peer::Other),
        }
    }

    fn is_of(&self, rule: &Rule) -> bool {
        match &rule.peers {
            Peers::Everyone => true,
            Peers::Listed(sets) => sets.iter().any(|set| match (self, set) {
                (Peer::Pod(of_namespace, of_pod), PeerSet::Pods { namespaces, pods }) => {
                    pods.matches(|key| of_pod.get(key).map(String::as_str))
                        && namespaces.matches(|key| of_namespace.get(key).map(String::as_str))
                }
                (Peer::Address(family, address), PeerSet::Addresses(of, addresses)) => family == of && addresses.contains(*address),
                _ => false,
            }),
        }
    }
}
