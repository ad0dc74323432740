//! What is counted. Every label is of a closed set; no name of an object, user or client is one.

use std::fmt::{self, Write as _};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use serde::Serialize;

use super::keeper::KeeperMetrics;
use super::refusal::Refusal;
use crate::admission::Tally;
use crate::verdict::Outcome;
use crate::verdict::{Rule, Stage};

/// The upper ends of the latency buckets in seconds. A review takes some ten microseconds.
const BUCKETS: [f64; 13] = [0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10.0];

/// Why connections end: those that were closed, and handshakes that failed.
const CLOSED: [Word; 7] = ["done", "late_head", "idle", "displaced", "malformed", "broken", "shutdown"];
const FAILED: [Word; 10] = [
    "timeout",
    "not_tls",
    "vanished",
    "alert",
    "incompatible",
    "no_client_certificate",
    "client_certificate",
    "displaced",
    "shutdown",
    "tls",
];

/// A label's value: a word of ours.
pub(super) type Word = &'static str;

/// The metrics of one server.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    decisions: Family<Decision, Counter>,
    durations: Family<ByStage, Histogram, fn() -> Histogram>,
    refusals: Family<ByCause, Counter>,
    connections_closed: Family<ByCause, Counter>,
    handshake_failures: Family<ByCause, Counter>,
    reloads: Family<Reload, Counter>,
    degraded: Family<What, Gauge>,
    connections: Family<Port, Gauge>,
    bodies: Family<Lane, Gauge>,
    body_bytes: Family<Lane, Gauge>,
    body_capacity: Family<Lane, Gauge>,
    audit_dropped: Counter<u64, AtomicU64>,
    audit_written: Counter<u64, AtomicU64>,
    pub(crate) accept_errors: Counter,
    pub(crate) panics: Counter,
    pub(crate) unguarded: Counter,
    pub(crate) in_flight: Gauge,
    pub(crate) ready: Gauge,
    pub(crate) certificate_expiry: Gauge,
    pub(crate) keeper: KeeperMetrics,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Decision {
    stage: Word,
    resource: Word,
    operation: Word,
    verdict: Name<Outcome>,
    rule: Option<Name<Rule>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByStage {
    stage: Word,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByCause {
    pub(super) cause: Word,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reload {
    what: Word,
    result: Word,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct What {
    what: Word,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Port {
    port: Word,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Lane {
    lane: Word,
}

/// A value of an enum whose serialized name is its name here. Encoding allocates; counting does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Name<T>(T);

impl<T: Serialize + fmt::Debug> EncodeLabelValue for Name<T> {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        let name = serde_json::to_value(&self.0).map_err(|_| fmt::Error)?;
        encoder.write_str(name.as_str().ok_or(fmt::Error)?)
    }
}

impl Metrics {
    /// Registers everything; `started` is when the process did.
    pub(crate) fn new(started: SystemTime) -> Metrics {
        let mut metrics = Metrics {
            registry: Registry::with_prefix("netpol"),
            decisions: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            refusals: Family::default(),
            connections_closed: Family::default(),
            handshake_failures: Family::default(),
            reloads: Family::default(),
            degraded: Family::default(),
            connections: Family::default(),
            bodies: Family::default(),
            body_bytes: Family::default(),
            body_capacity: Family::default(),
            audit_dropped: Counter::default(),
            audit_written: Counter::default(),
            accept_errors: Counter::default(),
            panics: Counter::default(),
            unguarded: Counter::default(),
            in_flight: Gauge::default(),
            ready: Gauge::default(),
            certificate_expiry: Gauge::default(),
            keeper: KeeperMetrics::default(),
        };
        metrics.register(started);
        metrics.begin_at_zero();
        metrics
    }

    /// Registers what there is to know of a certificate that somebody keeps.
    #[must_use]
    pub(crate) fn with_keeper(mut self) -> Metrics {
        self.keeper.register(&mut self.registry);
        self
    }

    /// Makes what is counted by a few causes visible before it happens: a rate has no first step else.
    fn begin_at_zero(&self) {
        for stage in [Stage::Mutate, Stage::Validate] {
            let _ = self.durations.get_or_create(&ByStage { stage: word(stage) });
        }
        for refusal in Refusal::ALL {
            let _ = self.refusals.get_or_create(&ByCause { cause: refusal.cause() });
        }
        for cause in CLOSED {
            let _ = self.connections_closed.get_or_create(&ByCause { cause });
        }
        for cause in FAILED {
            let _ = self.handshake_failures.get_or_create(&ByCause { cause });
        }
        for what in ["certificate", "canon"] {
            self.set_degraded(what, false);
            for result in ["taken", "refused"] {
                let _ = self.reloads.get_or_create(&Reload { what, result });
            }
        }
    }

    fn register(&mut self, started: SystemTime) {
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        let start = Gauge::<i64>::default();
        start.set(unix_seconds(started));
        let all = &mut self.registry;
        all.register("build", "What this is", version);
        all.register_with_unit("start_time", "When the process started, as Unix time", Unit::Seconds, start);
        all.register("decisions", "Reviews that were decided", self.decisions.clone());
        all.register_with_unit("review_duration", "From the head of a request to its answer", Unit::Seconds, self.durations.clone());
        all.register("refusals", "Requests that got no review back, by why", self.refusals.clone());
        all.register("reviews_in_flight", "Requests that are being answered", self.in_flight.clone());
        all.register("panics", "Faults of ours that were met while a review was answered", self.panics.clone());
        all.register(
            "unguarded_reviews",
            "Reviews of namespaces that are not guarded: registration and flags disagree",
            self.unguarded.clone(),
        );
        all.register("connections", "Connections now", self.connections.clone());
        all.register("connections_closed", "Connections that ended, by why", self.connections_closed.clone());
        all.register("handshake_failures", "TLS handshakes that failed, by why", self.handshake_failures.clone());
        all.register("accept_errors", "Connections that could not be accepted", self.accept_errors.clone());
        all.register("bodies", "Bodies in flight", self.bodies.clone());
        all.register_with_unit("body_budget_used", "Memory that bodies in flight hold", Unit::Bytes, self.body_bytes.clone());
        all.register_with_unit("body_budget", "Memory that bodies in flight may hold", Unit::Bytes, self.body_capacity.clone());
        let expiry = "When the certificate that is served expires, as Unix time";
        all.register_with_unit("certificate_not_after", expiry, Unit::Seconds, self.certificate_expiry.clone());
        all.register(
            "reloads",
            "Changes of certificate, client CA and canon that were met, by whether they were taken",
            self.reloads.clone(),
        );
        all.register("degraded", "1 where what is on disk is broken and what was read before it is in force", self.degraded.clone());
        all.register("ready", "1 where /readyz says so", self.ready.clone());
        all.register("audit_dropped", "Audit lines that were lost", self.audit_dropped.clone());
        all.register("audit_written", "Audit lines that were written", self.audit_written.clone());
    }

    /// Counts a decision.
    pub(crate) fn decided(&self, stage: Stage, tally: &Tally, took: Duration) {
        let stage = word(stage);
        let Tally { resource, operation, outcome, rule } = *tally;
        let decision = Decision { stage, resource, operation, verdict: Name(outcome), rule: rule.map(Name) };
        self.decisions.get_or_create(&decision).inc();
        self.durations.get_or_create(&ByStage { stage }).observe(took.as_secs_f64());
    }

    /// Counts a request that gets no review back.
    pub(crate) fn refused(&self, refusal: Refusal) {
        self.refusals.get_or_create(&ByCause { cause: refusal.cause() }).inc();
    }

    /// Counts a connection's end.
    pub(crate) fn connection_closed(&self, cause: Word) {
        self.connections_closed.get_or_create(&ByCause { cause }).inc();
    }

    /// Counts a TLS handshake that failed.
    pub(crate) fn handshake_failed(&self, cause: Word) {
        self.handshake_failures.get_or_create(&ByCause { cause }).inc();
    }

    /// Notes what became of something that was read again.
    pub(crate) fn reloaded(&self, what: Word, taken: bool) {
        self.reloads.get_or_create(&Reload { what, result: if taken { "taken" } else { "refused" } }).inc();
    }

    /// Notes whether what is on disk is not what is in force.
    pub(crate) fn set_degraded(&self, what: Word, degraded: bool) {
        self.degraded.get_or_create(&What { what }).set(i64::from(degraded));
    }

    /// Notes how many connections a port has.
    pub(crate) fn set_connections(&self, port: Word, connections: usize) {
        self.connections.get_or_create(&Port { port }).set(clamp(connections));
    }

    /// Notes what bodies hold.
    pub(crate) fn set_bodies(&self, lane: Word, (bytes, bodies): (usize, usize), capacity: usize) {
        let lane = Lane { lane };
        self.bodies.get_or_create(&lane).set(clamp(bodies));
        self.body_bytes.get_or_create(&lane).set(clamp(bytes));
        self.body_capacity.get_or_create(&lane).set(clamp(capacity));
    }

    /// Notes what became of audit lines.
    pub(crate) fn set_audit(&self, written: u64, dropped: u64) {
        self.audit_written.inner().store(written, Ordering::Relaxed);
        self.audit_dropped.inner().store(dropped, Ordering::Relaxed);
    }

    /// Answers all of it in the format of OpenMetrics.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        if encode(&mut text, &self.registry).is_err() {
            // Writing to a string cannot fail, so what failed is a label of ours.
            text.clear();
            let _ = writeln!(text, "# EOF");
        }
        text
    }
}

/// The name of an endpoint.
pub(crate) fn word(stage: Stage) -> Word {
    match stage {
        Stage::Mutate => "mutate",
        Stage::Validate => "validate",
    }
}

/// Why a TLS handshake failed.
pub(crate) fn handshake_cause(error: &io::Error) -> Word {
    use rustls::Error;
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(Error::InvalidMessage(_)) => "not_tls",
        Some(Error::NoCertificatesPresented) => "no_client_certificate",
        Some(Error::InvalidCertificate(_)) => "client_certificate",
        Some(Error::AlertReceived(_)) => "alert",
        Some(Error::PeerIncompatible(_)) => "incompatible",
        Some(_) => "tls",
        None => "vanished",
    }
}

/// Answers Unix time in seconds.
pub(crate) fn unix_seconds(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_secs()).map_or(i64::MIN, |seconds| -seconds),
    }
}

fn clamp(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decisions_are_told_apart_by_closed_sets() {
        let metrics = Metrics::new(UNIX_EPOCH);
        let tally = Tally { resource: "pods", operation: "CREATE", outcome: Outcome::Denied, rule: Some(Rule::UngrantedLabel) };
        metrics.decided(Stage::Validate, &tally, Duration::from_micros(30));
        metrics.decided(Stage::Mutate, &Tally { outcome: Outcome::Allowed, rule: None, ..tally }, Duration::from_micros(70));
        let text = metrics.text();
        for line in [
            r#"netpol_decisions_total{stage="validate",resource="pods",operation="CREATE",verdict="denied",rule="ungranted-label"} 1"#,
            r#"netpol_decisions_total{stage="mutate",resource="pods",operation="CREATE",verdict="allowed",rule=""} 1"#,
            r#"netpol_review_duration_seconds_bucket{le="0.00005",stage="validate"} 1"#,
            "netpol_start_time_seconds 0",
        ] {
            assert!(text.lines().any(|found| found == line), "no {line} in\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }
}
