//! Break-glass. A member of a break-glass group states a reason in an annotation, and the change is admitted without
//! checks, with a warning and a record. The annotation counts only in the request that sets it, and for a deletion if its
//! reason begins with `delete:`.

use super::annotations::BREAK_GLASS;
use super::ctx::Ctx;
use super::finding::{Finding, Rule, Severity};
use super::restore;
use super::words::{List, Named, Plain};

/// The effect of the annotation on a request.
pub(super) enum BreakGlass {
    /// The change is admitted without checks.
    Used(Finding),
    /// The change is checked. The finding denies misuse of the annotation, or names one that is left over.
    NotUsed(Option<Finding>),
}

/// Judges the annotation of a policy that is created or updated. Removing it has no effect, and neither has keeping it:
/// otherwise applying the same file again would use it again.
pub(super) fn stored(ctx: Ctx<'_>, named: Named<'_>, before: Option<&str>, after: Option<&str>) -> BreakGlass {
    match after {
        None => BreakGlass::NotUsed(None),
        Some(_) if after == before => {
            let message =
                restore::leftover_break_glass(named.kind, &ctx.kubectl_resource(), &ctx.request.namespace, &Plain(named.name).to_string());
            BreakGlass::NotUsed(Some(Finding::new(Rule::BreakGlass, Severity::Warn, message)))
        }
        Some(_) if !ctx.is_by_break_glass_member() => {
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

/// The start of a reason for a deletion. A reason that was given for an earlier change does not permit it.
const DELETE: &str = "delete:";

/// Returns the finding for a member who deletes a policy that has the annotation, with a reason for the deletion.
pub(super) fn deleted(ctx: Ctx<'_>, named: Named<'_>, reason: Option<&str>) -> Option<Finding> {
    let reason = reason.filter(|reason| reason.trim().strip_prefix(DELETE).is_some_and(|reason| !reason.trim().is_empty()))?;
    ctx.is_by_break_glass_member().then(|| used(ctx, named, reason))
}

/// Returns how a member of a break-glass group can delete a policy; `None` if there is no such group.
pub(super) fn way_to_delete(ctx: Ctx<'_>, named: Named<'_>) -> Option<String> {
    let groups = &ctx.settings().break_glass_groups;
    (!groups.is_empty()).then(|| {
        let (namespace, resource, name) = (Plain(&ctx.request.namespace), ctx.kubectl_resource(), Plain(named.name));
        format!(
            "A member of a break-glass group ({}) can delete it with a reason: kubectl -n {namespace} annotate {resource} {name} --overwrite \
             {BREAK_GLASS}='{DELETE} REASON' && kubectl -n {namespace} delete {resource} {name}",
            List { items: groups.iter(), most: 4 }
        )
    })
}

fn used(ctx: Ctx<'_>, named: Named<'_>, reason: &str) -> Finding {
    let message = format!(
        "{} used the break-glass annotation on {named}; admitted without checks: {}",
        Plain(&ctx.request.user),
        Plain(reason.trim())
    );
    Finding::new(Rule::BreakGlass, Severity::Noted, message)
}
