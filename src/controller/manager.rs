//! Reads the cluster, serves the trusted certificate and, if this process leads, takes the steps of the plan.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwap;
use tokio::sync::watch;
use tokio::time::sleep;

use super::backoff::{backoff, jittered};
use super::election::Leadership;
use super::lists;
use super::options::Options;
use super::problem::{Cause, Problem};
use super::registrations::Registrations;
use super::secret::{Content, MANAGED_BY, RENEW, Secret};
use super::status::{State, status};
use super::unknown;
use super::webhook_configurations::WebhookConfiguration;
use crate::certificates::apply::apply;
use crate::certificates::introduced::Introduced;
use crate::certificates::plan::{Step, View, plan};
use crate::certificates::serving::{PublishedSince, is_trusted, should_serve};
use crate::certificates::stored::Stored;
use crate::certificates::time::rfc3339;
use crate::certificates::trust::Ca;
use crate::certificates::unwritten::Unwritten;
use crate::cluster::Cluster;
use crate::server::{Clock, ManagedCertificate};
use crate::verdict::Guard;

/// The pause while a rotation is in progress.
const SHORT_PAUSE: Duration = Duration::from_secs(1);
/// The maximum number of steps without a pause. More steps mean that another client undoes them.
const MAX_STEPS: usize = 8;

/// The steps that metrics count.
const COUNTED: [Step; 6] = [Step::Mend, Step::Prune, Step::Promote, Step::Sign, Step::Introduce, Step::Publish];

/// Manages the certificate of a server.
pub(super) struct Manager {
    cluster: Cluster,
    certificate: ManagedCertificate,
    options: Options,
    clock: Clock,
    leadership: watch::Receiver<Leadership>,
    published_since: PublishedSince,
    started: Instant,
    registrations: Registrations,
    /// None until they were read once.
    webhook_configurations: Option<Vec<WebhookConfiguration>>,
    /// The introduced CAs as the Lease listed them last, in case the Lease is replaced.
    recorded: Option<BTreeSet<String>>,
    /// The recorded CAs that this process has seen.
    recorded_cas: Unwritten,
    /// The unknown CAs of the Secret that are in the log.
    unknown: BTreeSet<String>,
    notes: Vec<String>,
    error: Option<Problem>,
    failures: u32,
}

/// The objects of the cluster, read in the order that the plan needs.
struct Snapshot {
    webhook_configurations: Vec<WebhookConfiguration>,
    secret: Secret,
    /// The lists of the Lease.
    listed: Introduced,
    /// The same, or what this process remembers.
    introduced: Introduced,
    /// The recorded CAs that a suspended leader may still write.
    unwritten: BTreeSet<String>,
}

impl Manager {
    pub(super) fn new(
        cluster: Cluster,
        certificate: ManagedCertificate,
        guard: Arc<ArcSwap<Guard>>,
        options: Options,
        clock: Clock,
        leadership: watch::Receiver<Leadership>,
    ) -> Manager {
        certificate.show_counters(COUNTED.map(Step::name), Cause::all().map(Cause::name));
        Manager {
            cluster,
            certificate,
            options,
            clock,
            leadership,
            registrations: Registrations::new(guard),
            published_since: PublishedSince::default(),
            started: Instant::now(),
            webhook_configurations: None,
            recorded: None,
            recorded_cas: Unwritten::default(),
            unknown: BTreeSet::new(),
            notes: Vec::new(),
            error: None,
            failures: 0,
        }
    }

    /// Runs until the task is aborted.
    pub(super) async fn run(mut self) {
        loop {
            let pause = self.reconcile().await;
            tokio::select! {
                () = sleep(jittered(pause)) => {}
                // A new leader starts immediately.
                changed = self.leadership.changed() => if changed.is_err() {
                    // The election has ended. This replica still follows the Secret.
                    sleep(jittered(pause)).await;
                },
            }
        }
    }

    /// Reads the cluster, takes as many steps as it can and updates the status. Returns the pause until the next attempt.
    async fn reconcile(&mut self) -> Duration {
        let result = self.advance().await;
        let pause = match &result {
            Ok(pause) => *pause,
            Err(error) if error.is_conflict() => SHORT_PAUSE,
            Err(_) => backoff(self.options.interval, self.failures),
        };
        self.record(result.err());
        self.update_status();
        pause
    }

    async fn advance(&mut self) -> Result<Duration, Problem> {
        for _ in 0..MAX_STEPS {
            let snapshot = self.read().await?;
            let Content::Managed(stored) = &snapshot.secret.content else { return Err(self.foreign_secret()) };
            self.serve(stored, &snapshot.webhook_configurations);
            let step = self.with_view(stored, &snapshot, |view| plan(&self.options.wanted, view));
            let is_leader = self.leadership.borrow().is_leader();
            if is_leader {
                self.tidy(stored, &snapshot).await?;
            }
            let is_in_progress = self.certificate.served().is_none() || !matches!(step, Step::Done);
            let pause = if is_in_progress { SHORT_PAUSE.min(self.options.interval) } else { self.options.interval };
            if !is_leader || matches!(step, Step::Wait | Step::Done) {
                return Ok(pause);
            }
            self.take(step, stored, &snapshot).await?;
        }
        Ok(SHORT_PAUSE)
    }

    /// Reads the webhook configurations, then the Secret, then the Lease.
    async fn read(&mut self) -> Result<Snapshot, Problem> {
        let names = self.options.webhook_configurations.clone();
        let names = &names;
        let read = WebhookConfiguration::read_all(&self.cluster, names).await;
        self.registrations.observe(read.as_deref().ok(), &self.options.wanted.names);
        self.certificate.set_registration(&self.registrations.states());
        let mut webhook_configurations = read?;
        let mut secret = Secret::read(&self.cluster, &self.options.namespace, &self.options.name).await?;
        let listed = lists::read(&self.cluster, self.lease()).await?;
        let introduced = self.remembered(&listed);
        let unwritten = self.recorded_cas.observe(&introduced, secret.version());
        let unknown = match &mut secret.content {
            Content::Managed(stored) => introduced.restrict(stored, &bundles(&webhook_configurations)),
            Content::Foreign => Vec::new(),
        };
        if matches!(&secret.content, Content::Managed(stored) if stored.is_damaged) {
            // The CAs that are restored from them must be the latest ones.
            webhook_configurations = WebhookConfiguration::read_all(&self.cluster, names).await?;
        }
        self.webhook_configurations = Some(webhook_configurations.clone());
        self.notes.clear();
        self.report_unknown(&unknown);
        let mut ca_not_after = None;
        if let Content::Managed(stored) = &secret.content {
            self.published_since.observe(&stored.bundle, &bundles(&webhook_configurations), self.started.elapsed());
            self.notes.extend(stored.leaf_fault.clone());
            ca_not_after = stored.signing.as_ref().map(|signer| signer.ca.not_after);
        }
        if secret.has_unknown_renewal {
            self.notes.push(format!("the value of the annotation {RENEW} must be \"leaf\" or \"ca\""));
        }
        self.certificate.record_read(self.now(), ca_not_after);
        Ok(Snapshot { webhook_configurations, secret, listed, introduced, unwritten })
    }

    /// Returns the lists with the list that this process remembers, if the Lease has none: a Lease that was replaced has
    /// lost its list.
    fn remembered(&mut self, listed: &Introduced) -> Introduced {
        if listed.recorded.is_some() {
            self.recorded.clone_from(&listed.recorded);
        }
        Introduced { recorded: self.recorded.clone(), accepted: listed.accepted.clone() }
    }

    /// Records the CAs of an intact Secret and no others that it cannot get any more, unless another process changed the lists since they were read.
    async fn tidy(&self, stored: &Stored, snapshot: &Snapshot) -> Result<(), Problem> {
        let tidied = snapshot.introduced.tidied(stored, &snapshot.unwritten);
        let Some(tidied) = tidied.filter(|tidied| *tidied != snapshot.listed) else { return Ok(()) };
        let change = |now: &Introduced| if *now == snapshot.listed { tidied.clone() } else { now.clone() };
        Ok(lists::write(&self.cluster, self.lease(), change).await?)
    }

    fn lease(&self) -> lists::Name<'_> {
        (&self.options.namespace, &self.options.name)
    }

    /// Logs the unknown CAs of the Secret once, in one line, and counts each, while they are there.
    fn report_unknown(&mut self, unknown: &[Ca]) {
        let (namespace, name) = (&self.options.namespace, &self.options.name);
        let found: Vec<&Ca> = unknown.iter().filter(|ca| !self.unknown.contains(&ca.sha256)).collect();
        for _ in &found {
            self.certificate.count_failure(Cause::UnknownCa.name());
        }
        if !found.is_empty() {
            tracing::warn!(cause = Cause::UnknownCa.name(), cas = found.len(), "{}", unknown::line(namespace, name, &found));
        }
        self.notes.extend(unknown::note(namespace, name, unknown));
        self.unknown = unknown.iter().map(|ca| ca.sha256.clone()).collect();
    }

    /// Serves the stored certificate if it should replace the current one.
    fn serve(&self, stored: &Stored, webhook_configurations: &[WebhookConfiguration]) {
        let Some(leaf) = &stored.leaf else { return };
        let served = self.certificate.served();
        if should_serve(&leaf.pair, served.as_deref(), &bundles(webhook_configurations), self.now()) {
            self.certificate.serve(leaf.pair.clone());
        }
    }

    fn with_view<T>(&self, stored: &Stored, snapshot: &Snapshot, with: impl FnOnce(&View<'_>) -> T) -> T {
        let now = self.now();
        let published = &bundles(&snapshot.webhook_configurations);
        let served = self.certificate.served();
        let is_serving_trusted = served.is_some_and(|pair| is_trusted(&pair, published, now));
        let published_for = self.published_since.duration(self.started.elapsed());
        with(&View { stored, published, introduced: &snapshot.introduced, published_for, is_serving_trusted, now })
    }

    /// Takes a step: one write, after a new CA is recorded.
    async fn take(&self, step: Step, stored: &Stored, snapshot: &Snapshot) -> Result<(), Problem> {
        if step == Step::Publish {
            for configuration in &snapshot.webhook_configurations {
                if configuration.publish(&self.cluster, &stored.bundle).await? {
                    tracing::info!(cas = stored.bundle.len(), "published the CA bundle to {configuration}");
                }
            }
            self.certificate.count_step(step.name());
            return Ok(());
        }
        let applied = self.with_view(stored, snapshot, |view| apply(step, &self.options.wanted, view));
        let names = self.options.wanted.names.join(", ");
        let issue_error = |error| Problem { cause: Cause::Issue, sentence: format!("cannot issue a certificate for {names}: {error}") };
        let Some(next) = applied.map_err(issue_error)? else { return Ok(()) };
        // A CA that is not recorded yet would be unknown to the other replicas.
        if !snapshot.introduced.records(&next.bundle) {
            let with = |now: &Introduced| {
                let before = Introduced { recorded: now.recorded.clone().or_else(|| self.recorded.clone()), ..Introduced::default() };
                Introduced { recorded: Some(before.with(&next.bundle)), accepted: now.accepted.clone() }
            };
            lists::write(&self.cluster, self.lease(), with).await?;
        }
        let owner = self.leadership.borrow().owner.clone();
        let secret_name = (self.options.namespace.as_str(), self.options.name.as_str());
        snapshot.secret.write(&self.cluster, secret_name, &next, owner.as_ref()).await?;
        self.certificate.count_step(step.name());
        log_step(step, &next);
        Ok(())
    }

    fn foreign_secret(&self) -> Problem {
        let (namespace, name) = (&self.options.namespace, &self.options.name);
        let (label, value) = MANAGED_BY;
        let served = if self.certificate.served().is_some() { "; the current certificate stays in use" } else { "" };
        let sentence = format!(
            "the secret \"{namespace}/{name}\" is not managed by netpol (it does not have the label {label}={value}) and is not \
             changed{served}: delete it, or set --tls-secret to another name"
        );
        Problem { cause: Cause::Foreign, sentence }
    }

    /// Records the result of an attempt and logs a change.
    fn record(&mut self, error: Option<Problem>) {
        if let Some(error) = &error {
            self.certificate.count_failure(error.cause.name());
            self.failures = self.failures.saturating_add(1);
        } else {
            self.failures = 0;
        }
        // After a conflict, the next attempt follows immediately.
        let error = error.filter(|error| !error.is_conflict());
        match (&self.error, &error) {
            (before, Some(after)) if before.as_ref() != Some(after) => {
                tracing::warn!(cause = after.cause.name(), "cannot manage the certificate: {after}");
            }
            (Some(_), None) => tracing::info!("certificate management has recovered"),
            _ => {}
        }
        self.error = error;
    }

    fn update_status(&self) {
        let leadership = self.leadership.borrow().clone();
        self.certificate.set_leader(leadership.is_leader());
        let served = self.certificate.served();
        let sentences = self.error.iter().map(|error| &*error.sentence).chain(leadership.error.iter().map(|error| &*error.sentence));
        let state = State {
            webhook_configurations: self.webhook_configurations.as_deref(),
            served: served.as_deref(),
            errors: sentences.collect(),
            notes: self.notes.clone(),
            registrations: self.registrations.sentences(),
        };
        let (status, is_degraded) = status(&state, self.now());
        self.certificate.set_status(status, is_degraded);
    }

    fn now(&self) -> SystemTime {
        (self.clock)()
    }
}

/// Returns the `caBundle` of each webhook.
fn bundles(webhook_configurations: &[WebhookConfiguration]) -> Vec<Vec<Ca>> {
    webhook_configurations.iter().flat_map(|configuration| &configuration.webhooks).map(|webhook| webhook.bundle.clone()).collect()
}

/// Logs the result of a step.
fn log_step(step: Step, stored: &Stored) {
    let cas = stored.bundle.len();
    let until = stored.leaf.as_ref().map(|leaf| rfc3339(leaf.pair.not_after)).unwrap_or_default();
    match step {
        Step::Introduce => tracing::info!(cas, "created a new CA; it signs certificates after every webhook configuration trusts it"),
        Step::Promote => tracing::info!(cas, until, "the new CA signs certificates now; issued a certificate"),
        Step::Sign => tracing::info!(until, "issued a certificate"),
        Step::Prune => tracing::info!(cas, "removed CAs that are no longer needed from the bundle"),
        Step::Mend => tracing::warn!(cas, "restored the damaged secret"),
        Step::Publish | Step::Wait | Step::Done => {}
    }
}
