//! The two directions of traffic.

use std::fmt;

use serde::Serialize;

/// The direction of traffic, from the point of view of the pods that a policy selects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Into the selected pods.
    Ingress,
    /// Out of the selected pods.
    Egress,
}

impl Direction {
    /// Both directions.
    pub(crate) const BOTH: [Direction; 2] = [Direction::Ingress, Direction::Egress];

    /// Returns the field of a spec that holds the rules of this direction.
    pub(crate) fn rules_field(self) -> &'static str {
        match self {
            Direction::Ingress => "ingress",
            Direction::Egress => "egress",
        }
    }

    /// Returns the field of a rule that holds the peers of this direction.
    pub(crate) fn peers_field(self) -> &'static str {
        match self {
            Direction::Ingress => "from",
            Direction::Egress => "to",
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.rules_field())
    }
}
