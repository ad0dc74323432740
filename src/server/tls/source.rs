//! Where a certificate and the clients' CA come from, and what has become of them since.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustls::server::danger::ClientCertVerifier;

use super::files::{self, Contents, Digest, digest_of};
use super::self_issued::SelfIssued;
use super::{CertificateFrom, TlsError, clients};
use crate::certificates::pair::{Pair, PairError};
use crate::certificates::when;

/// What looking again has shown.
#[derive(Debug)]
pub(crate) enum Polled<T> {
    /// What is in force.
    Same,
    /// Something else, which can be used.
    New(T),
    /// Something else, which cannot.
    Refused(TlsError),
}

/// Where a certificate comes from.
#[derive(Debug)]
pub(crate) enum Source {
    /// Two files.
    Files(PairFiles),
    /// The server itself.
    Itself(Box<SelfIssued>),
    /// Whoever holds the server's [`crate::server::Keeper`].
    Kept,
}

/// A certificate in two files.
#[derive(Debug)]
pub(crate) struct PairFiles {
    cert: PathBuf,
    key: PathBuf,
    in_force: Digest,
}

impl Source {
    /// Gets the first certificate.
    ///
    /// # Errors
    /// It cannot be read, does not match its key, has expired, or cannot be issued.
    pub(crate) fn open(from: &CertificateFrom, now: SystemTime) -> Result<(Source, Option<Pair>), TlsError> {
        match from {
            CertificateFrom::Files { cert, key } => {
                let (pair, in_force) = read(cert, key)?;
                pair.check_expiry(cert, now)?;
                Ok((Source::Files(PairFiles { cert: cert.clone(), key: key.clone(), in_force }), Some(pair)))
            }
            CertificateFrom::Itself { dir, names } => {
                let (issued, pair) = SelfIssued::open(dir.clone(), names, now)?;
                Ok((Source::Itself(Box::new(issued)), Some(pair)))
            }
            CertificateFrom::Keeper => Ok((Source::Kept, None)),
        }
    }

    /// Says in the log where the certificate comes from, and what clients are going to think of it.
    pub(crate) fn announce(&self, pair: &Pair, now: SystemTime) {
        match self {
            Source::Files(files) => {
                tracing::info!(cert = %files.cert.display(), until = when(pair.not_after), "serving with a certificate from a file");
                if now < pair.not_before {
                    tracing::warn!(from = when(pair.not_before), "the certificate is not valid yet: not ready until it is");
                }
                if pair.names.is_empty() {
                    tracing::warn!("the certificate has no alternative names: API servers do not read its common name, and refuse it");
                }
            }
            Source::Itself(issued) => issued.announce(pair),
            Source::Kept => {}
        }
    }

    /// Looks again.
    pub(crate) fn poll(&mut self, now: SystemTime) -> Polled<Pair> {
        match self {
            Source::Files(files) => files.poll(now),
            Source::Itself(issued) => issued.poll(now),
            Source::Kept => Polled::Same,
        }
    }
}

impl PairFiles {
    fn poll(&mut self, now: SystemTime) -> Polled<Pair> {
        match self.look(now) {
            Ok(None) => Polled::Same,
            Ok(Some(pair)) => Polled::New(pair),
            Err(error) => Polled::Refused(error.into()),
        }
    }

    fn look(&mut self, now: SystemTime) -> Result<Option<Pair>, PairError> {
        let (contents, digest) = contents(&self.cert, &self.key)?;
        if digest == self.in_force {
            return Ok(None);
        }
        let pair = Pair::parse((&self.cert, &contents.0), (&self.key, &contents.1))?;
        pair.check_validity(&self.cert, now)?;
        self.in_force = digest;
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

/// The CA that clients need a certificate of.
#[derive(Debug)]
pub(crate) struct ClientCa {
    path: PathBuf,
    names: Vec<String>,
    in_force: Digest,
    verifier: Arc<dyn ClientCertVerifier>,
}

impl ClientCa {
    /// Reads it.
    ///
    /// # Errors
    /// It cannot be read or used.
    pub(crate) fn open(path: &Path, names: &[String]) -> Result<ClientCa, TlsError> {
        let wrong = |reason: String| TlsError::ClientCa { path: path.to_owned(), reason };
        let content = files::read(path).map_err(wrong)?;
        let verifier = clients::verifier(&content, names).map_err(wrong)?;
        Ok(ClientCa { path: path.to_owned(), names: names.to_vec(), in_force: digest_of(&[&content]), verifier })
    }

    /// Looks again.
    pub(crate) fn poll(&self) -> Polled<ClientCa> {
        match ClientCa::open(&self.path, &self.names) {
            Ok(again) if again.in_force == self.in_force => Polled::Same,
            Ok(again) => Polled::New(again),
            Err(error) => Polled::Refused(error),
        }
    }

    pub(super) fn verifier(&self) -> Arc<dyn ClientCertVerifier> {
        Arc::clone(&self.verifier)
    }
}
