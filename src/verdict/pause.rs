//! The annotation of a guarded namespace that pauses repair. Only a member of a break-glass group may set or change it, whatever
//! enforcement is: while enforcement is softened, repair is what keeps the policies. Every user may remove it, because that only
//! resumes repair.

use super::annotations::{REPAIR_PAUSED, pause_end};
use super::ctx::Ctx;
use super::facts::Annotations;
use super::finding::{Finding, Rule, Severity};
use super::words::{List, Named, Plain};

/// Judges the annotation of a namespace that is created or updated.
pub(super) fn judge(ctx: Ctx<'_>, named: Named<'_>, new: &Annotations<'_>, old: Option<&Annotations<'_>>) -> Option<Finding> {
    let value = new.get(REPAIR_PAUSED)?;
    if old.and_then(|old| old.get(REPAIR_PAUSED)) == Some(value) {
        return None;
    }
    let groups = &ctx.settings().break_glass_groups;
    let denied = |why: &str| {
        let message = format!("{named} has annotation {REPAIR_PAUSED}, which pauses repair, but {why}");
        Finding::new(Rule::RepairPause, Severity::AlwaysDeny, message)
    };
    if groups.is_empty() {
        return Some(denied("no break-glass group is named (--break-glass-group), so no user may set it. Remove the annotation"));
    }
    if !ctx.is_by_break_glass_member() {
        let groups = List { items: groups.iter(), most: 4 };
        return Some(denied(&format!("the user is not in a break-glass group ({groups}). Remove the annotation")));
    }
    // The value is not repeated unless it is a time.
    let Some(end) = pause_end(value) else {
        return Some(denied("its value is no time. Set it to a time, at most 24 hours ahead, such as 2026-11-28T17:00:00Z"));
    };
    let message = format!("{} pauses repair in {named} until {end}; a time more than 24 hours ahead is ignored", Plain(&ctx.request.user));
    Some(Finding::new(Rule::RepairPause, Severity::Noted, message))
}
