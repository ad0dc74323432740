//! The tasks of the controller, and the loop that plans.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::act::{Outcome, act};
use super::events::{Events, Regarding};
use super::metrics::EVALUATED;
use super::page::Source;
use super::report::{Line, Outcome as Reported, Reports};
use super::status::Status;
use super::stores::Shared;
use super::tell::{Teller, Told};
use super::watches::Watched;
use super::{DriftOptions, Mode, foreign, pauses, probe, watches};
use crate::cluster::{CallCause, Cluster};
use crate::controller::election::{Election, Leadership};
use crate::drift::{Action, Memory, Plan, Severity, Target, judged_programs, plan};
use crate::verdict::Guard;

/// Changes that arrive within this time are planned together.
const TOGETHER: Duration = Duration::from_millis(50);
/// How often a plan is made while repairs wait.
const TICK: Duration = Duration::from_secs(1);
/// How long the release of the Lease may take at shutdown.
const RELEASE: Duration = Duration::from_secs(3);

/// Why the controller ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It was asked to.
    Asked,
    /// A task ended, which none should: the process must be restarted.
    Broken,
}

/// Runs the controller until `stop` is done. `status` gets its state.
pub async fn run(cluster: Cluster, guard: Arc<Guard>, options: DriftOptions, status: Arc<Status>, stop: impl Future<Output = ()>) -> Ended {
    let namespaces: Vec<String> = guard.canons.namespaces().map(str::to_owned).collect();
    let watched = Watched { namespaces, programs: judged_programs(&guard), registration: options.registration.clone() };
    let shared = Shared::new(watches::stores(&watched));
    status.watch(shared.clone());
    let mut tasks = JoinSet::new();
    watches::start(&mut tasks, &cluster, &shared, &watched);
    foreign::start(&mut tasks, &cluster, &shared, &guard);
    let (events, writer) = Events::start(cluster.clone(), options.candidate.identity.clone());
    tasks.spawn(writer);
    let (stop_election, stopped) = watch::channel(false);
    let (sender, leadership) = watch::channel(Leadership::default());
    let candidate = options.candidate.clone();
    let mut election = tokio::spawn(Election::new(cluster.clone(), candidate, stopped, sender).run());
    let lease = Regarding {
        api_version: "coordination.k8s.io/v1",
        kind: "Lease",
        namespace: options.candidate.namespace.clone(),
        name: options.candidate.name.clone(),
        uid: String::new(),
    };
    let probes = probe::start(&mut tasks, &cluster, &shared, Arc::clone(&guard), options.probe_interval, leadership.clone());
    status.report_from(Source {
        shared: shared.clone(),
        guard: Arc::clone(&guard),
        options: options.clone(),
        probes: probes.clone(),
        leadership: leadership.clone(),
    });
    let mut conductor = Conductor {
        reports: Reports::new(cluster.clone()),
        cluster,
        guard,
        options,
        teller: Teller { events, lease, shared: shared.clone() },
        shared,
        leadership,
        told: Told::default(),
        memory: Memory::default(),
        probes,
        status,
        due: None,
    };
    tasks.spawn(async move { conductor.run().await });
    let ended = end(&mut tasks, &mut election, stop).await;
    tasks.shutdown().await;
    stop_election.send_replace(true);
    if !election.is_finished() {
        let _ = timeout(RELEASE, &mut election).await;
        election.abort();
    }
    ended
}

/// Waits until the controller has to end. A task that panics ends the process: without it, the others would look healthy.
async fn end(tasks: &mut JoinSet<()>, election: &mut JoinHandle<()>, stop: impl Future<Output = ()>) -> Ended {
    tokio::select! {
        () = stop => Ended::Asked,
        _ = tasks.join_next() => Ended::Broken,
        _ = election => Ended::Broken,
    }
}

/// Plans whenever something changed.
struct Conductor {
    cluster: Cluster,
    guard: Arc<Guard>,
    options: DriftOptions,
    shared: Shared,
    leadership: watch::Receiver<Leadership>,
    teller: Teller,
    told: Told,
    memory: Memory,
    probes: watch::Receiver<probe::Results>,
    reports: Reports,
    status: Arc<Status>,
    /// When a pause of repair begins or ends.
    due: Option<Timestamp>,
}

impl Conductor {
    async fn run(&mut self) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut is_waiting, mut was_leader) = (true, false);
        loop {
            let is_changed = tokio::select! {
                () = self.shared.changed() => {
                    sleep(TOGETHER).await;
                    true
                }
                _ = ticks.tick() => false,
            };
            self.status.alive();
            let is_leader = self.leadership.borrow().is_leader();
            self.status.metrics().set_leader(is_leader);
            // Each replica reads the Lease every few seconds, and a watch may be silent for longer.
            let unreachable = self.leadership.borrow().error.clone().filter(|error| error.cause == CallCause::Unreachable);
            self.status.unreachable(unreachable.map(|error| error.sentence));
            let is_due = self.due.is_some_and(|due| due <= Timestamp::now());
            if !is_changed && !is_waiting && !is_due && is_leader == was_leader {
                continue;
            }
            if is_leader && !was_leader {
                // What another leader told and did is not known.
                (self.told, self.memory) = (Told::default(), Memory::default());
            }
            was_leader = is_leader;
            is_waiting = self.step(is_leader).await;
        }
    }

    /// Makes one plan, tells and acts. Returns whether something waits for a later plan, without a change.
    async fn step(&mut self, is_leader: bool) -> bool {
        let snapshot = self.shared.lock().snapshot();
        let mut planned = plan(&snapshot, &self.guard, self.options.repair, &self.memory, self.shared.now());
        let namespaces = snapshot.namespaces.and_then(Result::ok).unwrap_or_default();
        self.due = planned.due;
        self.probes.borrow().add_to(&mut planned);
        let is_acting = is_leader && self.options.mode == Mode::Repair;
        if !is_acting {
            // Nothing was tried, so nothing is remembered, and nothing is suspended or waits.
            planned.suspended.clear();
            planned.paused.clear();
        }
        self.status.metrics().show(&planned);
        self.status.metrics().set_probe(self.probes.borrow().word());
        self.teller.tell(&mut self.told, &planned, is_leader);
        let mut is_waiting = false;
        if is_acting && !planned.actions.is_empty() && !pauses::are_seen(&self.cluster, &self.guard, &planned, &namespaces).await {
            return true;
        }
        if is_acting {
            self.memory = std::mem::take(&mut planned.memory);
            is_waiting = !planned.findings.is_empty();
            for action in &planned.actions {
                // Each write may take seconds.
                if !self.leadership.borrow().is_leader() {
                    return true;
                }
                self.act(action).await;
            }
        }
        if is_leader {
            is_waiting |= self.report(&planned).await;
        }
        self.status.planned(&planned);
        is_waiting
    }

    async fn act(&self, action: &Action) {
        let outcome = act(&self.cluster, action).await;
        let (target, _, _) = action.object();
        self.status.metrics().count_repair(target.kind(), outcome.name());
        if matches!(target, Target::ForeignPolicy(_)) {
            // Without it, the same repair would be tried again and again until the next reading.
            self.shared.relist();
        }
        if let Outcome::Failed(error) = &outcome {
            tracing::debug!(cause = error.cause.name(), "a repair failed");
        }
        self.teller.repaired(action, &outcome);
    }

    /// Writes the reports of the guarded namespaces. Returns whether one has to be tried again.
    async fn report(&mut self, planned: &Plan) -> bool {
        let mut is_left = false;
        for namespace in self.guard.canons.namespaces() {
            let lines = lines(planned, namespace);
            is_left |= self.reports.write(namespace, &lines).await;
        }
        is_left
    }
}

/// Returns the lines of the report of a namespace: its own findings, and those about the cluster.
fn lines(plan: &Plan, namespace: &str) -> Vec<Line> {
    let is_here = |object: &crate::drift::Object| object.namespace.is_empty() || object.namespace == namespace;
    let mut lines: Vec<Line> = Vec::new();
    for finding in plan.findings.iter().filter(|finding| is_here(&finding.object)) {
        let outcome = match finding.severity {
            Severity::Error => Reported::Fail,
            Severity::Warning => Reported::Warn,
            Severity::Note => continue,
        };
        let object = match finding.object.kind.as_str() {
            "NetworkPolicy" => Some(("networking.k8s.io/v1", "NetworkPolicy", finding.object.name.clone())),
            "Pod" => Some(("v1", "Pod", finding.object.name.clone())),
            _ => None,
        };
        lines.push(Line { outcome, rule: finding.id, object, message: finding.message.clone() });
    }
    for skipped in &plan.not_evaluated {
        lines.push(Line { outcome: Reported::Error, rule: skipped.section.name(), object: None, message: skipped.reason.clone() });
    }
    for section in EVALUATED {
        let is_ok = !plan.findings.iter().any(|finding| finding.section == section && is_here(&finding.object))
            && !plan.not_evaluated.iter().any(|skipped| skipped.section == section);
        if is_ok {
            lines.push(Line { outcome: Reported::Pass, rule: section.name(), object: None, message: String::new() });
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    /// Returns how a controller ends whose tasks are these.
    fn ended(
        task: impl Future<Output = ()> + Send + 'static,
        election: impl Future<Output = ()> + Send + 'static,
        is_stopped: bool,
    ) -> Ended {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut tasks = JoinSet::new();
            tasks.spawn(pending());
            tasks.spawn(task);
            let mut election = tokio::spawn(election);
            let stop = async {
                if !is_stopped {
                    pending::<()>().await;
                }
            };
            timeout(Duration::from_secs(60), end(&mut tasks, &mut election, stop)).await.expect("it ends")
        })
    }

    #[test]
    fn a_task_that_panics_or_returns_ends_the_controller() {
        let panics = || async { panic!("a bug") };
        assert_eq!(ended(panics(), pending(), false), Ended::Broken);
        assert_eq!(ended(pending(), panics(), false), Ended::Broken);
        assert_eq!(ended(async {}, pending(), false), Ended::Broken);
        assert_eq!(ended(pending(), pending(), true), Ended::Asked);
    }
}
