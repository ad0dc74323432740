//! What issues certificates: ECDSA on P-256 throughout.

use std::path::Path;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PublicKeyData as _,
};

use super::key::Key;
use super::pair::Pair;
use super::trust::Ca;
use super::{BACKDATED, when};

/// An authority: its certificate and its key.
pub struct Authority {
    /// Its certificate.
    pub ca: Ca,
    /// Its key.
    pub key: Key,
    issuer: Issuer<'static, KeyPair>,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Authority").field(&self.ca).finish()
    }
}

/// A certificate that was issued, with its key.
#[derive(Debug, Clone)]
pub struct Issued {
    /// The certificate as PEM.
    pub cert: String,
    /// Its key.
    pub key: Key,
    /// Both, ready to be served.
    pub pair: Pair,
}

/// Why nothing can be issued.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct IssueError(String);

impl From<rcgen::Error> for IssueError {
    fn from(error: rcgen::Error) -> Self {
        IssueError(error.to_string())
    }
}

impl Authority {
    /// Makes an authority that is valid from a little before `now` until `life` after it.
    ///
    /// # Errors
    /// No key can be made.
    pub fn new(now: SystemTime, life: Duration) -> Result<Authority, IssueError> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.not_before = (now - BACKDATED).into();
        params.not_after = (now + life).into();
        // The date tells authorities apart that one bundle has side by side.
        params.distinguished_name = named(&format!("netpol self-issued CA of {}", when(now)));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let pair = KeyPair::generate()?;
        let ca = Ca::from_der(params.self_signed(&pair)?.der().clone()).ok_or(rcgen::Error::CouldNotParseCertificate)?;
        let key = Key::new(pair.serialize_pem());
        Ok(Authority { ca, key, issuer: Issuer::new(params, pair) })
    }

    /// Takes an authority up that was stored: the one among `cas` that the key belongs to.
    pub fn stored(cas: &[Ca], key: &str) -> Option<Authority> {
        let pair = KeyPair::from_pem(key).ok()?;
        let public = pair.subject_public_key_info();
        let ca = cas.iter().find(|ca| ca.is_authority && ca.has_key(&public))?.clone();
        let issuer = Issuer::from_ca_cert_der(ca.der(), pair).ok()?;
        Some(Authority { ca, key: Key::new(key.to_owned()), issuer })
    }

    /// Issues a server's certificate for names and addresses, valid from a little before `now` until
    /// `life` after it, or until the authority's end if that comes first.
    ///
    /// # Errors
    /// A name that no certificate can have.
    pub fn issue(&self, names: &[String], now: SystemTime, life: Duration) -> Result<Issued, IssueError> {
        let mut params = CertificateParams::new(names)?;
        params.not_before = (now - BACKDATED).max(self.ca.not_before).into();
        params.not_after = self.end_of(now, life).into();
        params.distinguished_name = named("netpol");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let cert = params.signed_by(&key, &self.issuer)?.pem();
        let key = Key::new(key.serialize_pem());
        let paths = (Path::new("tls.crt"), Path::new("tls.key"));
        let pair = Pair::parse((paths.0, cert.as_bytes()), (paths.1, key.pem().as_bytes()));
        Ok(Issued { pair: pair.map_err(|error| IssueError(error.to_string()))?, cert, key })
    }

    /// Until when a certificate would be valid that is issued now.
    pub fn end_of(&self, now: SystemTime, life: Duration) -> SystemTime {
        (now + life).min(self.ca.not_after)
    }
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}
