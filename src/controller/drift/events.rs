//! Events: what the controller found and did, where `kubectl events` shows it.
//!
//! An event that repeats is counted in the series of the first one. Writing never delays the controller: events that exceed the quota
//! of their object or the queue are dropped. At most ten a second are written, the others wait.

use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::quota::Quota;
use crate::cluster::{CallCause, CallError, Cluster, Collection, ObjectRef};
use crate::controller::micro_time::micro_time;
use crate::documents::text::truncated;
use crate::documents::values::text;

/// The events that wait to be written.
const QUEUE: usize = 256;
/// The time between two writes.
const PACE: Duration = Duration::from_millis(100);
/// The longest note, in bytes. The API allows 1,024.
const NOTE: usize = 1_000;
/// An event that was not repeated for this long has ended, and the next one is new.
const SERIES: Duration = Duration::from_secs(360);
/// The series that are remembered.
const REMEMBERED: usize = 1_024;

/// Why an event is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Reason {
    /// A policy drifted.
    DriftDetected,
    /// A drifted policy was repaired.
    DriftRepaired,
    /// A repair failed.
    RepairFailed,
    /// Repairs of an object are suspended, because another client undoes them.
    RepairSuspended,
    /// Repair of a namespace is paused by a member of a break-glass group.
    RepairPaused,
    /// A canonical policy is missing.
    PolicyMissing,
    /// A pod got the labels that it is granted.
    PodLabeled,
    /// A pod lacks labels that it is granted, or has others.
    PodNotLabeled,
    /// A pod has a service account or an image that its grant does not allow.
    PodNotAllowed,
    /// API servers no longer ask the webhook about everything.
    RegistrationWeakened,
    /// The probe was not answered by the webhook.
    ProbeFailed,
}

impl Reason {
    fn name(self) -> &'static str {
        match self {
            Reason::DriftDetected => "DriftDetected",
            Reason::DriftRepaired => "DriftRepaired",
            Reason::RepairFailed => "RepairFailed",
            Reason::RepairSuspended => "RepairSuspended",
            Reason::RepairPaused => "RepairPaused",
            Reason::PolicyMissing => "PolicyMissing",
            Reason::PodLabeled => "PodLabeled",
            Reason::PodNotLabeled => "PodNotLabeled",
            Reason::PodNotAllowed => "PodNotAllowed",
            Reason::RegistrationWeakened => "RegistrationWeakened",
            Reason::ProbeFailed => "ProbeFailed",
        }
    }

    fn action(self) -> &'static str {
        match self {
            Reason::DriftRepaired | Reason::RepairFailed | Reason::RepairSuspended | Reason::RepairPaused | Reason::PodLabeled => "Repair",
            Reason::ProbeFailed => "Probe",
            _ => "Observe",
        }
    }

    fn is_warning(self) -> bool {
        !matches!(self, Reason::DriftRepaired | Reason::PodLabeled)
    }
}

/// The object that an event is about. It is in a namespace, because events about others would all be in `default`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Regarding {
    /// Its API version: `networking.k8s.io/v1`.
    pub(super) api_version: &'static str,
    /// Its kind.
    pub(super) kind: &'static str,
    /// Its namespace.
    pub(super) namespace: String,
    /// Its name.
    pub(super) name: String,
    /// Its uid, by which `kubectl describe` finds its events; empty if it does not exist or is not known.
    pub(super) uid: String,
}

/// Something to tell.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Event {
    /// Why.
    pub(super) reason: Reason,
    /// About what.
    pub(super) regarding: Regarding,
    /// A sentence. It contains no value that must not be printed.
    pub(super) note: String,
}

/// Accepts events. Clones share one queue.
#[derive(Debug, Clone)]
pub(super) struct Events(mpsc::Sender<Event>);

impl Events {
    /// Starts the task that writes events. `controller` is the name of the process in events, `instance` its identity.
    pub(super) fn start(cluster: Cluster, instance: String) -> (Events, impl Future<Output = ()>) {
        let (sender, queue) = mpsc::channel(QUEUE);
        let writer = Writer { cluster, instance, started: Instant::now(), quota: Quota::new(), series: HashMap::new(), count: 0 };
        (Events(sender), writer.run(queue))
    }

    /// Tells an event, unless the queue is full.
    pub(super) fn tell(&self, event: Event) {
        // Losing events is better than waiting for a slow API server: the log has the same sentences.
        let _ = self.0.try_send(event);
    }
}

/// The event of a series, as it was written.
#[derive(Debug, Clone)]
struct Series {
    namespace: String,
    name: String,
    count: u32,
    last: Duration,
}

/// Writes events.
struct Writer {
    cluster: Cluster,
    instance: String,
    started: Instant,
    quota: Quota<Regarding>,
    series: HashMap<Event, Series>,
    count: u64,
}

impl Writer {
    async fn run(mut self, mut queue: mpsc::Receiver<Event>) {
        let mut failed = false;
        while let Some(event) = queue.recv().await {
            let now = self.started.elapsed();
            // Of an object that is deleted and created again and again, too.
            let object = Regarding { uid: String::new(), ..event.regarding.clone() };
            if !self.quota.take(&object, now) {
                continue;
            }
            sleep(PACE).await;
            match self.write(event, now).await {
                Ok(()) => failed = false,
                Err(error) if failed => tracing::debug!(%error, "cannot write an event"),
                Err(error) => {
                    failed = true;
                    tracing::warn!(%error, "cannot write events; the log has the same sentences");
                }
            }
        }
    }

    async fn write(&mut self, event: Event, now: Duration) -> Result<(), CallError> {
        let known = self.series.get(&event).filter(|series| now.saturating_sub(series.last) < SERIES).cloned();
        if let Some(mut series) = known {
            (series.count, series.last) = (series.count.saturating_add(1), now);
            let patch = json!([{"op": "add", "path": "/series", "value": {"count": series.count, "lastObservedTime": micro_time(SystemTime::now())}}]);
            match self.cluster.patch(&object(&series.namespace, &series.name), &patch).await {
                // It expired: API servers keep events for an hour.
                Err(error) if error.cause == CallCause::Missing => {}
                result => {
                    self.series.insert(event, series);
                    return result.map(drop);
                }
            }
        }
        self.count += 1;
        let content = content(&event, &self.instance, self.count);
        let name = text(&content, "/metadata/name").unwrap_or_default().to_owned();
        let namespace = event.regarding.namespace.clone();
        self.cluster.create(&object(&namespace, &name), &content).await?;
        if self.series.len() >= REMEMBERED {
            self.series.retain(|_, series| now.saturating_sub(series.last) < SERIES);
            if self.series.len() >= REMEMBERED {
                self.series.clear();
            }
        }
        self.series.insert(event, Series { namespace, name, count: 1, last: now });
        Ok(())
    }
}

fn object<'t>(namespace: &'t str, name: &'t str) -> ObjectRef<'t> {
    let collection = Collection { api: "/apis/events.k8s.io/v1", namespace: Some(namespace), resource: "events" };
    ObjectRef { collection, name, is_secret: false }
}

/// Returns the object of an event. `count` and the time make its name unique.
fn content(event: &Event, instance: &str, count: u64) -> Value {
    let Regarding { api_version, kind, namespace, name, uid } = &event.regarding;
    let time = Timestamp::now();
    let name_of_event = format!("{}.{:x}{count:x}", truncated(name, 200), time.as_microsecond());
    json!({
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": name_of_event, "namespace": namespace},
        "eventTime": micro_time(SystemTime::now()),
        "reportingController": "netpol.abcdesktop.io/controller",
        "reportingInstance": truncated(instance, 128),
        "action": event.reason.action(),
        "reason": event.reason.name(),
        "type": if event.reason.is_warning() { "Warning" } else { "Normal" },
        "regarding": {"apiVersion": api_version, "kind": kind, "namespace": namespace, "name": name, "uid": uid},
        "note": shortened(&event.note),
    })
}

/// Returns a note of at most [`NOTE`] bytes.
fn shortened(note: &str) -> String {
    if note.len() <= NOTE { note.to_owned() } else { format!("{}…", truncated(note, NOTE - '…'.len_utf8())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_has_at_most_a_thousand_bytes_and_ends_at_a_character() {
        assert_eq!(shortened("short"), "short");
        let long = shortened(&"é".repeat(700));
        assert!(long.len() <= NOTE && long.ends_with("é…"), "{}", long.len());
        let regarding = Regarding {
            api_version: "networking.k8s.io/v1",
            kind: "NetworkPolicy",
            namespace: "desk".to_owned(),
            name: "n".repeat(253),
            uid: String::new(),
        };
        let event = Event { reason: Reason::PolicyMissing, regarding, note: "x".repeat(5_000) };
        let content = content(&event, &"i".repeat(300), u64::MAX);
        assert!(text(&content, "/metadata/name").unwrap().len() <= 253);
        assert!(text(&content, "/reportingInstance").unwrap().len() <= 128);
    }
}
