//! TLS: the certificate that is served, the clients that are accepted, and how both change while the server runs.
//!
//! - `current` is the certificate that is served; `managed` is the handle through which the controller sets it.
//! - `source` opens the certificate and the client CA, and checks their files for changes; `files` reads and replaces files.
//! - `self_issued` issues certificates if none is given; `folder` writes a folder with a certificate.
//! - `clients` verifies the certificates of clients.
//! - `expiry` logs that the certificate is about to expire, `rejected` that clients reject it.
//! - `error` has the errors of all of these.
//!
//! A connection reads the certificate from a pointer that is swapped as a whole. A new client CA creates a new
//! configuration. With a client CA, sessions are not resumed.

mod clients;
mod current;
mod error;
mod expiry;
mod files;
pub mod folder;
mod managed;
mod rejected;
mod self_issued;
mod source;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use rustls::server::NoServerSessionStorage;
use rustls::{AlertDescription, ServerConfig};
use tokio_rustls::TlsAcceptor;

pub use crate::certificates::pair::PairError;
use crate::certificates::provider;
pub(crate) use current::CurrentCertificate;
pub(crate) use error::Polled;
pub use error::TlsError;
pub(crate) use expiry::ExpiryWatch;
pub use files::read;
pub use managed::{CertificateStatus, ManagedCertificate};
use rejected::Rejections;
pub(crate) use rejected::is_rejection;
pub use source::CertificateFrom;
pub(crate) use source::{ClientCa, Source};

/// The configuration of TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsConfig {
    /// The source of the certificate.
    pub certificate: CertificateFrom,
    /// The minimum TLS version: `--tls-min`.
    pub min: TlsMin,
    /// A file with the CA that must sign the certificate of every client: `--client-ca`.
    pub client_ca: Option<PathBuf>,
    /// The names one of which a client certificate must have: `--client-name`. If empty, any name is accepted.
    pub client_names: Vec<String>,
}

/// The minimum TLS version: `--tls-min`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsMin {
    /// TLS 1.3 only.
    Tls13,
    /// TLS 1.2 and 1.3; TLS 1.2 only with AEAD cipher suites.
    Tls12,
}

/// The active TLS configuration of a server.
#[derive(Debug)]
pub(crate) struct Tls {
    config: ArcSwap<ServerConfig>,
    current: CurrentCertificate,
    min: TlsMin,
    rejections: Rejections,
}

impl Tls {
    /// Sets up TLS with a source of the certificate and the CA that must sign client certificates.
    ///
    /// # Errors
    /// The TLS library refuses the configuration.
    pub(crate) fn new(source: &Source, current: CurrentCertificate, min: TlsMin, client_ca: Option<&ClientCa>) -> Result<Tls, TlsError> {
        let config = ArcSwap::from_pointee(configure(current.clone(), min, client_ca)?);
        Ok(Tls { config, current, min, rejections: Rejections::new(source.diagnosis()) })
    }

    /// Returns the acceptor for a new connection.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.config.load_full())
    }

    /// Logs that a client rejected the certificate with an alert.
    pub(crate) fn rejected(&self, alert: AlertDescription, now: Instant) {
        self.rejections.log(alert, self.current.get().as_deref(), now);
    }

    /// Requires certificates of another CA from new connections.
    ///
    /// # Errors
    /// The TLS library refuses the configuration; the CA does not change.
    pub(crate) fn set_client_ca(&self, client_ca: &ClientCa) -> Result<(), TlsError> {
        let config = configure(self.current.clone(), self.min, Some(client_ca))?;
        self.config.store(Arc::new(config));
        Ok(())
    }
}

fn configure(current: CurrentCertificate, min: TlsMin, client_ca: Option<&ClientCa>) -> Result<ServerConfig, TlsError> {
    // Every suite of TLS 1.2 that the library has is an AEAD suite with forward secrecy.
    let versions: &[&rustls::SupportedProtocolVersion] = match min {
        TlsMin::Tls13 => &[&rustls::version::TLS13],
        TlsMin::Tls12 => &[&rustls::version::TLS13, &rustls::version::TLS12],
    };
    let builder = ServerConfig::builder_with_provider(provider()).with_protocol_versions(versions)?;
    let mut config = match client_ca {
        None => builder.with_no_client_auth(),
        Some(ca) => builder.with_client_cert_verifier(ca.verifier()),
    }
    .with_cert_resolver(Arc::new(current));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    if client_ca.is_some() {
        // A resumed session does not present the certificate again, so it would outlive it.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    Ok(config)
}
