//! Pods: their labels are capabilities, over their whole life.

pub(super) mod create;
mod labels;
mod mutation;
pub(super) mod network;
mod update;

use super::annotations::MIRROR;
use super::facts::{Change, Pod, Step};
use super::{Ctx, Finding, Judgment, Severity};
pub use mutation::Edit;

/// The group that a node's kubelet is a member of.
const NODES: &str = "system:nodes";

/// Judges the final state of a pod that is made or changed.
pub(super) fn validate(ctx: Ctx<'_>, change: &Change<Pod<'_>>) -> Vec<Finding> {
    let (mut findings, mirror) = match change.step(ctx.request.operation) {
        Ok(Step::Create(pod)) => (create::judge(ctx, ctx.named("pod", &pod.metadata), pod, create::Missing::Refused), is_mirror(ctx, pod)),
        Ok(Step::Update { old, new }) => (update::judge(ctx, old, new), is_mirror(ctx, old) && is_mirror(ctx, new)),
        Ok(Step::Delete(_) | Step::Other) => return Vec::new(),
        Err(field) => return vec![Finding::missing(field)],
    };
    if mirror {
        spare(&mut findings);
    }
    findings
}

/// Answers what is to be changed in the labels of a pod that is made or changed.
pub(super) fn mutate<'r>(ctx: Ctx<'r>, change: &'r Change<Pod<'_>>) -> Judgment<'r> {
    match change.step(ctx.request.operation) {
        Ok(Step::Create(pod)) if leaves_alone(ctx, pod) => Judgment::default(),
        Ok(Step::Update { new, .. }) if leaves_alone(ctx, new) => Judgment::default(),
        Ok(Step::Create(pod)) => mutation::create(ctx, pod),
        Ok(Step::Update { old, new }) => mutation::update(ctx, old, new),
        Ok(Step::Delete(_) | Step::Other) => Judgment::default(),
        Err(field) => Judgment { findings: vec![Finding::missing(field)], edits: Vec::new() },
    }
}

/// What is on its way out, and what a node only reports, is never patched. A caller can forge a
/// `deletionTimestamp` in an update; that buys no label, since validation does not look at it.
fn leaves_alone(ctx: Ctx<'_>, pod: &Pod<'_>) -> bool {
    pod.metadata.terminating || is_mirror(ctx, pod)
}

/// Answers whether a node reports one of its static pods. The annotation alone is anyone's.
fn is_mirror(ctx: Ctx<'_>, pod: &Pod<'_>) -> bool {
    pod.metadata.annotations.get(MIRROR).is_some() && ctx.request.is_member(NODES)
}

/// Refuses nothing of a mirror pod: its containers run anyway, and a refusal would only hide them.
fn spare(findings: &mut [Finding]) {
    for finding in findings.iter_mut().filter(|finding| finding.severity == Severity::Deny) {
        finding.severity = Severity::Noted;
        finding.message.push_str(" (not refused, since the containers of a mirror pod run anyway)");
    }
}
