//! Follows a collection: lists it, then watches its changes, for as long as the process runs.
//!
//! Each collection has its own connection, its own pauses and its own news, so one that is forbidden or hangs does not delay the others.

use std::pin::pin;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use kube::api::{self, WatchEvent, WatchParams};
use kube::core::Status;
use serde_json::Value;
use tokio::time::{sleep, timeout};

use super::backoff::{backoff, jittered};
use super::client::{Cluster, Form, Selectors};
use super::failure::{CallCause, CallError};
use super::reference::Collection;
use super::sentence::with_sources;
use crate::documents::values::text;

/// The pause after the first failure.
const PAUSE: Duration = Duration::from_millis(800);
/// How long the API server keeps a watch open, in seconds; 10 % more or less, so that the watches of a process end at different times.
const LIFETIME: Duration = Duration::from_secs(264);
/// How long the response to a request for a watch may take. API servers send its head at once.
const OPENING: Duration = Duration::from_secs(30);
/// How long a watch lasts that works. Pauses after one that ends earlier grow, because a server that ends each watch at once is overloaded.
const LASTING: Duration = Duration::from_secs(5);
/// The longest silence of a watch. The API server sends a bookmark about once a minute.
const SILENCE: Duration = Duration::from_secs(130);

/// A collection that is followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Followed {
    /// The path of its API group and version, as in [`Collection`].
    pub api: String,
    /// The namespace; `None` for all namespaces, and for objects that are in none.
    pub namespace: Option<String>,
    /// The plural name of its resource.
    pub resource: String,
    /// What is read of each object.
    pub form: Form,
    /// Which objects are followed.
    pub selectors: Selectors,
}

/// News of a collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News<T> {
    /// All objects: whatever was known before is outdated.
    All(Vec<T>),
    /// An object that was created or changed.
    Changed(T),
    /// An object that was deleted.
    Deleted(T),
    /// The API server responded, and nothing changed.
    Unchanged,
    /// The collection cannot be followed at the moment.
    Failed(CallError),
}

impl Followed {
    /// Returns the collection.
    pub fn collection(&self) -> Collection<'_> {
        Collection { api: &self.api, namespace: self.namespace.as_deref(), resource: &self.resource }
    }
}

/// What was done.
enum Done {
    /// Everything was listed.
    Listed,
    /// The API server closed the watch. It continues from its version.
    Closed,
    /// The version of the watch is too old: everything must be listed again.
    Expired,
}

impl Cluster {
    /// Follows a collection and tells the news; it never returns. `read` returns what is kept of an object.
    pub async fn follow<T>(&self, followed: &Followed, read: impl Fn(Value) -> Option<T>, mut tell: impl FnMut(News<T>)) {
        let mut failures: u32 = 0;
        let mut version: Option<String> = None;
        loop {
            let started = Instant::now();
            let is_watch = version.is_some();
            let result = match &mut version {
                None => self.list(&followed.collection(), followed.form, &followed.selectors, &read).await.map(|(all, listed)| {
                    tell(News::All(all));
                    version = Some(listed);
                    Done::Listed
                }),
                Some(current) => self.watch_once(followed, current, &read, &mut tell).await,
            };
            if is_watch && started.elapsed() >= LASTING {
                failures = 0;
            }
            if matches!(result, Ok(Done::Expired)) {
                version = None;
            }
            let pause = match result {
                Ok(Done::Listed) => continue,
                Ok(Done::Closed | Done::Expired) => failures.checked_sub(1).map_or(Duration::ZERO, |before| backoff(PAUSE, before)),
                Err(error) => {
                    tell(News::Failed(error));
                    backoff(PAUSE, failures)
                }
            };
            failures = failures.saturating_add(1);
            sleep(jittered(pause)).await;
        }
    }

    /// Watches until the API server ends the watch, and updates the version with every event.
    async fn watch_once<T>(
        &self,
        followed: &Followed,
        version: &mut String,
        read: &impl Fn(Value) -> Option<T>,
        tell: &mut impl FnMut(News<T>),
    ) -> Result<Done, CallError> {
        let collection = followed.collection();
        let failed = |status: &Status| collection.error("watch", status);
        let lifetime = jittered(LIFETIME);
        let [field_selector, label_selector] = followed.selectors.parameters();
        let wanted = WatchParams {
            field_selector,
            label_selector,
            timeout: u32::try_from(lifetime.as_secs()).ok(),
            bookmarks: true,
            ..WatchParams::default()
        };
        let request = api::Request::new(collection.path());
        let request = match followed.form {
            Form::Whole | Form::Large => request.watch(&wanted, version),
            Form::Metadata => request.watch_metadata(&wanted, version),
        };
        let request = request.map_err(|error| self.unreachable(&with_sources(&error)))?;
        let ended = |error: kube::Error| match error {
            kube::Error::Api(status) => failed(&status),
            error => self.unreachable(&with_sources(&error)),
        };
        let silent = || self.unreachable(&format!("the watch of {collection} is silent"));
        let events = timeout(OPENING, self.client().request_events::<Value>(request)).await.map_err(|_| silent())?;
        let events = match events.map_err(ended) {
            Err(error) if error.cause == CallCause::Expired => return Ok(Done::Expired),
            events => events?,
        };
        let mut events = pin!(events);
        tell(News::Unchanged);
        while let Some(event) = timeout(SILENCE, events.next()).await.map_err(|_| silent())? {
            let (object, is_deleted) = match event.map_err(ended)? {
                WatchEvent::Added(object) | WatchEvent::Modified(object) => (object, false),
                WatchEvent::Deleted(object) => (object, true),
                WatchEvent::Bookmark(bookmark) => {
                    *version = bookmark.metadata.resource_version;
                    tell(News::Unchanged);
                    continue;
                }
                WatchEvent::Error(status) if status.code == 410 => return Ok(Done::Expired),
                WatchEvent::Error(status) => return Err(failed(&status)),
            };
            if let Some(next) = text(&object, "/metadata/resourceVersion") {
                next.clone_into(version);
            }
            tell(match (read(object), is_deleted) {
                (Some(object), false) => News::Changed(object),
                (Some(object), true) => News::Deleted(object),
                (None, _) => News::Unchanged,
            });
        }
        // The API server closes a watch after its lifetime, at once if it is overloaded.
        tell(News::Unchanged);
        Ok(Done::Closed)
    }
}
