//! What the controller says about itself: `/livez`, `/readyz` and `/metrics`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::metrics::Metrics;
use super::page::{ReportPage, Source};
use super::stores::Shared;
use crate::drift::Plan;
use crate::server::pages::{Asked, OPEN_METRICS, Page};

/// The loop plans at least once a second. If it has not for this long, it hangs, and the process must be restarted. Each write may
/// take 5 s.
const HANGING: Duration = Duration::from_secs(120);

/// The state of the controller.
#[derive(Debug)]
pub struct Status {
    metrics: Metrics,
    shared: OnceLock<Shared>,
    started: Instant,
    /// When the loop last ran, in milliseconds since the start.
    alive: AtomicU64,
    summary: Mutex<Vec<String>>,
    /// Why the API server was not reached when the Lease was last read.
    unreachable: Mutex<Option<String>>,
    report: Arc<ReportPage>,
}

impl Default for Status {
    fn default() -> Status {
        Status {
            metrics: Metrics::new(),
            shared: OnceLock::new(),
            started: Instant::now(),
            alive: AtomicU64::new(0),
            summary: Mutex::new(Vec::new()),
            unreachable: Mutex::new(None),
            report: Arc::default(),
        }
    }
}

impl Status {
    pub(super) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Notes that the loop runs.
    pub(super) fn alive(&self) {
        self.alive.store(u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Notes why the API server was not reached, or that it was.
    pub(super) fn unreachable(&self, why: Option<String>) {
        *self.unreachable.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }

    pub(super) fn watch(&self, shared: Shared) {
        // The controller runs once.
        let _ = self.shared.set(shared);
    }

    /// Sets what the page of the report is made from.
    pub(super) fn report_from(&self, source: Source) {
        self.report.watch(source);
    }

    /// Returns the response of the port of the report.
    pub fn report(&self, asked: Asked<'_>) -> impl Future<Output = Page> + Send + use<> {
        self.report.answer(asked)
    }

    /// Notes the result of a plan.
    pub(super) fn planned(&self, plan: &Plan) {
        let mut lines = vec![match plan.findings.len() {
            0 => "nothing is wrong in what was evaluated".to_owned(),
            1 => "1 finding".to_owned(),
            count => format!("{count} findings"),
        }];
        lines.extend(plan.not_evaluated.iter().map(|skipped| format!("not evaluated: {}: {}", skipped.section.name(), skipped.reason)));
        let suspended = plan.suspended.iter().map(|suspended| format!("repairs of \"{}\" are suspended", suspended.key.name));
        let suspended: Vec<String> = suspended.collect();
        lines.extend(suspended.iter().cloned());
        self.report.suspend(suspended);
        lines.extend(plan.paused.iter().map(|paused| {
            let (namespace, until, objects) = (&paused.namespace, paused.until, paused.objects);
            let wait = if objects == 1 { "1 object waits".to_owned() } else { format!("{objects} objects wait") };
            format!("repair in namespace \"{namespace}\" is paused until {until}: {wait}")
        }));
        *self.summary.lock().unwrap_or_else(PoisonError::into_inner) = lines;
    }

    /// Returns the page of a path.
    pub fn page(&self, asked: Asked<'_>) -> Page {
        match asked.path {
            "/livez" => self.livez(),
            "/readyz" => self.readyz(),
            "/metrics" => {
                let watches = self.shared.get().map(|shared| shared.lock().watches(shared.now())).unwrap_or_default();
                Page { content_type: OPEN_METRICS, ..Page::text(200, self.metrics.text(&watches)) }
            }
            _ => Page::text(404, "unknown path: use /livez, /readyz or /metrics\n"),
        }
    }

    fn livez(&self) -> Page {
        let silent = self.started.elapsed().saturating_sub(Duration::from_millis(self.alive.load(Ordering::Relaxed)));
        if silent < HANGING { Page::text(200, "alive\n") } else { Page::text(500, format!("no plan for {} s\n", silent.as_secs())) }
    }

    /// A controller is ready when everything was read once.
    fn readyz(&self) -> Page {
        let watches = self.shared.get().map(|shared| shared.lock().watches(shared.now())).unwrap_or_default();
        let is_ready = !watches.is_empty() && watches.iter().all(|watch| watch.is_complete);
        let mut text = if is_ready { "ready\n" } else { "not ready\n" }.to_owned();
        let stale = watches.iter().filter_map(|watch| Some(format!("the watch of {}: {}", watch.name, watch.problem.as_ref()?)));
        let unreachable = self.unreachable.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let unreachable =
            unreachable.map(|why| format!("the API server does not respond, so all that the watches show may be outdated: {why}"));
        for line in unreachable.into_iter().chain(stale).chain(self.summary.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned())
        {
            text.push_str("- ");
            text.push_str(&line);
            text.push('\n');
        }
        Page::text(if is_ready { 200 } else { 503 }, text)
    }
}
