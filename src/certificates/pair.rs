//! A certificate with its key: read from PEM, and checked to belong together.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::X509Name;

use super::{provider, two_thirds, when};

/// A certificate that can be served.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The chain and the key.
    pub key: Arc<CertifiedKey>,
    /// When the server's own certificate begins to be valid.
    pub not_before: SystemTime,
    /// When it ceases to be.
    pub not_after: SystemTime,
    /// Its subject's alternative names: DNS names and addresses.
    pub names: Vec<String>,
}

/// What is wrong with a certificate or its key. Nothing of what they hold is repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PairError {
    /// One of the files.
    #[error("the {what} \"{}\" {reason}", path.display())]
    File {
        /// `certificate` or `key`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong, as a predicate.
        reason: String,
    },
    /// They do not belong together.
    #[error("the certificate \"{}\" and the key \"{}\" do not belong together", cert.display(), key.display())]
    Mismatch {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// The certificate is not valid any more.
    #[error("the certificate \"{}\" expired at {at}", cert.display())]
    Expired {
        /// The certificate's file.
        cert: PathBuf,
        /// When.
        at: String,
    },
    /// The certificate is not valid yet.
    #[error("the certificate \"{}\" is not valid before {at}", cert.display())]
    TooEarly {
        /// The certificate's file.
        cert: PathBuf,
        /// When.
        at: String,
    },
}

impl Pair {
    /// Reads a pair from PEM; the paths are for errors.
    ///
    /// # Errors
    /// What is wrong with which file, or that they do not belong together.
    pub fn parse(cert: (&Path, &[u8]), key: (&Path, &[u8])) -> Result<Pair, PairError> {
        let in_cert = |reason: &str| PairError::File { what: "certificate", path: cert.0.to_owned(), reason: reason.to_owned() };
        let in_key = |reason: &str| PairError::File { what: "key", path: key.0.to_owned(), reason: reason.to_owned() };
        let chain = certificates(cert.1).map_err(in_cert)?;
        let leaf = chain.first().cloned().ok_or_else(|| in_cert("has no certificate in it"))?;
        let private = PrivateKeyDer::from_pem_slice(key.1).map_err(|error| match error {
            rustls_pki_types::pem::Error::NoItemsFound => in_key("has no private key in it"),
            _ => in_key("is damaged: it is not PEM throughout"),
        })?;
        let key_error = |error: Error| match error {
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                PairError::Mismatch { cert: cert.0.to_owned(), key: key.0.to_owned() }
            }
            Error::InvalidCertificate(_) => in_cert("cannot be served: it is no certificate that TLS can use"),
            _ => in_key("is of no kind that TLS can use"),
        };
        let certified = CertifiedKey::from_der(chain, private, &provider()).map_err(key_error)?;
        let (_, parsed) = X509Certificate::from_der(&leaf).map_err(|_| in_cert("is damaged"))?;
        Ok(Pair {
            key: Arc::new(certified),
            not_before: time(parsed.validity().not_before.timestamp()),
            not_after: time(parsed.validity().not_after.timestamp()),
            names: names(&parsed),
        })
    }

    /// When it is to be renewed: two thirds into its life.
    pub fn renewal(&self) -> SystemTime {
        two_thirds(self.not_before, self.not_after)
    }

    /// Checks that the certificate has not expired.
    ///
    /// # Errors
    /// It has.
    pub fn check_expiry(&self, cert: &Path, now: SystemTime) -> Result<(), PairError> {
        if now >= self.not_after { Err(PairError::Expired { cert: cert.to_owned(), at: when(self.not_after) }) } else { Ok(()) }
    }

    /// Checks that the certificate is valid now.
    ///
    /// # Errors
    /// It is not yet, or not any more.
    pub fn check_validity(&self, cert: &Path, now: SystemTime) -> Result<(), PairError> {
        if now < self.not_before {
            return Err(PairError::TooEarly { cert: cert.to_owned(), at: when(self.not_before) });
        }
        self.check_expiry(cert, now)
    }
}

/// Reads every certificate of a PEM file.
///
/// # Errors
/// Something in it is no PEM, in words that go behind its name.
pub fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, &'static str> {
    CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(|_| "is damaged: it is not PEM throughout")
}

/// Answers the DNS names and addresses of a certificate.
pub fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(names)) = certificate.subject_alternative_name() else { return Vec::new() };
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match *bytes {
            [a, b, c, d] => Some(std::net::Ipv4Addr::new(*a, *b, *c, *d).to_string()),
            bytes => <[u8; 16]>::try_from(bytes).ok().map(|bytes| std::net::Ipv6Addr::from(bytes).to_string()),
        },
        _ => None,
    };
    names.value.general_names.iter().filter_map(name).collect()
}

/// Answers the time of an X.509 date.
pub(super) fn time(unix: i64) -> SystemTime {
    let offset = Duration::from_secs(unix.unsigned_abs());
    if unix >= 0 { UNIX_EPOCH.checked_add(offset) } else { UNIX_EPOCH.checked_sub(offset) }.unwrap_or(UNIX_EPOCH)
}

/// Answers the common name of a subject or issuer; nothing where it has none.
pub fn common_name(name: &X509Name<'_>) -> String {
    name.iter_common_name().filter_map(|name| name.as_str().ok()).collect::<Vec<_>>().join(", ")
}
