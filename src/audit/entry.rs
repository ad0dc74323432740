//! What the queue holds: a record, and what only the server knows of its request.

use std::time::Duration;

use jiff::Timestamp;

use super::Record;
use crate::policy::{Difference, Witness};

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

impl Entry {
    /// Answers about how many bytes of memory this entry holds: what the queue's bound counts.
    pub fn weight(&self) -> usize {
        let record = &self.record;
        let texts = [&record.uid, &record.operation, &record.kind, &record.name, &record.namespace, &record.user, &record.canon];
        size_of::<Entry>()
            + texts.into_iter().map(String::len).sum::<usize>()
            + record.subresource.as_ref().map_or(0, String::len)
            + record.groups.iter().chain(&record.messages).map(|text| text.len() + size_of::<String>()).sum::<usize>()
            + record.differences.iter().map(difference).sum::<usize>()
            + record.witness.as_ref().map_or(0, witness)
    }
}

fn difference(difference: &Difference) -> usize {
    size_of::<Difference>()
        + difference.field.len()
        + difference.peer.as_ref().map_or(0, String::len)
        + difference.port.as_ref().map_or(0, String::len)
        + difference.expected.len()
        + difference.found.len()
}

fn witness(witness: &Witness) -> usize {
    witness.subject.len() + witness.peer.len() + witness.protocol.len() + witness.port.as_ref().map_or(0, String::len)
}
