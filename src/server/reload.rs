//! Reloads certificate and key, client CA, and canon when their files change.
//!
//! Files are compared by content every few seconds: a mounted Secret or ConfigMap is replaced by a symbolic link, which
//! ends a watch on the file behind it. A file that is not usable is rejected, logged once, counted, and reported by
//! `/readyz`; the last valid version remains active.

use std::fmt::{self, Display};
use std::sync::Arc;
use std::time::SystemTime;

use super::admin::Health;
use super::metrics::Metrics;
use super::tls::{ClientCa, ExpiryWatch, Polled, Source, Tls};
use crate::canon::{Canons, Documents};
use crate::certificates::when;
use crate::verdict::Guard;

/// What one check of all files found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reloaded {
    /// The certificate and its key; `None` if the controller manages it.
    pub certificate: Option<Change>,
    /// The CA of the clients; `None` if there is none.
    pub client_ca: Option<Change>,
    /// The canons.
    pub canon: Change,
}

/// What a check of one file found. Its text is for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The file is the active version.
    Unchanged,
    /// A new version is active.
    Reloaded,
    /// The file is not usable, with the reason; the last valid version remains active.
    Rejected(String),
}

impl Display for Change {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::Unchanged => formatter.write_str("unchanged"),
            Change::Reloaded => formatter.write_str("reloaded"),
            Change::Rejected(error) => write!(formatter, "rejected, the last valid version remains active: {error}"),
        }
    }
}

impl Reloaded {
    /// Returns whether a file is not usable.
    pub fn has_rejected(&self) -> bool {
        let changes = [self.certificate.as_ref(), self.client_ca.as_ref(), Some(&self.canon)];
        changes.into_iter().flatten().any(|change| matches!(change, Change::Rejected(_)))
    }
}

/// Everything that is reloaded.
pub(crate) struct Reloader {
    pub(crate) certificate: Source,
    pub(crate) client_ca: Option<ClientCa>,
    pub(crate) tls: Arc<Tls>,
    pub(crate) health: Arc<Health>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) expiry: ExpiryWatch,
}

impl Reloader {
    /// Checks all files once. It blocks, so it must not run on a thread that answers reviews.
    pub(crate) fn poll(&mut self, now: SystemTime) -> Reloaded {
        let reloaded = Reloaded { certificate: self.poll_certificate(now), client_ca: self.poll_client_ca(), canon: self.poll_canon() };
        if let Some(pair) = self.health.certificate.get() {
            self.expiry.check(&pair, now);
        }
        reloaded
    }

    fn poll_certificate(&mut self, now: SystemTime) -> Option<Change> {
        if self.certificate.managed().is_some() {
            // The controller sets its status.
            return None;
        }
        Some(match self.certificate.poll(now) {
            Polled::Same => self.unchanged("certificate"),
            Polled::Rejected(error) => self.rejected("certificate", &error),
            Polled::New(pair) => {
                let change = self.taken("certificate", &format!("valid until {}", when(pair.not_after)));
                self.health.certificate.set(pair);
                change
            }
        })
    }

    fn poll_client_ca(&mut self) -> Option<Change> {
        Some(match self.client_ca.as_ref()?.poll() {
            Polled::Same => self.unchanged("client CA"),
            Polled::Rejected(error) => self.rejected("client CA", &error),
            Polled::New(ca) => match self.tls.set_client_ca(&ca) {
                Ok(()) => {
                    self.client_ca = Some(ca);
                    self.taken("client CA", "active for new connections")
                }
                Err(error) => self.rejected("client CA", &error),
            },
        })
    }

    fn poll_canon(&self) -> Change {
        let guard = self.health.guard.load_full();
        let read = |source: &str| Documents::read(source).map(|documents| documents.with_kinds(&guard.settings.foreign_kinds));
        let read = guard.canons.all().map(|canon| read(&canon.source)).collect::<Result<Vec<_>, _>>();
        let reread = read.and_then(|documents| {
            let same = documents.iter().map(Documents::hash).eq(guard.canons.all().map(|canon| canon.hash.as_str()));
            if same { Ok(None) } else { Canons::from_documents(&documents, &guard.settings.namespaces).map(Some) }
        });
        match reread {
            Ok(None) => self.unchanged("canon"),
            Err(error) => self.rejected("canon", &error),
            Ok(Some(canons)) => {
                let change = self.taken("canon", &canons.hash);
                if let Some(warning) = canons.warning() {
                    tracing::warn!("{warning}");
                }
                self.health.guard.store(Arc::new(Guard { canons: Arc::new(canons), ..Guard::clone(&guard) }));
                change
            }
        }
    }

    fn unchanged(&self, what: &'static str) -> Change {
        if self.health.degraded.clear(what) {
            tracing::info!(what, "the file matches the active configuration again");
        }
        self.metrics.changes.set_degraded(what, false);
        Change::Unchanged
    }

    fn taken(&self, what: &'static str, detail: &str) -> Change {
        self.health.degraded.clear(what);
        self.metrics.changes.set_degraded(what, false);
        self.metrics.changes.taken(what);
        tracing::info!(what, detail, "reloaded");
        Change::Reloaded
    }

    fn rejected(&self, what: &'static str, error: &dyn Display) -> Change {
        self.metrics.changes.set_degraded(what, true);
        if self.health.degraded.set(what, format!("cannot use the {what} on disk; the last valid version remains active: {error}")) {
            self.metrics.changes.rejected(what);
            tracing::error!(what, error = %error, "cannot use the file on disk; the last valid version remains active");
        }
        Change::Rejected(error.to_string())
    }
}
