//! TLS: which certificate is served, which clients are let in, and how both change under way.
//!
//! A connection reads the pair in force from a pointer that is swapped whole; the sessions of one
//! client CA end with it, since a new CA makes a new configuration.

mod clients;
mod files;
pub mod folder;
mod self_issued;
mod source;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};
use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::certificates::pair::Pair;
pub use crate::certificates::pair::PairError;
use crate::certificates::provider;
pub use files::read;
pub(crate) use source::{ClientCa, Polled, Source};

/// What `serve` is told about TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsConfig {
    /// Where the certificate comes from.
    pub certificate: CertificateFrom,
    /// The oldest version that is spoken: `--tls-min`.
    pub min: TlsMin,
    /// The CA that clients must have a certificate of: `--client-ca`.
    pub client_ca: Option<PathBuf>,
    /// Names of which a client's certificate must have one: `--client-name`. None: any will do.
    pub client_names: Vec<String>,
}

/// Where the certificate comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateFrom {
    /// `--tls-cert` and `--tls-key`: PEM, read again by content.
    Files {
        /// The certificate and its chain, the server's own first.
        cert: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
    /// Issued by the server itself.
    Itself {
        /// `--self-signed-dir`; none: kept in memory.
        dir: Option<PathBuf>,
        /// `--tls-name`: names and addresses besides localhost, 127.0.0.1 and `::1`.
        names: Vec<String>,
    },
    /// Put there by whoever holds the server's [`super::Keeper`]. Until then nothing listens for reviews.
    Keeper,
}

/// `--tls-min`
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum TlsMin {
    /// TLS 1.3 alone.
    #[value(name = "1.3")]
    Tls13,
    /// TLS 1.2 too, with AEAD suites.
    #[value(name = "1.2")]
    Tls12,
}

/// What is wrong with the files or names that TLS is to be had from.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificate or its key.
    #[error(transparent)]
    Pair(#[from] PairError),
    /// The CA of the clients.
    #[error("the client CA \"{}\" {reason}", path.display())]
    ClientCa {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A certificate that the server cannot issue itself.
    #[error("cannot issue a certificate for {names}: {reason}", names = names.join(", "))]
    Issue {
        /// The names that it was to have.
        names: Vec<String>,
        /// What is wrong.
        reason: String,
    },
    /// The folder of self-issued certificates.
    #[error("the folder \"{}\" for self-issued certificates cannot be used: {reason}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// What the TLS library refuses.
    #[error("TLS cannot be set up: {0}")]
    Setup(#[from] rustls::Error),
}

/// The TLS side of a server, in force.
#[derive(Debug)]
pub(crate) struct Tls {
    config: ArcSwap<ServerConfig>,
    current: Arc<Current>,
    min: TlsMin,
}

/// The certificate in force, once there is one.
#[derive(Debug, Default)]
struct Current {
    pair: ArcSwapOption<Pair>,
    is_there: watch::Sender<bool>,
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.pair.load().as_ref().map(|pair| Arc::clone(&pair.key))
    }
}

impl Tls {
    /// Sets TLS up with a certificate, if there is one yet, and a CA that clients need a certificate of.
    ///
    /// # Errors
    /// What the TLS library refuses.
    pub(crate) fn new(pair: Option<Pair>, min: TlsMin, client_ca: Option<&ClientCa>) -> Result<Tls, TlsError> {
        let current = Arc::<Current>::default();
        let config = configure(Arc::clone(&current), min, client_ca)?;
        let tls = Tls { config: ArcSwap::from_pointee(config), current, min };
        if let Some(pair) = pair {
            tls.serve(pair);
        }
        Ok(tls)
    }

    /// What new connections are accepted with.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.config.load_full())
    }

    /// Serves another certificate from now on. Open connections keep theirs.
    pub(crate) fn serve(&self, pair: Pair) {
        self.current.pair.store(Some(Arc::new(pair)));
        self.current.is_there.send_replace(true);
    }

    /// Waits until there is a certificate to serve.
    pub(crate) async fn has_certificate(&self) {
        // The sender lives as long as this does.
        let _ = self.current.is_there.subscribe().wait_for(|is_there| *is_there).await;
    }

    /// Asks for certificates of another CA from now on.
    ///
    /// # Errors
    /// What the TLS library refuses; the one before it stays.
    pub(crate) fn ask_for(&self, client_ca: &ClientCa) -> Result<(), TlsError> {
        let config = configure(Arc::clone(&self.current), self.min, Some(client_ca))?;
        self.config.store(Arc::new(config));
        Ok(())
    }

    /// The certificate in force.
    pub(crate) fn served(&self) -> Option<Arc<Pair>> {
        self.current.pair.load_full()
    }
}

fn configure(current: Arc<Current>, min: TlsMin, client_ca: Option<&ClientCa>) -> Result<ServerConfig, TlsError> {
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
    .with_cert_resolver(current);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
