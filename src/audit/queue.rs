//! What waits for the writer. A record is written as JSON by whoever offers it: its many small pieces of
//! memory are given back where they were taken, and what goes to the writer lies in one piece.

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::Entry;

/// The bytes of a longish record: as many as the allocator keeps at hand for the next one.
const LONG_RECORD: usize = 1024;

/// The most room that is kept for what will wait next.
const MOST_KEPT: usize = 256 << 10;

/// What a line says of an entry beside its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seal {
    pub(super) time: Timestamp,
    pub(super) latency_microseconds: u64,
    pub(super) client_verified: bool,
}

/// An entry as its line says it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sealed<'b> {
    pub(super) seal: Seal,
    /// The fields of the record as JSON, without the braces around them.
    pub(super) record: &'b [u8],
}

impl Sealed<'_> {
    /// Answers about how many bytes of memory this entry holds: what the queue's bound counts.
    pub(super) fn weight(&self) -> usize {
        size_of::<Waiting>() + self.record.len()
    }
}

/// Writes a record as JSON, into memory that serves for its entry alone.
///
/// # Errors
/// Those of the serializer; none is known for a record.
pub(super) fn seal(entry: &Entry) -> serde_json::Result<(Seal, Vec<u8>)> {
    let mut record = Vec::with_capacity(LONG_RECORD);
    serde_json::to_writer(&mut record, &entry.record)?;
    let latency_microseconds = u64::try_from(entry.latency.as_micros()).unwrap_or(u64::MAX);
    Ok((Seal { time: entry.time, latency_microseconds, client_verified: entry.client_verified }, record))
}

/// Answers what stands between the braces of an object.
pub(super) fn fields(object: &[u8]) -> &[u8] {
    object.get(1..object.len().saturating_sub(1)).unwrap_or_default()
}

/// One entry of a batch.
#[derive(Debug)]
struct Waiting {
    seal: Seal,
    /// Where its record ends among those of the batch.
    end: usize,
}

/// Entries, in the order that they were offered in.
#[derive(Debug, Default)]
pub(super) struct Batch {
    records: Vec<u8>,
    entries: Vec<Waiting>,
}

impl Batch {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn push(&mut self, entry: &Sealed<'_>) {
        self.records.extend_from_slice(entry.record);
        self.entries.push(Waiting { seal: entry.seal, end: self.records.len() });
    }

    /// Answers the entry at a position.
    pub(super) fn get(&self, position: usize) -> Option<Sealed<'_>> {
        let start = position.checked_sub(1).and_then(|before| self.entries.get(before)).map_or(0, |before| before.end);
        let Waiting { seal, end } = self.entries.get(position)?;
        Some(Sealed { seal: *seal, record: self.records.get(start..*end)? })
    }

    fn clear(&mut self) {
        if self.records.capacity() > MOST_KEPT {
            *self = Batch::default();
        }
        self.records.clear();
        self.entries.clear();
    }
}

/// What the writer does next.
pub(super) enum Turn {
    /// Writes what it took.
    Write,
    /// Sleeps: whoever offers an entry wakes it.
    Sleep,
    /// Ends: nothing waits, and nothing will.
    End,
}

#[derive(Debug, Default)]
struct State {
    batch: Batch,
    sleeps: bool,
    closed: bool,
}

/// The queue. Its lock is held for as long as it takes to copy a record or to exchange two vectors.
#[derive(Debug, Default)]
pub(super) struct Queue(Mutex<State>);

/// What became of an entry that was offered.
pub(super) enum Offered {
    /// It waits, and the writer is awake.
    Waits,
    /// It waits, and the writer is to be woken.
    Wakes,
    /// The queue is closed.
    Refused,
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn push(&self, entry: &Sealed<'_>) -> Offered {
        let mut state = self.state();
        if state.closed {
            return Offered::Refused;
        }
        state.batch.push(entry);
        if std::mem::take(&mut state.sleeps) { Offered::Wakes } else { Offered::Waits }
    }

    /// Takes all that waits in exchange for a batch that is written.
    pub(super) fn take(&self, written: &mut Batch) -> Turn {
        written.clear();
        let mut state = self.state();
        if state.batch.len() > 0 {
            std::mem::swap(&mut state.batch, written);
            return Turn::Write;
        }
        state.sleeps = !state.closed;
        if state.closed { Turn::End } else { Turn::Sleep }
    }

    /// Takes no more entries.
    pub(super) fn close(&self) {
        self.state().closed = true;
    }
}
