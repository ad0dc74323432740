//! Rules about the labels that policies select and grants give.

use std::collections::BTreeMap;

use super::finding::{Finding, Place};
use super::rules::{LintRule, Severity};
use super::scene::{About, Class, Scene};
use crate::canon::{CAPABILITY_PREFIX, Canons, Grant};
use crate::policy::traffic::PeerSet;
use crate::policy::{Policy, Selector};

/// Returns whether no known pod of its namespace is selected by a policy, although pods of the namespace are known.
pub(super) fn is_of_nothing(scene: &Scene<'_>, policy: &Policy) -> bool {
    policy.subject.is_empty() || (scene.knows_pods_of(&policy.home) && !scene.selected(policy).any(Class::is_known))
}

/// A policy that selects no pod.
pub(super) fn selects_nothing(scene: &Scene<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, named) in scene.policies().filter(|(_, named)| is_of_nothing(scene, &named.policy)) {
        let source = if scene.input.canon.is_some() { "no identity of the canon" } else { "no known pod" };
        let message = format!("selects {}: {source} has these labels. Correct the podSelector, or remove the policy", named.policy.subject);
        let about = About { policy: Some(index), ..About::default() };
        findings.push(scene.finding(LintRule::SelectsNothing, Severity::Warning, about, message));
    }
    findings
}

/// A selector that requires a capability label that no grant gives.
pub(super) fn ungranted(scene: &Scene<'_>) -> Vec<Finding> {
    let Some(canons) = scene.input.canon else { return Vec::new() };
    // One finding for a label of a policy, however many peers have it.
    let mut findings: BTreeMap<(usize, String), Finding> = BTreeMap::new();
    for (index, named) in scene.policies() {
        let policy = &named.policy;
        let mut report = |key: &str, place: Place| {
            let place = Place { label: Some(key.to_owned()), ..place };
            let message =
                format!("no grant gives the label {key}, so no pod of the namespace may have it. Grant it, or remove it from the policy");
            let about = About { policy: Some(index), place, ..About::default() };
            let finding = || scene.finding(LintRule::UngrantedLabel, Severity::Warning, about, message);
            findings.entry((index, key.to_owned())).or_insert_with(finding);
        };
        for key in ungranted_keys(canons, &policy.subject) {
            report(key, Place::default());
        }
        for (direction, number, rule) in Scene::rules(policy) {
            for (peer, set) in rule.peer_sets().iter().enumerate() {
                // Pods of other namespaces are granted nothing, and may have any label.
                let PeerSet::Pods { namespaces, pods } = set else { continue };
                if crate::policy::words::is_home(namespaces, &policy.home) {
                    for key in ungranted_keys(canons, pods) {
                        report(key, Place::of_peer(direction, number, peer));
                    }
                }
            }
        }
    }
    findings.into_values().collect()
}

fn ungranted_keys<'s>(canons: &Canons, selector: &'s Selector) -> Vec<&'s str> {
    let is_granted = |key: &str| canons.granters(key).any(|grant| selector.accepts(key, grant.labels.get(key).map(String::as_str)));
    let keys = selector.keys().filter(|key| key.starts_with(CAPABILITY_PREFIX) && !selector.accepts(key, None));
    keys.filter(|key| !is_granted(key)).collect()
}

/// A grant that no policy uses: no selector tells its pods from pods without labels, or selects by one of the labels that it gives.
pub(super) fn unused_grant(scene: &Scene<'_>) -> Vec<Finding> {
    let Some(canons) = scene.input.canon else { return Vec::new() };
    let selectors: Vec<&Selector> = scene.policies().flat_map(|(_, named)| own_selectors(&named.policy)).collect();
    let mut findings = Vec::new();
    for grant in &canons.first().grants {
        let reads = |selector: &&Selector| {
            grant.selector.keys().any(|key| selector.keys().any(|read| read == key) && selector.can_match_with(&grant.selector))
        };
        let unused: Vec<&str> =
            grant.labels.iter().filter(|(key, value)| !is_read(&selectors, grant, key, value)).map(|(key, _)| key.as_str()).collect();
        let about = |label: Option<&str>| {
            let place = Place { grant: Some(grant.name.clone()), label: label.map(str::to_owned), ..Place::default() };
            About { place, ..About::default() }
        };
        if unused.len() == grant.labels.len() && !grant.selector.is_all() && !selectors.iter().any(reads) {
            let message =
                format!("no policy selects {}, or a label that these pods are granted. Remove the grant, or add the policy", grant.selects);
            findings.push(scene.finding(LintRule::UnusedGrant, Severity::Warning, about(None), message));
            continue;
        }
        for key in unused {
            let message =
                format!("no policy treats these pods differently because of the label {key}. Remove it from the grant, or add the policy");
            findings.push(scene.finding(LintRule::UnusedGrant, Severity::Warning, about(Some(key)), message));
        }
    }
    findings
}

/// Returns the selectors of a policy for pods of its namespace.
fn own_selectors(policy: &Policy) -> impl Iterator<Item = &Selector> {
    let of_peers = policy.peers().filter_map(|peer| match peer {
        PeerSet::Pods { namespaces, pods } if namespaces.accepts(crate::policy::selector::NAMESPACE_NAME_KEY, Some(&policy.home)) => {
            Some(pods)
        }
        _ => None,
    });
    std::iter::once(&policy.subject).chain(of_peers)
}

/// Returns whether a selector selects some pods of a grant because of one of its labels: it requires the label or its absence, and
/// pods of the grant can match its other keys.
fn is_read(selectors: &[&Selector], grant: &Grant, key: &str, value: &str) -> bool {
    let is_by_label = |selector: &&Selector| selector.accepts(key, Some(value)) != selector.accepts(key, None);
    let can_match = |selector: &Selector| {
        selector.keys().filter(|other| *other != key).all(|other| match grant.labels.get(other) {
            Some(value) => selector.accepts(other, Some(value)),
            None => grant.selector.can_match_with(selector),
        })
    };
    selectors.iter().filter(|selector| is_by_label(selector)).any(|selector| can_match(selector))
}
