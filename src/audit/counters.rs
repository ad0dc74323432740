//! Numbers that the sink and its writer share.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};

/// The state of a log. Every field is read and written with relaxed ordering: none guards other memory.
#[derive(Debug, Default)]
pub(super) struct Counters {
    /// Bytes of the entries that are not written yet.
    pub(super) queued_bytes: AtomicUsize,
    /// Lines written since the start.
    pub(super) written: AtomicU64,
    /// Entries without a line since the start.
    pub(super) dropped: AtomicU64,
    /// The part of `dropped` that the written lines report. Only the writer changes it.
    pub(super) reported: AtomicU64,
    /// Whether the last attempt to write failed.
    pub(super) failing: AtomicBool,
}
