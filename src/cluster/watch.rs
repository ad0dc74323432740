//! Follows a collection: lists it, then watches its changes, for as long as the process runs.
//!
//! Each collection has its own connection, its own pauses and its own news, so one that is forbidden or hangs does not delay the others.

use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt;
use kube::api::{self, WatchEvent, WatchParams};
use kube::core::Status;
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};

use super::backoff::{backoff, jittered};
use super::client::{Cluster, Form};
use super::failure::{CallCause, CallError};
use super::reference::Collection;
use super::sentence::with_sources;
use crate::documents::values::text;

/// The pause after the first failure.
const PAUSE: Duration = Duration::from_millis(800);
/// How long the API server keeps a watch open, in seconds; 10 % more or less, so that the watches of a process end at different times.
const LIFETIME: Duration = Duration::from_secs(264);
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
    /// A field selector, or empty.
    pub selector: String,
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

/// How a watch ended.
enum End {
    /// The API server closed it. It continues from this version.
    Closed,
    /// The version is too old: everything must be listed again.
    Expired,
}

impl Cluster {
    /// Follows a collection and tells the news; it never returns. `read` returns what is kept of an object.
    pub async fn follow<T>(&self, followed: &Followed, read: impl Fn(Value) -> Option<T>, mut tell: impl FnMut(News<T>)) {
        let mut failures = 0;
        let mut version: Option<String> = None;
        loop {
            let start = Instant::now();
            let is_watch = version.is_some();
            let result = match &mut version {
                None => self.list(&followed.collection(), followed.form, &followed.selector, &read).await.map(|(all, listed)| {
                    tell(News::All(all));
                    version = Some(listed);
                }),
                Some(current) => match self.watch_once(followed, current, &read, &mut tell).await {
                    Ok(End::Closed) => Ok(()),
                    Ok(End::Expired) => {
                        version = None;
                        Ok(())
                    }
                    Err(error) => Err(error),
                },
            };
            let is_failure = match result {
                Ok(()) => false,
                Err(error) => {
                    tell(News::Failed(error));
                    true
                }
            };
            // A watch that ends at once is called again after a pause too. Only a watch that lasts shows that all is well.
            if is_failure || (is_watch && start.elapsed() < PAUSE) {
                sleep(jittered(backoff(PAUSE, failures))).await;
                failures = failures.saturating_add(1);
            } else if is_watch {
                failures = 0;
            }
        }
    }

    /// Watches until the API server ends the watch, and updates the version with every event.
    async fn watch_once<T>(
        &self,
        followed: &Followed,
        version: &mut String,
        read: &impl Fn(Value) -> Option<T>,
        tell: &mut impl FnMut(News<T>),
    ) -> Result<End, CallError> {
        let collection = followed.collection();
        let failed = |status: &Status| collection.error("watch", status);
        let lifetime = jittered(LIFETIME);
        let wanted = WatchParams {
            field_selector: Some(followed.selector.clone()).filter(|selector| !selector.is_empty()),
            timeout: u32::try_from(lifetime.as_secs()).ok(),
            bookmarks: true,
            ..WatchParams::default()
        };
        let request = api::Request::new(collection.path());
        let request = match followed.form {
            Form::Whole => request.watch(&wanted, version),
            Form::Metadata => request.watch_metadata(&wanted, version),
        };
        let request = request.map_err(|error| self.unreachable(&with_sources(&error)))?;
        let ended = |error: kube::Error| match error {
            kube::Error::Api(status) => failed(&status),
            error => self.unreachable(&with_sources(&error)),
        };
        let silent = || self.unreachable(&format!("the watch of {collection} is silent"));
        let events = timeout(SILENCE, self.client().request_events::<Value>(request)).await.map_err(|_| silent())?;
        let events = match events.map_err(ended) {
            Err(error) if error.cause == CallCause::Expired => return Ok(End::Expired),
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
                WatchEvent::Error(status) if status.code == 410 => return Ok(End::Expired),
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
        Ok(End::Closed)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use serde_json::json;

    use super::super::fake::api_server;
    use super::*;

    /// Follows for two seconds while every watch ends at once with the response `watched`. Returns for each request whether it is a watch.
    fn requests(watched: &'static str) -> Vec<bool> {
        let requests = Arc::new(Mutex::new(Vec::new()));
        let all = Arc::clone(&requests);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let cluster = api_server(move |request| {
                let is_watch = request.contains("watch=true");
                all.lock().unwrap().push(is_watch);
                let list = json!({"metadata": {"resourceVersion": "5"}, "items": []});
                ("200 OK", if is_watch { watched.to_owned() } else { list.to_string() })
            });
            let (api, resource, selector) = ("/api/v1".to_owned(), "pods".to_owned(), String::new());
            let followed = Followed { api, namespace: None, resource, form: Form::Metadata, selector };
            let _ = timeout(Duration::from_secs(2), cluster.follow(&followed, Some, |_: News<Value>| {})).await;
        });
        let all = requests.lock().unwrap();
        all.clone()
    }

    #[test]
    fn a_watch_that_ends_at_once_is_called_again_after_a_pause() {
        let expired = r#"{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Expired","code":410}}"#;
        for watched in ["", expired] {
            // The pauses are 0.8 s and 1.6 s.
            let all = requests(watched);
            assert!(all.starts_with(&[false, true]) && all.len() <= 4, "{} requests", all.len());
        }
    }
}
