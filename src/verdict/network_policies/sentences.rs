//! Sentences about what a policy means.

use crate::canon::BUILT_IN;
use crate::documents::Fault;
use crate::policy::{Drift, Witness};
use crate::verdict::Ctx;
use crate::verdict::words::{List, Named, Plain};

/// The namespace that commands take for granted.
const DEFAULT_NAMESPACE: &str = "abcdesktop";

/// The most differences or faults in one sentence: the audit line has the differences whole.
const MOST: usize = 3;

pub(super) fn drift(ctx: Ctx<'_>, named: Named<'_>, drift: &Drift) -> String {
    let mut sentence = format!("{named} drifts from the canonical spec: {}", List { items: drift.differences.iter(), most: MOST });
    if let Some(witness) = &drift.witness {
        sentence += ". ";
        sentence += &capitalized(witness);
    }
    sentence + ". " + &put_back(ctx, named)
}

pub(super) fn not_proven(ctx: Ctx<'_>, named: Named<'_>) -> String {
    format!("{named} is not proven the same as the canonical spec: comparing it takes too many steps. {}", put_back(ctx, named))
}

pub(super) fn faulty(ctx: Ctx<'_>, named: Named<'_>, faults: &[Fault]) -> String {
    format!("{named} cannot mean what the canonical spec says: {}. {}", List { items: faults.iter(), most: MOST }, put_back(ctx, named))
}

pub(super) fn unwanted(named: Named<'_>) -> String {
    format!("{named} is not one of the canon, and no other is admitted here. Add it to the canon, or leave it out")
}

pub(super) fn wider(named: Named<'_>, witness: &Witness) -> String {
    format!("{named} is wider than the canon: {witness}. Leave that out, or add the policy to the canon")
}

pub(super) fn not_proven_harmless(named: Named<'_>) -> String {
    format!(
        "{named} is not proven to grant nothing beyond the canon: judging it takes too many steps. Make it smaller, or add it to the canon"
    )
}

pub(super) fn faulty_extra(named: Named<'_>, faults: &[Fault]) -> String {
    format!("{named} has no meaning to judge: {}", List { items: faults.iter(), most: MOST })
}

/// The command that puts a canonical policy back. What the command takes for granted is left out.
fn put_back(ctx: Ctx<'_>, named: Named<'_>) -> String {
    let [default_canon, ..] = BUILT_IN;
    let canon = ctx.canon().source.as_str();
    let namespace: &str = &ctx.request.namespace;
    let canon = if canon == default_canon { String::new() } else { format!(" --canon {canon}") };
    let namespace = if namespace == DEFAULT_NAMESPACE { String::new() } else { format!(" --namespace {}", Plain(namespace)) };
    format!("To put it back: netpol render policies{canon}{namespace} --only {} | kubectl apply -f -", Plain(named.name))
}

fn capitalized(sentence: &impl ToString) -> String {
    let sentence = sentence.to_string();
    let mut characters = sentence.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}
