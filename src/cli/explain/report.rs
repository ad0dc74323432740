//! The explanation of a connection, in the form of `--output json`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::asked::Asked;
use crate::analysis::{Closest, End, Endpoint, LabelChange, NamedPolicy, PortSet, Side, SideOf, Wish, closest, opening, peers_of};
use crate::canon::{CAPABILITY_PREFIX, Canons, Grant};
use crate::policy::Direction;

/// Whether a connection is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    Allowed,
    Denied,
    Depends,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    pub(super) verdict: Verdict,
    pub(super) from: String,
    pub(super) to: String,
    /// The ports that are open; with a port, only that one.
    pub(super) ports: BTreeMap<&'static str, Vec<String>>,
    pub(super) egress: SideReport,
    pub(super) ingress: SideReport,
    pub(super) would_open: Vec<Opens>,
    pub(super) caveats: Vec<String>,
    /// The port or the ports in words.
    #[serde(skip)]
    pub(super) shown: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SideReport {
    pub(super) allowed: bool,
    pub(super) isolated_by: Vec<String>,
    pub(super) granted_by: Vec<RuleReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) closest: Option<RuleReport>,
    /// One sentence.
    #[serde(skip)]
    pub(super) sentence: String,
}

#[derive(Debug, Serialize)]
pub(super) struct RuleReport {
    pub(super) policy: String,
    pub(super) rule: usize,
    /// The peers of the rule, in words.
    pub(super) selector: String,
    pub(super) ports: String,
}

/// A label that opens the connection, with the other labels of the list.
#[derive(Debug, Serialize)]
pub(super) struct Opens {
    /// `KEY=VALUE`, or `KEY-` if it must be removed.
    pub(super) label: String,
    pub(super) side: &'static str,
    /// The grants that give it.
    pub(super) grants: Vec<String>,
    /// Who may claim the identities of these grants, without those that everybody may claim.
    pub(super) claims: Vec<Claimed>,
}

/// Who may claim the identity of a grant.
#[derive(Debug, Serialize)]
pub(super) struct Claimed {
    pub(super) grant: String,
    /// Users, groups and service accounts, in words.
    pub(super) claimants: BTreeSet<String>,
}

impl Report {
    pub(super) fn new(policies: &[NamedPolicy], asked: &Asked, canons: &Canons) -> Report {
        let Asked { found, port, .. } = asked;
        let of_port = |set: &PortSet| port.as_ref().map_or_else(|| set.clone(), |port| set.and(port));
        let (allowed, depends) = (of_port(&found.allowed), of_port(&found.depends));
        let verdict = match (allowed.is_empty(), depends.is_empty()) {
            (false, _) => Verdict::Allowed,
            (true, false) => Verdict::Depends,
            (true, true) => Verdict::Denied,
        };
        let shown = match (port, verdict) {
            (Some(port), _) => port.to_string(),
            (None, Verdict::Denied) => "any port".to_owned(),
            (None, Verdict::Depends) => depends.to_string(),
            (None, Verdict::Allowed) if depends.is_empty() => allowed.to_string(),
            (None, Verdict::Allowed) => format!("{allowed}; depends: {depends}"),
        };
        let side = |side: &Side| SideReport::new(policies, asked, side);
        let caveats: Vec<String> = if depends.is_empty() { Vec::new() } else { found.reasons.iter().map(ToString::to_string).collect() };
        let would_open = if verdict == Verdict::Allowed { Vec::new() } else { would_open(policies, asked, canons) };
        let (from, to) = asked.names.clone();
        let (egress, ingress) = (side(&found.egress), side(&found.ingress));
        Report { verdict, from, to, ports: allowed.by_protocol().collect(), egress, ingress, would_open, caveats, shown }
    }
}

impl SideReport {
    fn new(policies: &[NamedPolicy], asked: &Asked, side: &Side) -> SideReport {
        // Without a port, only rules for ports that are open in both directions matter, if there is such a port.
        let open = asked.found.allowed.or(&asked.found.depends);
        let any = if open.is_empty() { PortSet::every() } else { open };
        let ports = asked.port.as_ref().unwrap_or(&any);
        let name = |index: usize| policies.get(index).map_or("", |named| named.name.as_str());
        let ((subject, subject_name), (peer, peer_name)) = match side.direction {
            Direction::Egress => ((&asked.from, &asked.names.0), (&asked.to, &asked.names.1)),
            Direction::Ingress => ((&asked.to, &asked.names.1), (&asked.from, &asked.names.0)),
        };
        let allowed = !side.allowed.and(ports).is_empty();
        let granted = side.grants.iter().filter(|granted| !granted.possible.and(ports).is_empty());
        let granted_by: Vec<RuleReport> = granted
            .map(|granted| RuleReport {
                policy: name(granted.policy).to_owned(),
                rule: granted.rule,
                selector: peers_of(policies, side.direction, granted.policy, granted.rule),
                ports: granted.possible.and(ports).to_string(),
            })
            .collect();
        let found = if granted_by.is_empty() { closest(policies, side, (&subject.end, &peer.end), ports) } else { None };
        let isolated_by: Vec<String> = side.isolated_by.iter().map(|index| name(*index).to_owned()).collect();
        let closest = found.as_ref().map(|found| RuleReport {
            policy: name(found.policy).to_owned(),
            rule: found.rule,
            selector: found.peers.clone(),
            ports: found.ports.clone(),
        });
        let sentence = if isolated_by.is_empty() {
            not_isolated(subject, subject_name, side.direction)
        } else if let (Some(found), Some(rule)) = (&found, &closest) {
            almost(found, rule, side.direction, peer_name, asked.port.as_ref())
        } else if granted_by.is_empty() {
            let shown = asked.port.as_ref().map_or_else(|| "any port".to_owned(), ToString::to_string);
            let policies = isolated_by.join(", ");
            format!("denied: {subject_name} is isolated for {} by {policies}; none allows {peer_name} on {shown}", side.direction)
        } else {
            let word = if allowed { "allowed" } else { "depends" };
            let to = preposition(side.direction);
            let rules = granted_by.iter().map(|it| format!("{} rule {} allows {} {to} {}", it.policy, it.rule, it.ports, it.selector));
            format!("{word}: {}", rules.collect::<Vec<_>>().join("; "))
        };
        SideReport { allowed, isolated_by, granted_by, closest, sentence }
    }
}

fn preposition(direction: Direction) -> &'static str {
    match direction {
        Direction::Egress => "to",
        Direction::Ingress => "from",
    }
}

/// Returns why a side without policies is open.
fn not_isolated(subject: &Endpoint, name: &str, direction: Direction) -> String {
    match subject.end {
        End::Pods(_) => format!("allowed: no policy isolates {name} for {direction}"),
        End::Addresses(_) => format!("allowed: {name} is not a pod, so no policy applies to it"),
    }
}

/// Returns how the closest rule misses the connection.
fn almost(found: &Closest, rule: &RuleReport, direction: Direction, peer: &str, port: Option<&PortSet>) -> String {
    let (policy, number, to) = (&rule.policy, rule.rule, preposition(direction));
    if found.is_for_the_peer() {
        format!("denied: {policy} rule {number} allows only {} {to} {peer}", rule.ports)
    } else {
        let ports = port.map_or_else(|| rule.ports.clone(), ToString::to_string);
        format!("denied: {policy} rule {number} allows {ports} only {to} {}", rule.selector)
    }
}

/// Returns the smallest change of labels that opens the connection.
fn would_open(policies: &[NamedPolicy], asked: &Asked, canons: &Canons) -> Vec<Opens> {
    let giving = |change: &LabelChange| -> Vec<&Grant> {
        canons.granters(&change.key).filter(|grant| grant.labels.get(&change.key) == change.value.as_ref()).collect()
    };
    let granters = |change: &LabelChange| -> BTreeSet<String> { giving(change).iter().map(|grant| grant.name.clone()).collect() };
    let claims = |change: &LabelChange| {
        // Grants of several canons may have the same name.
        let mut claims: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for grant in giving(change) {
            if let Some(stated) = &grant.limits.claims {
                claims.entry(&grant.name).or_default().extend(stated.claimants());
            }
        }
        claims.into_iter().map(|(grant, claimants)| Claimed { grant: grant.to_owned(), claimants }).collect()
    };
    // A pod with another identity is another pod.
    let rank = |change: &LabelChange| match (&change.value, change.key.starts_with(CAPABILITY_PREFIX)) {
        _ if canons.is_identity_key(&change.key) => None,
        (Some(_), true) if !granters(change).is_empty() => Some(0),
        (Some(_), true) => Some(1),
        (Some(_), false) => Some(2),
        (None, _) => Some(3),
    };
    let itself = asked.from.id == asked.to.id;
    let wish = Wish { from: &asked.from.end, to: &asked.to.end, itself, ports: asked.port.as_ref() };
    let changes = opening(policies, wish, rank).unwrap_or_default();
    let opens = |change: LabelChange| Opens {
        grants: granters(&change).into_iter().collect(),
        claims: claims(&change),
        side: match change.side {
            SideOf::Source => "source",
            SideOf::Destination => "destination",
        },
        label: match &change.value {
            Some(value) => format!("{}={value}", change.key),
            None => format!("{}-", change.key),
        },
    };
    changes.into_iter().map(opens).collect()
}
