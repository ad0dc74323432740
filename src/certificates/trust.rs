//! CA certificates, and whether a bundle of them trusts a certificate.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use aws_lc_rs::digest::{SHA256, digest};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, Error, RootCertStore};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use super::crypto::provider;
use super::names::{common_name, subject_alternative_names};
use super::pair::{Pair, check_version};
use super::pem::{readable_certificates, write_certificate};
use super::time::{from_unix, rfc3339};

/// The certificate of a CA.
#[derive(Clone)]
pub struct Ca {
    der: CertificateDer<'static>,
    /// When it becomes valid.
    pub not_before: SystemTime,
    /// When it expires.
    pub not_after: SystemTime,
    /// Its subject's common name.
    pub name: String,
    /// The first 8 bytes of its SHA-256, as 16 hex digits.
    pub fingerprint: String,
    /// Its whole SHA-256, as 64 hex digits. The short fingerprint is for people; another certificate with the same one can
    /// be found.
    pub sha256: String,
    /// Whether its basic constraints allow it to sign certificates.
    pub is_authority: bool,
    public_key: Vec<u8>,
}

impl Ca {
    /// Parses a certificate. Returns `None` if it is damaged.
    pub fn from_der(der: CertificateDer<'static>) -> Option<Ca> {
        let (not_before, not_after, name, is_authority, public_key) = {
            let (_, parsed) = X509Certificate::from_der(&der).ok()?;
            let validity = parsed.validity();
            (
                from_unix(validity.not_before.timestamp()),
                from_unix(validity.not_after.timestamp()),
                common_name(parsed.subject()),
                parsed.is_ca(),
                parsed.public_key().raw.to_vec(),
            )
        };
        let sha256 = hex(digest(&SHA256, &der).as_ref());
        let fingerprint = sha256.chars().take(16).collect();
        Some(Ca { der, not_before, not_after, name, fingerprint, sha256, is_authority, public_key })
    }

    /// Returns the certificate as DER.
    pub fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// Returns the certificate as PEM.
    pub fn pem(&self) -> String {
        write_certificate(&self.der)
    }

    /// Returns whether it is valid at `now`.
    pub fn is_valid(&self, now: SystemTime) -> bool {
        self.not_before <= now && now < self.not_after
    }

    /// Returns whether its own signature is valid. A certificate with a flipped byte may still parse.
    pub fn is_intact(&self) -> bool {
        X509Certificate::from_der(&self.der).is_ok_and(|(_, parsed)| parsed.verify_signature(None).is_ok())
    }

    /// Returns whether the public key, as DER, belongs to this certificate.
    pub fn has_key(&self, public_key: &[u8]) -> bool {
        self.public_key == public_key
    }
}

impl PartialEq for Ca {
    fn eq(&self, other: &Ca) -> bool {
        self.der == other.der
    }
}

impl Eq for Ca {}

impl PartialOrd for Ca {
    fn partial_cmp(&self, other: &Ca) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ca {
    fn cmp(&self, other: &Ca) -> Ordering {
        self.der.as_ref().cmp(other.der.as_ref())
    }
}

impl fmt::Debug for Ca {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Ca({} until {})", self.fingerprint, rfc3339(self.not_after))
    }
}

/// The CA certificates of a PEM bundle.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bundle {
    /// The certificates without duplicates, in the order of the file.
    pub cas: Vec<Ca>,
}

impl Bundle {
    /// Reads a PEM bundle. Skips damaged certificates, as API servers do.
    pub fn read(pem: &[u8]) -> Bundle {
        Bundle::read_first(pem, usize::MAX)
    }

    /// Reads the first `max` certificates of a PEM bundle, as [`Bundle::read`] does.
    pub fn read_first(pem: &[u8], max: usize) -> Bundle {
        let mut bundle = Bundle::default();
        for ca in readable_certificates(pem).filter_map(Ca::from_der).take(max) {
            if !bundle.cas.contains(&ca) {
                bundle.cas.push(ca);
            }
        }
        bundle
    }
}

fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Writes CA certificates as a PEM bundle.
pub fn pem(cas: &[Ca]) -> String {
    cas.iter().map(Ca::pem).collect()
}

/// Returns whether two bundles contain the same CA certificates, in any order.
pub fn same_cas(one: &[Ca], other: &[Ca]) -> bool {
    one.iter().collect::<BTreeSet<_>>() == other.iter().collect::<BTreeSet<_>>()
}

/// The reason why a bundle does not trust a certificate. The message is a predicate: its subject is the certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Untrusted {
    /// The bundle is empty.
    #[error("cannot be verified: the bundle contains no CA")]
    NoCa,
    /// No CA in the bundle signed it.
    #[error("is not signed by any CA in the bundle")]
    UnknownCa,
    /// It or its CA has expired.
    #[error("has expired, or its CA has expired")]
    Expired,
    /// It or its CA is not valid yet.
    #[error("is not valid yet, or its CA is not valid yet")]
    TooEarly,
    /// It is issued for other names.
    #[error("is issued for other names")]
    OtherName,
    /// Any other reason, for example a certificate that is not for servers.
    #[error("is not a server certificate")]
    Unfit,
}

/// A certificate chain without its key, as a TLS client receives it.
#[derive(Debug, Clone)]
pub struct Shown {
    chain: Vec<CertificateDer<'static>>,
    /// The server's own certificate.
    pub own: Ca,
    /// Its DNS names and IP addresses.
    pub names: Vec<String>,
    /// The common name of its issuer.
    pub issuer: String,
    /// Why no client accepts it, whatever CAs it trusts. The message is a predicate: its subject is the certificate.
    pub fault: Option<&'static str>,
}

impl Shown {
    /// Parses a chain that starts with the server's own certificate. Returns `None` if the chain is empty or that one is damaged.
    pub fn read(chain: Vec<CertificateDer<'static>>) -> Option<Shown> {
        let first = chain.first()?;
        let (names, issuer, fault) = {
            let (_, parsed) = X509Certificate::from_der(first).ok()?;
            (subject_alternative_names(&parsed), common_name(parsed.issuer()), check_version(&parsed).err())
        };
        Some(Shown { own: Ca::from_der(first.clone())?, names, issuer, fault, chain })
    }

    /// Checks the chain as [`verify`] does.
    ///
    /// # Errors
    /// The client does not trust it.
    pub fn verify(&self, cas: &[Ca], name: Option<&str>, now: SystemTime) -> Result<(), Untrusted> {
        check(&self.chain, &self.names, cas, name, now)
    }
}

/// Checks whether a client that trusts `cas` trusts a server with this certificate at `now`. The client expects the server name
/// `name`; if there is none, the first name of the certificate.
///
/// # Errors
/// The client does not trust it.
pub fn verify(pair: &Pair, cas: &[Ca], name: Option<&str>, now: SystemTime) -> Result<(), Untrusted> {
    check(&pair.key.cert, &pair.names, cas, name, now)
}

fn check(chain: &[CertificateDer<'_>], names: &[String], cas: &[Ca], name: Option<&str>, now: SystemTime) -> Result<(), Untrusted> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(cas.iter().map(|ca| ca.der.clone()));
    if roots.is_empty() {
        return Err(Untrusted::NoCa);
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build().map_err(|_| Untrusted::NoCa)?;
    let name = name.or_else(|| names.first().map(String::as_str)).ok_or(Untrusted::OtherName)?;
    let name = ServerName::try_from(name).map_err(|_| Untrusted::OtherName)?;
    let now = UnixTime::since_unix_epoch(now.duration_since(SystemTime::UNIX_EPOCH).map_err(|_| Untrusted::TooEarly)?);
    let (leaf, chain) = chain.split_first().ok_or(Untrusted::Unfit)?;
    match verifier.verify_server_cert(leaf, chain, &name, &[], now) {
        Ok(_) => Ok(()),
        Err(Error::InvalidCertificate(error)) => Err(match error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Untrusted::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Untrusted::TooEarly,
            CertificateError::UnknownIssuer | CertificateError::BadSignature => Untrusted::UnknownCa,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => Untrusted::OtherName,
            _ => Untrusted::Unfit,
        }),
        Err(_) => Err(Untrusted::Unfit),
    }
}
