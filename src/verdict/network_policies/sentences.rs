//! Sentences about the meaning of a policy.

use crate::canon::Canon;
use crate::documents::Fault;
use crate::policy::{Drift, Witness};
use crate::verdict::ctx::Ctx;
use crate::verdict::explain;
use crate::verdict::restore;
use crate::verdict::sentence::Sentence;
use crate::verdict::words::{List, Named, Plain};

/// The maximum number of differences or faults in a sentence. The audit line has all differences.
const MAX_ITEMS: usize = 3;

/// `nearest` is a built-in canon that is not accepted, but whose policy this is. `why` is [`why_denied`], and `cure` the sentence of
/// [`restore`].
pub(super) fn drift(named: Named<'_>, drift: &Drift, nearest: Option<&str>, why: Option<&str>, cure: &str) -> Sentence {
    let mut sentence = Sentence::listing(
        format_args!("{named} drifts from the canonical spec: "),
        &List { items: drift.differences.iter(), most: MAX_ITEMS },
        format_args!(""),
    );
    if let Some(witness) = &drift.witness {
        sentence.append(&format!(". {}", capitalized(witness)));
    }
    if let Some(why) = why {
        sentence.append(&format!(". {why}"));
    }
    if let Some(nearest) = nearest {
        sentence.append(&format!(". It is the policy of the built-in canon {nearest}"));
    }
    sentence.append(&format!(". {cure}"));
    sentence
}

/// Returns the command that explains why `canon` denies the connection of a witness, if there is one.
pub(super) fn why_denied(ctx: Ctx<'_>, canon: &Canon, witness: Option<&Witness>) -> Option<String> {
    let command = explain::denied_by(ctx, canon, witness?)?;
    Some(format!("Why that connection is denied: {command}"))
}

pub(super) fn not_proven(named: Named<'_>, cure: &str) -> Sentence {
    Sentence::from(format!("{named} cannot be proven equal to the canonical spec: the comparison takes too many steps. {cure}"))
}

pub(super) fn faulty(named: Named<'_>, faults: &[Fault], cure: &str) -> Sentence {
    Sentence::listing(
        format_args!("{named} cannot match the canonical spec: "),
        &List { items: faults.iter(), most: MAX_ITEMS },
        format_args!(". {cure}"),
    )
}

pub(super) fn not_admitted(named: Named<'_>) -> Sentence {
    Sentence::from(format!(
        "{named} is not in the canon, and extra policies are denied in this namespace. Add it to the canon or remove it"
    ))
}

pub(super) fn wider(named: Named<'_>, witness: &Witness, why: Option<&str>) -> Sentence {
    let why = why.map(|why| format!(". {why}")).unwrap_or_default();
    Sentence::from(format!("{named} is wider than the canon: {}{why}. Narrow the policy or add it to the canon", witness.with_extent()))
}

pub(super) fn not_proven_harmless(named: Named<'_>) -> Sentence {
    Sentence::from(format!(
        "{named} cannot be proven to stay within the canon: the comparison takes too many steps. Simplify it or add it to the canon"
    ))
}

pub(super) fn faulty_extra(named: Named<'_>, faults: &[Fault]) -> Sentence {
    Sentence::listing(
        format_args!("{named} cannot be compared with the canon: "),
        &List { items: faults.iter(), most: MAX_ITEMS },
        format_args!(". Correct the policy"),
    )
}

/// Returns how the policy is restored. `differing` are the canons that may be meant instead.
pub(super) fn restore(ctx: Ctx<'_>, named: Named<'_>, canon: &Canon, differing: &[&Canon]) -> String {
    let name = Plain(named.name).to_string();
    restore::hint(ctx.guard, canon, differing, &ctx.request.namespace, named.kind, &name)
}

fn capitalized(sentence: &impl ToString) -> String {
    let sentence = sentence.to_string();
    let mut characters = sentence.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}
