//! The admin port: plain HTTP for the kubelet and for Prometheus.
//!
//! - `routes` has the endpoints `/livez`, `/readyz` and `/metrics`.
//! - `readiness` collects whether the server is ready, and the details that `/readyz` lists.

mod readiness;
mod routes;

pub(crate) use readiness::{Degraded, Health};
pub(crate) use routes::{Admin, routes};
