//! Certificates for tests.

use std::time::{Duration, SystemTime};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose};

/// A CA.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its key, as PEM.
pub(crate) struct Leaf {
    pub(crate) cert: String,
    pub(crate) key: String,
}

const DAY: Duration = Duration::from_secs(24 * 3600);

fn params(name: &str, names: &[&str]) -> CertificateParams {
    let mut params = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = (SystemTime::now() - DAY).into();
    params.not_after = (SystemTime::now() + DAY).into();
    params
}

impl Authority {
    pub(crate) fn new(name: &str) -> Authority {
        let mut params = params(name, &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    fn sign(&self, params: &CertificateParams) -> Leaf {
        let key = KeyPair::generate().unwrap();
        Leaf { cert: params.signed_by(&key, &self.0).unwrap().pem(), key: key.serialize_pem() }
    }

    /// Issues a server certificate for localhost that is valid for one day.
    pub(crate) fn server(&self, name: &str) -> Leaf {
        let mut params = params(name, &["localhost"]);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(&params)
    }

    /// Issues a server certificate that is valid between two times, in days from now.
    pub(crate) fn server_valid(&self, from: i32, until: i32) -> Leaf {
        let at = |days: i32| {
            if days < 0 { SystemTime::now() - DAY * days.unsigned_abs() } else { SystemTime::now() + DAY * days.unsigned_abs() }
        };
        let mut params = params("server", &["localhost"]);
        (params.not_before, params.not_after) = (at(from).into(), at(until).into());
        self.sign(&params)
    }

    /// Issues a client certificate.
    pub(crate) fn client(&self, common_name: &str, names: &[&str]) -> Leaf {
        let mut params = params(common_name, names);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(&params)
    }
}
