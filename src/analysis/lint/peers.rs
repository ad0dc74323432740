//! Rules about the peers of one rule: who is allowed that should not be.

use super::finding::{Evidence, Finding, Place};
use super::labels::is_of_nothing;
use super::rules::{LintRule, Severity};
use super::scene::{About, Scene};
use crate::analysis::ports::PortSet;
use crate::policy::addresses::Family;
use crate::policy::rule::{Peers, Rule};
use crate::policy::traffic::PeerSet;
use crate::policy::words;
use crate::policy::{Direction, Policy, Selector};

/// The address at which cloud providers give pods the credentials of their node.
const METADATA: u128 = 0xA9FE_A9FE;

/// Two peers where one peer with both selectors was probably meant: pods of the own namespace that do not exist, or every pod of
/// other namespaces.
pub(super) fn or_instead_of_and(scene: &Scene<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, named) in scene.policies() {
        for (direction, number, rule) in Scene::rules(&named.policy) {
            let Some((own, other)) = meant_together(scene, &named.policy, rule) else { continue };
            let (namespaces, pods) = (&other.selector, &own.selector);
            let none = if scene.knows_pods_of(&named.policy.home) { ", where there are none" } else { "" };
            let message = format!(
                "allows every pod in namespaces {namespaces}: peer {} does not restrict that, it adds pods {pods} of the own namespace{none}. Write \
                 both selectors in one peer",
                own.number + 1
            );
            let stranger = format!("a pod without {pods} in namespaces {namespaces}");
            let witness = Some(evidence(&named.policy, direction, rule, &stranger));
            let about = About { policy: Some(index), place: Place::of_peer(direction, number, other.number), witness, ..About::default() };
            findings.push(scene.finding(LintRule::OrInsteadOfAnd, LintRule::OrInsteadOfAnd.severity(), about, message));
        }
    }
    findings
}

/// A peer with one selector.
struct Half<'r> {
    number: usize,
    selector: &'r Selector,
}

/// Returns a peer for pods of the own namespace, of which none is known, and a peer for every pod of other namespaces.
fn meant_together<'r>(scene: &Scene<'_>, policy: &Policy, rule: &'r Rule) -> Option<(Half<'r>, Half<'r>)> {
    let Peers::Listed(peers) = &rule.peers else { return None };
    let halves = || {
        peers.iter().enumerate().filter_map(|(number, peer)| match peer {
            PeerSet::Pods { namespaces, pods } => Some((number, namespaces, pods)),
            _ => None,
        })
    };
    let pods = halves().find(|(_, namespaces, pods)| {
        let is_own = words::is_home(namespaces, &policy.home);
        is_own && !pods.is_all() && !pods.is_empty() && !is_known(scene, policy, pods)
    })?;
    let namespaces = halves().find(|(_, namespaces, pods)| {
        let is_everywhere = namespaces.is_all() || namespaces.is_empty();
        pods.is_all() && !is_everywhere && !words::is_home(namespaces, &policy.home)
    })?;
    Some((Half { number: pods.0, selector: pods.2 }, Half { number: namespaces.0, selector: namespaces.1 }))
}

/// Returns whether a pod of the policy's namespace is known that a selector selects.
fn is_known(scene: &Scene<'_>, policy: &Policy, pods: &Selector) -> bool {
    scene.pods_of(&policy.home).any(|known| pods.matches(|key| known.labels.get(key).map(String::as_str)))
}

/// A rule that allows every peer: all pods of the cluster, and usually all addresses.
pub(super) fn open_peer(scene: &Scene<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, named) in scene.policies().filter(|(_, named)| !is_of_nothing(scene, &named.policy)) {
        for (direction, number, rule) in Scene::rules(&named.policy).filter(|(.., rule)| rule.ports.len() > 0) {
            let Some((peer, everyone)) = rule.peer_sets().iter().enumerate().find_map(|(peer, set)| Some((peer, open(set, direction)?)))
            else {
                continue;
            };
            let ports = words::ports_of(&rule.ports);
            let (place, everyone) = match &rule.peers {
                Peers::Everyone => (Place::of_rule(direction, number), "every pod of every namespace, and every address"),
                Peers::Listed(_) => (Place::of_peer(direction, number, peer), everyone),
            };
            let (severity, cure) = match direction {
                Direction::Ingress => (Severity::Warning, "List the peers that need it"),
                Direction::Egress => (Severity::Info, "List the peers that are needed; for the outside of the cluster, an ipBlock"),
            };
            let message = format!("allows {ports} {} {everyone}. {cure}", direction.peers_field());
            let witness = Some(evidence(&named.policy, direction, rule, "any pod in any namespace"));
            let about = About { policy: Some(index), place, witness, ..About::default() };
            findings.push(scene.finding(LintRule::OpenPeer, severity, about, message));
        }
    }
    findings
}

/// Returns whom a peer allows, in words, if that is everyone of its kind. An egress rule for all addresses is for the outside of
/// the cluster.
fn open(peer: &PeerSet, direction: Direction) -> Option<&'static str> {
    match peer {
        PeerSet::Pods { namespaces, pods } if namespaces.is_all() && pods.is_all() => Some("every pod of every namespace"),
        PeerSet::Addresses(family, addresses) if direction == Direction::Ingress && *addresses == family.every_address() => {
            Some(match family {
                Family::V4 => "every IPv4 address",
                Family::V6 => "every IPv6 address",
            })
        }
        _ => None,
    }
}

/// A rule for egress that opens the metadata address.
pub(super) fn metadata_address(scene: &Scene<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let web = PortSet::one("TCP", 80).unwrap_or_else(PortSet::none);
    for (index, named) in scene.policies().filter(|(_, named)| !is_of_nothing(scene, &named.policy)) {
        for (direction, number, rule) in Scene::rules(&named.policy).filter(|(direction, ..)| *direction == Direction::Egress) {
            let contains = |set: &PeerSet| matches!(set, PeerSet::Addresses(Family::V4, addresses) if addresses.contains(METADATA));
            let ports = PortSet::of(&rule.ports.numbers);
            let Some(peer) = rule.peer_sets().iter().position(contains).filter(|_| !ports.is_empty()) else { continue };
            let place = match rule.peers {
                Peers::Everyone => Place::of_rule(direction, number),
                Peers::Listed(_) => Place::of_peer(direction, number, peer),
            };
            let (severity, remark) = if web.is_subset(&ports) {
                (Severity::Error, ", where cloud providers give out the credentials of the node")
            } else {
                (Severity::Info, " (cloud providers use TCP 80)")
            };
            let message = format!("allows {ports} to 169.254.169.254{remark}. Use ipBlock 0.0.0.0/0 with except 169.254.169.254/32");
            let witness = Some(evidence(&named.policy, direction, rule, "169.254.169.254"));
            let about = About { policy: Some(index), place, witness, ..About::default() };
            findings.push(scene.finding(LintRule::MetadataAddress, severity, about, message));
        }
    }
    findings
}

/// Returns the connection of a rule with one of its peers.
pub(super) fn evidence(policy: &Policy, direction: Direction, rule: &Rule, peer: &str) -> Evidence {
    let subject = if policy.subject.is_all() { "any pod of the namespace".to_owned() } else { format!("pods {}", policy.subject) };
    let (from, to) = match direction {
        Direction::Ingress => (peer.to_owned(), subject),
        Direction::Egress => (subject, peer.to_owned()),
    };
    Evidence { from, to, ports: words::ports_of(&rule.ports) }
}
