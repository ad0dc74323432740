//! The deletion of a canonical policy. A policy of the first canon is deleted only with its namespace, or by break-glass.

use super::attachments::{self, Listed};
use super::break_glass;
use super::ctx::Ctx;
use super::facts::PolicyMetadata;
use super::finding::{Finding, Rule, Severity};
use super::words::Named;
use crate::canon::Canon;

/// Judges the deletion of a policy that `canon`, the first one of all that have it, lists with `listed`.
pub(super) fn judge(ctx: Ctx<'_>, named: Named<'_>, canon: &Canon, listed: &Listed<'_>, metadata: &PolicyMetadata<'_>) -> Vec<Finding> {
    if ctx.settings().namespace_controllers.iter().any(|user| ctx.request.user == **user) {
        return Vec::new();
    }
    if let Some(finding) = break_glass::deleted(ctx, named, metadata.annotations.break_glass()) {
        return vec![finding];
    }
    let first = ctx.canons().first();
    if !std::ptr::eq(canon, first) {
        let (only, first) = (ctx.guard.name_of(canon), ctx.guard.name_of(first));
        let message = format!("{named} is deleted: {first}, the target, does not have it, only {only} does, so it may be missing");
        return vec![Finding::new(Rule::OtherCanon, Severity::Warn, message)];
    }
    vec![Finding::new(Rule::PolicyDeleted, Severity::Deny, denied(ctx, named, listed, metadata))]
}

fn denied(ctx: Ctx<'_>, named: Named<'_>, listed: &Listed<'_>, metadata: &PolicyMetadata<'_>) -> String {
    let owned = attachments::foreign_owners(listed, metadata)
        .map(|owners| format!(". The garbage collector deletes it because of its owner {owners}. {}", attachments::cure(ctx, named)))
        .unwrap_or_default();
    let way = break_glass::way_to_delete(ctx, named).map(|way| format!(". {way}")).unwrap_or_default();
    format!("{named} is canonical and can be deleted only with its namespace{owned}{way}")
}
