//! The audit log: one JSON line a refusal (or, on request, a decision), chained by hashes, written
//! behind a bounded queue so that a slow disk never delays an answer. Label maps and objects never
//! enter a [`Record`]: they hold secrets.

pub mod record;

pub use record::Record;
