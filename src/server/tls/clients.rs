//! Verifies clients: their certificate must be signed by `--client-ca` and have a name of `--client-name`.

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use crate::certificates::names::subject_alternative_names;
use crate::certificates::pem::certificates;
use crate::certificates::provider;

/// Returns a verifier of clients.
///
/// # Errors
/// What is wrong with the CA file. The message follows the name of the file.
pub(super) fn verifier(ca: &[u8], names: &[String]) -> Result<Arc<dyn ClientCertVerifier>, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(ca)? {
        roots.add(certificate).map_err(|_| "contains a certificate that cannot be used as a CA".to_owned())?;
    }
    if roots.is_empty() {
        return Err("contains no certificate".to_owned());
    }
    let inner = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider())
        .build()
        .map_err(|error| format!("is not usable: {error}"))?;
    if names.is_empty() { Ok(inner) } else { Ok(Arc::new(Named { inner, names: names.to_vec() })) }
}

/// Accepts clients whose certificate is signed by a CA and has one of the given names.
#[derive(Debug)]
struct Named {
    inner: Arc<dyn ClientCertVerifier>,
    names: Vec<String>,
}

impl Named {
    fn has_name(&self, certificate: &X509Certificate<'_>) -> bool {
        let common = certificate.subject().iter_common_name().filter_map(|name| name.as_str().ok());
        let mut all = subject_alternative_names(certificate).into_iter().chain(common.map(str::to_owned));
        all.any(|name| self.names.contains(&name))
    }
}

impl ClientCertVerifier for Named {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.inner.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.inner.verify_client_cert(leaf, chain, now)?;
        match X509Certificate::from_der(leaf) {
            Ok((_, certificate)) if self.has_name(&certificate) => Ok(verified),
            _ => Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure)),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, cert, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, cert, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
