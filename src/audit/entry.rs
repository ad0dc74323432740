//! An entry of the log: a record with what only the server knows about its request.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::record::Record;
use super::unanswered::{Omitted, Unanswered, microseconds};

/// The length of a long record as JSON, in bytes: most records fit in the first allocation.
const TYPICAL_LENGTH: usize = 1024;

/// One decision, as the server offers it to the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The time of the decision.
    pub time: Timestamp,
    /// The decision.
    pub record: Record,
    /// The time from the headers of the request to the response.
    pub latency: Duration,
    /// Whether the client presented a certificate that a CA of `--client-ca` signed.
    pub client_verified: bool,
}

/// The fields of a line that follow its chain and its time.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Fields<'e> {
    #[serde(flatten)]
    record: &'e Record,
    client_verified: bool,
    #[serde(rename = "latencyMicroseconds", serialize_with = "microseconds")]
    latency: Duration,
}

/// An entry that waits for the writer. It is JSON already: one block of memory of a known size.
#[derive(Debug)]
pub(super) struct QueuedEntry {
    pub(super) time: Timestamp,
    json: Box<[u8]>,
}

impl QueuedEntry {
    /// Serializes an entry.
    ///
    /// # Errors
    /// Errors of the serializer; none is known for a record.
    pub(super) fn new(entry: &Entry) -> serde_json::Result<QueuedEntry> {
        let Entry { time, record, latency, client_verified } = entry;
        QueuedEntry::of(*time, &Fields { record, client_verified: *client_verified, latency: *latency })
    }

    /// Serializes a request without a verdict.
    ///
    /// # Errors
    /// Errors of the serializer; none is known.
    pub(super) fn unanswered(request: &Unanswered) -> serde_json::Result<QueuedEntry> {
        QueuedEntry::of(request.time, request)
    }

    /// Serializes the number of requests without a line.
    ///
    /// # Errors
    /// Errors of the serializer; none is known.
    pub(super) fn omitted(omitted: &Omitted) -> serde_json::Result<QueuedEntry> {
        QueuedEntry::of(omitted.time, omitted)
    }

    fn of(time: Timestamp, fields: &impl Serialize) -> serde_json::Result<QueuedEntry> {
        let mut json = Vec::with_capacity(TYPICAL_LENGTH);
        serde_json::to_writer(&mut json, fields)?;
        Ok(QueuedEntry { time, json: json.into_boxed_slice() })
    }

    /// Returns the fields of the JSON object, without its braces.
    pub(super) fn fields(&self) -> &[u8] {
        self.json.get(1..self.json.len().saturating_sub(1)).unwrap_or_default()
    }

    /// Returns the memory that the entry uses, in bytes.
    pub(super) fn size(&self) -> usize {
        size_of::<QueuedEntry>() + self.json.len()
    }
}
