//! Reads and writes PEM.
//!
//! `rustls-pki-types` reads it, in the dialects that TLS servers accept. `pem` writes it: lines of 64 characters that end in LF.

use ::pem::{EncodeConfig, LineEnding, Pem};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

const LAYOUT: EncodeConfig = EncodeConfig::new().set_line_ending(LineEnding::LF);

const INVALID: &str = "is not valid PEM";

/// Reads every certificate of a PEM file.
///
/// # Errors
/// A part of the file is not valid PEM. The message is a predicate: it follows the name of the file.
pub fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, &'static str> {
    CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(|_| INVALID)
}

/// Reads the certificates of a PEM bundle and skips damaged ones, as API servers do with `caBundle`.
pub fn readable_certificates(pem: &[u8]) -> impl Iterator<Item = CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem).filter_map(Result::ok)
}

/// Reads the first private key of a PEM file.
///
/// # Errors
/// The file contains no private key or is not valid PEM. The message is a predicate: it follows the name of the file.
pub fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, &'static str> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| match error {
        rustls_pki_types::pem::Error::NoItemsFound => "contains no private key",
        _ => INVALID,
    })
}

/// Writes a certificate.
pub fn write_certificate(der: &[u8]) -> String {
    write("CERTIFICATE", der)
}

/// Writes a private key in PKCS #8.
pub fn write_private_key(der: &[u8]) -> String {
    write("PRIVATE KEY", der)
}

fn write(label: &str, der: &[u8]) -> String {
    ::pem::encode_config(&Pem::new(label, der), LAYOUT)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A Secret counts as damaged if its bundle differs from what this version writes: the layout must not change.
    #[test]
    fn lines_have_64_characters_and_end_in_lf() {
        let expected = format!("-----BEGIN CERTIFICATE-----\n{}\n{}\n-----END CERTIFICATE-----\n", "A".repeat(64), "AAAA");
        assert_eq!(write_certificate(&[0; 51]), expected);
    }

    #[test]
    fn written_certificates_and_keys_can_be_read() {
        assert_eq!(certificates(write_certificate(b"der").as_bytes()).unwrap(), [CertificateDer::from(b"der".to_vec())]);
        assert_eq!(private_key(write_private_key(b"der").as_bytes()).unwrap().secret_der(), b"der");
        assert_eq!(private_key(write_certificate(b"der").as_bytes()), Err("contains no private key"));
    }

    #[test]
    fn a_bundle_is_read_without_its_damaged_certificates() {
        let bundle =
            format!("{}-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n{}", write_certificate(b"a"), write_certificate(b"b"));
        assert_eq!(readable_certificates(bundle.as_bytes()).count(), 2);
        assert_eq!(certificates(bundle.as_bytes()), Err(INVALID));
    }
}
