//! The audit log: one JSON line a refusal (or, on request, a decision), chained by hashes, written
//! behind a bounded queue so that a slow disk never delays an answer. Label maps and objects never
//! enter a [`Record`]: they hold secrets.
//!
//! ```text
//! Record ─► Entry (+ time, latency, client) ─► Sink::offer ─► queue ─► writer thread ─► file, FIFO or stdout
//!                                                 │ as JSON; full: counted   │ chain: sequence, hash of the line before
//! ```
//!
//! `docs/audit.md` is the schema of a line and says what the chain proves.

pub mod chain;
pub mod entry;
mod output;
mod queue;
pub mod record;
mod resume;
pub mod sink;
pub mod verify;
mod writer;

pub use entry::Entry;
pub use record::Record;
pub use sink::{Destination, Options, Sink};

#[cfg(test)]
mod tests;
