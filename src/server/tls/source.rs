//! The sources of the certificate and of the client CA, and their changes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustls::server::danger::ClientCertVerifier;

use super::clients;
use super::current::CurrentCertificate;
use super::error::{Polled, TlsError};
use super::expiry::ExpiryWatch;
use super::files::{self, Contents, Digest, digest_of};
use super::managed::ManagedCertificate;
use super::self_issued::SelfIssued;
use crate::certificates::pair::{Pair, PairError};
use crate::certificates::when;
use crate::documents::text::quoted;

/// The configured source of the certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateFrom {
    /// `--tls-cert` and `--tls-key`: PEM files, reloaded when their content changes.
    Files {
        /// The certificate and its chain, the server's own first.
        cert: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
    /// The server issues it.
    Itself {
        /// `--self-signed-dir`; without it, certificate and key are in memory only.
        dir: Option<PathBuf>,
        /// `--tls-name`: names and addresses in addition to localhost, 127.0.0.1 and `::1`.
        names: Vec<String>,
    },
    /// `--tls-secret`: the controller provides it. Until then, the server does not listen for reviews.
    Managed(ManagedCertificate),
}

/// An open source of a certificate.
#[derive(Debug)]
pub(crate) enum Source {
    Files(PairFiles),
    Itself(Box<SelfIssued>),
    Managed(ManagedCertificate),
}

/// A certificate in two files.
#[derive(Debug)]
pub(crate) struct PairFiles {
    cert: PathBuf,
    key: PathBuf,
    active: Digest,
}

impl Source {
    /// Opens a source; also returns the first certificate, unless it is managed.
    ///
    /// # Errors
    /// The certificate cannot be read, does not match its key, has expired, or cannot be issued.
    pub(crate) fn open(from: &CertificateFrom, now: SystemTime) -> Result<(Source, Option<Pair>), TlsError> {
        match from {
            CertificateFrom::Files { cert, key } => {
                let (pair, active) = read(cert, key)?;
                pair.check_expiry(cert, now)?;
                Ok((Source::Files(PairFiles { cert: cert.clone(), key: key.clone(), active }), Some(pair)))
            }
            CertificateFrom::Itself { dir, names } => {
                let (issued, pair) = SelfIssued::open(dir.clone(), names, now)?;
                Ok((Source::Itself(Box::new(issued)), Some(pair)))
            }
            CertificateFrom::Managed(managed) => Ok((Source::Managed(managed.clone()), None)),
        }
    }

    /// Returns the handle of a managed certificate.
    pub(crate) fn managed(&self) -> Option<&ManagedCertificate> {
        if let Source::Managed(managed) = self { Some(managed) } else { None }
    }

    /// Returns the certificate that is served, to which new ones are written.
    pub(crate) fn current(&self) -> CurrentCertificate {
        self.managed().map_or_else(CurrentCertificate::default, ManagedCertificate::current)
    }

    /// Returns a sentence with the shell command that shows what is wrong with the certificate.
    pub(crate) fn diagnosis(&self) -> String {
        let file = |cert: &Path| {
            format!(
                "To show its names and expiry: netpol certs show --cert {} (with --registration and the name of the webhook \
                 configurations, it also checks their caBundle)",
                quoted(&cert.display().to_string())
            )
        };
        match self {
            Source::Files(files) => file(&files.cert),
            Source::Itself(issued) => issued.cert_file().map_or_else(
                || "Its CA is in memory only, so that no client can verify it: set --self-signed-dir".to_owned(),
                |cert| file(&cert),
            ),
            Source::Managed(managed) => format!("To find out what is wrong: {}", managed.show_command()),
        }
    }

    /// Watches the expiry of the certificate.
    pub(crate) fn expiry_watch(&self) -> ExpiryWatch {
        ExpiryWatch::new(match self {
            Source::Files(PairFiles { cert, key, .. }) => {
                format!("Replace \"{}\" and \"{}\"; the server reloads them without a restart", cert.display(), key.display())
            }
            Source::Itself(_) | Source::Managed(_) => "The server could not renew it: /readyz says why".to_owned(),
        })
    }

    /// Logs the source of the certificate, and reasons why clients may reject it.
    pub(crate) fn announce(&self, pair: &Pair, now: SystemTime) {
        match self {
            Source::Files(files) => {
                tracing::info!(cert = %files.cert.display(), until = when(pair.not_after), "serving a certificate from a file");
                if now < pair.not_before {
                    tracing::warn!(from = when(pair.not_before), "the certificate is not valid yet; the server is not ready until it is");
                }
                if pair.names.is_empty() {
                    tracing::warn!(
                        "the certificate has no subject alternative names; API servers ignore the common name and reject the certificate"
                    );
                }
            }
            Source::Itself(issued) => issued.announce(pair),
            Source::Managed(_) => {}
        }
    }

    /// Checks for a new certificate.
    pub(crate) fn poll(&mut self, now: SystemTime) -> Polled<Pair> {
        match self {
            Source::Files(files) => files.poll(now),
            Source::Itself(issued) => issued.poll(now),
            Source::Managed(_) => Polled::Same,
        }
    }
}

impl PairFiles {
    fn poll(&mut self, now: SystemTime) -> Polled<Pair> {
        match self.changed(now) {
            Ok(None) => Polled::Same,
            Ok(Some(pair)) => Polled::New(pair),
            Err(error) => Polled::Rejected(error.into()),
        }
    }

    fn changed(&mut self, now: SystemTime) -> Result<Option<Pair>, PairError> {
        let (contents, digest) = contents(&self.cert, &self.key)?;
        if digest == self.active {
            return Ok(None);
        }
        let pair = Pair::parse((&self.cert, &contents.0), (&self.key, &contents.1))?;
        pair.check_validity(&self.cert, now)?;
        self.active = digest;
        Ok(Some(pair))
    }
}

fn contents(cert: &Path, key: &Path) -> Result<(Contents, Digest), PairError> {
    let contents = files::read_both(cert, key).map_err(|(path, reason)| PairError::File {
        what: if path == cert { "certificate" } else { "key" },
        path: path.to_owned(),
        reason,
    })?;
    let digest = digest_of(&[&contents.0, &contents.1]);
    Ok((contents, digest))
}

fn read(cert: &Path, key: &Path) -> Result<(Pair, Digest), PairError> {
    let (contents, digest) = contents(cert, key)?;
    Ok((Pair::parse((cert, &contents.0), (key, &contents.1))?, digest))
}

/// The CA that must sign the certificates of clients.
#[derive(Debug)]
pub(crate) struct ClientCa {
    path: PathBuf,
    names: Vec<String>,
    active: Digest,
    verifier: Arc<dyn ClientCertVerifier>,
}

impl ClientCa {
    /// Reads a CA.
    ///
    /// # Errors
    /// The file cannot be read, or is not usable.
    pub(crate) fn open(path: &Path, names: &[String]) -> Result<ClientCa, TlsError> {
        let wrong = |reason: String| TlsError::ClientCa { path: path.to_owned(), reason };
        let content = files::read(path).map_err(wrong)?;
        let verifier = clients::verifier(&content, names).map_err(wrong)?;
        Ok(ClientCa { path: path.to_owned(), names: names.to_vec(), active: digest_of(&[&content]), verifier })
    }

    /// Checks whether the file has changed.
    pub(crate) fn poll(&self) -> Polled<ClientCa> {
        match ClientCa::open(&self.path, &self.names) {
            Ok(again) if again.active == self.active => Polled::Same,
            Ok(again) => Polled::New(again),
            Err(error) => Polled::Rejected(error),
        }
    }

    pub(super) fn verifier(&self) -> Arc<dyn ClientCertVerifier> {
        Arc::clone(&self.verifier)
    }
}
