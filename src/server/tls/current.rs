//! The certificate that is served, once there is one.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::sync::watch;

use crate::certificates::pair::Pair;

/// The certificate that is served: a handle that can be cloned.
#[derive(Debug, Clone, Default)]
pub(crate) struct CurrentCertificate(Arc<Current>);

#[derive(Debug, Default)]
struct Current {
    pair: ArcSwapOption<Pair>,
    is_set: watch::Sender<bool>,
}

impl CurrentCertificate {
    /// Serves a certificate to new connections. Open connections keep theirs.
    pub(crate) fn set(&self, pair: Pair) {
        self.0.pair.store(Some(Arc::new(pair)));
        self.0.is_set.send_replace(true);
    }

    /// Returns the certificate.
    pub(crate) fn get(&self) -> Option<Arc<Pair>> {
        self.0.pair.load_full()
    }

    /// Waits until there is a certificate.
    pub(crate) async fn wait_until_set(&self) {
        // The sender lives as long as `self`, so this cannot fail.
        let _ = self.0.is_set.subscribe().wait_for(|is_set| *is_set).await;
    }
}

impl ResolvesServerCert for CurrentCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.pair.load().as_ref().map(|pair| Arc::clone(&pair.key))
    }
}
