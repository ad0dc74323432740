//! Authorities, and whether they vouch for a certificate.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, Error, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use super::pair::{Pair, common_name, names, time};
use super::{provider, when};

/// The certificate of an authority.
#[derive(Clone)]
pub struct Ca {
    der: CertificateDer<'static>,
    /// When it begins to be valid.
    pub not_before: SystemTime,
    /// When it ceases to be.
    pub not_after: SystemTime,
    /// Its subject's common name.
    pub name: String,
    /// The beginning of its SHA-256: tells it from others.
    pub fingerprint: String,
    /// Whether it may sign certificates.
    pub is_authority: bool,
    public_key: Vec<u8>,
}

impl Ca {
    /// Reads one certificate; none where it is damaged.
    pub fn from_der(der: CertificateDer<'static>) -> Option<Ca> {
        let (not_before, not_after, name, is_authority, public_key) = {
            let (_, parsed) = X509Certificate::from_der(&der).ok()?;
            let validity = parsed.validity();
            (
                time(validity.not_before.timestamp()),
                time(validity.not_after.timestamp()),
                common_name(parsed.subject()),
                parsed.is_ca(),
                parsed.public_key().raw.to_vec(),
            )
        };
        let mut start = [0; 8];
        digest(&SHA256, &der).as_ref().iter().zip(&mut start).for_each(|(byte, place)| *place = *byte);
        let fingerprint = format!("{:016x}", u64::from_be_bytes(start));
        Some(Ca { der, not_before, not_after, name, fingerprint, is_authority, public_key })
    }

    /// The certificate as DER.
    pub fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// The certificate as PEM.
    pub fn pem(&self) -> String {
        let text = BASE64.encode(&self.der);
        let lines: Vec<&str> = text.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
    }

    /// Whether it is valid now.
    pub fn is_valid(&self, now: SystemTime) -> bool {
        self.not_before <= now && now < self.not_after
    }

    /// Whether it is exactly what it was when it signed itself. One flipped byte may leave it readable.
    pub fn is_intact(&self) -> bool {
        X509Certificate::from_der(&self.der).is_ok_and(|(_, parsed)| parsed.verify_signature(None).is_ok())
    }

    /// Whether this public key, as DER, is its.
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
        write!(formatter, "Ca({} until {})", self.fingerprint, when(self.not_after))
    }
}

/// What PEM holds of authorities.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bundle {
    /// Each once, in the order of the text.
    pub cas: Vec<Ca>,
}

impl Bundle {
    /// Reads PEM. What is damaged is passed over, as API servers do it.
    pub fn read(pem: &[u8]) -> Bundle {
        let mut bundle = Bundle::default();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            if let Some(ca) = certificate.ok().and_then(Ca::from_der)
                && !bundle.cas.contains(&ca)
            {
                bundle.cas.push(ca);
            }
        }
        bundle
    }
}

/// Writes authorities as PEM.
pub fn pem(cas: &[Ca]) -> String {
    cas.iter().map(Ca::pem).collect()
}

/// Why a bundle does not trust a certificate: ends a sentence that begins with the certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Untrusted {
    /// There is nothing in the bundle.
    #[error("cannot be trusted: there is no CA")]
    NoCa,
    /// Nobody in the bundle signed it.
    #[error("is signed by nobody in there")]
    Stranger,
    /// It, or its authority, has expired.
    #[error("has expired, or its CA has")]
    Expired,
    /// It, or its authority, is not valid yet.
    #[error("is not valid yet, or its CA is not")]
    TooEarly,
    /// It is for other names.
    #[error("is for other names")]
    OtherName,
    /// Something else.
    #[error("is no certificate of a server")]
    Unfit,
}

/// A certificate with its chain, as whoever is shown it sees it: without a key.
#[derive(Debug, Clone)]
pub struct Shown {
    chain: Vec<CertificateDer<'static>>,
    /// The certificate itself.
    pub own: Ca,
    /// Its DNS names and addresses.
    pub names: Vec<String>,
    /// The common name of whoever signed it.
    pub issuer: String,
}

impl Shown {
    /// Reads a chain; the certificate itself is the first.
    pub fn read(chain: Vec<CertificateDer<'static>>) -> Option<Shown> {
        let first = chain.first()?;
        let (names, issuer) = {
            let (_, parsed) = X509Certificate::from_der(first).ok()?;
            (names(&parsed), common_name(parsed.issuer()))
        };
        Some(Shown { own: Ca::from_der(first.clone())?, names, issuer, chain })
    }

    /// Answers whether a client that trusts `cas` would trust a server that shows this, as [`verify`] does.
    ///
    /// # Errors
    /// Why it would not.
    pub fn verify(&self, cas: &[Ca], name: Option<&str>, now: SystemTime) -> Result<(), Untrusted> {
        check(&self.chain, &self.names, cas, name, now)
    }
}

/// Answers whether a client that trusts `cas` would trust a server that shows `pair` at `now`: under
/// `name`, or under a name of its own.
///
/// # Errors
/// Why it would not.
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
            CertificateError::UnknownIssuer | CertificateError::BadSignature => Untrusted::Stranger,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => Untrusted::OtherName,
            _ => Untrusted::Unfit,
        }),
        Err(_) => Err(Untrusted::Unfit),
    }
}
