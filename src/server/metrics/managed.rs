//! Metrics about changes of files, and about the managed certificate.

use std::collections::BTreeSet;
use std::time::SystemTime;

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::families::{Counters, Gauges, Word, show, unix_seconds};

/// Changes of the certificate, the client CA and the canon.
#[derive(Debug, Clone, Default)]
pub(crate) struct Changes {
    reloads: Counters<2>,
    degraded: Gauges<1>,
}

impl Changes {
    pub(super) fn register(&self, all: &mut Registry) {
        all.register("reloads", "Changes to the certificate, client CA and canon, by result", self.reloads.clone());
        let degraded = "1 if a file is not usable and its last valid version remains active";
        all.register("degraded", degraded, self.degraded.clone());
        for what in ["certificate", "canon"] {
            self.set_degraded(what, false);
            for result in ["taken", "refused"] {
                show(&self.reloads, [("what", what), ("result", result)]);
            }
        }
    }

    /// Counts a change that became active.
    pub(crate) fn taken(&self, what: Word) {
        self.reloads.get_or_create(&[("what", what), ("result", "taken")]).inc();
    }

    /// Counts a change that was rejected.
    pub(crate) fn rejected(&self, what: Word) {
        self.reloads.get_or_create(&[("what", what), ("result", "refused")]).inc();
    }

    /// Sets whether the active version is not the wanted one.
    pub(crate) fn set_degraded(&self, what: Word, is_degraded: bool) {
        self.degraded.get_or_create(&[("what", what)]).set(i64::from(is_degraded));
    }
}

/// The states of the registrations. Several can be true at the same time.
const REGISTRATION: [Word; 7] = ["ok", "missing", "uncovered", "weakened", "ignore", "disagrees", "unknown"];

/// The metrics of a managed certificate.
#[derive(Debug, Default)]
pub(crate) struct ManagedMetrics {
    pub(crate) changes: Changes,
    registration: Gauges<1>,
    leader: Gauge,
    last_read: Gauge,
    ca_expiry: Gauge,
    steps: Counters<1>,
    failures: Counters<1>,
}

impl ManagedMetrics {
    pub(super) fn register(&self, all: &mut Registry) {
        all.register("certificates_leader", "1 if this server writes the Secret and the caBundle", self.leader.clone());
        let registration = "1 for each state of the registrations: ok, unknown, or what they lack";
        all.register("registration", registration, self.registration.clone());
        self.set_registration(&BTreeSet::from(["unknown"]));
        let last_read = "When the Secret and the webhook configurations were last read, as Unix time";
        all.register_with_unit("certificates_looked", last_read, Unit::Seconds, self.last_read.clone());
        let expiry = "When the signing CA expires, as Unix time";
        all.register_with_unit("ca_not_after", expiry, Unit::Seconds, self.ca_expiry.clone());
        all.register("certificates_steps", "Steps of certificate rotations, by step", self.steps.clone());
        all.register("certificates_failures", "Failures while managing the certificate, by cause", self.failures.clone());
    }

    pub(crate) fn set_registration(&self, states: &BTreeSet<Word>) {
        for state in REGISTRATION {
            self.registration.get_or_create(&[("state", state)]).set(i64::from(states.contains(state)));
        }
    }

    pub(crate) fn set_leader(&self, is_leader: bool) {
        self.leader.set(i64::from(is_leader));
    }

    pub(crate) fn count_step(&self, step: Word) {
        self.steps.get_or_create(&[("step", step)]).inc();
    }

    pub(crate) fn count_failure(&self, cause: Word) {
        self.failures.get_or_create(&[("cause", cause)]).inc();
    }

    pub(crate) fn record_read(&self, now: SystemTime, ca_not_after: Option<SystemTime>) {
        self.last_read.set(unix_seconds(now));
        self.ca_expiry.set(ca_not_after.map_or(0, unix_seconds));
    }

    pub(crate) fn show(&self, steps: impl IntoIterator<Item = Word>, causes: impl IntoIterator<Item = Word>) {
        for step in steps {
            show(&self.steps, [("step", step)]);
        }
        for cause in causes {
            show(&self.failures, [("cause", cause)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registration::Kind;

    #[test]
    fn every_kind_of_weakness_has_its_state() {
        assert!(Kind::STATES.iter().all(|state| REGISTRATION.contains(state)));
        assert_eq!(REGISTRATION.len(), Kind::STATES.len() + 2);
    }
}
