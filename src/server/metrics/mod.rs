//! The metrics of a server. Every label has a fixed set of values; names of objects, users and clients are never values.
//!
//! A new metric is a field and a line in `server::Metrics::new`, and a line where it is counted.
//!
//! - `families` has the types of metrics with labels.
//! - `managed` are the metrics that the managed certificate and the server share, or that only the former has.
//! - `server` are the metrics of a server.

mod families;
mod managed;
mod server;

pub use families::OPEN_METRICS;
pub(crate) use families::{Word, unix_seconds};
pub(crate) use managed::ManagedMetrics;
pub(crate) use server::Metrics;
