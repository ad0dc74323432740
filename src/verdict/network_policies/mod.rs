//! `NetworkPolicies`, judged by meaning. A policy with a canonical name must mean the same as its canonical spec. An
//! extra policy must not allow more than the canon.
//!
//! | file | content |
//! |---|---|
//! | `meaning` | compares a policy with the canon |
//! | `probe` | the dry runs that test whether the webhook is called |
//! | `sentences` | sentences about the meaning of a policy |

mod meaning;
mod probe;
mod sentences;

use super::attachments::{self, Listed};
use super::break_glass::{self, BreakGlass};
use super::ctx::Ctx;
use super::deletion;
use super::facts::{DeletedPolicy, NetworkPolicy, Objects, PolicyMetadata, Step};
use super::finding::Finding;
use crate::canon::Accepted;

/// Judges a policy that is created or updated.
pub(super) fn validate(ctx: Ctx<'_>, objects: &Objects<NetworkPolicy<'_>>) -> Vec<Finding> {
    let Some(policies) = ctx.policies() else { return Vec::new() };
    match objects.step(ctx.request.operation) {
        Ok(Step::Create(new)) => stored(ctx, policies, None, new),
        Ok(Step::Update { old, new }) => stored(ctx, policies, Some(old), new),
        Ok(Step::Nothing) => Vec::new(),
        Err(field) => vec![Finding::missing(field)],
    }
}

fn stored(ctx: Ctx<'_>, policies: Accepted<'_>, old: Option<&NetworkPolicy<'_>>, new: &NetworkPolicy<'_>) -> Vec<Finding> {
    if let Some(finding) = probe::denied(ctx, new) {
        return vec![finding];
    }
    let named = ctx.named("NetworkPolicy", &new.metadata.name, &new.metadata.generate_name);
    let before = old.and_then(|old| old.metadata.annotations.break_glass());
    let mut findings = match break_glass::stored(ctx, named, before, new.metadata.annotations.break_glass()) {
        BreakGlass::Used(finding) => return vec![finding],
        BreakGlass::NotUsed(finding) => Vec::from_iter(finding),
    };
    if policies.named(named.name).next().is_some() {
        findings.extend(meaning::canonical(ctx, named, policies, old, new));
        findings.extend(attachments::judge(ctx, named, &Listed::of(policies, named.name), old.map(|old| &old.metadata), &new.metadata));
    } else {
        findings.extend(meaning::extra(ctx, named, policies, old, new));
    }
    findings
}

/// Judges a policy that is deleted. In a deletecollection only the old object has a name.
pub(super) fn deleted(ctx: Ctx<'_>, old: Option<&DeletedPolicy<'_>>) -> Vec<Finding> {
    let Some(policies) = ctx.policies() else { return Vec::new() };
    let unknown = PolicyMetadata::default();
    let metadata = old.map_or(&unknown, |old| &old.metadata);
    let named = ctx.named("NetworkPolicy", &metadata.name, &metadata.generate_name);
    if named.name.is_empty() {
        return vec![Finding::missing("name")];
    }
    let Some(version) = policies.named(named.name).next() else { return Vec::new() };
    deletion::judge(ctx, named, version.canon, &Listed::of(policies, named.name), metadata)
}
