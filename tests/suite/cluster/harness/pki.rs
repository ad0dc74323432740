//! Certificates that are issued for one run.

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

/// How long a certificate is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Validity {
    /// Longer than any run.
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

    /// Issues a server certificate for DNS names and IP addresses.
    pub(crate) fn server(&self, names: &[&str], validity: Validity) -> Result<Pair, rcgen::Error> {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        self.issue(params(names, "server", &[], validity)?, ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// Issues a client certificate. For the API server, the common name is the user and the organizations are the groups.
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
    /// Returns the certificate as DER.
    pub(crate) fn der(&self) -> Vec<u8> {
        CertificateDer::from_pem_slice(self.certificate.as_bytes()).expect("a valid certificate").to_vec()
    }

    /// Writes `NAME.crt` and `NAME.key` to a folder.
    pub(crate) fn write(&self, folder: &Path, name: &str) -> io::Result<(PathBuf, PathBuf)> {
        let (certificate, key) = (folder.join(format!("{name}.crt")), folder.join(format!("{name}.key")));
        fs::write(&certificate, &self.certificate)?;
        fs::write(&key, &self.key)?;
        Ok((certificate, key))
    }
}

/// Generates a key pair that signs service account tokens.
pub(crate) fn signing_key() -> Result<(String, String), rcgen::Error> {
    let key = KeyPair::generate()?;
    Ok((key.serialize_pem(), key.public_key_pem()))
}

fn params(names: Vec<String>, common_name: &str, organizations: &[&str], validity: Validity) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(names)?;
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    // The type holds one value per attribute, so there is one group at most.
    for organization in organizations {
        name.push(DnType::OrganizationName, *organization);
    }
    params.distinguished_name = name;
    // Two CAs with the same name in one bundle differ in their key and serial number.
    params.serial_number = None::<SerialNumber>;
    params.not_before = date_time_ymd(2025, 1, 1);
    params.not_after = match validity {
        Validity::Long => date_time_ymd(2096, 1, 1),
        Validity::Until(end) => end.into(),
    };
    Ok(params)
}
