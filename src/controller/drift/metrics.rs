//! The metrics of the drift controller. Every label has a fixed set of values.

use std::sync::atomic::AtomicU64;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::stores::Watch;
use crate::drift::{Plan, Section};

type Word = &'static str;
type Gauges = Family<[(Word, Word); 1], Gauge>;
type Counters = Family<[(Word, Word); 2], Counter>;

/// The sections that the controller evaluates all the time, besides the probe; the others need `netpol check`.
pub(super) const EVALUATED: [Section; 5] =
    [Section::Policies, Section::Pods, Section::Registration, Section::Neighbors, Section::ForeignPolicies];
/// The kinds of objects that are repaired.
pub(super) const KINDS: [Word; 3] = ["NetworkPolicy", "ForeignPolicy", "Pod"];
/// How a repair can end.
pub(super) const OUTCOMES: [Word; 3] = ["done", "late", "failed"];
/// The results of a probe.
pub(super) const PROBES: [Word; 3] = ["guarded", "unguarded", "unknown"];

/// The metrics.
#[derive(Debug)]
pub(super) struct Metrics {
    registry: Registry,
    leader: Gauge,
    findings: Gauges,
    not_evaluated: Gauges,
    suspended: Gauge,
    repairs: Counters,
    contact: Family<[(Word, Word); 1], Gauge<f64, AtomicU64>>,
    probe: Gauges,
    started: SystemTime,
}

impl Metrics {
    pub(super) fn new() -> Metrics {
        let mut metrics = Metrics {
            registry: Registry::with_prefix("netpol"),
            leader: Gauge::default(),
            findings: Family::default(),
            not_evaluated: Family::default(),
            suspended: Gauge::default(),
            repairs: Family::default(),
            contact: Family::default(),
            probe: Family::default(),
            started: SystemTime::now(),
        };
        let all = &mut metrics.registry;
        all.register("controller_leader", "1 if this process writes repairs, events and reports", metrics.leader.clone());
        all.register("findings", "What is wrong in the cluster, by section", metrics.findings.clone());
        all.register("not_evaluated", "Checks that could not be made, by section", metrics.not_evaluated.clone());
        all.register("repairs_suspended", "Objects whose repairs are suspended", metrics.suspended.clone());
        all.register("repairs", "Repairs, by kind of object and outcome", metrics.repairs.clone());
        let contact = "When the API server last responded to a watch, as Unix time";
        all.register_with_unit("watch_last_contact", contact, Unit::Seconds, metrics.contact.clone());
        all.register("probe", "1 for the result of the last probe", metrics.probe.clone());
        for section in sections() {
            let _ = metrics.findings.get_or_create(&[("section", section.name())]);
            let _ = metrics.not_evaluated.get_or_create(&[("section", section.name())]);
        }
        for kind in KINDS {
            for outcome in OUTCOMES {
                let _ = metrics.repairs.get_or_create(&[("kind", kind), ("outcome", outcome)]);
            }
        }
        metrics
    }

    /// Shows a plan.
    pub(super) fn show(&self, plan: &Plan) {
        for section in sections() {
            let findings = plan.findings.iter().filter(|finding| finding.section == section).count();
            let skipped = plan.not_evaluated.iter().filter(|skipped| skipped.section == section).count();
            self.findings.get_or_create(&[("section", section.name())]).set(number(findings));
            self.not_evaluated.get_or_create(&[("section", section.name())]).set(number(skipped));
        }
        self.suspended.set(number(plan.suspended.len()));
    }

    pub(super) fn set_leader(&self, is_leader: bool) {
        self.leader.set(i64::from(is_leader));
    }

    pub(super) fn count_repair(&self, kind: Word, outcome: Word) {
        self.repairs.get_or_create(&[("kind", kind), ("outcome", outcome)]).inc();
    }

    /// Shows the result of the last probe, if this process sent one.
    pub(super) fn set_probe(&self, result: Option<Word>) {
        for each in PROBES {
            self.probe.get_or_create(&[("result", each)]).set(i64::from(Some(each) == result));
        }
    }

    /// Returns the metrics as text, with the state of the watches.
    pub(super) fn text(&self, watches: &[Watch]) -> String {
        let started = self.started.duration_since(UNIX_EPOCH).unwrap_or_default();
        for watch in watches {
            let contact = watch.contact.map_or(Duration::ZERO, |contact| started + contact);
            let gauge = self.contact.get_or_create(&[("watch", watch.name)]);
            gauge.set(contact.as_secs_f64());
        }
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

fn sections() -> impl Iterator<Item = Section> {
    EVALUATED.into_iter().chain([Section::Probe])
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
