//! A certificate with its key: read from PEM, and checked to match.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::X509Version;

use super::crypto::provider;
use super::names::subject_alternative_names;
use super::pem;
use super::time::{from_unix, rfc3339, two_thirds};

/// A certificate that a server can serve.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The certificate chain and the key.
    pub key: Arc<CertifiedKey>,
    /// When the server's own certificate becomes valid.
    pub not_before: SystemTime,
    /// When it expires.
    pub not_after: SystemTime,
    /// Its subject alternative names: DNS names and IP addresses.
    pub names: Vec<String>,
}

/// A certificate or a key that cannot be used. The message contains none of their content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PairError {
    /// One of the two files.
    #[error("the {what} \"{}\" {reason}", path.display())]
    File {
        /// `certificate` or `key`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The reason, as a predicate.
        reason: String,
    },
    /// The key does not match the certificate.
    #[error("the key \"{}\" does not match the certificate \"{}\"", key.display(), cert.display())]
    Mismatch {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// The certificate has expired.
    #[error("the certificate \"{}\" expired at {at}", cert.display())]
    Expired {
        /// The certificate's file.
        cert: PathBuf,
        /// When it expired.
        at: String,
    },
    /// The certificate is not valid yet.
    #[error("the certificate \"{}\" is not valid before {at}", cert.display())]
    TooEarly {
        /// The certificate's file.
        cert: PathBuf,
        /// When it becomes valid.
        at: String,
    },
}

/// Checks that a server certificate is of version 3, the only one with subject alternative names (RFC 5280, section 4.1.2.1).
///
/// # Errors
/// It is older. The message is a predicate: its subject is the certificate.
pub fn check_version(certificate: &X509Certificate<'_>) -> Result<(), &'static str> {
    if certificate.version() == X509Version::V3 {
        return Ok(());
    }
    Err("is not an X.509 version 3 certificate, so it has no subject alternative names, and TLS clients refuse it; sign it again with the \
         name of the server: echo 'subjectAltName = DNS:NAME' | openssl x509 -req -in tls.csr -CA ca.crt -CAkey ca.key -CAcreateserial \
         -days 365 -extfile /dev/stdin -out tls.crt")
}

impl Pair {
    /// Reads a pair from PEM; the paths are for errors.
    ///
    /// # Errors
    /// One of the files cannot be used, or the key does not match the certificate.
    pub fn parse(cert: (&Path, &[u8]), key: (&Path, &[u8])) -> Result<Pair, PairError> {
        let in_cert = |reason: &str| PairError::File { what: "certificate", path: cert.0.to_owned(), reason: reason.to_owned() };
        let in_key = |reason: &str| PairError::File { what: "key", path: key.0.to_owned(), reason: reason.to_owned() };
        let chain = pem::certificates(cert.1).map_err(in_cert)?;
        let leaf = chain.first().cloned().ok_or_else(|| in_cert("contains no certificate"))?;
        let (_, parsed) = X509Certificate::from_der(&leaf).map_err(|_| in_cert("is not a valid X.509 certificate"))?;
        check_version(&parsed).map_err(in_cert)?;
        let private = pem::private_key(key.1).map_err(|fault| in_key(&fault.reason(key.0)))?;
        let key_error = |error: Error| match error {
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                PairError::Mismatch { cert: cert.0.to_owned(), key: key.0.to_owned() }
            }
            Error::InvalidCertificate(_) => in_cert("is not a certificate that TLS can use"),
            _ => in_key("has a type that TLS does not support"),
        };
        let certified = CertifiedKey::from_der(chain, private, &provider()).map_err(key_error)?;
        Ok(Pair {
            key: Arc::new(certified),
            not_before: from_unix(parsed.validity().not_before.timestamp()),
            not_after: from_unix(parsed.validity().not_after.timestamp()),
            names: subject_alternative_names(&parsed),
        })
    }

    /// Returns the time at which the certificate is due for renewal.
    pub fn renewal(&self) -> SystemTime {
        two_thirds(self.not_before, self.not_after)
    }

    /// Checks that the certificate has not expired.
    ///
    /// # Errors
    /// It has expired.
    pub fn check_expiry(&self, cert: &Path, now: SystemTime) -> Result<(), PairError> {
        if now >= self.not_after { Err(PairError::Expired { cert: cert.to_owned(), at: rfc3339(self.not_after) }) } else { Ok(()) }
    }

    /// Checks that the certificate is valid now.
    ///
    /// # Errors
    /// It is not valid yet, or it has expired.
    pub fn check_validity(&self, cert: &Path, now: SystemTime) -> Result<(), PairError> {
        if now < self.not_before {
            return Err(PairError::TooEarly { cert: cert.to_owned(), at: rfc3339(self.not_before) });
        }
        self.check_expiry(cert, now)
    }
}
