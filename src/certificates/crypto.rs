//! The cryptography provider.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;

/// Returns the TLS provider, aws-lc-rs. Every caller passes it on explicitly, so the default provider of the process does not matter.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}
