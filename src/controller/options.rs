//! The configuration of the controller.

use std::time::Duration;

use super::election::Timing;
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
    /// The timing of the election.
    pub timing: Timing,
    /// The interval at which the controller reads the cluster.
    pub interval: Duration,
}
