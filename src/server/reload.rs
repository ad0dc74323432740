//! Reads again what was read at the start: certificate and key, the clients' CA, the canon.
//!
//! By content, every few seconds: a mounted Secret or ConfigMap is swapped by a symbolic link, which
//! kills a watch on the file behind it. What is broken is refused, said once, counted, and told by
//! `/readyz`; what was read before it stays in force.

use std::fmt::Display;
use std::sync::Arc;
use std::time::SystemTime;

use super::health::Health;
use super::metrics::Metrics;
use super::tls::{ClientCa, Polled, Source};
use crate::canon::{Canon, Documents};
use crate::certificates::when;
use crate::verdict::Guard;

/// Everything that is read again.
pub(crate) struct Reloader {
    pub(crate) certificate: Source,
    pub(crate) client_ca: Option<ClientCa>,
    pub(crate) health: Arc<Health>,
    pub(crate) metrics: Arc<Metrics>,
}

impl Reloader {
    /// Looks at all of it once. Reads files: not for a thread that answers reviews.
    pub(crate) fn poll(&mut self, now: SystemTime) {
        self.poll_certificate(now);
        self.poll_client_ca();
        self.poll_canon();
    }

    fn poll_certificate(&mut self, now: SystemTime) {
        if matches!(self.certificate, Source::Kept) {
            // Whoever keeps it says how it stands.
            return;
        }
        match self.certificate.poll(now) {
            Polled::Same => self.is_same("certificate"),
            Polled::Refused(error) => self.is_refused("certificate", &error),
            Polled::New(pair) => {
                self.is_taken("certificate", &format!("valid until {}", when(pair.not_after)));
                self.health.tls.serve(pair);
            }
        }
    }

    fn poll_client_ca(&mut self) {
        let Some(current) = &self.client_ca else { return };
        match current.poll() {
            Polled::Same => self.is_same("client CA"),
            Polled::Refused(error) => self.is_refused("client CA", &error),
            Polled::New(ca) => match self.health.tls.ask_for(&ca) {
                Ok(()) => {
                    self.is_taken("client CA", "in force for new connections");
                    self.client_ca = Some(ca);
                }
                Err(error) => self.is_refused("client CA", &error),
            },
        }
    }

    fn poll_canon(&self) {
        let guard = self.health.guard.load_full();
        let reread = Documents::read(&guard.canon.source).and_then(|documents| {
            let same = documents.hash() == guard.canon.hash;
            if same { Ok(None) } else { Canon::from_documents(&documents, &guard.settings.namespaces).map(Some) }
        });
        match reread {
            Ok(None) => self.is_same("canon"),
            Err(error) => self.is_refused("canon", &error),
            Ok(Some(canon)) => {
                self.is_taken("canon", &canon.hash);
                self.health.guard.store(Arc::new(Guard { canon: Arc::new(canon), settings: Arc::clone(&guard.settings) }));
            }
        }
    }

    fn is_same(&self, what: &'static str) {
        if self.health.degraded.clear(what) {
            tracing::info!(what, "what is on disk is what is in force again");
        }
        self.metrics.set_degraded(what, false);
    }

    fn is_taken(&self, what: &'static str, detail: &str) {
        self.health.degraded.clear(what);
        self.metrics.set_degraded(what, false);
        self.metrics.reloaded(what, true);
        tracing::info!(what, detail, "read again, and in force from now on");
    }

    fn is_refused(&self, what: &'static str, error: &dyn Display) {
        self.metrics.set_degraded(what, true);
        if self.health.degraded.set(what, format!("the {what} on disk cannot be used, the one before it is in force: {error}")) {
            self.metrics.reloaded(what, false);
            tracing::error!(what, error = %error, "what is on disk cannot be used; what was read before it stays in force");
        }
    }
}
