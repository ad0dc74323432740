//! Whether the server is ready, with reasons and details.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use arc_swap::ArcSwap;

use crate::audit::Sink;
use crate::certificates::when;
use crate::server::lifecycle::{Lifecycle, Phase};
use crate::server::tls::{CurrentCertificate, ManagedCertificate};
use crate::verdict::Guard;

/// The parts of a server that readiness depends on.
pub(crate) struct Health {
    pub(crate) lifecycle: Arc<Lifecycle>,
    pub(crate) certificate: CurrentCertificate,
    pub(crate) managed: Option<ManagedCertificate>,
    pub(crate) guard: Arc<ArcSwap<Guard>>,
    pub(crate) audit: Option<Arc<Sink>>,
    pub(crate) degraded: Degraded,
}

/// Files that are not usable, so that their last valid version remains active: name and message.
#[derive(Debug, Default)]
pub(crate) struct Degraded(Mutex<BTreeMap<&'static str, String>>);

impl Degraded {
    /// Sets what is wrong with a file; returns whether that is new.
    pub(crate) fn set(&self, what: &'static str, sentence: String) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = all.get(what) != Some(&sentence);
        all.insert(what, sentence);
        is_new
    }

    /// Notes that a file is usable; returns whether that is new.
    pub(crate) fn clear(&self, what: &'static str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(what).is_some()
    }

    fn sentences(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}

/// Readiness, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Readiness {
    /// Why the server is not ready; empty if it is.
    pub(crate) unready: Vec<String>,
    pub(crate) details: Vec<String>,
}

impl Health {
    /// Returns the readiness of the server at a time.
    pub(crate) fn readiness(&self, now: SystemTime) -> Readiness {
        let mut unready = Vec::new();
        let mut details = Vec::new();
        if self.lifecycle.is(Phase::Draining) {
            unready.push("draining: the server is shutting down".to_owned());
        }
        match self.certificate.get().as_deref() {
            None => unready.push("the server has no certificate yet".to_owned()),
            Some(pair) if now < pair.not_before => {
                unready.push(format!("the certificate is not valid before {}", when(pair.not_before)));
            }
            Some(pair) if now >= pair.not_after => unready.push(format!("the certificate expired at {}", when(pair.not_after))),
            Some(pair) => details.push(format!("the certificate is valid until {}", when(pair.not_after))),
        }
        if let Some(managed) = &self.managed {
            let status = managed.status();
            unready.extend(status.unready);
            details.extend(status.details);
        }
        let guard = self.guard.load();
        details.push(format!("the canon is {} ({})", guard.canons.source, guard.canons.hash));
        details.extend(guard.canons.warning());
        details.extend(self.degraded.sentences());
        if self.audit.as_ref().is_some_and(|sink| sink.failing()) {
            details.push("the audit log cannot be written".to_owned());
        }
        Readiness { unready, details }
    }
}

impl Readiness {
    pub(crate) fn is_ready(&self) -> bool {
        self.unready.is_empty()
    }
}

impl fmt::Display for Readiness {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.is_ready() { "ready\n" } else { "not ready\n" })?;
        self.unready.iter().chain(&self.details).try_for_each(|line| {
            formatter.write_str("- ")?;
            // An error of the canon can have several lines.
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
