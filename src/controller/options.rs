//! The configuration of the controller.

use std::time::Duration;

use crate::certificates::plan::Wanted;

/// The configuration of the controller.
#[derive(Debug, Clone)]
pub struct Options {
    /// The namespace of the Secret and of the Lease.
    pub namespace: String,
    /// The name of the Secret and of the Lease.
    pub name: String,
    /// The names of the webhook configurations to which the CA bundle is published.
    pub webhook_configurations: Vec<String>,
    /// The certificates to issue.
    pub wanted: Wanted,
    /// The identity of this process in the election. It must be unique.
    pub identity: String,
    /// The interval at which the controller reads the cluster.
    pub interval: Duration,
    /// The timing of the election.
    pub timing: Timing,
}

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
