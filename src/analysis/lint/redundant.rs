//! Policies without which every connection between the endpoints stays the same.

use std::collections::BTreeSet;

use super::finding::{Evidence, Finding};
use super::labels::is_of_nothing;
use super::rules::{LintRule, Severity};
use super::scene::{About, Class, Scene, TooMany, written};
use crate::analysis::connection::{Granted, Side};
use crate::analysis::matching::{self, Match};
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
        let covered = match use_of(scene, index, &removed) {
            Ok(Use::Needed) => continue,
            Ok(Use::Covered { by, example }) => (by, example),
            Err(TooMany) => {
                findings.push(scene.not_evaluated(LintRule::RedundantPolicy, Some(index)));
                return findings;
            }
        };
        if let Some(removed) = removed.get_mut(index) {
            *removed = true;
        }
        let (by, witness) = covered;
        let names: Vec<&str> = by.iter().filter_map(|index| scene.input.policies.get(*index)).map(|named| named.name.as_str()).collect();
        let allow =
            if names.is_empty() { "it allows no connection".to_owned() } else { format!("{} allow its connections too", names.join(", ")) };
        let message = format!("without it, every connection stays the same: {allow}. Remove it, or correct the policies that are too wide");
        let about = About { policy: Some(index), witness, ..About::default() };
        findings.push(scene.finding(LintRule::RedundantPolicy, Severity::Info, about, message));
    }
    findings
}

/// What depends on a policy.
enum Use {
    /// A connection between endpoints changes without it.
    Needed,
    /// None does. Policies allow the same connections, for example one.
    Covered { by: BTreeSet<usize>, example: Option<Evidence> },
}

fn use_of(scene: &Scene<'_>, policy: usize, removed: &[bool]) -> Result<Use, TooMany> {
    let Some(of_policy) = scene.policy(policy) else { return Ok(Use::Needed) };
    let stays = |index: &usize| *index != policy && !removed.get(*index).copied().unwrap_or(false);
    let (mut by, mut example) = (BTreeSet::new(), None);
    for direction in Direction::BOTH.into_iter().filter(|direction| of_policy.rules(*direction).is_some()) {
        let rules = written(of_policy, direction);
        for subject in scene.selected(of_policy).filter(|class| class.is_known()) {
            // Without any policy, everything would be open.
            if !subject.isolated_by(direction).iter().any(stays) {
                return Ok(Use::Needed);
            }
            let is_peer = |class: &&Class<'_>| rules.iter().any(|rule| matching::peers(&rule.peers, &class.end) != Match::No);
            for peer in scene.classes.iter().filter(is_peer) {
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
                    return Ok(Use::Needed);
                }
                let own = side.grants.iter().filter(|granted| granted.policy == policy);
                let open = PortSet::union(own.map(|granted| &granted.possible)).and(&other.possible);
                if !open.is_empty() {
                    let others = side.grants.iter().filter(|granted| granted.policy != policy && !granted.possible.and(&open).is_empty());
                    by.extend(others.map(|granted| granted.policy));
                    example.get_or_insert_with(|| Evidence { from: from.name(), to: to.name(), ports: open.to_string() });
                }
            }
        }
    }
    Ok(Use::Covered { by, example })
}

/// Returns whether a policy opens a port, or makes it certain that one is open, that no other policy does.
fn adds(side: &Side, other: &Side, policy: usize) -> bool {
    let (own, others): (Vec<&Granted>, Vec<&Granted>) = side.grants.iter().partition(|granted| granted.policy == policy);
    let allowed = |grants: &[&Granted]| PortSet::union(grants.iter().map(|granted| &granted.allowed));
    let possible = |grants: &[&Granted]| PortSet::union(grants.iter().map(|granted| &granted.possible));
    !allowed(&own).less(&allowed(&others)).and(&other.allowed).is_empty()
        || !possible(&own).less(&possible(&others)).and(&other.possible).is_empty()
}
