//! The timing of an election.

use std::time::Duration;

/// The timing of an election.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// How long a Lease belongs to its holder after its last change.
    pub lease: Duration,
    /// How long a leader that cannot renew the Lease continues to lead.
    pub renew_deadline: Duration,
    /// The interval at which the Lease is read and renewed.
    pub retry: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Timing { lease: Duration::from_secs(15), renew_deadline: Duration::from_secs(10), retry: Duration::from_secs(2) }
    }
}
