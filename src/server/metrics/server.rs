//! The metrics of a server.

use std::fmt::{self, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use serde::Serialize;

use super::families::{Counters, Gauges, Labels, Word, add, add_metric, add_unit, gauge, show, unix_seconds};
use super::managed::{Changes, ManagedMetrics};
use crate::admission::Tally;
use crate::server::refusal::Refusal;
use crate::verdict::{Outcome, Rule, Stage};

/// The upper ends of the latency buckets in seconds. A review takes about ten microseconds.
const BUCKETS: [f64; 13] = [0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10.0];

/// Causes of the end of a connection.
const CLOSED: [Word; 7] = ["done", "idle", "displaced", "malformed", "excess", "broken", "shutdown"];

/// Causes of a failed handshake.
const FAILED: [Word; 11] = [
    "timeout",
    "not_tls",
    "vanished",
    "certificate_refused",
    "alert",
    "incompatible",
    "no_client_certificate",
    "client_certificate",
    "displaced",
    "shutdown",
    "tls",
];

/// The metrics.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    decisions: Family<DecisionLabels, Counter>,
    durations: Family<Labels<1>, Histogram, fn() -> Histogram>,
    refusals: Counters<1>,
    connections_closed: Counters<1>,
    handshake_failures: Counters<1>,
    connections: Gauges<1>,
    bodies: Gauges<1>,
    body_bytes: Gauges<1>,
    body_capacity: Gauges<1>,
    audit_dropped: Counter<u64, AtomicU64>,
    audit_written: Counter<u64, AtomicU64>,
    pub(crate) changes: Changes,
    pub(crate) accept_errors: Counter,
    pub(crate) panics: Counter,
    pub(crate) unguarded: Counter,
    pub(crate) in_flight: Gauge,
    pub(crate) ready: Gauge,
    pub(crate) certificate_expiry: Gauge,
}

/// The labels of a decision. Counting does not allocate; encoding does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DecisionLabels {
    stage: Word,
    resource: Word,
    operation: Word,
    verdict: Name<Outcome>,
    rule: Option<Name<Rule>>,
}

/// A label whose value is the serialized name of an enum's variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Name<T>(T);

impl<T: Serialize + fmt::Debug> EncodeLabelValue for Name<T> {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        let name = serde_json::to_value(&self.0).map_err(|_| fmt::Error)?;
        encoder.write_str(name.as_str().ok_or(fmt::Error)?)
    }
}

impl Metrics {
    /// Registers all metrics. `started` is when the process started; `managed` are those of a managed certificate.
    pub(crate) fn new(started: SystemTime, managed: Option<&ManagedMetrics>) -> Metrics {
        let mut registry = Registry::with_prefix("netpol");
        let all = &mut registry;
        all.register("build", "Version of netpol", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        let start: Gauge = add_unit(all, "start_time", "When the process started, as Unix time", Unit::Seconds);
        start.set(unix_seconds(started));
        let durations = Family::new_with_constructor((|| Histogram::new(BUCKETS)) as fn() -> Histogram);
        let duration = "Time from the headers of a request to its response";
        all.register_with_unit("review_duration", duration, Unit::Seconds, durations.clone());
        let changes = managed.map_or_else(Changes::default, |managed| managed.changes.clone());
        changes.register(all);
        if let Some(managed) = managed {
            managed.register(all);
        }
        let unguarded = "Reviews for namespaces that are not guarded: the webhook registration and --namespace disagree";
        let metrics = Metrics {
            decisions: add_metric(all, "decisions", "Reviews by verdict", Family::default()),
            durations,
            refusals: add(all, "refusals", "Requests that did not get an AdmissionReview in response, by cause"),
            in_flight: add(all, "reviews_in_flight", "Requests in flight"),
            panics: add(all, "panics", "Panics while answering a review"),
            unguarded: add(all, "unguarded_reviews", unguarded),
            connections: add(all, "connections", "Open connections"),
            connections_closed: add(all, "connections_closed", "Connections that ended, by cause"),
            handshake_failures: add(all, "handshake_failures", "TLS handshakes that failed, by cause"),
            accept_errors: add(all, "accept_errors", "Connections that could not be accepted"),
            bodies: add(all, "bodies", "Request bodies in flight"),
            body_bytes: add_unit(all, "body_budget_used", "Memory used by request bodies", Unit::Bytes),
            body_capacity: add_unit(all, "body_budget", "Memory available to request bodies", Unit::Bytes),
            certificate_expiry: add_unit(all, "certificate_not_after", "When the certificate expires, as Unix time", Unit::Seconds),
            ready: add(all, "ready", "1 if /readyz reports ready"),
            audit_dropped: add(all, "audit_dropped", "Audit records that were dropped"),
            audit_written: add(all, "audit_written", "Audit records that were written"),
            changes,
            registry,
        };
        metrics.show();
        metrics
    }

    /// Creates the counters with few labels at the start, because a rate needs a first value.
    fn show(&self) {
        for stage in [Stage::Mutate, Stage::Validate] {
            let _ = self.durations.get_or_create(&[("stage", word(stage))]);
        }
        for refusal in Refusal::ALL {
            show(&self.refusals, [("cause", refusal.cause())]);
        }
        for cause in CLOSED {
            show(&self.connections_closed, [("cause", cause)]);
        }
        for cause in FAILED {
            show(&self.handshake_failures, [("cause", cause)]);
        }
    }

    /// Counts a decision.
    pub(crate) fn decided(&self, stage: Stage, tally: &Tally, took: Duration) {
        let stage = word(stage);
        let Tally { resource, operation, outcome, rule } = *tally;
        let decision = DecisionLabels { stage, resource, operation, verdict: Name(outcome), rule: rule.map(Name) };
        self.decisions.get_or_create(&decision).inc();
        self.durations.get_or_create(&[("stage", stage)]).observe(took.as_secs_f64());
    }

    /// Counts a request that gets no review in response.
    pub(crate) fn refused(&self, refusal: Refusal) {
        self.refusals.get_or_create(&[("cause", refusal.cause())]).inc();
    }

    /// Counts the end of a connection.
    pub(crate) fn connection_closed(&self, cause: Word) {
        self.connections_closed.get_or_create(&[("cause", cause)]).inc();
    }

    /// Counts a TLS handshake that failed.
    pub(crate) fn handshake_failed(&self, cause: Word) {
        self.handshake_failures.get_or_create(&[("cause", cause)]).inc();
    }

    /// Sets the number of connections of a port.
    pub(crate) fn set_connections(&self, port: Word, connections: usize) {
        self.connections.get_or_create(&[("port", port)]).set(gauge(connections));
    }

    /// Sets the number of bodies of a lane, and its memory in use and in total, in bytes.
    pub(crate) fn set_bodies(&self, lane: Word, bodies: usize, used: usize, capacity: usize) {
        let lane = [("lane", lane)];
        self.bodies.get_or_create(&lane).set(gauge(bodies));
        self.body_bytes.get_or_create(&lane).set(gauge(used));
        self.body_capacity.get_or_create(&lane).set(gauge(capacity));
    }

    /// Sets the number of audit records.
    pub(crate) fn set_audit(&self, written: u64, dropped: u64) {
        self.audit_written.inner().store(written, Ordering::Relaxed);
        self.audit_dropped.inner().store(dropped, Ordering::Relaxed);
    }

    /// Returns all metrics in the format of OpenMetrics.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        if encode(&mut text, &self.registry).is_err() {
            // Writing to a string cannot fail, so a label cannot be encoded.
            text.clear();
            let _ = writeln!(text, "# EOF");
        }
        text
    }
}

fn word(stage: Stage) -> Word {
    match stage {
        Stage::Mutate => "mutate",
        Stage::Validate => "validate",
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn decisions_are_told_apart_by_closed_sets() {
        let metrics = Metrics::new(UNIX_EPOCH, None);
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
