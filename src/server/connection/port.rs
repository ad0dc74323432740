//! What the connections of one port share.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::time::{MissedTickBehavior, interval};

use super::tickets::{Connections, Order};
use crate::server::lifecycle::{Lifecycle, Phase};
use crate::server::limits::Limits;
use crate::server::metrics::Metrics;
use crate::server::tls::Tls;

/// Bounds of the interval between two checks for connections that were idle for too long.
const MIN_SWEEP: Duration = Duration::from_millis(10);
const MAX_SWEEP: Duration = Duration::from_millis(500);

/// The review port or the admin port.
#[derive(Debug)]
pub(crate) struct Port {
    /// Its name in the metrics.
    pub(crate) name: &'static str,
    /// The phase in which it stops accepting connections.
    pub(crate) until: Phase,
    /// TLS; `None` on the admin port.
    pub(crate) tls: Option<Arc<Tls>>,
    pub(crate) router: Router,
    pub(crate) connections: Arc<Connections>,
    pub(crate) limits: Limits,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) lifecycle: Arc<Lifecycle>,
}

impl Port {
    /// Passes each phase of the server on to the connections, until the server is over.
    pub(crate) async fn follow_lifecycle(&self) {
        for (phase, order) in [(Phase::Farewell, Order::SayFarewell), (Phase::Closing, Order::Close), (Phase::Over, Order::Drop)] {
            // The admin port stays available until the server ends.
            if phase == Phase::Over || phase == Phase::Farewell || phase >= self.until {
                self.lifecycle.reached(phase).await;
                self.connections.announce(order);
            }
        }
    }

    /// Closes connections that were idle, or in their handshake, for too long, until the server is over.
    pub(crate) async fn close_expired(&self) {
        let Limits { handshake_timeout, idle_timeout, .. } = self.limits;
        let mut ticks = interval((handshake_timeout.min(idle_timeout) / 16).clamp(MIN_SWEEP, MAX_SWEEP));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.connections.expire(handshake_timeout, idle_timeout);
        }
    }
}
