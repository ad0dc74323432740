//! Looks at everything, serves what can be served, and takes the plan's steps where this process leads.

use std::time::{Duration, Instant, SystemTime};

use tokio::sync::watch;
use tokio::time::sleep;

use super::Options;
use super::cluster::{Cluster, Fault, Kind};
use super::election::{Leading, jittered};
use super::registrations::Registration;
use super::secret::{Found, Secret};
use super::standing::{Facts, standing};
use crate::certificates::plan::{Step, View, plan};
use crate::certificates::serving::{Seen, is_to_be_served, is_trusted};
use crate::certificates::steps;
use crate::certificates::stored::Stored;
use crate::certificates::trust::Ca;
use crate::certificates::when;
use crate::server::{Clock, ManagedCertificate};

/// How soon to look again where something is under way.
const SOON: Duration = Duration::from_secs(1);
/// The longest pause while the cluster cannot be asked.
const LONGEST: Duration = Duration::from_secs(30);
/// The most steps without a pause: more would be a quarrel with somebody.
const STEPS: usize = 8;

/// The steps that are counted.
const COUNTED: [Step; 6] = [Step::Mend, Step::Prune, Step::Promote, Step::Sign, Step::Introduce, Step::Publish];

/// Looks after a server's certificate.
pub(super) struct Keeping {
    cluster: Cluster,
    certificate: ManagedCertificate,
    options: Options,
    clock: Clock,
    leading: watch::Receiver<Leading>,
    /// Since when the bundle has been everywhere.
    seen: Seen,
    started: Instant,
    registrations: Option<Vec<Registration>>,
    notes: Vec<String>,
    fault: Option<Fault>,
    failures: u32,
}

/// What was read in one go: registrations first, as the plan wants it; and again where a Secret is damaged.
struct Sight {
    registrations: Vec<Registration>,
    secret: Secret,
}

impl Keeping {
    pub(super) fn new(
        cluster: Cluster,
        certificate: ManagedCertificate,
        options: Options,
        clock: Clock,
        leading: watch::Receiver<Leading>,
    ) -> Keeping {
        certificate.show_counters(COUNTED.map(word), Kind::ALL.map(Kind::word));
        Keeping {
            cluster,
            certificate,
            options,
            clock,
            leading,
            seen: Seen::default(),
            started: Instant::now(),
            registrations: None,
            notes: Vec::new(),
            fault: None,
            failures: 0,
        }
    }

    /// Goes on until it is dropped.
    pub(super) async fn run(mut self) {
        loop {
            let pause = self.attend().await;
            tokio::select! {
                () = sleep(jittered(pause)) => {}
                // Whoever has come to lead starts at once.
                changed = self.leading.changed() => if changed.is_err() {
                    // The election has ended: the certificate is looked after all the same.
                    sleep(jittered(pause)).await;
                },
            }
        }
    }

    /// Looks once, and goes as far as it can; answers when to look again.
    async fn attend(&mut self) -> Duration {
        let ended = self.go().await;
        let pause = match &ended {
            Ok(pause) => *pause,
            Err(fault) if fault.kind == Kind::Conflict => SOON,
            Err(_) => (self.options.every * 2u32.saturating_pow(self.failures.min(5))).min(LONGEST),
        };
        self.note(ended.err());
        self.say();
        pause
    }

    async fn go(&mut self) -> Result<Duration, Fault> {
        for _ in 0..STEPS {
            let sight = self.look().await?;
            let Found::Ours(stored) = &sight.secret.found else { return Err(self.foreign()) };
            self.serve(stored, &sight.registrations);
            let step = self.next(stored, &sight.registrations);
            let is_unsettled = self.certificate.served().is_none() || !matches!(step, Step::Rest);
            let pause = if is_unsettled { SOON.min(self.options.every) } else { self.options.every };
            if !self.leading.borrow().is_so() || matches!(step, Step::Wait | Step::Rest) {
                return Ok(pause);
            }
            self.take(step, stored, &sight).await?;
        }
        Ok(SOON)
    }

    /// Reads everything, and notes what there is to know of it.
    async fn look(&mut self) -> Result<Sight, Fault> {
        let mut registrations = Registration::read_all(&self.cluster, &self.options.registrations).await?;
        let secret = Secret::read(&self.cluster, &self.options.namespace, &self.options.name).await?;
        if matches!(&secret.found, Found::Ours(stored) if stored.is_damaged) {
            // What is taken back from them must be what was published last.
            registrations = Registration::read_all(&self.cluster, &self.options.registrations).await?;
        }
        self.registrations = Some(registrations.clone());
        self.notes.clear();
        let mut until = None;
        if let Found::Ours(stored) = &secret.found {
            self.seen.look(&stored.bundle, &bundles(&registrations), self.started.elapsed());
            self.notes.extend(stored.leaf_fault.clone());
            until = stored.signing.as_ref().map(|signer| signer.ca.not_after);
        }
        if secret.strange_request {
            self.notes.push(format!("the annotation {} asks for something else than leaf or ca", super::RENEW));
        }
        self.certificate.record_read(self.now(), until);
        Ok(Sight { registrations, secret })
    }

    /// Serves what is stored, where it is another certificate that every registration trusts; or where
    /// what is served is not trusted either.
    fn serve(&self, stored: &Stored, registrations: &[Registration]) {
        let Some(leaf) = &stored.leaf else { return };
        let served = self.certificate.served();
        if is_to_be_served(&leaf.pair, served.as_deref(), &bundles(registrations), self.now()) {
            self.certificate.serve(leaf.pair.clone());
        }
    }

    fn next(&self, stored: &Stored, registrations: &[Registration]) -> Step {
        self.view(stored, &bundles(registrations), |view| plan(&self.options.wanted, view))
    }

    fn view<T>(&self, stored: &Stored, published: &[Vec<Ca>], with: impl FnOnce(&View<'_>) -> T) -> T {
        let now = self.now();
        let served = self.certificate.served();
        let serving = served.is_some_and(|pair| is_trusted(&pair, published, now));
        let seen_for = self.seen.seen_for(self.started.elapsed());
        with(&View { stored, published, seen_for, serving, now })
    }

    /// Takes a step: one write.
    async fn take(&self, step: Step, stored: &Stored, sight: &Sight) -> Result<(), Fault> {
        if step == Step::Publish {
            for registration in &sight.registrations {
                if registration.publish(&self.cluster, &stored.bundle).await? {
                    tracing::info!(cas = stored.bundle.len(), "{} has the bundle from now on", registration.words());
                }
            }
            self.certificate.count_step(word(step));
            return Ok(());
        }
        let published = bundles(&sight.registrations);
        let taken = self.view(stored, &published, |view| steps::take(step, &self.options.wanted, view));
        let names = self.options.wanted.names.join(", ");
        let fault = |error| Fault { kind: Kind::Issue, sentence: format!("cannot issue a certificate for {names}: {error}") };
        let Some(next) = taken.map_err(fault)? else { return Ok(()) };
        let owner = self.leading.borrow().owner.clone();
        let place = (self.options.namespace.as_str(), self.options.name.as_str());
        sight.secret.write(&self.cluster, place, &next, owner.as_ref()).await?;
        self.certificate.count_step(word(step));
        log(step, &next);
        Ok(())
    }

    fn foreign(&mut self) -> Fault {
        let (namespace, name) = (&self.options.namespace, &self.options.name);
        let (label, value) = super::MANAGED_BY;
        let kept = if self.certificate.served().is_some() { "; what was served before it stays" } else { "" };
        let sentence = format!(
            "the secret \"{namespace}/{name}\" was not made by netpol (it has no label {label}={value}) and is left alone{kept}: \
             delete it, or name another one (--tls-secret)"
        );
        Fault { kind: Kind::Foreign, sentence }
    }

    /// Notes how a look ended; says what is news.
    fn note(&mut self, fault: Option<Fault>) {
        if let Some(fault) = &fault {
            self.certificate.count_failure(fault.kind.word());
            self.failures = self.failures.saturating_add(1);
        } else {
            self.failures = 0;
        }
        // A write that came too late is looked at again at once.
        let fault = fault.filter(|fault| fault.kind != Kind::Conflict);
        match (&self.fault, &fault) {
            (before, Some(after)) if before.as_ref() != Some(after) => {
                tracing::warn!(cause = after.kind.word(), "the certificate cannot be looked after: {after}");
            }
            (Some(_), None) => tracing::info!("the certificate is looked after again"),
            _ => {}
        }
        self.fault = fault;
    }

    fn say(&self) {
        let leading = self.leading.borrow().clone();
        self.certificate.set_leader(leading.is_so());
        let served = self.certificate.served();
        let facts = Facts {
            registrations: self.registrations.as_deref(),
            served: served.as_deref(),
            faults: self.fault.iter().chain(&leading.fault).collect(),
            notes: self.notes.clone(),
        };
        let (standing, is_degraded) = standing(&facts, self.now());
        self.certificate.set_status(standing, is_degraded);
    }

    fn now(&self) -> SystemTime {
        (self.clock)()
    }
}

/// The authorities that each webhook's server is checked with.
fn bundles(registrations: &[Registration]) -> Vec<Vec<Ca>> {
    registrations.iter().flat_map(|registration| &registration.hooks).map(|hook| hook.bundle.clone()).collect()
}

/// How metrics call a step.
fn word(step: Step) -> &'static str {
    match step {
        Step::Mend => "mend",
        Step::Prune => "prune",
        Step::Promote => "promote",
        Step::Sign => "sign",
        Step::Introduce => "introduce",
        Step::Publish => "publish",
        Step::Wait => "wait",
        Step::Rest => "rest",
    }
}

/// Says what a step has done.
fn log(step: Step, stored: &Stored) {
    let cas = stored.bundle.len();
    let until = stored.leaf.as_ref().map(|leaf| when(leaf.pair.not_after)).unwrap_or_default();
    match step {
        Step::Introduce => tracing::info!(cas, "there is a new CA: it signs once every registration has been seen to trust it"),
        Step::Promote => tracing::info!(cas, until, "the new CA signs from now on, and has signed a certificate"),
        Step::Sign => tracing::info!(until, "a certificate was issued"),
        Step::Prune => tracing::info!(cas, "CAs that nobody needs any more were taken out of the bundle"),
        Step::Mend => tracing::warn!(cas, "the secret was damaged and is whole again"),
        Step::Publish | Step::Wait | Step::Rest => {}
    }
}
