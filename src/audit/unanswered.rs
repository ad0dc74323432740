//! A request that got an HTTP error instead of a verdict, as the log has it.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

/// A request that got no review in response, because its review missed its deadline or its body was refused. The server
/// does not know what the request is about: it has read no object and no user. Its `verdict` is `unanswered`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", tag = "verdict", rename = "unanswered")]
pub struct Unanswered {
    /// The time of the error.
    #[serde(skip)]
    pub time: Timestamp,
    /// The requests from clients without a verified certificate that got no line since the last one did.
    #[serde(skip_serializing_if = "is_zero")]
    pub omitted: u64,
    /// The uid of the request, if the part of the body that arrived contains it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// The webhook: `mutate` or `validate`.
    pub stage: &'static str,
    /// The cause, as in the metrics.
    pub cause: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What the client was told.
    pub messages: [String; 1],
    /// Whether the client presented a certificate that a CA of `--client-ca` signed.
    pub client_verified: bool,
    /// The time from the headers of the request to the error.
    #[serde(rename = "latencyMicroseconds", serialize_with = "microseconds")]
    pub latency: Duration,
}

/// Requests that got an HTTP error and no line of their own, if no such request follows whose line has their number. Its
/// `verdict` is `unanswered`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", tag = "verdict", rename = "unanswered")]
pub struct Omitted {
    /// The time of the line.
    #[serde(skip)]
    pub time: Timestamp,
    /// The number of requests.
    pub omitted: u64,
    /// What happened.
    pub messages: [&'static str; 1],
    /// Always `false`: requests of verified clients have their lines.
    pub client_verified: bool,
}

impl Omitted {
    /// Returns the line for a number of requests.
    pub fn new(omitted: u64) -> Omitted {
        let message = "requests got an HTTP error and have no lines of their own, because they were too many";
        Omitted { time: Timestamp::now(), omitted, messages: [message], client_verified: false }
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

pub(super) fn microseconds<S: Serializer>(latency: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX))
}
