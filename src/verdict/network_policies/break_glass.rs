//! Breaking the glass: a member of a break-glass group says why, and the change is admitted
//! unjudged, warned about and put on record. It counts only in the request that says so.

use crate::verdict::annotations::BREAK_GLASS;
use crate::verdict::words::{Named, Plain};
use crate::verdict::{Ctx, Finding, Rule, Severity};

/// What a request does to the glass.
pub(super) enum Glass {
    /// Breaks it: nothing else counts.
    Broken(Finding),
    /// Nothing, or something that is refused.
    Whole(Option<Finding>),
}

/// Judges the annotation of a policy that is made or changed. Taking it away, or leaving it as it
/// was, is nobody's business: a routine apply of a file that carries it must not break the glass again.
pub(super) fn written(ctx: Ctx<'_>, named: Named<'_>, before: Option<&str>, after: Option<&str>) -> Glass {
    match after {
        None => Glass::Whole(None),
        Some(_) if after == before => Glass::Whole(None),
        Some(_) if !is_member(ctx) => {
            let message = format!("{named} is annotated {BREAK_GLASS} by someone who may not break the glass. Take the annotation off");
            Glass::Whole(Some(Finding::new(Rule::BreakGlass, Severity::Deny, message)))
        }
        Some(why) if why.trim().is_empty() => {
            let message = format!("{named} is annotated {BREAK_GLASS} without a reason. Say why in its value");
            Glass::Whole(Some(Finding::new(Rule::BreakGlass, Severity::Deny, message)))
        }
        Some(why) => Glass::Broken(broken(ctx, named, why)),
    }
}

/// Answers whether a member deletes a policy that carries the annotation.
pub(super) fn deleted(ctx: Ctx<'_>, named: Named<'_>, why: Option<&str>) -> Option<Finding> {
    let why = why.filter(|why| !why.trim().is_empty())?;
    is_member(ctx).then(|| broken(ctx, named, why))
}

fn broken(ctx: Ctx<'_>, named: Named<'_>, why: &str) -> Finding {
    let message = format!("{} breaks the glass for {named}, which is admitted unjudged: {}", Plain(&ctx.request.user), Plain(why.trim()));
    Finding::new(Rule::BreakGlass, Severity::Noted, message)
}

fn is_member(ctx: Ctx<'_>) -> bool {
    ctx.settings().break_glass_groups.iter().any(|group| ctx.request.is_member(group))
}
