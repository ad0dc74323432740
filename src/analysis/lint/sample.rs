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

/// Returns whether some connection of a rule is allowed by no other rule that is alive. It is cheap, and decides for most rules.
pub(super) fn is_plainly_alive(scene: &Scene<'_>, alive: &[Vec<bool>], (of, number): (usize, usize), direction: Direction) -> bool {
    let Some((policy, rule)) = scene.policy(of).and_then(|policy| Some((policy, written(policy, direction).get(number)?))) else {
        return false;
    };
    if policy.subject.is_empty() {
        return false;
    }
    let subject = example(&policy.subject);
    let others: Vec<&Rule> = scene
        .policies()
        .zip(alive)
        .filter(|((_, named), _)| {
            named.policy.home == policy.home && named.policy.subject.matches(|key| subject.get(key).map(String::as_str))
        })
        .flat_map(|((index, named), alive)| {
            let rules = written(&named.policy, direction).iter().zip(alive).enumerate();
            rules.filter(move |(other, (_, alive))| **alive && (index, *other) != (of, number)).map(|(_, (rule, _))| rule)
        })
        .collect();
    let ports = || rule.ports.numbers.ranges().iter().take(MOST).map(|(first, _)| *first);
    rule.peer_sets()
        .iter()
        .take(MOST)
        .filter_map(Peer::of)
        .any(|peer| ports().any(|port| !others.iter().any(|other| other.ports.numbers.contains(port) && peer.is_of(other))))
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
