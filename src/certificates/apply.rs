//! Applies a step of the plan to the content of the Secret.

use std::time::SystemTime;

use super::authority::{Authority, IssueError};
use super::names::canonical;
use super::plan::{Step, View, Wanted};
use super::stored::{Leaf, MAX_CAS, Signer, Stored};
use super::trust::Ca;

/// The maximum number of CAs that a damaged Secret takes back from the published bundles.
const MAX_RESTORED: usize = 16;

/// Returns the content of the Secret after a step; `None` if the step does not change it.
///
/// # Errors
/// A name cannot be part of a certificate.
pub fn apply(step: Step, wanted: &Wanted, view: &View<'_>) -> Result<Option<Stored>, IssueError> {
    let mut stored = view.stored.clone();
    match step {
        Step::Publish | Step::Wait | Step::Done => return Ok(None),
        Step::Mend => restore_published(&mut stored, wanted, view),
        Step::Prune => {
            if stored.next.as_ref().is_some_and(|next| !next.ca.is_valid(view.now)) {
                remove_next(&mut stored);
            }
        }
        Step::Introduce => {
            if stored.is_damaged {
                restore_published(&mut stored, wanted, view);
            }
            remove_next(&mut stored);
            let authority = Authority::new(view.now, wanted.ca_life)?;
            stored.bundle.insert(0, authority.ca.clone());
            // More of them would count as damage.
            stored.bundle.truncate(MAX_CAS);
            stored.next = Some(Signer { ca: authority.ca, key: authority.key });
        }
        Step::Promote => {
            stored.signing = stored.next.take();
            sign(&mut stored, wanted, view.now)?;
        }
        Step::Sign => sign(&mut stored, wanted, view.now)?,
    }
    let needed: Vec<Ca> = stored.bundle.iter().filter(|ca| !stored.is_unneeded(ca, view.now)).cloned().collect();
    stored.needed_until.retain(|fingerprint, _| needed.iter().any(|ca| ca.fingerprint == *fingerprint));
    stored.bundle = needed;
    Ok(Some(stored))
}

/// Removes the next CA. It never signed, so no client needs to trust it.
fn remove_next(stored: &mut Stored) {
    if let Some(removed) = stored.next.take() {
        stored.bundle.retain(|ca| *ca != removed.ca);
    }
}

/// Adds the published CAs to the bundle: one of them may have signed the certificate that a replica serves. Their certificates
/// expire within one leaf lifetime from now; trust ends after two, in case the clock was set back. For a CA that is not valid yet
/// by this clock, the time of its last signature is unknown, so it is trusted until it expires.
fn restore_published(stored: &mut Stored, wanted: &Wanted, view: &View<'_>) {
    let fit = |ca: &&Ca| ca.is_authority && view.introduced.trusts(ca) && view.now < ca.not_after && ca.is_intact();
    for ca in view.published.iter().flatten().filter(fit).take(MAX_RESTORED) {
        // One place is left for a new CA.
        if stored.bundle.len() + 1 < MAX_CAS && !stored.bundle.contains(ca) {
            stored.bundle.push(ca.clone());
        }
    }
    let not_signing: Vec<Ca> = stored.bundle.iter().filter(|ca| !stored.is_signer(ca)).cloned().collect();
    for ca in not_signing.into_iter().filter(|ca| ca.is_valid(view.now)) {
        stored.needed_until.entry(ca.fingerprint).or_insert((view.now + wanted.leaf_life * 2).min(ca.not_after));
    }
    stored.is_damaged = false;
}

fn sign(stored: &mut Stored, wanted: &Wanted, now: SystemTime) -> Result<(), IssueError> {
    let Some(authority) = stored.signing.as_ref().and_then(Signer::authority) else { return Ok(()) };
    let names: Vec<String> = wanted.names.iter().map(|name| canonical(name)).collect();
    let issued = authority.issue(&names, now, wanted.leaf_life)?;
    // The CA is needed until its last certificate has expired.
    let until = stored.needed_until.entry(authority.ca.fingerprint.clone()).or_insert(issued.pair.not_after);
    *until = (*until).max(issued.pair.not_after);
    stored.leaf = Some(Leaf { cert: issued.cert, key: issued.key, pair: issued.pair });
    (stored.leaf_fault, stored.renewal) = (None, None);
    Ok(())
}
