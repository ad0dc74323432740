//! A finding of `netpol lint`, and its parts.

use std::fmt::{self, Write as _};

use serde::Serialize;

use super::rules::{LintRule, Severity};
use crate::policy::Direction;

/// One thing that a rule found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The id, unique among the findings: `dead-rule/router-rights/ingress-2`.
    pub id: String,
    /// The rule.
    pub rule: LintRule,
    /// The severity, at most that of the rule.
    pub severity: Severity,
    /// The name of the policy, if the finding is about one.
    pub policy: Option<String>,
    /// The namespace of the policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The place in the policy, or the endpoint or grant.
    pub place: Place,
    /// One or two sentences without a period at their end: what is wrong, and what to do.
    pub message: String,
    /// The connection that proves it, if there is one.
    pub witness: Option<Evidence>,
    /// The indexes of the policies whose annotation can ignore the finding; the first is that of `policy`.
    #[serde(skip)]
    pub policies: Vec<usize>,
}

/// The place of a finding.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// The direction of the rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// The number of the rule in its direction, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<usize>,
    /// The number of the peer in the rule, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<usize>,
    /// The id of the endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The name of the grant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
    /// The key of the label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// A connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// The end that opens the connection: the id of an endpoint, or pods in words.
    pub from: String,
    /// The end that accepts it.
    pub to: String,
    /// The ports in words: `TCP 443`.
    pub ports: String,
}

impl Place {
    /// Returns the place of a rule, counted from 0.
    pub(super) fn of_rule(direction: Direction, index: usize) -> Place {
        Place { direction: Some(direction), rule: Some(index + 1), ..Place::default() }
    }

    /// Returns the place of a peer of a rule, both counted from 0.
    pub(super) fn of_peer(direction: Direction, rule: usize, peer: usize) -> Place {
        Place { peer: Some(peer + 1), ..Place::of_rule(direction, rule) }
    }

    /// Returns the place as the end of an id: `/ingress-2-1`, `/memcached`.
    pub(super) fn id(&self) -> String {
        let mut id = String::new();
        if let Some(direction) = self.direction {
            // Writing to a string cannot fail.
            let _ = write!(id, "/{direction}");
            for number in self.rule.iter().chain(&self.peer) {
                let _ = write!(id, "-{number}");
            }
        }
        for name in self.endpoint.iter().chain(&self.grant).chain(&self.label) {
            id.push('/');
            id.push_str(name);
        }
        id
    }
}

impl fmt::Display for Place {
    /// `ingress rule 2 peer 1`, `endpoint memcached`, `grant pyos label netpol/x`, or nothing.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts: Vec<String> = Vec::new();
        parts.extend(self.direction.map(|direction| direction.to_string()));
        parts.extend(self.rule.map(|rule| format!("rule {rule}")));
        parts.extend(self.peer.map(|peer| format!("peer {peer}")));
        parts.extend(self.endpoint.as_ref().map(|endpoint| format!("endpoint {endpoint}")));
        parts.extend(self.grant.as_ref().map(|grant| format!("grant {grant}")));
        parts.extend(self.label.as_ref().map(|label| format!("label {label}")));
        formatter.write_str(&parts.join(" "))
    }
}

impl fmt::Display for Evidence {
    /// `desktop -> desktop TCP 4714`
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} -> {} {}", self.from, self.to, self.ports)
    }
}
