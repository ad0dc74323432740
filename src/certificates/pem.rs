//! Reads and writes PEM.
//!
//! `rustls-pki-types` reads it, in the dialects that TLS servers accept. `pem` writes it: lines of 64 characters that end in LF.

use std::path::Path;

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

/// Why a PEM file has no private key that can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyFault {
    /// It contains no private key.
    Missing,
    /// It is not valid PEM.
    Invalid,
    /// The key is encrypted.
    Encrypted,
}

impl KeyFault {
    /// Returns the reason as a predicate: it follows the name of the file.
    pub fn reason(self, path: &Path) -> String {
        match self {
            KeyFault::Missing => "contains no private key".to_owned(),
            KeyFault::Invalid => INVALID.to_owned(),
            KeyFault::Encrypted => {
                let file = path.display().to_string().replace('\'', r"'\''");
                format!("is encrypted, and netpol cannot ask for a passphrase; decrypt it: openssl pkey -in '{file}' -out decrypted.key")
            }
        }
    }
}

/// Reads the first private key of a PEM file.
///
/// # Errors
/// The file contains no private key, its key is encrypted, or it is not valid PEM.
pub fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, KeyFault> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| match error {
        _ if is_encrypted(pem) => KeyFault::Encrypted,
        rustls_pki_types::pem::Error::NoItemsFound => KeyFault::Missing,
        _ => KeyFault::Invalid,
    })
}

/// Returns whether a PEM file has an encrypted key: of PKCS #8 (RFC 5958) or in the older format of OpenSSL (RFC 1421).
fn is_encrypted(pem: &[u8]) -> bool {
    let has = |text: &[u8]| pem.windows(text.len()).any(|window| window == text);
    has(b"-----BEGIN ENCRYPTED PRIVATE KEY-----") || has(b"Proc-Type: 4,ENCRYPTED")
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
        assert_eq!(private_key(write_certificate(b"der").as_bytes()), Err(KeyFault::Missing));
    }

    #[test]
    fn an_encrypted_key_is_said_to_be_encrypted() {
        let pkcs8 = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        let openssl =
            "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END EC PRIVATE KEY-----\n";
        for pem in [pkcs8, openssl] {
            assert_eq!(private_key(pem.as_bytes()), Err(KeyFault::Encrypted));
        }
        let reason = KeyFault::Encrypted.reason(Path::new("/tls/it's.key"));
        assert!(reason.ends_with(r"decrypt it: openssl pkey -in '/tls/it'\''s.key' -out decrypted.key"), "{reason}");
        // A key that can be used comes first.
        assert!(private_key(format!("{}{pkcs8}", write_private_key(b"der")).as_bytes()).is_ok());
    }

    #[test]
    fn a_bundle_is_read_without_its_damaged_certificates() {
        let bundle =
            format!("{}-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n{}", write_certificate(b"a"), write_certificate(b"b"));
        assert_eq!(readable_certificates(bundle.as_bytes()).count(), 2);
        assert_eq!(certificates(bundle.as_bytes()), Err(INVALID));
    }
}
