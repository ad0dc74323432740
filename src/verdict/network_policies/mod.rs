//! `NetworkPolicies`, judged by meaning. A policy with a canonical name must mean the same as its canonical spec. An
//! extra policy must not allow more than the canon.
//!
//! | file | content |
//! |---|---|
//! | `meaning` | compares a policy with the canon |
//! | `attachments` | owner references and finalizers of a canonical policy |
//! | `break_glass` | the break-glass annotation |
//! | `probe` | the dry runs that test whether the webhook is called |
//! | `sentences` | sentences about the meaning of a policy |

pub(super) mod attachments;
mod break_glass;
mod meaning;
mod probe;
mod sentences;

use super::ctx::Ctx;
use super::facts::{DeletedPolicy, NetworkPolicy, Objects, PolicyMetadata, Step};
use super::finding::{Finding, Rule, Severity};
use super::words::Named;
use crate::canon::Accepted;
use break_glass::BreakGlass;

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
        findings.extend(attachments::judge(ctx, named, policies, old.map(|old| &old.metadata), &new.metadata));
    } else {
        findings.extend(meaning::extra(ctx, named, policies, old, new));
    }
    findings
}

/// Judges a policy that is deleted. A policy of the first canon is deleted only with its namespace. In a
/// deletecollection only the old object has a name.
pub(super) fn deleted(ctx: Ctx<'_>, old: Option<&DeletedPolicy<'_>>) -> Vec<Finding> {
    let Some(policies) = ctx.policies() else { return Vec::new() };
    let unknown = PolicyMetadata::default();
    let metadata = old.map_or(&unknown, |old| &old.metadata);
    let named = ctx.named("NetworkPolicy", &metadata.name, &metadata.generate_name);
    if named.name.is_empty() {
        return vec![Finding::missing("name")];
    }
    let Some(version) = policies.named(named.name).next() else { return Vec::new() };
    if ctx.settings().namespace_controllers.iter().any(|user| ctx.request.user == **user) {
        return Vec::new();
    }
    if let Some(finding) = break_glass::deleted(ctx, named, metadata.annotations.break_glass()) {
        return vec![finding];
    }
    let first = ctx.canons().first();
    if !std::ptr::eq(version.canon, first) {
        let (only, first) = (ctx.guard.name_of(version.canon), ctx.guard.name_of(first));
        let message = format!("{named} is deleted: {first}, the target, does not have it, only {only} does, so it may be missing");
        return vec![Finding::new(Rule::OtherCanon, Severity::Warn, message)];
    }
    vec![Finding::new(Rule::PolicyDeleted, Severity::Deny, denied_deletion(ctx, named, policies, metadata))]
}

fn denied_deletion(ctx: Ctx<'_>, named: Named<'_>, policies: Accepted<'_>, metadata: &PolicyMetadata<'_>) -> String {
    let owned = attachments::foreign_owners(policies, named.name, metadata)
        .map(|owners| format!(". The garbage collector deletes it because of its owner {owners}. {}", attachments::cure(ctx, named)))
        .unwrap_or_default();
    let way = break_glass::way_to_delete(ctx, named).map(|way| format!(". {way}")).unwrap_or_default();
    format!("{named} is canonical and can be deleted only with its namespace{owned}{way}")
}
