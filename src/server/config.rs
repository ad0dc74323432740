//! The configuration of a server, and the parts that it calls.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;

use super::limits::Limits;
use super::review::Judge;
use super::tls::TlsConfig;
use crate::audit::{Level, Sink};
use crate::verdict::Guard;

/// The configuration of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The address for reviews: `--listen`.
    pub listen: SocketAddr,
    /// The address of the admin port: `--admin-listen`.
    pub admin_listen: SocketAddr,
    /// TLS.
    pub tls: TlsConfig,
    /// Limits.
    pub limits: Limits,
}

/// Returns the time of day.
pub type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// The parts of the program that a server calls.
pub struct Parts {
    /// The clock against which the validity of certificates is checked.
    pub clock: Clock,
    /// The active canon and settings; replaced as a whole when the canon is reloaded.
    pub guard: Arc<ArcSwap<Guard>>,
    /// The function that reviews a body with the guard.
    pub judge: Judge,
    /// The decisions that get an audit record.
    pub audit_level: Level,
    /// The audit log.
    pub audit: Option<Arc<Sink>>,
}
