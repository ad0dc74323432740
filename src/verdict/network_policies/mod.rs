//! Network policies, judged by what they mean. One with a canonical name must mean what the canon
//! says; one with another name may grant nothing beyond it.

mod attachments;
mod break_glass;
mod meaning;
mod sentences;

use super::facts::{Change, Metadata, NetworkPolicy, Step};
use super::words::Named;
use super::{Ctx, Finding, Rule, Severity};
use crate::canon::{CanonicalPolicy, Policies};
use break_glass::Glass;

/// Judges a policy that is made, changed or deleted.
pub(super) fn validate(ctx: Ctx<'_>, change: &Change<NetworkPolicy<'_>>) -> Vec<Finding> {
    let Some(policies) = ctx.policies() else { return Vec::new() };
    match change.step(ctx.request.operation) {
        Ok(Step::Create(new)) => written(ctx, policies, None, new),
        Ok(Step::Update { old, new }) => written(ctx, policies, Some(old), new),
        Ok(Step::Delete(old)) => deleted(ctx, policies, old),
        Ok(Step::Other) => Vec::new(),
        Err(field) => vec![Finding::missing(field)],
    }
}

fn written(ctx: Ctx<'_>, policies: &Policies, old: Option<&NetworkPolicy<'_>>, new: &NetworkPolicy<'_>) -> Vec<Finding> {
    let named = ctx.named("NetworkPolicy", &new.metadata);
    let before = old.and_then(|old| old.metadata.annotations.break_glass());
    let mut findings = match break_glass::written(ctx, named, before, new.metadata.annotations.break_glass()) {
        Glass::Broken(finding) => return vec![finding],
        Glass::Whole(finding) => Vec::from_iter(finding),
    };
    match policies.by_name.get(named.name) {
        Some(canonical) => {
            findings.extend(meaning::canonical(ctx, named, canonical, old, new));
            findings.extend(attachments::judge(ctx, named, canonical, old.map(|old| &old.metadata), &new.metadata));
        }
        None => findings.extend(meaning::extra(ctx, named, policies, old, new)),
    }
    findings
}

/// A canonical policy goes only with its namespace. In a deletecollection the name stands in the
/// old object alone.
fn deleted(ctx: Ctx<'_>, policies: &Policies, old: Option<&NetworkPolicy<'_>>) -> Vec<Finding> {
    let unknown = Metadata::default();
    let metadata = old.map_or(&unknown, |old| &old.metadata);
    let named = ctx.named("NetworkPolicy", metadata);
    if named.name.is_empty() {
        return vec![Finding::missing("name")];
    }
    let Some(canonical) = policies.by_name.get(named.name) else { return Vec::new() };
    if ctx.settings().namespace_controllers.iter().any(|user| ctx.request.user == **user) {
        return Vec::new();
    }
    if let Some(finding) = break_glass::deleted(ctx, named, metadata.annotations.break_glass()) {
        return vec![finding];
    }
    vec![Finding::new(Rule::PolicyDeleted, Severity::Deny, refusal_to_delete(ctx, named, canonical, metadata))]
}

fn refusal_to_delete(ctx: Ctx<'_>, named: Named<'_>, canonical: &CanonicalPolicy, metadata: &Metadata<'_>) -> String {
    let owned = attachments::foreign_owners(canonical, metadata)
        .map(|owners| format!(". The garbage collector deletes it for its owner {owners}. {}", attachments::cure(ctx, named)))
        .unwrap_or_default();
    format!("{named} is canonical and stays as long as its namespace{owned}")
}
