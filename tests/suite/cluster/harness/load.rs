//! Clients that create pods continuously and record the results.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hyper::Method;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::api::{Call, RUNTIME};
use super::plane::plane;
use super::scene::{path, pod};

/// Running clients.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    created: Arc<AtomicUsize>,
    clients: Vec<JoinHandle<Outcome>>,
}

/// The results.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// The duration of each successful creation.
    pub(crate) latencies: Vec<Duration>,
    /// The errors of the failed creations.
    pub(crate) failures: Vec<String>,
    /// Pods that were created without their label.
    pub(crate) unlabeled: Vec<String>,
}

impl Load {
    /// Starts clients that pause after each desktop. `run` is the prefix of the names.
    pub(crate) fn start(namespace: &str, run: &str, clients: usize, pause: Duration) -> Load {
        let (stop, created) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let client = |number: usize| {
            let (stop, created) = (Arc::clone(&stop), Arc::clone(&created));
            let (path, prefix) = (path(namespace, "pods"), format!("{run}-{number}"));
            RUNTIME.spawn(async move {
                let mut outcome = Outcome::default();
                while !stop.load(Ordering::Relaxed) {
                    let name = format!("{prefix}-{}", outcome.latencies.len() + outcome.failures.len());
                    create(&path, &name, UNLABELED, &mut outcome).await;
                    created.fetch_add(1, Ordering::Relaxed);
                    sleep(pause).await;
                }
                outcome
            })
        };
        let clients = (0..clients).map(client).collect();
        Load { stop, created, clients }
    }

    /// Returns the number of creations so far, successful or not.
    pub(crate) fn count(&self) -> usize {
        self.created.load(Ordering::Relaxed)
    }

    /// Stops the clients and returns the results.
    pub(crate) fn finish(self) -> Outcome {
        self.stop.store(true, Ordering::Relaxed);
        gather(self.clients)
    }
}

impl Outcome {
    /// Checks that every creation succeeded and every pod has its label.
    #[track_caller]
    pub(crate) fn assert_clean(&self, at_least: usize) {
        let show = |list: &[String]| list.iter().take(5).cloned().collect::<Vec<_>>().join("; ");
        let (failed, bare, good) = (self.failures.len(), self.unlabeled.len(), self.latencies.len());
        assert!(failed == 0, "{failed} of {} creations failed: {}", good + failed, show(&self.failures));
        assert!(bare == 0, "{bare} pods were created without their label: {}\n{}", show(&self.unlabeled), failed_open_messages());
        assert!(good >= at_least, "only {good} pods were created");
    }
}

/// The labels of a desktop that lacks the one that its grant gives.
const UNLABELED: Labels = &[("type", "x11server")];

/// The labels of pods.
pub(crate) type Labels = &'static [(&'static str, &'static str)];

/// Creates a number of desktops, which lack a label, with several clients, as fast as possible.
pub(crate) fn burst(namespace: &str, run: &str, clients: usize, pods: usize) -> Outcome {
    burst_of(namespace, run, clients, pods, UNLABELED)
}

/// Creates a number of pods with several clients, as fast as possible.
pub(crate) fn burst_of(namespace: &str, run: &str, clients: usize, pods: usize, labels: Labels) -> Outcome {
    let client = |number: usize| {
        let (path, prefix) = (path(namespace, "pods"), format!("{run}-{number}"));
        RUNTIME.spawn(async move {
            let mut outcome = Outcome::default();
            for pod in 0..pods / clients {
                create(&path, &format!("{prefix}-{pod}"), labels, &mut outcome).await;
            }
            outcome
        })
    };
    gather((0..clients).map(client).collect())
}

/// Returns the API server's messages about webhook calls that failed open.
fn failed_open_messages() -> String {
    let log = std::fs::read_to_string(plane().reaper.folder().join("kube-apiserver.log")).unwrap_or_default();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("failing open")).collect();
    lines[lines.len().saturating_sub(5)..].join("\n")
}

fn gather(clients: Vec<JoinHandle<Outcome>>) -> Outcome {
    let mut all = Outcome::default();
    for client in clients {
        let one = RUNTIME.block_on(client).expect("a client must not panic");
        all.latencies.extend(one.latencies);
        all.failures.extend(one.failures);
        all.unlabeled.extend(one.unlabeled);
    }
    all
}

async fn create(path: &str, name: &str, labels: Labels, outcome: &mut Outcome) {
    let call = Call::new(Method::POST, path).json(&pod(name, labels));
    let started = Instant::now();
    match plane().api.send(&call).await {
        Ok(reply) if reply.ok() => {
            outcome.latencies.push(started.elapsed());
            if reply.body["metadata"]["labels"]["netpol/ocuser"] != "true" {
                outcome.unlabeled.push(name.to_owned());
            }
        }
        Ok(reply) => outcome.failures.push(format!("{name}: {} {}", reply.status, reply.message())),
        Err(error) => outcome.failures.push(format!("{name}: {error}")),
    }
}
