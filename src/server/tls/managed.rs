//! The managed certificate, from the server's side: the controller sets it and reports on it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use super::current::CurrentCertificate;
use crate::certificates::pair::Pair;
use crate::certificates::when;
use crate::server::metrics::{ManagedMetrics, Word};

/// A certificate that the controller issues, stores in a Secret and rotates: a handle that can be cloned. The server
/// reads from it, the controller writes to it.
#[derive(Debug, Clone, Default)]
pub struct ManagedCertificate(Arc<Managed>);

#[derive(Debug, Default)]
struct Managed {
    /// The shell command that shows the certificate.
    show_command: String,
    current: CurrentCertificate,
    status: Mutex<CertificateStatus>,
    metrics: ManagedMetrics,
}

/// What `/readyz` reports about the managed certificate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CertificateStatus {
    /// Why the server is not ready; empty if it is.
    pub unready: Vec<String>,
    /// More details.
    pub details: Vec<String>,
}

impl ManagedCertificate {
    /// Creates a handle without a certificate. The server accepts no reviews until [`Self::serve`] sets one. The command
    /// shows the certificate, for a line of the log.
    pub fn new(show_command: String) -> ManagedCertificate {
        ManagedCertificate(Arc::new(Managed { show_command, ..Managed::default() }))
    }

    pub(super) fn show_command(&self) -> &str {
        &self.0.show_command
    }

    /// Serves a certificate to new connections. Open connections keep theirs.
    pub fn serve(&self, pair: Pair) {
        tracing::info!(names = pair.names.join(", "), until = when(pair.not_after), "serving a new certificate");
        self.0.metrics.changes.taken("certificate");
        self.0.current.set(pair);
    }

    /// Returns the certificate that is served.
    pub fn served(&self) -> Option<Arc<Pair>> {
        self.0.current.get()
    }

    /// Sets what `/readyz` reports, and whether the served certificate is not the wanted one.
    pub fn set_status(&self, status: CertificateStatus, is_degraded: bool) {
        self.0.metrics.changes.set_degraded("certificate", is_degraded);
        *self.0.status.lock().unwrap_or_else(PoisonError::into_inner) = status;
    }

    /// Sets the states of the registrations: see `netpol_registration` in docs/serving.md.
    pub fn set_registration(&self, states: &BTreeSet<Word>) {
        self.0.metrics.set_registration(states);
    }

    /// Sets whether this process writes the Secret.
    pub fn set_leader(&self, is_leader: bool) {
        self.0.metrics.set_leader(is_leader);
    }

    /// Counts a step of a rotation.
    pub fn count_step(&self, step: Word) {
        self.0.metrics.count_step(step);
    }

    /// Counts a failure.
    pub fn count_failure(&self, cause: Word) {
        self.0.metrics.count_failure(cause);
    }

    /// Records when everything was read, and when the signing CA expires.
    pub fn record_read(&self, now: SystemTime, ca_not_after: Option<SystemTime>) {
        self.0.metrics.record_read(now, ca_not_after);
    }

    /// Creates the counters of these steps and failures at the start.
    pub fn show_counters(&self, steps: impl IntoIterator<Item = Word>, causes: impl IntoIterator<Item = Word>) {
        self.0.metrics.show(steps, causes);
    }

    pub(crate) fn current(&self) -> CurrentCertificate {
        self.0.current.clone()
    }

    pub(crate) fn status(&self) -> CertificateStatus {
        self.0.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn metrics(&self) -> &ManagedMetrics {
        &self.0.metrics
    }
}

/// Two handles are equal if they are of one certificate.
impl PartialEq for ManagedCertificate {
    fn eq(&self, other: &ManagedCertificate) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for ManagedCertificate {}
