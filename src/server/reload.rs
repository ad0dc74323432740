//! Reloads certificate and key, client CA, and canon when their files change.
//!
//! Files are compared by content every few seconds: a mounted Secret or ConfigMap is replaced by a symbolic link, which
//! ends a watch on the file behind it. A file that is not usable is rejected, logged once, counted, and reported by
//! `/readyz`; the last valid version remains active.

use std::fmt::Display;
use std::sync::Arc;
use std::time::SystemTime;

use super::admin::Health;
use super::metrics::Metrics;
use super::tls::{ClientCa, Polled, Source, Tls};
use crate::canon::{Canons, Documents};
use crate::certificates::when;
use crate::verdict::Guard;

/// Everything that is reloaded.
pub(crate) struct Reloader {
    pub(crate) certificate: Source,
    pub(crate) client_ca: Option<ClientCa>,
    pub(crate) tls: Arc<Tls>,
    pub(crate) health: Arc<Health>,
    pub(crate) metrics: Arc<Metrics>,
}

impl Reloader {
    /// Checks all files once. It blocks, so it must not run on a thread that answers reviews.
    pub(crate) fn poll(&mut self, now: SystemTime) {
        self.poll_certificate(now);
        self.poll_client_ca();
        self.poll_canon();
    }

    fn poll_certificate(&mut self, now: SystemTime) {
        if self.certificate.managed().is_some() {
            // The controller sets its status.
            return;
        }
        match self.certificate.poll(now) {
            Polled::Same => self.unchanged("certificate"),
            Polled::Refused(error) => self.refused("certificate", &error),
            Polled::New(pair) => {
                self.taken("certificate", &format!("valid until {}", when(pair.not_after)));
                self.health.certificate.set(pair);
            }
        }
    }

    fn poll_client_ca(&mut self) {
        let Some(current) = &self.client_ca else { return };
        match current.poll() {
            Polled::Same => self.unchanged("client CA"),
            Polled::Refused(error) => self.refused("client CA", &error),
            Polled::New(ca) => match self.tls.set_client_ca(&ca) {
                Ok(()) => {
                    self.taken("client CA", "active for new connections");
                    self.client_ca = Some(ca);
                }
                Err(error) => self.refused("client CA", &error),
            },
        }
    }

    fn poll_canon(&self) {
        let guard = self.health.guard.load_full();
        let read = guard.canons.all().map(|canon| Documents::read(&canon.source)).collect::<Result<Vec<_>, _>>();
        let reread = read.and_then(|documents| {
            let same = documents.iter().map(Documents::hash).eq(guard.canons.all().map(|canon| canon.hash.as_str()));
            if same { Ok(None) } else { Canons::from_documents(&documents, &guard.settings.namespaces).map(Some) }
        });
        match reread {
            Ok(None) => self.unchanged("canon"),
            Err(error) => self.refused("canon", &error),
            Ok(Some(canons)) => {
                self.taken("canon", &canons.hash);
                if let Some(warning) = canons.warning() {
                    tracing::warn!("{warning}");
                }
                self.health.guard.store(Arc::new(Guard { canons: Arc::new(canons), ..Guard::clone(&guard) }));
            }
        }
    }

    fn unchanged(&self, what: &'static str) {
        if self.health.degraded.clear(what) {
            tracing::info!(what, "the file matches the active configuration again");
        }
        self.metrics.changes.set_degraded(what, false);
    }

    fn taken(&self, what: &'static str, detail: &str) {
        self.health.degraded.clear(what);
        self.metrics.changes.set_degraded(what, false);
        self.metrics.changes.taken(what);
        tracing::info!(what, detail, "reloaded");
    }

    fn refused(&self, what: &'static str, error: &dyn Display) {
        self.metrics.changes.set_degraded(what, true);
        if self.health.degraded.set(what, format!("cannot use the {what} on disk; the last valid version remains active: {error}")) {
            self.metrics.changes.refused(what);
            tracing::error!(what, error = %error, "cannot use the file on disk; the last valid version remains active");
        }
    }
}
