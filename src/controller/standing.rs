//! How the certificate stands, in words: for `/readyz`.

use std::time::SystemTime;

use super::cluster::Fault;
use super::registrations::Registration;
use crate::certificates::pair::Pair;
use crate::certificates::trust::{Untrusted, verify};
use crate::server::CertificateStatus;

/// What there is to tell of.
#[derive(Debug, Default)]
pub(super) struct Facts<'f> {
    /// None until everything was read once.
    pub(super) registrations: Option<&'f [Registration]>,
    /// What is served.
    pub(super) served: Option<&'f Pair>,
    /// What fails, of any of the tasks.
    pub(super) faults: Vec<&'f Fault>,
    /// What else is not as it should be.
    pub(super) notes: Vec<String>,
}

/// Says how it stands; and whether what is in force is not what ought to be.
pub(super) fn standing(facts: &Facts<'_>, now: SystemTime) -> (CertificateStatus, bool) {
    let mut standing = CertificateStatus::default();
    let faults = facts.faults.iter().map(|fault| fault.sentence.clone());
    let is_degraded = !facts.faults.is_empty() || !facts.notes.is_empty();
    let Some(registrations) = facts.registrations else {
        standing.unready.push("secret and registrations have not been read yet".to_owned());
        standing.details.extend(faults.chain(facts.notes.iter().cloned()));
        return (standing, is_degraded);
    };
    for registration in registrations {
        if !registration.is_there {
            standing.details.push(format!("{} is not there: nobody asks this server by it", registration.words()));
        }
        let Some(pair) = facts.served else { continue };
        let distrust = registration.hooks.iter().find_map(|hook| {
            let fault = verify(pair, &hook.bundle, hook.server.as_deref(), now).err()?;
            Some((hook, fault))
        });
        if let Some((hook, fault)) = distrust {
            let under = hook.server.as_deref().unwrap_or("this server");
            let what = if fault == Untrusted::NoCa {
                "has no CA in caBundle yet".to_owned()
            } else {
                format!("does not trust the certificate as {under}'s: it {fault}")
            };
            standing.unready.push(format!("{} {what} (webhook \"{}\")", registration.words(), hook.name));
        }
    }
    standing.details.extend(faults.chain(facts.notes.iter().cloned()));
    (standing, is_degraded)
}
