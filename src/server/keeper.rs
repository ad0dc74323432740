//! What somebody else does to a server who keeps its certificate: the controller.

use std::sync::{Arc, PoisonError};
use std::time::SystemTime;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::health::{Health, Standing};
use super::metrics::{ByCause, Metrics, Word, unix_seconds};
use crate::certificates::pair::Pair;
use crate::certificates::when;

/// A server's certificate, in the hands of whoever keeps it. The labels of its metrics are words of the
/// caller's: closed sets.
#[derive(Clone)]
pub struct Keeper {
    health: Arc<Health>,
    metrics: Arc<Metrics>,
}

impl std::fmt::Debug for Keeper {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Keeper").finish_non_exhaustive()
    }
}

impl Keeper {
    pub(super) fn new(health: Arc<Health>, metrics: Arc<Metrics>) -> Keeper {
        Keeper { health, metrics }
    }

    /// Serves a certificate from now on. Open connections keep theirs.
    pub fn serve(&self, pair: Pair) {
        tracing::info!(names = pair.names.join(", "), until = when(pair.not_after), "serving with another certificate from now on");
        self.metrics.reloaded("certificate", true);
        self.health.tls.serve(pair);
    }

    /// The certificate that is served.
    pub fn served(&self) -> Option<Arc<Pair>> {
        self.health.tls.served()
    }

    /// Says what `/readyz` is to say, and whether what is in force is not what ought to be.
    pub fn stands(&self, standing: Standing, is_degraded: bool) {
        self.metrics.set_degraded("certificate", is_degraded);
        *self.health.standing.lock().unwrap_or_else(PoisonError::into_inner) = standing;
    }

    /// Notes whether this process is the one that writes.
    pub fn leads(&self, leads: bool) {
        self.metrics.keeper.leader.set(i64::from(leads));
    }

    /// Counts a step of a rotation that was taken.
    pub fn stepped(&self, step: Word) {
        self.metrics.keeper.steps.get_or_create(&Step { step }).inc();
    }

    /// Counts a failure.
    pub fn failed(&self, cause: Word) {
        self.metrics.keeper.failures.get_or_create(&ByCause { cause }).inc();
    }

    /// Notes that everything was read, and until when the authority is valid that signs.
    pub fn looked(&self, now: SystemTime, ca: Option<SystemTime>) {
        self.metrics.keeper.looked.set(unix_seconds(now));
        self.metrics.keeper.ca_expiry.set(ca.map_or(0, unix_seconds));
    }

    /// Makes what can be counted visible before it happens.
    pub fn begin_at_zero(&self, steps: impl IntoIterator<Item = Word>, causes: impl IntoIterator<Item = Word>) {
        for step in steps {
            let _ = self.metrics.keeper.steps.get_or_create(&Step { step });
        }
        for cause in causes {
            let _ = self.metrics.keeper.failures.get_or_create(&ByCause { cause });
        }
    }
}

/// What is counted about a certificate that is kept.
#[derive(Debug, Default)]
pub(crate) struct KeeperMetrics {
    leader: Gauge,
    looked: Gauge,
    ca_expiry: Gauge,
    steps: Family<Step, Counter>,
    failures: Family<ByCause, Counter>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Step {
    step: Word,
}

impl KeeperMetrics {
    pub(super) fn register(&self, all: &mut Registry) {
        all.register("certificates_leader", "1 where this server writes the Secret and the caBundle", self.leader.clone());
        let looked = "When Secret and registrations were last read, as Unix time";
        all.register_with_unit("certificates_looked", looked, Unit::Seconds, self.looked.clone());
        let expiry = "When the CA that signs expires, as Unix time";
        all.register_with_unit("ca_not_after", expiry, Unit::Seconds, self.ca_expiry.clone());
        all.register("certificates_steps", "Steps of rotations that were taken", self.steps.clone());
        all.register("certificates_failures", "Calls of the cluster that failed, and what was met there, by why", self.failures.clone());
    }
}
