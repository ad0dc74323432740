//! Break-glass. A member of a break-glass group states a reason in an annotation, and the change is admitted without
//! checks, with a warning and a record. The annotation counts only in the request that sets it.

use crate::verdict::annotations::BREAK_GLASS;
use crate::verdict::ctx::Ctx;
use crate::verdict::finding::{Finding, Rule, Severity};
use crate::verdict::words::{Named, Plain};

/// The effect of the annotation on a request.
pub(super) enum BreakGlass {
    /// The change is admitted without checks.
    Used(Finding),
    /// The change is checked. The finding denies misuse of the annotation.
    NotUsed(Option<Finding>),
}

/// Judges the annotation of a policy that is created or updated. Removing it or keeping it has no effect: otherwise
/// applying the same file again would use it again.
pub(super) fn stored(ctx: Ctx<'_>, named: Named<'_>, before: Option<&str>, after: Option<&str>) -> BreakGlass {
    match after {
        None => BreakGlass::NotUsed(None),
        Some(_) if after == before => BreakGlass::NotUsed(None),
        Some(_) if !is_member(ctx) => {
            let message =
                format!("{named} has annotation {BREAK_GLASS}, but the user is not in a break-glass group. Remove the annotation");
            BreakGlass::NotUsed(Some(Finding::new(Rule::BreakGlass, Severity::Deny, message)))
        }
        Some(reason) if reason.trim().is_empty() => {
            let message = format!("{named} has annotation {BREAK_GLASS} without a reason. Set its value to the reason");
            BreakGlass::NotUsed(Some(Finding::new(Rule::BreakGlass, Severity::Deny, message)))
        }
        Some(reason) => BreakGlass::Used(used(ctx, named, reason)),
    }
}

/// Returns the finding for a member who deletes a policy that has the annotation.
pub(super) fn deleted(ctx: Ctx<'_>, named: Named<'_>, reason: Option<&str>) -> Option<Finding> {
    let reason = reason.filter(|reason| !reason.trim().is_empty())?;
    is_member(ctx).then(|| used(ctx, named, reason))
}

fn used(ctx: Ctx<'_>, named: Named<'_>, reason: &str) -> Finding {
    let message = format!(
        "{} used the break-glass annotation on {named}; admitted without checks: {}",
        Plain(&ctx.request.user),
        Plain(reason.trim())
    );
    Finding::new(Rule::BreakGlass, Severity::Noted, message)
}

fn is_member(ctx: Ctx<'_>) -> bool {
    ctx.settings().break_glass_groups.iter().any(|group| ctx.request.is_member(group))
}
