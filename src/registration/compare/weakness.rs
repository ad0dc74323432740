//! The weaknesses of a registration.

use serde::Serialize;
use serde_json::Value;

/// The two webhook configurations of a registration in the order of [`crate::registration::Registration::manifests`]: the mutating one
/// first. `None` is one that does not exist.
pub type Found<'v> = [Option<&'v Value>; 2];

/// The kind of a weakness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A configuration or a webhook does not exist.
    Missing,
    /// A namespace is not covered.
    Uncovered,
    /// Less is sent: rules, selectors, or a match condition that the expected registration does not have.
    Weakened,
    /// A webhook with the failure policy `Fail` has `Ignore`.
    Ignore,
    /// A match condition is not the one that follows from the canons and the settings.
    Disagrees,
    /// The API server waits for a shorter time, then admits the request.
    Timeout,
    /// The mutating webhook is not called again after another webhook has changed the object.
    Reinvocation,
    /// Another server is called.
    Endpoint,
}

impl Kind {
    /// The states of a registration in metrics that are weaknesses.
    pub const STATES: [&'static str; 5] = ["missing", "uncovered", "weakened", "ignore", "disagrees"];

    /// Returns the state of a registration with such a weakness: one of [`Kind::STATES`].
    pub fn state(self) -> &'static str {
        match self {
            Kind::Missing => "missing",
            Kind::Uncovered => "uncovered",
            Kind::Weakened | Kind::Timeout | Kind::Reinvocation | Kind::Endpoint => "weakened",
            Kind::Ignore => "ignore",
            Kind::Disagrees => "disagrees",
        }
    }
}

/// One way in which a registration is weaker than the expected one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Weakness {
    /// Its kind.
    pub kind: Kind,
    /// What is weaker. It ends with the command that mends it.
    pub sentence: String,
}

impl Weakness {
    pub(super) fn new(kind: Kind, what: &str, command: &str) -> Weakness {
        Weakness { kind, sentence: format!("{what}; to mend it: {command}") }
    }
}
