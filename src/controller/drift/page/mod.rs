//! The page of what this process sees: the report of its watches, as HTML and as JSON.
//!
//! It is made when it is asked for, at most once in 10 s, by one thread. It reads the watches and writes nothing. What is on it can help an
//! attacker, so it is served on a loopback address only, and only to requests that name such an address.
//!
//! | file | content |
//! |---|---|
//! | `answer` | which requests are answered, and the headers of a response |
//! | `cache` | a value that is made at most once in a while |
//! | `made` | the page, made from the watches |
//! | `world` | policies and endpoints of a snapshot |
//! | `found` | the findings of a plan, by section |

mod answer;
mod cache;
mod found;
mod made;
mod world;

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use answer::{Form, asked, response, unavailable};
use cache::Cache;
use made::Made;
pub(super) use made::Source;

use crate::server::pages::{Asked, Page};

/// How long a page is shown before it is made anew.
const FRESH: Duration = Duration::from_secs(10);

/// The page of what this process sees.
#[derive(Debug)]
pub(super) struct ReportPage {
    source: OnceLock<Source>,
    cache: Cache<Made>,
    /// What is not repaired any more, as sentences.
    suspended: Mutex<Vec<String>>,
}

impl Default for ReportPage {
    fn default() -> ReportPage {
        ReportPage { source: OnceLock::new(), cache: Cache::new(FRESH), suspended: Mutex::new(Vec::new()) }
    }
}

impl ReportPage {
    /// Sets what the page is made from, once.
    pub(super) fn watch(&self, source: Source) {
        // The controller runs once.
        let _ = self.source.set(source);
    }

    /// Notes what is not repaired any more.
    pub(super) fn suspend(&self, sentences: Vec<String>) {
        *self.suspended.lock().unwrap_or_else(PoisonError::into_inner) = sentences;
    }

    /// Returns the response to a request.
    pub(super) fn answer(self: &Arc<ReportPage>, request: Asked<'_>) -> impl Future<Output = Page> + Send + use<> {
        let (form, page) = (asked(request), Arc::clone(self));
        async move {
            match form {
                Ok(form) => page.of(form).await,
                Err(refused) => refused,
            }
        }
    }

    async fn of(self: Arc<ReportPage>, form: Form) -> Page {
        let Some(source) = self.source.get().cloned() else { return unavailable("the controller starts: ask again in a moment\n") };
        let suspended = self.suspended.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match self.cache.value(move || source.page(suspended)).await {
            Some(Made::Page { html, json }) => response(form, if form == Form::Html { html } else { json }),
            Some(Made::TooLarge) => unavailable("the page would be too large: use netpol check and netpol reach --live\n"),
            None => unavailable("the page could not be made: report the log as a bug\n"),
        }
    }
}
