//! Drift: how a policy differs from the canonical policy of the same name.

use std::fmt;

use serde::Serialize;

use super::allowed::Beyond;
use super::direction::Direction;
use super::witness::Witness;

/// How one policy differs from the canonical policy of the same name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// Whether the policy allows more or less.
    pub change: Change,
    /// Every difference, in the order of the policy. Never empty.
    pub differences: Vec<Difference>,
    /// A connection that the policy allows and the canonical policy does not. Set unless `change` is `Narrower`.
    pub witness: Option<Witness>,
}

/// Whether a policy allows more or less than the canonical policy.
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

/// One difference between a policy and the canonical policy of the same name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Whether this difference allows more or less.
    pub change: Change,
    /// The field: `spec.podSelector`, `spec.policyTypes`, `spec.egress[0]`. A rule that only the canonical policy has is
    /// named by its index there.
    pub field: String,
    /// The direction, if the difference is about a rule or about isolation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// The number of the rule, from 1. A rule that only the canonical policy has is counted there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<usize>,
    /// The peer in words: `pods run=memcached-od`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// The ports in words: `TCP 443`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<String>,
    /// What the canonical policy has in this place, in words: `nothing` if it has none.
    pub expected: String,
    /// What the policy has in this place, in words.
    pub found: String,
    /// What this difference gives beyond all policies that it was compared among, or takes away from them. Only
    /// [`compare_among`](super::compare_among) sets it, for differences of rules.
    #[serde(skip)]
    pub beyond: Option<Beyond>,
}

impl fmt::Display for Difference {
    /// One clause: "egress rule 1 also allows TCP 443 to pods run=memcached-od".
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Difference { change, field, direction, rule, peer, port, expected, found, .. } = self;
        match (direction, rule, peer, port) {
            (Some(direction), Some(rule), Some(peer), Some(port)) => {
                let side = direction.peers_field();
                match change {
                    Change::Narrower => write!(formatter, "{port} {side} {peer} is missing (canonical {direction} rule {rule})"),
                    Change::Wider | Change::Both => write!(formatter, "{direction} rule {rule} also allows {port} {side} {peer}"),
                }
            }
            _ => write!(formatter, "{field}: expected {expected}, found {found}"),
        }
    }
}
