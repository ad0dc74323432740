//! Certificates of a run: made by it, gone with it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SerialNumber, date_time_ymd,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// A certificate authority.
#[derive(Debug)]
pub(crate) struct Authority {
    pub(crate) pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key.
#[derive(Debug, Clone)]
pub(crate) struct Pair {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

/// Until when a certificate is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Validity {
    /// Longer than any run takes.
    Long,
    Until(SystemTime),
}

impl Authority {
    pub(crate) fn new(name: &str) -> Result<Authority, rcgen::Error> {
        let key = KeyPair::generate()?;
        let mut params = params(Vec::new(), name, &[], Validity::Long)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
        let pem = params.self_signed(&key)?.pem();
        Ok(Authority { pem, issuer: Issuer::new(params, key) })
    }

    /// A server's certificate for names and addresses.
    pub(crate) fn server(&self, names: &[&str], validity: Validity) -> Result<Pair, rcgen::Error> {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        self.issue(params(names, "server", &[], validity)?, ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// A client's certificate: to the API server the common name is the user, organizations are groups.
    pub(crate) fn client(&self, user: &str, groups: &[&str]) -> Result<Pair, rcgen::Error> {
        self.issue(params(Vec::new(), user, groups, Validity::Long)?, ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn issue(&self, mut params: CertificateParams, usage: ExtendedKeyUsagePurpose) -> Result<Pair, rcgen::Error> {
        params.extended_key_usages = vec![usage];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        Ok(Pair { certificate: params.signed_by(&key, &self.issuer)?.pem(), key: key.serialize_pem() })
    }
}

impl Pair {
    /// The certificate as a TLS peer shows it.
    pub(crate) fn der(&self) -> Vec<u8> {
        CertificateDer::from_pem_slice(self.certificate.as_bytes()).expect("it was made here").to_vec()
    }

    /// Writes `NAME.crt` and `NAME.key` into a folder.
    pub(crate) fn write(&self, folder: &Path, name: &str) -> io::Result<(PathBuf, PathBuf)> {
        let (certificate, key) = (folder.join(format!("{name}.crt")), folder.join(format!("{name}.key")));
        fs::write(&certificate, &self.certificate)?;
        fs::write(&key, &self.key)?;
        Ok((certificate, key))
    }
}

/// A key pair for signing the tokens of service accounts.
pub(crate) fn signing_key() -> Result<(String, String), rcgen::Error> {
    let key = KeyPair::generate()?;
    Ok((key.serialize_pem(), key.public_key_pem()))
}

fn params(names: Vec<String>, common_name: &str, organizations: &[&str], validity: Validity) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(names)?;
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    // The type holds one value a kind: one group is all that is needed.
    for organization in organizations {
        name.push(DnType::OrganizationName, *organization);
    }
    params.distinguished_name = name;
    // Two authorities of one name in one bundle are told apart by key and serial.
    params.serial_number = None::<SerialNumber>;
    params.not_before = date_time_ymd(2025, 1, 1);
    params.not_after = match validity {
        Validity::Long => date_time_ymd(2096, 1, 1),
        Validity::Until(end) => end.into(),
    };
    Ok(params)
}
