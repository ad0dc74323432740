//! The Lease: read, decided on, written.

pub(super) mod lease;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::sleep;

use self::lease::{Act, Memory, Seen, Timing, decide};
use super::Options;
use super::cluster::{Cluster, Fault, Kind, Target, put, text};
use super::secret::Owner;

/// The longest pause after failures that do not end by themselves.
const LONGEST: Duration = Duration::from_secs(30);

/// Whether this process leads, for whoever writes.
#[derive(Debug, Clone, Default)]
pub(super) struct Leading {
    /// When it has to stop by its own clock; none where it does not lead.
    until: Option<Instant>,
    /// The Lease itself.
    pub(super) owner: Option<Owner>,
    /// Why it cannot tell.
    pub(super) fault: Option<Fault>,
}

impl Leading {
    /// Whether it leads now.
    pub(super) fn is_so(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() < until)
    }
}

/// Takes part in the election.
pub(super) struct Election {
    cluster: Cluster,
    namespace: String,
    name: String,
    me: String,
    timing: Timing,
    started: Instant,
    memory: Memory,
    failures: u32,
    stopped: watch::Receiver<bool>,
    leading: watch::Sender<Leading>,
}

impl Election {
    pub(super) fn new(cluster: Cluster, options: &Options, stopped: watch::Receiver<bool>, leading: watch::Sender<Leading>) -> Election {
        Election {
            cluster,
            namespace: options.namespace.clone(),
            name: options.name.clone(),
            me: options.identity.clone(),
            timing: options.timing,
            started: Instant::now(),
            memory: Memory::default(),
            failures: 0,
            stopped,
            leading,
        }
    }

    /// Looks at the Lease until told to stop, then gives it back.
    pub(super) async fn run(mut self) {
        loop {
            let pause = self.attend().await;
            tokio::select! {
                () = sleep(jittered(pause)) => {}
                _ = self.stopped.wait_for(|stopped| *stopped) => break,
            }
        }
        self.release().await;
    }

    /// Looks at the Lease once, and does what is to be done; answers when to look again.
    async fn attend(&mut self) -> Duration {
        let fault = match self.look().await {
            Ok(()) => None,
            // Who wrote in between leads, or is about to: look again soon.
            Err(fault) if fault.kind == Kind::Conflict => None,
            Err(fault) => Some(fault),
        };
        self.failures = if fault.is_some() { self.failures.saturating_add(1) } else { 0 };
        let is_lasting = fault.as_ref().is_some_and(|fault| fault.kind != Kind::Unreachable);
        self.tell(fault);
        if is_lasting { (self.timing.retry * 2u32.saturating_pow(self.failures.min(5))).min(LONGEST) } else { self.timing.retry }
    }

    async fn look(&mut self) -> Result<(), Fault> {
        let Some(lease) = self.cluster.get(&target(&self.namespace, &self.name)).await? else { return self.make().await };
        let version = text(&lease, "/metadata/resourceVersion").unwrap_or_default();
        let seen = Seen { version, holder: text(&lease, "/spec/holderIdentity") };
        let (memory, act) = decide(&self.memory, &seen, &self.me, self.now(), &self.timing);
        self.memory = memory;
        self.remember_owner(&lease);
        if act == Act::Wait { Ok(()) } else { self.hold(lease, act).await }
    }

    /// Writes the Lease as one's own.
    async fn hold(&mut self, mut lease: Value, act: Act) -> Result<(), Fault> {
        let now = micros(SystemTime::now());
        if act == Act::Take {
            let transitions = lease.pointer("/spec/leaseTransitions").and_then(Value::as_i64).unwrap_or_default();
            put(&mut lease, &["spec", "acquireTime"], json!(now));
            put(&mut lease, &["spec", "leaseTransitions"], json!(transitions + 1));
        }
        put(&mut lease, &["spec", "holderIdentity"], json!(self.me));
        put(&mut lease, &["spec", "leaseDurationSeconds"], json!(self.timing.lease.as_secs()));
        put(&mut lease, &["spec", "renewTime"], json!(now));
        let asked = self.now();
        let written = self.cluster.replace(&target(&self.namespace, &self.name), &lease).await;
        self.settle(asked, written)
    }

    /// Makes the Lease, where whoever installed this has not.
    async fn make(&mut self) -> Result<(), Fault> {
        let now = micros(SystemTime::now());
        let lease = json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": {"name": self.name, "namespace": self.namespace},
            "spec": {
                "holderIdentity": self.me, "leaseDurationSeconds": self.timing.lease.as_secs(),
                "acquireTime": now, "renewTime": now, "leaseTransitions": 0,
            },
        });
        let asked = self.now();
        let made = self.cluster.create(&target(&self.namespace, &self.name), &lease).await.map_err(|fault| match fault.kind {
            Kind::Forbidden => Fault {
                sentence: format!(
                    "the lease \"{}/{}\" is not there and cannot be made: install it, or {}",
                    self.namespace, self.name, fault
                ),
                ..fault
            },
            _ => fault,
        });
        self.settle(asked, made)
    }

    fn settle(&mut self, asked: Duration, written: Result<Value, Fault>) -> Result<(), Fault> {
        match written {
            Ok(lease) => {
                self.memory = Memory::written(text(&lease, "/metadata/resourceVersion").unwrap_or_default(), asked);
                self.remember_owner(&lease);
                Ok(())
            }
            Err(fault) => {
                // A write that was not answered may have come through: holding on until the deadline is what it is for.
                if fault.kind != Kind::Unreachable {
                    self.memory = self.memory.lost();
                }
                Err(fault)
            }
        }
    }

    fn remember_owner(&self, lease: &Value) {
        let Some(uid) = text(lease, "/metadata/uid") else { return };
        let owner = Owner { lease: self.name.clone(), uid: uid.to_owned() };
        self.leading.send_if_modified(|leading| {
            leading.owner = Some(owner);
            false
        });
    }

    /// Tells whoever writes; wakes them where it has changed who leads.
    fn tell(&self, fault: Option<Fault>) {
        let now = self.now();
        let until = self.memory.leads(now, &self.timing).then(|| self.memory.ends(&self.timing)).flatten();
        let until = until.map(|until| self.started + until);
        self.leading.send_if_modified(|leading| {
            let was = leading.until.is_some();
            let is_news = was != until.is_some() || leading.fault != fault;
            if let Some(fault) = fault.as_ref().filter(|fault| leading.fault.as_ref() != Some(*fault)) {
                tracing::warn!(cause = fault.kind.word(), "this server cannot take part in the election: {fault}");
            }
            if was != until.is_some() {
                let words = if until.is_some() {
                    "this server looks after the certificate from now on"
                } else {
                    "another server looks after the certificate from now on, or nobody"
                };
                tracing::info!(me = self.me, "{words}");
            }
            (leading.until, leading.fault) = (until, fault);
            is_news
        });
    }

    /// Gives the Lease back, so that nobody has to wait until it runs out.
    async fn release(&mut self) {
        let holds = self.leading.borrow().until.is_some();
        self.memory = self.memory.lost();
        self.tell(None);
        if !holds {
            return;
        }
        let target = target(&self.namespace, &self.name);
        let released = async {
            let Some(mut lease) = self.cluster.get(&target).await? else { return Ok(()) };
            if text(&lease, "/spec/holderIdentity") == Some(&self.me) {
                put(&mut lease, &["spec", "holderIdentity"], json!(""));
                put(&mut lease, &["spec", "renewTime"], json!(micros(SystemTime::now())));
                self.cluster.replace(&target, &lease).await?;
            }
            Ok::<(), Fault>(())
        };
        match released.await {
            Ok(()) => tracing::info!(me = self.me, "the lease is given back"),
            Err(fault) => tracing::warn!(%fault, "the lease cannot be given back: others take it when it runs out"),
        }
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }
}

fn target<'t>(namespace: &'t str, name: &'t str) -> Target<'t> {
    Target { api: "/apis/coordination.k8s.io/v1", namespace: Some(namespace), resource: "leases", name, is_secret: false }
}

/// A time as Leases have it.
fn micros(time: SystemTime) -> String {
    Timestamp::try_from(time).map_or_else(|_| String::new(), |time| format!("{time:.6}"))
}

/// A pause that is a little shorter or longer, so that replicas do not ask all at once.
pub(super) fn jittered(pause: Duration) -> Duration {
    let mut random = [0; 1];
    // Without random numbers, no jitter.
    let _ = aws_lc_rs::rand::fill(&mut random);
    pause.mul_f64(0.9 + 0.2 * f64::from(u8::from_be_bytes(random)) / 255.0)
}
