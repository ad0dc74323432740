//! The HTTPS server: reads reviews from sockets and responds to them; its admin port; its start and shutdown.
//!
//! ```text
//! connection ─► review: headers ─► body ─► judge ─► response, metrics, audit
//! tls: certificate, clients        reload: certificate, client CA, canon ─► replaced behind a pointer
//! admin: /livez, /readyz, /metrics
//! ```
//!
//! - `start` starts the parts in order and stops them; `config` has the configuration; `limits` has every limit.
//! - `lifecycle` has the phases from start to shutdown.
//! - `connection/` accepts connections, decides which one to close for a newer one, and serves HTTP/1.1 and HTTP/2 on them.
//! - `tls/` has the certificate, its sources and changes, and the verification of clients.
//! - `review` has the two endpoints; `refusal` lists the requests that get no review back, and `unanswered` writes them to
//!   the audit log; `deadline` computes when a response is due.
//! - `body/` reads a body within the memory that all bodies share.
//! - `reload` checks files for changes.
//! - `admin/` has the endpoints of the admin port; `metrics/` has the metrics.
//! - `pages` is a small port for a process that serves no reviews.
//! - `duration` parses durations as Go prints them.
//!
//! A request waits only for its own bytes, its share of memory, and the socket. State that all requests share is
//! behind atomics, or behind a lock that is held for a few instructions, never across I/O or a review.

mod admin;
mod body;
mod config;
mod connection;
pub mod deadline;
pub mod duration;
mod lifecycle;
mod limits;
mod metrics;
pub mod pages;
mod refusal;
mod reload;
mod review;
mod start;
pub mod tls;
mod unanswered;

pub use body::TooSmall;
pub use config::{Clock, Config, Parts};
pub use limits::{Limits, ORDINARY};
pub use reload::{Change, Reloaded};
pub use review::Judge;
pub use start::{Handle, Running, StartError, start};
pub use tls::{CertificateStatus, ManagedCertificate};
