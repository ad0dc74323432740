//! The state of the managed certificate, as sentences for `/readyz`.

use std::time::SystemTime;

use super::webhook_configurations::{Webhook, WebhookConfiguration};
use crate::certificates::pair::Pair;
use crate::certificates::trust::{Untrusted, verify};
use crate::server::CertificateStatus;

/// The current state.
#[derive(Debug, Default)]
pub(super) struct State<'f> {
    /// None until everything was read once.
    pub(super) webhook_configurations: Option<&'f [WebhookConfiguration]>,
    /// The certificate that is served.
    pub(super) served: Option<&'f Pair>,
    /// The current errors of all tasks, as sentences.
    pub(super) errors: Vec<&'f str>,
    /// Other problems.
    pub(super) notes: Vec<String>,
    /// What the registrations lack, or that they lack nothing.
    pub(super) registrations: Vec<String>,
}

/// Returns the status for `/readyz`, and whether the managed certificate is degraded.
pub(super) fn status(state: &State<'_>, now: SystemTime) -> (CertificateStatus, bool) {
    let mut status = CertificateStatus::default();
    let is_degraded = !state.errors.is_empty() || !state.notes.is_empty();
    match state.webhook_configurations {
        None => status.unready.push("the secret and the webhook configurations have not been read yet".to_owned()),
        Some(all) => {
            if let Some(pair) = state.served {
                status.unready.extend(all.iter().filter_map(|configuration| distrust(configuration, pair, now)));
            }
        }
    }
    status.details.extend(state.registrations.iter().cloned());
    status.details.extend(state.errors.iter().map(|error| (*error).to_owned()));
    status.details.extend(state.notes.iter().cloned());
    (status, is_degraded)
}

/// Returns a sentence about the first webhook of a configuration that does not trust a certificate.
fn distrust(configuration: &WebhookConfiguration, pair: &Pair, now: SystemTime) -> Option<String> {
    let reason = |webhook: &Webhook| verify(pair, &webhook.bundle, webhook.server.as_deref(), now).err();
    let (webhook, reason) = configuration.webhooks.iter().find_map(|webhook| Some((webhook, reason(webhook)?)))?;
    let server = webhook.server.as_deref().unwrap_or("this server");
    Some(match reason {
        Untrusted::NoCa => format!("{configuration} has no CA in caBundle yet (webhook \"{}\")", webhook.name),
        reason => format!("{configuration} does not trust the certificate for {server}: it {reason} (webhook \"{}\")", webhook.name),
    })
}
