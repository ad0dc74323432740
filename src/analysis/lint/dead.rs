//! Rules of policies that change nothing, and ports that only one end allows.

use super::finding::{Evidence, Finding, Place};
use super::labels::is_of_nothing;
use super::peers::evidence;
use super::rules::{LintRule, Severity};
use super::sample::{Shown, shown};
use super::scene::{About, Scene, TooMany, written};
use crate::analysis::connection::NamedPolicy;
use crate::analysis::matching::{self, Match};
use crate::analysis::ports::PortSet;
use crate::policy::rule::Rule;
use crate::policy::traffic::PeerSet;
use crate::policy::{Allowed, Beyond, Direction};

/// A rule without which the policies allow the same, for pods with any labels. All such rules can be removed together: the later of
/// two equal rules is dead.
pub(super) fn covered(scene: &Scene<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for direction in Direction::BOTH {
        let mut alive: Vec<Vec<bool>> = scene.policies().map(|(_, named)| vec![true; written(&named.policy, direction).len()]).collect();
        for (index, named) in scene.policies().collect::<Vec<_>>().into_iter().rev() {
            for (number, rule) in written(&named.policy, direction).iter().enumerate().rev() {
                let about = |witness| About { policy: Some(index), place: Place::of_rule(direction, number), witness, ..About::default() };
                let by = match without(scene, &alive, (index, number), direction) {
                    Without::Less => continue,
                    Without::NotProven => {
                        findings.push(scene.not_evaluated(LintRule::DeadRule, Some(index)));
                        continue;
                    }
                    Without::TheSame { by } => by,
                };
                if let Some(alive) = alive.get_mut(index).and_then(|rules| rules.get_mut(number)) {
                    *alive = false;
                }
                let names: Vec<String> = by.iter().map(|place| name_of(scene, *place, index, direction)).collect();
                let by = match names.as_slice() {
                    [] => "it allows nothing".to_owned(),
                    [only] => format!("{only} allows the same"),
                    [first, more @ ..] if more.len() > 3 => format!("{first} and {} more rules together allow the same", more.len()),
                    several => format!("{} together allow the same", several.join(", ")),
                };
                let message = format!("is without effect: {by}. Remove it, or correct the rule that is too wide");
                let peers = crate::analysis::peers_of(scene.input.policies, direction, index, number + 1);
                let witness = (!names.is_empty()).then(|| evidence(&named.policy, direction, rule, &peers));
                findings.push(scene.finding(LintRule::DeadRule, Severity::Warning, about(witness), message));
            }
        }
    }
    findings
}

/// What the policies allow without a rule.
enum Without {
    /// Less than with it.
    Less,
    /// The same, because of these rules, each given by policy and index.
    TheSame { by: Vec<(usize, usize)> },
    /// The comparison takes too many steps.
    NotProven,
}

fn without(scene: &Scene<'_>, alive: &[Vec<bool>], (of, number): (usize, usize), direction: Direction) -> Without {
    let shared = match shown(scene, alive, (of, number), direction) {
        Shown::Alive => return Without::Less,
        Shown::SharedBy(shared) => shared,
    };
    let Some((policy, rule)) = scene.policy(of).and_then(|policy| Some((policy, written(policy, direction).get(number)?))) else {
        return Without::NotProven;
    };
    let only = policy.only(direction, |index, _| index == number);
    // The policy isolates its pods also without the rule.
    let isolation = policy.only(direction, |_, _| false);
    for place in shared {
        let Some(other) = scene.policy(place.0).map(|other| other.only(direction, |index, _| index == place.1)) else { continue };
        if Allowed::new([&isolation, &other]).beyond(&only) == Beyond::Nothing {
            return Without::TheSame { by: vec![place] };
        }
    }
    let mut others = vec![isolation];
    let mut by = Vec::new();
    for ((index, named), alive) in scene.policies().zip(alive) {
        if named.policy.home != policy.home || !named.policy.subject.can_match_with(&policy.subject) {
            continue;
        }
        let is_other = |other: usize| alive.get(other) == Some(&true) && (index, other) != (of, number);
        let rules = written(&named.policy, direction).iter().enumerate();
        let overlapping: Vec<usize> = rules.filter(|(other, it)| is_other(*other) && overlaps(rule, it)).map(|(other, _)| other).collect();
        if !overlapping.is_empty() {
            others.push(named.policy.only(direction, |other, _| overlapping.contains(&other)));
            by.extend(overlapping.into_iter().map(|other| (index, other)));
        }
    }
    match Allowed::new(&others).beyond(&only) {
        Beyond::Grants(_) => Without::Less,
        Beyond::Nothing => Without::TheSame { by },
        Beyond::NotProven => Without::NotProven,
    }
}

/// Returns the name of a rule: `ingress rule 1`, with its policy if that is another one.
fn name_of(scene: &Scene<'_>, (policy, rule): (usize, usize), own: usize, direction: Direction) -> String {
    let name = scene.input.policies.get(policy).filter(|_| policy != own).map(|named| format!("{} ", named.name)).unwrap_or_default();
    format!("{name}{direction} rule {}", rule + 1)
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

/// Returns whether a finding is about a policy of which every rule is dead.
pub(super) fn is_all_dead(scene: &Scene<'_>, finding: &Finding, dead: &[(Option<usize>, Place)]) -> bool {
    let index = finding.policies.first().copied();
    let Some(policy) = index.and_then(|index| scene.policy(index)) else { return false };
    let mut rules = Scene::rules(policy).peekable();
    rules.peek().is_some() && rules.all(|(direction, number, _)| dead.contains(&(index, Place::of_rule(direction, number))))
}

/// A rule, or a port of a rule, that no other end allows: given the endpoints, no connection uses it.
pub(super) fn one_sided(scene: &Scene<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, named) in scene.policies().filter(|(_, named)| !is_of_nothing(scene, &named.policy)) {
        for (direction, number, rule) in Scene::rules(&named.policy) {
            let Ok(used) = used(scene, index, named, direction, number, rule) else {
                findings.push(scene.not_evaluated(LintRule::OneSidedPort, Some(index)));
                return findings;
            };
            let missing = used.open.less(&used.possible);
            let Some((from, to)) = used.pair.filter(|_| !missing.is_empty()) else { continue };
            let (does, other, cure) = match direction {
                Direction::Egress => ("allows", "destination accepts it", "Allow it there for ingress"),
                Direction::Ingress => ("accepts", "source may open it", "Allow it there for egress"),
            };
            let (peers, side) = (crate::analysis::peers_of(scene.input.policies, direction, index, number + 1), direction.peers_field());
            let (lint, message) = if used.possible.is_empty() {
                (
                    LintRule::DeadRule,
                    format!("is without effect: it {does} {missing} {side} {peers}, but no {other}. {cure}, or remove the rule"),
                )
            } else {
                (LintRule::OneSidedPort, format!("{does} {missing} {side} {peers}, but no {other}. {cure}, or remove the port"))
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
