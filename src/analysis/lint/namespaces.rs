//! Rules about the namespaces of peers.

use super::finding::{Finding, Place};
use super::rules::{LintRule, Severity};
use super::scene::{About, Scene};
use crate::canon::CAPABILITY_PREFIX;
use crate::policy::rule::Peers;
use crate::policy::selector::NAMESPACE_NAME_KEY;
use crate::policy::traffic::PeerSet;
use crate::policy::{Selector, words};

/// A peer with selectors, and its place.
struct Peer<'w> {
    policy: usize,
    home: &'w str,
    place: Place,
    namespaces: &'w Selector,
    pods: &'w Selector,
}

fn peers<'w>(scene: &Scene<'w>) -> impl Iterator<Item = Peer<'w>> {
    scene.policies().flat_map(|(policy, named)| {
        let home: &'w str = &named.policy.home;
        Scene::rules(&named.policy).flat_map(move |(direction, number, rule)| {
            let listed = match &rule.peers {
                Peers::Everyone => &[],
                Peers::Listed(listed) => listed.as_slice(),
            };
            listed.iter().enumerate().filter_map(move |(peer, set)| match set {
                PeerSet::Pods { namespaces, pods } if !set.is_empty() => {
                    Some(Peer { policy, home, place: Place::of_peer(direction, number, peer), namespaces, pods })
                }
                _ => None,
            })
        })
    })
}

/// A peer that selects namespaces by a label that no known namespace has. Only `kubernetes.io/metadata.name` is set automatically.
pub(super) fn unset_label(scene: &Scene<'_>) -> Vec<Finding> {
    let is_needed = |selector: &Selector, key: &&str| *key != NAMESPACE_NAME_KEY && !selector.accepts(key, None);
    let mut findings = Vec::new();
    for peer in peers(scene) {
        let needed: Vec<&str> = peer.namespaces.keys().filter(|key| is_needed(peer.namespaces, key)).collect();
        let is_set = |selector: &Selector| {
            scene.input.namespaces.values().any(|known| selector.matches(|key| known.labels.get(key).map(String::as_str)))
        };
        if needed.is_empty() || is_set(peer.namespaces) {
            continue;
        }
        let pods = if peer.pods.is_all() { "every pod".to_owned() } else { format!("pods {}", peer.pods) };
        let message = format!(
            "selects {pods} in namespaces {}, but no known namespace has these labels, and Kubernetes does not set {}. Use {NAMESPACE_NAME_KEY}",
            peer.namespaces,
            needed.join(", "),
        );
        let about = About { policy: Some(peer.policy), place: peer.place, ..About::default() };
        findings.push(scene.finding(LintRule::UnsetNamespaceLabel, Severity::Warning, about, message));
    }
    findings
}

/// A peer that names the namespace of its own policy: in another namespace, the policy allows less.
pub(super) fn hard_coded(scene: &Scene<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for peer in peers(scene) {
        if words::is_home(peer.namespaces, peer.home) {
            continue;
        }
        let names: Vec<&str> = peer.namespaces.keys().filter_map(|key| peer.namespaces.required_values(key)).flatten().collect();
        // Grants give capability labels only to pods of the guarded namespace, so a peer with such a label is meant to be there.
        let granted = granted_label(scene, peer.pods);
        let reason = if names.contains(&peer.home) {
            format!("names its own namespace, {}, by {}", peer.home, peer.namespaces)
        } else if let (Some(_), Some(label)) = (names.first(), granted) {
            format!(
                "selects namespaces {} for pods with the label {label}, which only pods of the own namespace are granted",
                peer.namespaces
            )
        } else {
            continue;
        };
        let message = format!("{reason}. In another namespace it selects nothing. Leave out the namespaceSelector");
        let about = About { policy: Some(peer.policy), place: peer.place, ..About::default() };
        findings.push(scene.finding(LintRule::HardCodedNamespace, Severity::Warning, about, message));
    }
    findings
}

/// Returns a capability label that a selector requires and a grant gives.
fn granted_label(scene: &Scene<'_>, pods: &Selector) -> Option<String> {
    let canons = scene.input.canon?;
    let mut keys = pods.keys().filter(|key| key.starts_with(CAPABILITY_PREFIX) && !pods.accepts(key, None));
    keys.find(|key| canons.granters(key).any(|grant| pods.accepts(key, grant.labels.get(*key).map(String::as_str)))).map(str::to_owned)
}
