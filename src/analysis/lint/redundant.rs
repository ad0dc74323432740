//! Policies without which every connection between the endpoints stays the same.

use super::finding::Finding;
use super::labels::is_of_nothing;
use super::rules::{LintRule, Severity};
use super::scene::{About, Class, Scene, TooMany};
use crate::analysis::connection::{Granted, Side};
use crate::analysis::ports::PortSet;
use crate::policy::Direction;

/// A policy without which every connection between the endpoints stays the same. All such policies can be removed together: the later
/// of two equal policies is redundant.
pub(super) fn redundant(scene: &Scene<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut removed = vec![false; scene.input.policies.len()];
    for (index, named) in scene.policies().collect::<Vec<_>>().into_iter().rev() {
        if is_of_nothing(scene, &named.policy) || !scene.selected(&named.policy).any(Class::is_known) {
            continue;
        }
        match is_needed(scene, index, &removed) {
            Ok(true) => continue,
            Ok(false) => {}
            Err(TooMany) => {
                findings.push(scene.not_evaluated(LintRule::RedundantPolicy, Some(index)));
                return findings;
            }
        }
        if let Some(removed) = removed.get_mut(index) {
            *removed = true;
        }
        let message = "is redundant: other policies isolate its pods and allow all of its connections, as long as these pods have all of \
                       their labels. Remove it, or correct the policies that are too wide"
            .to_owned();
        let about = About { policy: Some(index), ..About::default() };
        findings.push(scene.finding(LintRule::RedundantPolicy, Severity::Info, about, message));
    }
    findings
}

/// Returns whether a connection between endpoints changes without a policy.
fn is_needed(scene: &Scene<'_>, policy: usize, removed: &[bool]) -> Result<bool, TooMany> {
    let Some(of_policy) = scene.policy(policy) else { return Ok(true) };
    let stays = |index: &&usize| **index != policy && !removed.get(**index).copied().unwrap_or(false);
    for direction in Direction::BOTH.into_iter().filter(|direction| of_policy.rules(*direction).is_some()) {
        for subject in scene.selected(of_policy).filter(|class| class.is_known()) {
            // Without any policy, everything would be open.
            if subject.isolated_by(direction).iter().filter(stays).next().is_none() {
                return Ok(true);
            }
            for peer in &scene.classes {
                let (from, to) = match direction {
                    Direction::Egress => (subject, peer),
                    Direction::Ingress => (peer, subject),
                };
                let found = scene.connection(from, to, removed)?;
                let (side, other) = match direction {
                    Direction::Egress => (&found.egress, &found.ingress),
                    Direction::Ingress => (&found.ingress, &found.egress),
                };
                if adds(side, other, policy) {
                    return Ok(true);
                }
            }
        }
    }
    Ok(false)
}

/// Returns whether a policy opens a port, or makes it certain that one is open, that no other policy does.
fn adds(side: &Side, other: &Side, policy: usize) -> bool {
    let (own, others): (Vec<&Granted>, Vec<&Granted>) = side.grants.iter().partition(|granted| granted.policy == policy);
    let allowed = |grants: &[&Granted]| PortSet::union(grants.iter().map(|granted| &granted.allowed));
    let possible = |grants: &[&Granted]| PortSet::union(grants.iter().map(|granted| &granted.possible));
    !allowed(&own).less(&allowed(&others)).and(&other.allowed).is_empty()
        || !possible(&own).less(&possible(&others)).and(&other.possible).is_empty()
}
