//! The rotation plan: decides the next step from the current state.
//!
//! A new CA is stored in the Secret, then published, then seen in every bundle for a while, and only then does it sign. The previous CA
//! stays in the bundle until the last certificate that it signed has expired. The plan does not remember earlier steps: it reads
//! the current state, so a crash between two steps or a manual change leads to the same result.
//!
//! Callers must read the published bundles *before* they read the Secret. The Secret is always written before its bundle is
//! published, so in that order a replica never publishes a bundle that is older than one it saw. If the Secret is damaged, callers
//! must read the published bundles again after it: the CAs that are restored from them must be the latest ones.
//!
//! A CA is recorded in the Lease before it is written to the Secret, so callers must read the Lease after the Secret, and remove
//! other CAs ([`Introduced::restrict`]) before they plan.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use super::introduced::Introduced;
use super::names::canonical;
use super::pair::Pair;
use super::stored::{Renewal, Stored};
use super::time::two_thirds;
use super::trust::{Ca, same_cas, verify};

/// How long every webhook must have had a bundle before a new CA in it signs: each API server learns about the bundle through
/// its own watch.
pub const SETTLE: Duration = Duration::from_secs(10);

/// The certificates that the configuration requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The DNS names and IP addresses of the certificate.
    pub names: Vec<String>,
    /// How long a CA is valid.
    pub ca_life: Duration,
    /// How long a certificate is valid.
    pub leaf_life: Duration,
}

/// The current state.
#[derive(Debug, Clone, Copy)]
pub struct View<'v> {
    /// The content of the Secret.
    pub stored: &'v Stored,
    /// The `caBundle` of every webhook, read before the Secret.
    pub published: &'v [Vec<Ca>],
    /// The CAs that the installation introduced, read after the Secret.
    pub introduced: &'v Introduced,
    /// How long every published bundle has been equal to the stored one, as this process observed it.
    pub published_for: Duration,
    /// Whether this process serves a certificate that every bundle trusts.
    pub is_serving_trusted: bool,
    /// The current time.
    pub now: SystemTime,
}

/// A step of a rotation. Each step is one write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Restores CAs that the Secret has lost from the published bundles.
    Mend,
    /// Removes CAs that are no longer needed.
    Prune,
    /// Makes the next CA the signing one, and issues a certificate with it.
    Promote,
    /// Issues a certificate.
    Sign,
    /// Creates a new CA, which does not sign yet.
    Introduce,
    /// Publishes the stored bundle to the webhooks that have a different one.
    Publish,
    /// Waits until the bundle has been published for [`SETTLE`].
    Wait,
    /// Nothing to do.
    Done,
}

impl Step {
    /// Returns the name of the step in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Step::Mend => "mend",
            Step::Prune => "prune",
            Step::Promote => "promote",
            Step::Sign => "sign",
            Step::Introduce => "introduce",
            Step::Publish => "publish",
            Step::Wait => "wait",
            Step::Done => "done",
        }
    }
}

/// Returns the next step.
pub fn plan(wanted: &Wanted, view: &View<'_>) -> Step {
    let View { stored, published, now, .. } = *view;
    let signing = stored.signing.as_ref().map(|signer| &signer.ca).filter(|ca| ca.is_valid(now));
    let next = stored.next.as_ref().map(|signer| &signer.ca).filter(|ca| ca.is_valid(now));
    let is_published = published.iter().all(|bundle| same_cas(bundle, &stored.bundle));
    if stored.is_damaged && (signing.is_some() || next.is_some()) {
        return Step::Mend;
    }
    // A damaged Secret is not pruned: the write would make it look intact before the lost CAs are restored.
    let is_untidy = stored.bundle.iter().any(|ca| stored.is_unneeded(ca, now)) || (stored.next.is_some() && next.is_none());
    if is_untidy && !stored.is_damaged {
        return Step::Prune;
    }
    if next.is_some() && is_published && (view.published_for >= SETTLE || !view.is_serving_trusted) {
        return Step::Promote;
    }
    if let Some(ca) = signing
        && published.iter().all(|bundle| bundle.contains(ca))
        && leaf_is_due(wanted, stored, ca, now)
    {
        return Step::Sign;
    }
    if next.is_none() && signing.is_none_or(|ca| ca_is_due(stored, ca, now)) {
        return Step::Introduce;
    }
    if !is_published {
        return Step::Publish;
    }
    if next.is_some() { Step::Wait } else { Step::Done }
}

fn ca_is_due(stored: &Stored, ca: &Ca, now: SystemTime) -> bool {
    stored.renewal == Some(Renewal::Ca) || now >= two_thirds(ca.not_before, ca.not_after)
}

fn leaf_is_due(wanted: &Wanted, stored: &Stored, ca: &Ca, now: SystemTime) -> bool {
    let Some(leaf) = &stored.leaf else { return true };
    let pair = &leaf.pair;
    let is_wrong = !has_names(pair, &wanted.names) || verify(pair, std::slice::from_ref(ca), None, now).is_err();
    // Close to the end of the CA, a new certificate would not be valid for longer than the current one.
    let lasts_longer = (now + wanted.leaf_life).min(ca.not_after) > pair.not_after;
    is_wrong || stored.renewal == Some(Renewal::Leaf) || (now >= pair.renewal() && lasts_longer)
}

fn has_names(pair: &Pair, names: &[String]) -> bool {
    pair.names.iter().cloned().collect::<BTreeSet<_>>() == names.iter().map(|name| canonical(name)).collect()
}
