//! Issues certificates: ECDSA keys on P-256 throughout.

use std::path::Path;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PublicKeyData as _,
};

use super::key::Key;
use super::pair::Pair;
use super::pem;
use super::time::{BACKDATED, rfc3339};
use super::trust::Ca;

/// A CA with its key.
pub struct Authority {
    /// The certificate of the CA.
    pub ca: Ca,
    /// The key of the CA.
    pub key: Key,
    issuer: Issuer<'static, KeyPair>,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Authority").field(&self.ca).finish()
    }
}

/// A new certificate with its key.
#[derive(Debug, Clone)]
pub struct Issued {
    /// The certificate as PEM.
    pub cert: String,
    /// Its key.
    pub key: Key,
    /// Both, ready to be served.
    pub pair: Pair,
}

/// A certificate that cannot be issued.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct IssueError(String);

impl From<rcgen::Error> for IssueError {
    fn from(error: rcgen::Error) -> Self {
        IssueError(error.to_string())
    }
}

impl Authority {
    /// Creates a CA with a new key. It is valid from [`BACKDATED`] before `now` until `life` after `now`.
    ///
    /// # Errors
    /// No key can be generated.
    pub fn new(now: SystemTime, life: Duration) -> Result<Authority, IssueError> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.not_before = (now - BACKDATED).into();
        params.not_after = (now + life).into();
        // The date distinguishes the CAs of one bundle.
        params.distinguished_name = common_name(&format!("netpol self-issued CA of {}", rfc3339(now)));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let pair = KeyPair::generate()?;
        let ca = Ca::from_der(params.self_signed(&pair)?.der().clone()).ok_or(rcgen::Error::CouldNotParseCertificate)?;
        let key = Key::new(pem::write_private_key(pair.serialized_der()));
        Ok(Authority { ca, key, issuer: Issuer::new(params, pair) })
    }

    /// Restores a CA from its key and the certificate among `cas` that the key belongs to. Returns `None` if there is no such
    /// certificate or the key is damaged.
    pub fn stored(cas: &[Ca], key: &str) -> Option<Authority> {
        let pair = KeyPair::try_from(&pem::private_key(key.as_bytes()).ok()?).ok()?;
        let public = pair.subject_public_key_info();
        let ca = cas.iter().find(|ca| ca.is_authority && ca.has_key(&public))?.clone();
        let issuer = Issuer::from_ca_cert_der(ca.der(), pair).ok()?;
        Some(Authority { ca, key: Key::new(key.to_owned()), issuer })
    }

    /// Issues a server certificate for DNS names and IP addresses. It is valid from [`BACKDATED`] before `now` until `life` after
    /// `now`, and never longer than the CA.
    ///
    /// # Errors
    /// A name cannot be part of a certificate.
    pub fn issue(&self, names: &[String], now: SystemTime, life: Duration) -> Result<Issued, IssueError> {
        let mut params = CertificateParams::new(names)?;
        params.not_before = (now - BACKDATED).max(self.ca.not_before).into();
        params.not_after = (now + life).min(self.ca.not_after).into();
        params.distinguished_name = common_name("netpol");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let cert = pem::write_certificate(params.signed_by(&key, &self.issuer)?.der());
        let key = Key::new(pem::write_private_key(key.serialized_der()));
        let paths = (Path::new("tls.crt"), Path::new("tls.key"));
        let pair = Pair::parse((paths.0, cert.as_bytes()), (paths.1, key.pem().as_bytes()));
        Ok(Issued { pair: pair.map_err(|error| IssueError(error.to_string()))?, cert, key })
    }
}

fn common_name(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}
