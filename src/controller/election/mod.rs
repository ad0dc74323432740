//! Leader election with a Lease. [`lease`] decides; this file reads and writes the Lease; `timing` has its times.

mod lease;
#[cfg(test)]
mod tests;
mod timing;

use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::sleep;

use self::lease::{Action, Memory, Observed, decide};
pub use self::timing::Timing;
use super::micro_time::micro_time;
use crate::cluster::{CallCause, CallError, Cluster, Collection, ObjectRef, backoff, jittered};
use crate::documents::values::{set, text};

/// Whether this process leads.
#[derive(Debug, Clone, Default)]
pub(super) struct Leadership {
    /// The end of its leadership by its own clock; none if it does not lead.
    until: Option<Instant>,
    /// The Lease, as the owner of the Secret.
    pub(super) owner: Option<Owner>,
    /// The error of the last attempt.
    pub(super) error: Option<CallError>,
}

impl Leadership {
    /// Returns whether this process leads now.
    pub(super) fn is_leader(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() < until)
    }
}

/// A Lease, as the owner of other objects: when the Lease is deleted, the garbage collector deletes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) lease: String,
    pub(super) uid: String,
}

/// A candidate of an election.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The namespace of the Lease.
    pub namespace: String,
    /// The name of the Lease.
    pub name: String,
    /// The identity of this process. It must be unique.
    pub identity: String,
    /// The timing.
    pub timing: Timing,
    /// What the leader does, for the log: `manages the certificate`.
    pub task: &'static str,
}

/// Takes part in an election.
pub(super) struct Election {
    cluster: Cluster,
    candidate: Candidate,
    started: Instant,
    memory: Memory,
    failures: u32,
    stopped: watch::Receiver<bool>,
    leadership: watch::Sender<Leadership>,
}

impl Election {
    pub(super) fn new(
        cluster: Cluster,
        candidate: Candidate,
        stopped: watch::Receiver<bool>,
        leadership: watch::Sender<Leadership>,
    ) -> Election {
        Election { cluster, candidate, started: Instant::now(), memory: Memory::default(), failures: 0, stopped, leadership }
    }

    /// Takes part in the election until it is stopped, then releases the Lease.
    pub(super) async fn run(mut self) {
        loop {
            let pause = self.attempt().await;
            tokio::select! {
                () = sleep(jittered(pause)) => {}
                _ = self.stopped.wait_for(|stopped| *stopped) => break,
            }
        }
        self.release().await;
    }

    /// Reads the Lease, and takes or renews it if possible. Returns the pause until the next attempt.
    async fn attempt(&mut self) -> Duration {
        let mut result = self.read_and_act().await;
        if matches!(&result, Err(error) if error.cause == CallCause::Conflict) {
            // An annotation was written, or another candidate wrote first: the second read tells.
            result = self.read_and_act().await;
        }
        let error = match result {
            Ok(()) => None,
            // Another candidate wrote first, again.
            Err(error) if error.cause == CallCause::Conflict => None,
            Err(error) => Some(error),
        };
        self.failures = if error.is_some() { self.failures.saturating_add(1) } else { 0 };
        let is_persistent = error.as_ref().is_some_and(|error| error.cause != CallCause::Unreachable);
        self.announce(error);
        if is_persistent { backoff(self.candidate.timing.retry, self.failures) } else { self.candidate.timing.retry }
    }

    async fn read_and_act(&mut self) -> Result<(), CallError> {
        let Some(lease) = self.cluster.get(&self.lease()).await? else { return self.create().await };
        let version = text(&lease, "/metadata/resourceVersion").unwrap_or_default();
        let observed = Observed { version, holder: text(&lease, "/spec/holderIdentity") };
        let (memory, action) = decide(&self.memory, &observed, &self.candidate.identity, self.now(), &self.candidate.timing);
        self.memory = memory;
        self.remember_owner(&lease);
        if action == Action::Wait { Ok(()) } else { self.write(lease, action).await }
    }

    /// Writes the Lease with this process as its holder.
    async fn write(&mut self, mut lease: Value, action: Action) -> Result<(), CallError> {
        let now = micro_time(SystemTime::now());
        if action == Action::Take {
            let transitions = lease.pointer("/spec/leaseTransitions").and_then(Value::as_i64).unwrap_or_default();
            set(&mut lease, &["spec", "acquireTime"], json!(now));
            set(&mut lease, &["spec", "leaseTransitions"], json!(transitions + 1));
        }
        set(&mut lease, &["spec", "holderIdentity"], json!(self.candidate.identity));
        set(&mut lease, &["spec", "leaseDurationSeconds"], json!(self.candidate.timing.lease.as_secs()));
        set(&mut lease, &["spec", "renewTime"], json!(now));
        let sent = self.now();
        let written = self.cluster.replace(&self.lease(), &lease).await;
        self.settle(sent, written)
    }

    /// Creates the Lease if the installation did not.
    async fn create(&mut self) -> Result<(), CallError> {
        let now = micro_time(SystemTime::now());
        let lease = json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": {"name": self.candidate.name, "namespace": self.candidate.namespace},
            "spec": {
                "holderIdentity": self.candidate.identity, "leaseDurationSeconds": self.candidate.timing.lease.as_secs(),
                "acquireTime": now, "renewTime": now, "leaseTransitions": 0,
            },
        });
        let sent = self.now();
        let object = self.lease();
        let created = self.cluster.create(&object, &lease).await.map_err(|error| match error.cause {
            CallCause::Forbidden => CallError {
                sentence: format!("{object} does not exist and cannot be created: {error}; alternatively, create it during installation"),
                ..error
            },
            _ => error,
        });
        self.settle(sent, created)
    }

    fn settle(&mut self, sent: Duration, written: Result<Value, CallError>) -> Result<(), CallError> {
        match written {
            Ok(lease) => {
                self.memory = Memory::written(text(&lease, "/metadata/resourceVersion").unwrap_or_default(), sent);
                self.remember_owner(&lease);
                Ok(())
            }
            Err(error) => {
                // A write without a response may have succeeded. The leader continues until its deadline, which is earlier than
                // the expiry of the Lease.
                // After a conflict, the next read tells who holds the Lease; the deadline ends this leadership in any case.
                if !matches!(error.cause, CallCause::Unreachable | CallCause::Conflict) {
                    self.memory = self.memory.lost();
                }
                Err(error)
            }
        }
    }

    fn remember_owner(&self, lease: &Value) {
        let Some(uid) = text(lease, "/metadata/uid") else { return };
        let owner = Owner { lease: self.candidate.name.clone(), uid: uid.to_owned() };
        self.leadership.send_if_modified(|leadership| {
            leadership.owner = Some(owner);
            false
        });
    }

    /// Updates the leadership. Receivers are notified only if the leader or the error has changed.
    fn announce(&self, error: Option<CallError>) {
        let now = self.now();
        let until = self.memory.leads(now, &self.candidate.timing).then(|| self.memory.deadline(&self.candidate.timing)).flatten();
        let until = until.map(|until| self.started + until);
        self.leadership.send_if_modified(|leadership| {
            let was_leader = leadership.until.is_some();
            let is_changed = was_leader != until.is_some() || leadership.error != error;
            if let Some(error) = error.as_ref().filter(|error| leadership.error.as_ref() != Some(*error)) {
                tracing::warn!(cause = error.cause.name(), "leader election failed: {error}");
            }
            if was_leader != until.is_some() {
                let message = if until.is_some() { "this process is the leader" } else { "this process is no longer the leader" };
                tracing::info!(identity = self.candidate.identity, task = self.candidate.task, "{message}");
            }
            (leadership.until, leadership.error) = (until, error);
            is_changed
        });
    }

    /// Releases the Lease, so that another candidate can take it before it expires.
    async fn release(&mut self) {
        let was_leader = self.leadership.borrow().until.is_some();
        self.memory = self.memory.lost();
        self.announce(None);
        if !was_leader {
            return;
        }
        let object = self.lease();
        let released = async {
            let Some(mut lease) = self.cluster.get(&object).await? else { return Ok(()) };
            if text(&lease, "/spec/holderIdentity") == Some(self.candidate.identity.as_str()) {
                set(&mut lease, &["spec", "holderIdentity"], json!(""));
                set(&mut lease, &["spec", "renewTime"], json!(micro_time(SystemTime::now())));
                self.cluster.replace(&object, &lease).await?;
            }
            Ok::<(), CallError>(())
        };
        match released.await {
            Ok(()) => tracing::info!(identity = self.candidate.identity, "released the lease"),
            Err(error) => tracing::warn!(%error, "cannot release the lease; another process takes over when it expires"),
        }
    }

    fn lease(&self) -> ObjectRef<'_> {
        object(&self.candidate.namespace, &self.candidate.name)
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }
}

/// Names the Lease.
pub(super) fn object<'t>(namespace: &'t str, name: &'t str) -> ObjectRef<'t> {
    let collection = Collection { api: "/apis/coordination.k8s.io/v1", namespace: Some(namespace), resource: "leases" };
    ObjectRef { collection, name, is_secret: false }
}
