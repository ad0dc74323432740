//! What is offered to the log: a record, and what only the server knows of its request.

use std::time::Duration;

use jiff::Timestamp;

use super::Record;

/// One decision on its way to the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// When it was decided.
    pub time: Timestamp,
    /// What was decided.
    pub record: Record,
    /// From the first byte of the body to the answer.
    pub latency: Duration,
    /// Whether the client proved who it is with a certificate of `--client-ca`.
    pub client_verified: bool,
}
