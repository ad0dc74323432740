//! The metrics of the drift controller. Every label has a fixed set of values.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::stores::Watch;
use crate::drift::{Plan, Section, Severity};
use crate::registration::Kind;

type Word = &'static str;
type Gauges = Family<[(Word, Word); 1], Gauge>;
type Counters = Family<[(Word, Word); 2], Counter>;
/// The labels of the findings of one id.
type Found = [(Word, Word); 3];

/// The sections that the controller evaluates all the time, besides the probe; the others need `netpol check`.
pub(super) const EVALUATED: [Section; 5] =
    [Section::Policies, Section::Pods, Section::Registration, Section::Neighbors, Section::ForeignPolicies];
/// The kinds of objects that are repaired.
pub(super) const KINDS: [Word; 3] = ["NetworkPolicy", "ForeignPolicy", "Pod"];
/// How a repair can end.
pub(super) const OUTCOMES: [Word; 3] = ["done", "late", "failed"];
/// The results of a probe.
pub(super) const PROBES: [Word; 3] = ["guarded", "unguarded", "unknown"];

/// The states of the registration besides those of [`Kind::STATES`]: as in the metric of a server with the same name.
const OK: Word = "ok";
const UNKNOWN: Word = "unknown";
/// What the ids of findings about the registration begin with.
const REGISTRATION: &str = "registration-";

/// The metrics.
#[derive(Debug)]
pub(super) struct Metrics {
    registry: Registry,
    leader: Gauge,
    findings: Gauges,
    findings_by_id: Family<Found, Gauge>,
    /// The labels of all findings so far. A series that ended would leave its last value in place.
    seen: Mutex<BTreeSet<Found>>,
    registration: Gauges,
    not_evaluated: Gauges,
    suspended: Gauge,
    paused: Gauge,
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
            findings_by_id: Family::default(),
            seen: Mutex::default(),
            registration: Family::default(),
            not_evaluated: Family::default(),
            suspended: Gauge::default(),
            paused: Gauge::default(),
            repairs: Family::default(),
            contact: Family::default(),
            probe: Family::default(),
            started: SystemTime::now(),
        };
        let all = &mut metrics.registry;
        all.register("controller_leader", "1 if this process writes repairs, events and reports", metrics.leader.clone());
        all.register("findings", "What is wrong in the cluster, by section", metrics.findings.clone());
        let by_id = "What is wrong in the cluster, by section, id and severity";
        all.register("findings_by_id", by_id, metrics.findings_by_id.clone());
        let registration = "1 for each state of the registration: ok, unknown, or what it lacks";
        all.register("registration", registration, metrics.registration.clone());
        all.register("not_evaluated", "Checks that could not be made, by section", metrics.not_evaluated.clone());
        all.register("repairs_suspended", "Objects whose repairs are suspended", metrics.suspended.clone());
        all.register("repairs_paused", "Objects that wait for the end of a pause of repair", metrics.paused.clone());
        all.register("repairs", "Repairs, by kind of object and outcome", metrics.repairs.clone());
        let contact = "When the API server last responded to a watch, as Unix time";
        all.register_with_unit("watch_last_contact", contact, Unit::Seconds, metrics.contact.clone());
        all.register("probe", "1 for the result of the last probe", metrics.probe.clone());
        for section in sections() {
            let _ = metrics.findings.get_or_create(&[("section", section.name())]);
            let _ = metrics.not_evaluated.get_or_create(&[("section", section.name())]);
        }
        metrics.set_registration(&BTreeSet::from([UNKNOWN]));
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
        self.paused.set(number(plan.paused.iter().map(|paused| paused.objects).sum()));
        self.set_registration(&states(plan));
        self.show_ids(plan);
    }

    /// Sets the findings of each id, and those that are no longer found to 0.
    fn show_ids(&self, plan: &Plan) {
        let mut counts: BTreeMap<Found, usize> = BTreeMap::new();
        for finding in &plan.findings {
            let labels = [("section", finding.section.name()), ("id", finding.id), ("severity", word(finding.severity))];
            *counts.entry(labels).or_default() += 1;
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.extend(counts.keys());
        for labels in seen.iter() {
            self.findings_by_id.get_or_create(labels).set(number(counts.get(labels).copied().unwrap_or_default()));
        }
    }

    fn set_registration(&self, states: &BTreeSet<Word>) {
        for state in Kind::STATES.into_iter().chain([OK, UNKNOWN]) {
            self.registration.get_or_create(&[("state", state)]).set(i64::from(states.contains(state)));
        }
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
        // Each guarded namespace has watches of its own. The one that was in contact the longest time ago counts.
        let mut contacts: BTreeMap<Word, Duration> = BTreeMap::new();
        for watch in watches {
            let contact = watch.contact.map_or(Duration::ZERO, |contact| started + contact);
            contacts.entry(watch.name).and_modify(|oldest| *oldest = contact.min(*oldest)).or_insert(contact);
        }
        for (name, contact) in contacts {
            self.contact.get_or_create(&[("watch", name)]).set(contact.as_secs_f64());
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

/// Returns the states of the registration.
fn states(plan: &Plan) -> BTreeSet<Word> {
    let section = Section::Registration;
    if plan.not_evaluated.iter().any(|skipped| skipped.section == section) {
        return BTreeSet::from([UNKNOWN]);
    }
    let of = |id: Word| {
        let kind = id.strip_prefix(REGISTRATION).unwrap_or_default();
        Kind::STATES.into_iter().find(|state| *state == kind).unwrap_or("weakened")
    };
    let mut states: BTreeSet<Word> =
        plan.findings.iter().filter(|finding| finding.section == section).map(|finding| of(finding.id)).collect();
    if states.is_empty() {
        states.insert(OK);
    }
    states
}

fn word(severity: Severity) -> Word {
    match severity {
        Severity::Note => "note",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drift::{Finding, NotEvaluated, Object};

    fn plan_with(findings: &[(Section, Severity, Word)]) -> Plan {
        let finding = |(section, severity, id): &(Section, Severity, Word)| {
            Finding::new(*section, *severity, id, Object::new("NetworkPolicy", "desktops", "x"), String::new())
        };
        Plan { findings: findings.iter().map(finding).collect(), ..Plan::default() }
    }

    #[track_caller]
    fn assert_has(metrics: &Metrics, lines: &[&str]) {
        let text = metrics.text(&[]);
        for line in lines {
            assert!(text.lines().any(|found| found == *line), "{line} is not in {text}");
        }
    }

    #[test]
    fn findings_are_counted_by_id_and_end_with_0() {
        let metrics = Metrics::new();
        let missing = (Section::Policies, Severity::Error, "policy-missing");
        let other = (Section::Policies, Severity::Note, "other-canon");
        metrics.show(&plan_with(&[missing, missing, other]));
        let of = |count: u32| format!("netpol_findings_by_id{{section=\"policies\",id=\"policy-missing\",severity=\"error\"}} {count}");
        let note = "netpol_findings_by_id{section=\"policies\",id=\"other-canon\",severity=\"note\"} 1";
        assert_has(&metrics, &[&of(2), note, "netpol_findings{section=\"policies\"} 3"]);
        metrics.show(&plan_with(&[other]));
        assert_has(&metrics, &[&of(0), note]);
    }

    #[test]
    fn the_registration_has_a_state() {
        let metrics = Metrics::new();
        let line = |state: &str, value: u32| format!("netpol_registration{{state=\"{state}\"}} {value}");
        assert_has(&metrics, &[&line("unknown", 1), &line("ok", 0), &line("ignore", 0)]);
        metrics.show(&plan_with(&[]));
        assert_has(&metrics, &[&line("unknown", 0), &line("ok", 1)]);
        let timeout = (Section::Registration, Severity::Warning, "registration-timeout");
        metrics.show(&plan_with(&[(Section::Registration, Severity::Error, "registration-ignore"), timeout]));
        assert_has(&metrics, &[&line("ok", 0), &line("ignore", 1), &line("weakened", 1), &line("missing", 0)]);
        let reason = "not allowed".to_owned();
        metrics.show(&Plan { not_evaluated: vec![NotEvaluated { section: Section::Registration, reason }], ..Plan::default() });
        assert_has(&metrics, &[&line("unknown", 1), &line("ok", 0), &line("ignore", 0)]);
    }

    #[test]
    fn the_oldest_watch_of_a_name_counts() {
        let metrics = Metrics::new();
        let watch =
            |contact: Option<u64>| Watch { name: "pods", contact: contact.map(Duration::from_secs), problem: None, is_complete: true };
        let value = |watches: &[Watch]| -> f64 {
            let text = metrics.text(watches);
            let line = text.lines().find(|line| line.starts_with("netpol_watch_last_contact_seconds{watch=\"pods\"}")).unwrap();
            line.rsplit_once(' ').unwrap().1.parse().unwrap()
        };
        let started = value(&[watch(Some(0))]);
        assert!((value(&[watch(Some(50)), watch(Some(20)), watch(Some(70))]) - started - 20.0).abs() < 0.01);
        assert!(value(&[watch(None), watch(Some(70))]).abs() < 0.01, "one was never in contact");
    }
}
