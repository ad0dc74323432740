//! What a NetworkPolicy means.
//!
//! Pure: no I/O, no clock, no async; nothing here knows of clusters, admission or HTTP. The
//! specification is `semantics.md`; numbers of rules and of parts (2a.7) in comments are its numbers.
//!
//! The way of a policy: [`Node`](crate::documents::Node) is JSON that lost nothing, [`spec`] makes a [`Policy`] of it,
//! `relation` merges its rules into boxes of traffic, `traffic` subtracts boxes, [`compare`](mod@compare) and
//! [`allowed`] ask the questions, `differences` and `words` answer in words.

mod addresses;
pub mod allowed;
pub mod compare;
mod differences;
mod ports;
mod ranges;
mod relation;
pub mod selector;
pub mod spec;
pub mod steps;
mod traffic;
mod values;
mod words;

#[cfg(test)]
mod tests;

use std::fmt;

use serde::Serialize;

pub use allowed::Allowed;
pub use compare::compare;
pub use selector::Selector;
pub use spec::{Home, Policy};

/// What a comparison of two policies answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Comparison {
    /// Both mean the same.
    Same,
    /// They do not.
    Drift(Drift),
    /// The bound on work was reached first.
    NotProven,
}

/// How one policy differs from its canonical namesake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// Which way.
    pub change: Change,
    /// Every difference, in the order of the policy: never empty.
    pub differences: Vec<Difference>,
    /// A connection that the found policy allows and the canonical one does not; there where `change` is not `Narrower`.
    pub witness: Option<Witness>,
}

/// The direction of a drift.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// It allows more.
    Wider,
    /// It allows less.
    Narrower,
    /// It allows more in one place and less in another.
    Both,
}

/// The direction of traffic, as seen from the pods that a policy selects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Into the selected pods.
    Ingress,
    /// Out of the selected pods.
    Egress,
}

impl Direction {
    /// The field of a spec that holds its rules.
    pub(crate) fn list_name(self) -> &'static str {
        match self {
            Direction::Ingress => "ingress",
            Direction::Egress => "egress",
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.list_name())
    }
}

/// One difference between a policy and its canonical namesake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Which way this difference goes.
    pub change: Change,
    /// Where: `spec.podSelector`, `spec.policyTypes`, `spec.egress[0]`; of the canonical policy where only it has the rule.
    pub field: String,
    /// The direction, where it is about a rule or isolation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// The number of the rule, from 1; the canonical policy's where only that has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<usize>,
    /// The peer in words: `pods run=memcached-od`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// The port in words: `TCP 443`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<String>,
    /// What the canonical policy has there, in words; `nothing` where it has none.
    pub expected: String,
    /// What was found there, in words.
    pub found: String,
}

impl fmt::Display for Difference {
    /// One clause: "egress rule 1 also allows TCP 443 to pods run=memcached-od".
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Difference { change, field, direction, rule, peer, port, expected, found } = self;
        match (direction, rule, peer, port) {
            (Some(direction), Some(rule), Some(peer), Some(port)) => {
                let side = if *direction == Direction::Egress { "to" } else { "from" };
                match change {
                    Change::Narrower => write!(formatter, "{port} {side} {peer} is missing (canonical {direction} rule {rule})"),
                    Change::Wider | Change::Both => write!(formatter, "{direction} rule {rule} also allows {port} {side} {peer}"),
                }
            }
            _ => write!(formatter, "{field}: expected {expected}, found {found}"),
        }
    }
}

/// A connection that a policy allows and the canon does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Witness {
    /// The pod that the policy selects, in words: `a pod labeled netpol/memcached=true`.
    pub subject: String,
    /// Whether it is the server or the client.
    pub direction: Direction,
    /// The other end, in words: `pods run=memcached-od`, `10.1.2.3`.
    pub peer: String,
    /// `TCP`, `UDP`, `SCTP` or `other` (a protocol that NetworkPolicy does not define).
    pub protocol: String,
    /// A port number or name; none for `other`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<String>,
}

impl fmt::Display for Witness {
    /// One sentence without a full stop: "a pod labeled netpol/memcached=true could reach pods run=memcached-od on TCP 443".
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = self.port.as_deref().map(|port| format!(" {port}")).unwrap_or_default();
        match self.direction {
            Direction::Egress => write!(formatter, "{} could reach {} on {}{port}", self.subject, self.peer, self.protocol),
            Direction::Ingress => write!(formatter, "{} could reach {} on {}{port}", self.peer, self.subject, self.protocol),
        }
    }
}

/// What a policy grants beyond a set of others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Beyond {
    /// Nothing.
    Nothing,
    /// This connection, and perhaps others.
    Grants(Witness),
    /// The bound on work was reached first.
    NotProven,
}
