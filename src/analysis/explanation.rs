//! The explanation of a connection: sentences, and the form of `netpol explain --output json`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use super::closest::{Closest, closest, peers_of};
use super::connection::{Connection, NamedPolicy, Side};
use super::endpoint::{End, Endpoint};
use super::opening::{LabelChange, Noticed, SideOf, Wish, opening};
use super::ports::PortSet;
use crate::canon::{CAPABILITY_PREFIX, Canons, Grant};
use crate::policy::Direction;

/// A connection that is asked about.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The endpoint that opens the connection.
    pub from: Endpoint,
    /// The endpoint that accepts it.
    pub to: Endpoint,
    /// The names of both in sentences.
    pub names: (String, String),
    /// The port; `None` for any port.
    pub port: Option<PortSet>,
    /// What policies allow.
    pub found: Connection,
    /// What a Service stands for, as a sentence.
    pub note: Option<String>,
}

/// Whether a connection is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// A port is open for certain.
    Allowed,
    /// No port is open.
    Denied,
    /// A port may be open.
    Depends,
}

/// Why a connection is allowed or denied.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// Whether it is allowed.
    pub verdict: Verdict,
    /// The name of the source.
    pub from: String,
    /// The name of the destination.
    pub to: String,
    /// The ports that are open; with a port, only that one.
    pub ports: BTreeMap<&'static str, Vec<String>>,
    /// What the policies of the source say.
    pub egress: SideExplanation,
    /// What the policies of the destination say.
    pub ingress: SideExplanation,
    /// The labels that open it together; empty if it is allowed or no such change was found.
    pub would_open: Vec<Opens>,
    /// Why something depends, as sentences.
    pub caveats: Vec<String>,
    /// What could not be read, as sentences; for the caller to set.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
    /// What a Service stands for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The port or the ports in words.
    #[serde(skip)]
    pub shown: String,
}

/// What the policies of one end say.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SideExplanation {
    /// Whether the port, or without one any port, is allowed for certain.
    pub allowed: bool,
    /// The names of the policies that isolate the pod; empty if every connection is allowed.
    pub isolated_by: Vec<String>,
    /// The rules that allow the connection, or may allow it.
    pub granted_by: Vec<RuleInWords>,
    /// The closest rule, if no rule allows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closest: Option<RuleInWords>,
    /// One sentence.
    #[serde(skip)]
    pub sentence: String,
}

/// One rule of a policy.
#[derive(Debug, Serialize)]
pub struct RuleInWords {
    /// The name of the policy.
    pub policy: String,
    /// The number of the rule, from 1.
    pub rule: usize,
    /// The peers of the rule, in words.
    pub selector: String,
    /// The ports, in words.
    pub ports: String,
}

/// A label that opens the connection, with the other labels of the list.
#[derive(Debug, Serialize)]
pub struct Opens {
    /// `KEY=VALUE`, or `KEY-` if it must be removed.
    pub label: String,
    /// `source` or `destination`.
    pub side: &'static str,
    /// The grants that give it.
    pub grants: Vec<String>,
    /// Who may claim the identities of these grants, without those that everybody may claim.
    pub claims: Vec<Claimed>,
}

/// Who may claim the identity of a grant.
#[derive(Debug, Serialize)]
pub struct Claimed {
    /// The grant.
    pub grant: String,
    /// Users, groups and service accounts, in words.
    pub claimants: BTreeSet<String>,
}

impl Explanation {
    /// Explains a connection, and searches for labels that open it if it is not allowed. `canons` have the grants of labels.
    pub fn new(policies: &[NamedPolicy], asked: &Asked, canons: &Canons) -> Explanation {
        Explanation::among(policies, &Noticed::by(policies), asked, canons)
    }

    /// The same for one of many connections. `noticed` is that of the policies.
    pub fn among(policies: &[NamedPolicy], noticed: &Noticed<'_>, asked: &Asked, canons: &Canons) -> Explanation {
        let explanation = Explanation::without_search(policies, asked);
        let is_allowed = explanation.verdict == Verdict::Allowed;
        Explanation { would_open: if is_allowed { Vec::new() } else { would_open(policies, noticed, asked, canons) }, ..explanation }
    }

    /// Explains a connection. The search for labels that open it takes most of the time, and is left out.
    pub fn without_search(policies: &[NamedPolicy], asked: &Asked) -> Explanation {
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
        let side = |side: &Side| SideExplanation::new(policies, asked, side);
        let caveats: Vec<String> = if depends.is_empty() { Vec::new() } else { found.reasons.iter().map(ToString::to_string).collect() };
        let (from, to) = asked.names.clone();
        let (egress, ingress) = (side(&found.egress), side(&found.ingress));
        Explanation {
            verdict,
            from,
            to,
            ports: allowed.by_protocol().collect(),
            egress,
            ingress,
            would_open: Vec::new(),
            caveats,
            service: asked.note.clone(),
            left_out: Vec::new(),
            shown,
        }
    }

    /// Returns whether it is denied although each end allows some ports.
    pub fn is_without_common_port(&self) -> bool {
        self.verdict == Verdict::Denied && self.egress.allowed && self.ingress.allowed
    }

    /// Returns what would allow it, in words; `None` if it is allowed.
    pub fn to_allow(&self) -> Option<String> {
        if self.verdict == Verdict::Allowed {
            return None;
        }
        if self.would_open.is_empty() {
            return Some("no change of up to two labels was found that keeps both identities".to_owned());
        }
        let labels: Vec<String> = self.would_open.iter().map(ToString::to_string).collect();
        let opens = match (self.egress.allowed, self.ingress.allowed) {
            (false, false) => "both directions",
            (false, true) => "egress",
            (true, false) => "ingress",
            (true, true) => "it",
        };
        let verb = if labels.len() == 1 { "opens" } else { "open" };
        Some(format!("{} {verb} {opens}", labels.join(" and ")))
    }
}

impl fmt::Display for Opens {
    /// `the label netpol/memcached=true on the source (granted to pyos)`
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(key) = self.label.strip_suffix('-') {
            return write!(formatter, "removing the label {key} of the {}", self.side);
        }
        write!(formatter, "the label {} on the {}", self.label, self.side)?;
        // Only capability labels are granted.
        match self.grants.join(", ") {
            _ if !self.label.starts_with(CAPABILITY_PREFIX) => Ok(()),
            none if none.is_empty() => formatter.write_str(" (granted to no identity)"),
            grants => write!(formatter, " (granted to {grants}{})", claimed(&self.claims)),
        }
    }
}

/// Returns who may claim the identities of grants.
fn claimed(claims: &[Claimed]) -> String {
    let claimed = claims.iter().map(|Claimed { grant, claimants }| {
        let claimants: Vec<&str> = claimants.iter().map(String::as_str).collect();
        format!("; {grant} is only for {}", claimants.join(", "))
    });
    claimed.collect()
}

impl SideExplanation {
    fn new(policies: &[NamedPolicy], asked: &Asked, side: &Side) -> SideExplanation {
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
        let granted_by: Vec<RuleInWords> = granted
            .map(|granted| RuleInWords {
                policy: name(granted.policy).to_owned(),
                rule: granted.rule,
                selector: peers_of(policies, side.direction, granted.policy, granted.rule),
                ports: granted.possible.and(ports).to_string(),
            })
            .collect();
        let found = if granted_by.is_empty() { closest(policies, side, (&subject.end, &peer.end), ports) } else { None };
        let isolated_by: Vec<String> = side.isolated_by.iter().map(|index| name(*index).to_owned()).collect();
        let closest = found.as_ref().map(|found| RuleInWords {
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
        SideExplanation { allowed, isolated_by, granted_by, closest, sentence }
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
fn almost(found: &Closest, rule: &RuleInWords, direction: Direction, peer: &str, port: Option<&PortSet>) -> String {
    let (policy, number, to) = (&rule.policy, rule.rule, preposition(direction));
    if found.is_for_the_peer() {
        format!("denied: {policy} rule {number} allows only {} {to} {peer}", rule.ports)
    } else {
        let ports = port.map_or_else(|| rule.ports.clone(), ToString::to_string);
        format!("denied: {policy} rule {number} allows {ports} only {to} {}", rule.selector)
    }
}

/// Returns the smallest change of labels that opens the connection.
fn would_open(policies: &[NamedPolicy], noticed: &Noticed<'_>, asked: &Asked, canons: &Canons) -> Vec<Opens> {
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
        (Some(_), true) if !giving(change).is_empty() => Some(0),
        (Some(_), true) => Some(1),
        (Some(_), false) => Some(2),
        (None, _) => Some(3),
    };
    let itself = asked.from.id == asked.to.id;
    let wish = Wish { from: &asked.from.end, to: &asked.to.end, itself, ports: asked.port.as_ref() };
    let changes = opening(policies, noticed, wish, rank).unwrap_or_default();
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
