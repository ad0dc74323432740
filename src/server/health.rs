//! What the server says of itself: whether it is ready, and in words why not.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use arc_swap::ArcSwap;

use super::lifecycle::{Lifecycle, Stage};
use super::tls::Tls;
use crate::audit::Sink;
use crate::certificates::when;
use crate::verdict::Guard;

/// Where the answer comes from: nothing of it is a constant.
pub(crate) struct Health {
    pub(crate) lifecycle: Arc<Lifecycle>,
    pub(crate) tls: Arc<Tls>,
    pub(crate) guard: Arc<ArcSwap<Guard>>,
    pub(crate) audit: Option<Arc<Sink>>,
    pub(crate) degraded: Degraded,
    pub(crate) standing: Mutex<Standing>,
}

/// What whoever keeps the certificate says of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// Why the server is not ready: empty where it is.
    pub unready: Vec<String>,
    /// What else there is to know.
    pub details: Vec<String>,
}

/// What is on disk and broken, so that what was read before it is in force.
#[derive(Debug, Default)]
pub(crate) struct Degraded(Mutex<BTreeMap<&'static str, String>>);

impl Degraded {
    /// Notes what is wrong; answers whether that is news.
    pub(crate) fn set(&self, what: &'static str, sentence: String) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let news = all.get(what) != Some(&sentence);
        all.insert(what, sentence);
        news
    }

    /// Notes that nothing is; answers whether that is news.
    pub(crate) fn clear(&self, what: &'static str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(what).is_some()
    }

    fn sentences(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}

/// Readiness, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Report {
    /// Why it is not ready: empty where it is.
    pub(crate) unready: Vec<String>,
    /// What else there is to know.
    pub(crate) details: Vec<String>,
}

impl Health {
    pub(crate) fn report(&self, now: SystemTime) -> Report {
        let mut unready = Vec::new();
        let mut details = Vec::new();
        if self.lifecycle.is(Stage::Draining) {
            unready.push("draining: this server is ending".to_owned());
        }
        match self.tls.served().as_deref() {
            None => unready.push("there is no certificate to serve yet".to_owned()),
            Some(pair) if now < pair.not_before => {
                unready.push(format!("the certificate is not valid before {}", when(pair.not_before)));
            }
            Some(pair) if now >= pair.not_after => unready.push(format!("the certificate expired at {}", when(pair.not_after))),
            Some(pair) => details.push(format!("the certificate is valid until {}", when(pair.not_after))),
        }
        let standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner).clone();
        unready.extend(standing.unready);
        details.extend(standing.details);
        let guard = self.guard.load();
        details.push(format!("the canon is {} ({})", guard.canon.source, guard.canon.hash));
        details.extend(self.degraded.sentences());
        if self.audit.as_ref().is_some_and(|sink| sink.failing()) {
            details.push("the audit log cannot be written".to_owned());
        }
        Report { unready, details }
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(if self.unready.is_empty() { "ready\n" } else { "not ready\n" })?;
        self.unready.iter().chain(&self.details).try_for_each(|line| {
            // An error of the canon's may be a list.
            formatter.write_str("- ")?;
            for letter in line.chars() {
                formatter.write_char(letter)?;
                if letter == '\n' {
                    formatter.write_str("  ")?;
                }
            }
            formatter.write_char('\n')
        })
    }
}
