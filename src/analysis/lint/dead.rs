//! Rules of policies that change nothing, and ports that only one end allows.

use super::finding::{Evidence, Finding, Place};
use super::labels::is_of_nothing;
use super::rules::{LintRule, Severity};
use super::scene::{About, Scene, TooMany};
use crate::analysis::connection::NamedPolicy;
use crate::analysis::matching::{self, Match};
use crate::analysis::ports::PortSet;
use crate::policy::rule::Rule;
use crate::policy::traffic::PeerSet;
use crate::policy::{Allowed, Beyond, Direction, Policy, words};

/// A rule without which the policies allow the same, for pods with any labels. All such rules can be removed together: the later of
/// two equal rules is dead.
pub(super) fn covered(scene: &Scene<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for direction in Direction::BOTH {
        let mut alive: Vec<Vec<bool>> = scene.policies().map(|(_, named)| vec![true; written(&named.policy, direction).len()]).collect();
        for (index, named) in scene.policies().collect::<Vec<_>>().into_iter().rev() {
            for (number, rule) in written(&named.policy, direction).iter().enumerate().rev() {
                let about = |witness| About { policy: Some(index), place: Place::of_rule(direction, number), witness, ..About::default() };
                let ports = words::ports_of(&rule.ports);
                let (found, covers) = beyond_the_others(scene, &alive, (index, number), direction);
                match found {
                    Beyond::Grants(_) => continue,
                    Beyond::NotProven => {
                        findings.push(scene.not_evaluated(LintRule::DeadRule, Some(index)));
                        continue;
                    }
                    Beyond::Nothing => {}
                }
                if let Some(alive) = alive.get_mut(index).and_then(|rules| rules.get_mut(number)) {
                    *alive = false;
                }
                let by = if covers.is_empty() {
                    "it allows nothing".to_owned()
                } else {
                    format!("{} allow{} it already", covers.join(", "), if covers.len() == 1 { "s" } else { "" })
                };
                let message = format!("is without effect: {by} ({ports}). Remove the rule, or correct the one that is too wide");
                findings.push(scene.finding(LintRule::DeadRule, Severity::Warning, about(None), message));
            }
        }
    }
    findings
}

fn written(policy: &Policy, direction: Direction) -> &[Rule] {
    policy.rules(direction).map(|rules| rules.written.as_slice()).unwrap_or_default()
}

/// Returns what one rule allows beyond the others that are alive, and the rules that overlap with it, in words.
fn beyond_the_others(scene: &Scene<'_>, alive: &[Vec<bool>], (of, number): (usize, usize), direction: Direction) -> (Beyond, Vec<String>) {
    let Some((policy, rule)) = scene.policy(of).and_then(|policy| Some((policy, written(policy, direction).get(number)?))) else {
        return (Beyond::NotProven, Vec::new());
    };
    let mut others = Vec::new();
    let mut covers = Vec::new();
    for ((index, named), alive) in scene.policies().zip(alive) {
        if named.policy.home != policy.home || !named.policy.subject.can_match_with(&policy.subject) {
            continue;
        }
        let overlapping =
            |other: usize, candidate: &Rule| alive.get(other) == Some(&true) && (index, other) != (of, number) && overlaps(rule, candidate);
        let kept = named.policy.only(direction, overlapping);
        for (other, candidate) in
            written(&named.policy, direction).iter().enumerate().filter(|(other, candidate)| overlapping(*other, candidate))
        {
            let _ = candidate;
            covers.push(if index == of {
                format!("{direction} rule {}", other + 1)
            } else {
                format!("{} {direction} rule {}", named.name, other + 1)
            });
        }
        // The policy itself isolates its pods also without the rule.
        if index == of || written(&kept, direction).len() > 0 {
            others.push(kept);
        }
    }
    let only = policy.only(direction, |index, _| index == number);
    (Allowed::new(&others).beyond(&only), covers)
}

/// Returns whether two rules may allow the same connection of the same pods. If unsure, they may.
fn overlaps(rule: &Rule, other: &Rule) -> bool {
    let has_names = !rule.ports.names.is_empty() || !other.ports.names.is_empty();
    let ports = has_names || !PortSet::of(&rule.ports.numbers).and(&PortSet::of(&other.ports.numbers)).is_empty();
    ports && rule.peer_sets().iter().any(|peer| other.peer_sets().iter().any(|other| may_meet(peer, other)))
}

fn may_meet(peer: &PeerSet, other: &PeerSet) -> bool {
    match (peer, other) {
        (PeerSet::Pods { namespaces, pods }, PeerSet::Pods { namespaces: others, pods: of_others }) => {
            pods.can_match_with(of_others) && namespaces.can_match_with(others)
        }
        (PeerSet::Addresses(family, _), PeerSet::Addresses(other, _)) => family == other,
        (PeerSet::Others, PeerSet::Others) => true,
        _ => false,
    }
}

/// A rule, or a port of a rule, that no other end allows: given the endpoints, no connection uses it.
pub(super) fn one_sided(scene: &Scene<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, named) in scene.policies().filter(|(_, named)| !is_of_nothing(scene, &named.policy)) {
        for (direction, number, rule) in Scene::rules(&named.policy) {
            let used = match used(scene, index, named, direction, number, rule) {
                Ok(used) => used,
                Err(TooMany) => {
                    findings.push(scene.not_evaluated(LintRule::OneSidedPort, Some(index)));
                    return findings;
                }
            };
            let missing = used.open.less(&used.possible);
            let Some((from, to)) = used.pair.filter(|_| !missing.is_empty()) else { continue };
            let (does, other, cure) = match direction {
                Direction::Egress => ("allows", "destination accepts", "Allow it there for ingress"),
                Direction::Ingress => ("accepts", "source may open", "Allow it there for egress"),
            };
            let (peers, side) = (crate::analysis::peers_of(scene.input.policies, direction, index, number + 1), direction.peers_field());
            let (lint, message) = if used.possible.is_empty() {
                (
                    LintRule::DeadRule,
                    format!("is without effect: it {does} {missing} {side} {peers}, which no {other}. {cure}, or remove the rule"),
                )
            } else {
                (LintRule::OneSidedPort, format!("{does} {missing} {side} {peers}, which no {other}. {cure}, or remove the port here"))
            };
            let witness = Some(Evidence { from, to, ports: missing.to_string() });
            let about = About { policy: Some(index), place: Place::of_rule(direction, number), witness, ..About::default() };
            findings.push(scene.finding(lint, Severity::Warning, about, message));
        }
    }
    findings
}

/// What the endpoints use of a rule.
struct Used {
    /// The ports that the rule opens for certain between some endpoints.
    open: PortSet,
    /// Those of its ports that the other end may allow too.
    possible: PortSet,
    /// The first two endpoints that the rule is about.
    pair: Option<(String, String)>,
}

fn used(scene: &Scene<'_>, policy: usize, named: &NamedPolicy, direction: Direction, number: usize, rule: &Rule) -> Result<Used, TooMany> {
    let mut used = Used { open: PortSet::none(), possible: PortSet::none(), pair: None };
    for subject in scene.selected(&named.policy).filter(|class| class.is_known()) {
        for peer in scene.classes.iter().filter(|peer| matching::peers(&rule.peers, &peer.end) != Match::No) {
            let (from, to) = match direction {
                Direction::Egress => (subject, peer),
                Direction::Ingress => (peer, subject),
            };
            let found = scene.connection(from, to, &[])?;
            let (side, other) = match direction {
                Direction::Egress => (&found.egress, &found.ingress),
                Direction::Ingress => (&found.ingress, &found.egress),
            };
            for granted in side.grants.iter().filter(|granted| (granted.policy, granted.rule) == (policy, number + 1)) {
                used.open = used.open.or(&granted.allowed);
                used.possible = used.possible.or(&granted.possible.and(&other.possible));
                if !granted.allowed.is_empty() && used.pair.is_none() {
                    used.pair = Some((from.name(), to.name()));
                }
            }
            // Numbers are the same for every pair, so that one pair that uses all of them settles it.
            if rule.ports.names.is_empty() && !used.possible.is_empty() && PortSet::of(&rule.ports.numbers).is_subset(&used.possible) {
                return Ok(used);
            }
        }
    }
    Ok(used)
}
