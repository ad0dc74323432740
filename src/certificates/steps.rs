//! The steps of the plan that change what is stored: from one content of the Secret to the next.

use std::time::SystemTime;

use super::authority::{Authority, IssueError};
use super::canonical;
use super::plan::{Step, View, Wanted, is_spent};
use super::stored::{Leaf, Signer, Stored};
use super::trust::Ca;

/// The most authorities that a damaged Secret takes back from what was published.
const ADOPTED: usize = 16;

/// Takes a step. None where it is none that changes what is stored.
///
/// # Errors
/// A name that no certificate can have.
pub fn take(step: Step, wanted: &Wanted, view: &View<'_>) -> Result<Option<Stored>, IssueError> {
    let mut stored = view.stored.clone();
    match step {
        Step::Publish | Step::Wait | Step::Rest => return Ok(None),
        Step::Mend => adopt(&mut stored, wanted, view),
        Step::Prune => {
            if stored.next.as_ref().is_some_and(|next| !next.ca.is_valid(view.now)) {
                forget_next(&mut stored);
            }
        }
        Step::Introduce => {
            if stored.is_damaged {
                adopt(&mut stored, wanted, view);
            }
            forget_next(&mut stored);
            let authority = Authority::new(view.now, wanted.ca_life)?;
            stored.bundle.insert(0, authority.ca.clone());
            stored.next = Some(Signer { ca: authority.ca, key: authority.key });
        }
        Step::Promote => {
            stored.signing = stored.next.take();
            sign(&mut stored, wanted, view.now)?;
        }
        Step::Sign => sign(&mut stored, wanted, view.now)?,
    }
    let kept: Vec<Ca> = stored.bundle.iter().filter(|ca| !is_spent(&stored, ca, view.now)).cloned().collect();
    stored.until.retain(|fingerprint, _| kept.iter().any(|ca| ca.fingerprint == *fingerprint));
    stored.bundle = kept;
    Ok(Some(stored))
}

/// Forgets an authority that did not come to sign: it has nothing to be trusted for.
fn forget_next(stored: &mut Stored) {
    if let Some(never) = stored.next.take() {
        stored.bundle.retain(|ca| *ca != never.ca);
    }
}

/// Takes published authorities back: one of them may have signed what somebody serves. No certificate of
/// theirs outlives a whole life from now, and another one is for clocks that were turned back; then the
/// trust in them ends. Where the clock stands before their beginning, nobody knows when they signed.
fn adopt(stored: &mut Stored, wanted: &Wanted, view: &View<'_>) {
    let fit = |ca: &&Ca| ca.is_authority && view.now < ca.not_after && ca.is_intact();
    for ca in view.published.iter().flatten().filter(fit).take(ADOPTED) {
        if !stored.bundle.contains(ca) {
            stored.bundle.push(ca.clone());
        }
    }
    let silent: Vec<Ca> = stored.bundle.iter().filter(|ca| !stored.signs(ca)).cloned().collect();
    for ca in silent.into_iter().filter(|ca| ca.is_valid(view.now)) {
        stored.until.entry(ca.fingerprint).or_insert((view.now + wanted.leaf_life * 2).min(ca.not_after));
    }
    stored.is_damaged = false;
}

fn sign(stored: &mut Stored, wanted: &Wanted, now: SystemTime) -> Result<(), IssueError> {
    let Some(authority) = stored.signing.as_ref().and_then(Signer::authority) else { return Ok(()) };
    let names: Vec<String> = wanted.names.iter().map(|name| canonical(name)).collect();
    let issued = authority.issue(&names, now, wanted.leaf_life)?;
    // Until the last certificate of this authority has expired.
    let until = stored.until.entry(authority.ca.fingerprint.clone()).or_insert(issued.pair.not_after);
    *until = (*until).max(issued.pair.not_after);
    stored.leaf = Some(Leaf { cert: issued.cert, key: issued.key, pair: issued.pair });
    (stored.leaf_fault, stored.request) = (None, None);
    Ok(())
}
