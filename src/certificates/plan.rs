//! The rotation plan: which step is next, by what is there.
//!
//! A new authority is written down, then published, then seen in every bundle for a while, and only then
//! signs; the one before it stays in the bundle until the last certificate that it signed has expired.
//! The plan knows nothing of earlier steps: it looks at what is there, so a crash between two of them, or
//! somebody's hand in the middle, leads to the same end.
//!
//! What was published must be looked at *before* the Secret is. A Secret is always written before its
//! bundle is published, so whoever reads in that order never publishes a bundle that is older than the one
//! it saw. Of a damaged Secret it must be looked at again behind it: what is taken back must be the latest,
//! and nothing is published before it is.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use super::pair::Pair;
use super::stored::{Request, Stored};
use super::trust::{Ca, verify};
use super::{canonical, two_thirds};

/// How long a bundle must have been seen everywhere before an authority signs that is new in it: each API
/// server learns of it by a watch of its own.
pub const SETTLE: Duration = Duration::from_secs(10);

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The names on the certificate.
    pub names: Vec<String>,
    /// How long an authority is valid.
    pub ca_life: Duration,
    /// How long a certificate is valid.
    pub leaf_life: Duration,
}

/// What is there.
#[derive(Debug, Clone, Copy)]
pub struct View<'v> {
    /// What the Secret keeps.
    pub stored: &'v Stored,
    /// The authorities of every bundle that API servers check servers with. Read before the Secret.
    pub published: &'v [Vec<Ca>],
    /// How long every bundle has been the stored one, as far as this process has seen.
    pub seen_for: Duration,
    /// Whether something is served that must be trusted on.
    pub serving: bool,
    /// The time.
    pub now: SystemTime,
}

/// What is to be done next. Each is one write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Takes published authorities back into a Secret that has lost some.
    Mend,
    /// Takes authorities out that nobody needs any more.
    Prune,
    /// Lets the next authority sign, and issues a certificate of it.
    Promote,
    /// Issues a certificate.
    Sign,
    /// Makes a new authority, which does not sign yet.
    Introduce,
    /// Publishes the stored bundle wherever there is another.
    Publish,
    /// Waits until the bundle has been seen for long enough.
    Wait,
    /// All is well.
    Rest,
}

/// Answers the next step.
pub fn plan(wanted: &Wanted, view: &View<'_>) -> Step {
    let View { stored, published, now, .. } = *view;
    let usable = |ca: &Ca| ca.is_valid(now);
    let signing = stored.signing.as_ref().map(|signer| &signer.ca).filter(|ca| usable(ca));
    let next = stored.next.as_ref().map(|signer| &signer.ca).filter(|ca| usable(ca));
    let is_published = published.iter().all(|bundle| same(bundle, &stored.bundle));
    if stored.is_damaged && (signing.is_some() || next.is_some()) {
        return Step::Mend;
    }
    // Not of a damaged one: writing it anew would make it look whole before what was lost is back.
    let is_untidy = stored.bundle.iter().any(|ca| is_spent(stored, ca, now)) || (stored.next.is_some() && next.is_none());
    if is_untidy && !stored.is_damaged {
        return Step::Prune;
    }
    if next.is_some() && is_published && (view.seen_for >= SETTLE || !view.serving) {
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
    if next.is_some() { Step::Wait } else { Step::Rest }
}

/// Whether two bundles have the same authorities.
pub fn same(one: &[Ca], other: &[Ca]) -> bool {
    one.iter().collect::<BTreeSet<_>>() == other.iter().collect::<BTreeSet<_>>()
}

/// Whether nobody needs an authority any more.
pub(super) fn is_spent(stored: &Stored, ca: &Ca, now: SystemTime) -> bool {
    !stored.signs(ca) && now >= stored.needed_until(ca)
}

fn ca_is_due(stored: &Stored, ca: &Ca, now: SystemTime) -> bool {
    stored.request == Some(Request::Ca) || now >= two_thirds(ca.not_before, ca.not_after)
}

fn leaf_is_due(wanted: &Wanted, stored: &Stored, ca: &Ca, now: SystemTime) -> bool {
    let Some(leaf) = &stored.leaf else { return true };
    let pair = &leaf.pair;
    let is_wrong = !has_names(pair, &wanted.names) || verify(pair, std::slice::from_ref(ca), None, now).is_err();
    // Where the authority ends before a whole life is over, another certificate would not live longer.
    let lives_on = (now + wanted.leaf_life).min(ca.not_after) > pair.not_after;
    is_wrong || stored.request == Some(Request::Leaf) || (now >= pair.renewal() && lives_on)
}

fn has_names(pair: &Pair, names: &[String]) -> bool {
    pair.names.iter().cloned().collect::<BTreeSet<_>>() == names.iter().map(|name| canonical(name)).collect()
}
