//! The audit log: one JSON line per denial and warning, or per decision with `--audit-level all`. Each line contains the
//! hash of the line before it. A bounded queue separates the server from the disk, so that a slow disk never
//! delays a response. Label maps and objects never enter a [`Record`], because they contain secrets.
//!
//! ```text
//! Record ─► Entry (+ time, latency, client) ─► Sink::offer ─► queue ─► Writer (a thread) ─► Output: file, FIFO or stdout
//!                                                 │ as JSON; full: counted   │ adds sequence and hash of the previous line
//! ```
//!
//! | file | content |
//! |---|---|
//! | `record.rs` | the fields of a decision |
//! | `entry.rs` | a record with its time, latency and client; the same as JSON in the queue |
//! | `options.rs` | level, destination and limits |
//! | `sink.rs` | accepts entries from the server and never waits |
//! | `counters.rs` | what the sink and the writer share |
//! | `writer.rs` | turns entries into lines and retries failed writes |
//! | `output.rs`, `resume.rs` | streams, files and rotation; how a file's chain continues |
//! | `chain.rs` | the hash chain: writes and reads lines |
//! | `unanswered.rs` | a request that got an HTTP error instead of a verdict |
//! | `verify.rs` | checks the chain of a log |
//! | `shown.rs`, `sorted.rs` | reads and selects the lines of a log; sorts them by time |
//! | `lines.rs`, `framing.rs` | reads a log line by line; removes what `kubectl logs` and container runtimes add |
//!
//! `docs/audit.md` specifies the fields of a line and what the chain proves.

pub mod chain;
mod counters;
pub mod entry;
mod framing;
mod lines;
pub mod options;
mod output;
pub mod record;
mod resume;
pub mod shown;
pub mod sink;
pub mod sorted;
pub mod unanswered;
pub mod verify;
mod writer;

pub use entry::Entry;
pub use options::{Destination, Level, Options};
pub use record::Record;
pub use sink::Sink;
pub use unanswered::{Omitted, Unanswered};

#[cfg(test)]
mod tests;
