//! Pods. Capability labels are checked when a pod is created and on every update.
//!
//! | file | content |
//! |---|---|
//! | `create` | pods that are created, and the templates of workloads |
//! | `update` | pods that are updated |
//! | `mutation` | the changes that `/mutate` makes |
//! | `labels` | findings about capability labels |
//! | `network` | traffic that policies do not control: host network, other networks |

pub(super) mod create;
mod labels;
mod mutation;
pub(super) mod network;
mod update;

use super::annotations::MIRROR;
use super::claims;
use super::ctx::Ctx;
use super::facts::{Objects, OnlyMetadata, Pod, PodMetadata, Step};
use super::finding::{Finding, Severity};
use super::judgment::Judgment;

/// The group of the kubelets.
const NODES: &str = "system:nodes";

/// Judges the final state of a pod that is created or updated.
pub(super) fn validate(ctx: Ctx<'_>, objects: &Objects<Pod<'_>>) -> Vec<Finding> {
    let (mut findings, is_mirror) = match objects.step(ctx.request.operation) {
        Ok(Step::Create(pod)) => {
            let named = ctx.named("pod", &pod.metadata.name, &pod.metadata.generate_name);
            let identity = ctx.canons().identify(&pod.metadata.labels);
            let mut findings = create::judge(ctx, named, pod, &identity, create::Missing::Denied);
            findings.extend(claims::created(ctx, named, pod, &identity, &pod.metadata.owner_references));
            (findings, is_mirror(ctx, &pod.metadata))
        }
        Ok(Step::Update { old, new }) => {
            let named = ctx.named("pod", &new.metadata.name, &new.metadata.generate_name);
            let mut findings = claims::updated(ctx, named, old, new);
            // The API server stores only containers that are sent to this subresource.
            if ctx.request.subresource != *"ephemeralcontainers" {
                findings.splice(..0, update::judge(ctx, named, old, new));
            }
            (findings, is_mirror(ctx, &old.metadata) && is_mirror(ctx, &new.metadata))
        }
        Ok(Step::Nothing) => return Vec::new(),
        Err(field) => return vec![Finding::missing(field)],
    };
    if is_mirror {
        admit_mirror(&mut findings);
    }
    findings
}

/// Returns the changes of the labels of a pod that is created or updated.
pub(super) fn mutate<'r>(ctx: Ctx<'r>, objects: &'r Objects<OnlyMetadata<'_>>) -> Judgment<'r> {
    match objects.step(ctx.request.operation) {
        Ok(Step::Create(pod)) if is_never_patched(ctx, &pod.metadata) => Judgment::default(),
        Ok(Step::Update { new, .. }) if is_never_patched(ctx, &new.metadata) => Judgment::default(),
        Ok(Step::Create(pod)) => mutation::create(ctx, pod),
        Ok(Step::Update { old, new }) => mutation::update(ctx, old, new),
        Ok(Step::Nothing) => Judgment::default(),
        Err(field) => vec![Finding::missing(field)].into(),
    }
}

/// Returns whether a pod is terminating or is a mirror pod. A user can forge a `deletionTimestamp` in an update, but
/// gains nothing: validation ignores it.
fn is_never_patched(ctx: Ctx<'_>, pod: &PodMetadata<'_>) -> bool {
    pod.is_terminating || is_mirror(ctx, pod)
}

/// Returns whether a kubelet reports one of its static pods. Any user can set the annotation, so the group counts too.
fn is_mirror(ctx: Ctx<'_>, pod: &PodMetadata<'_>) -> bool {
    pod.annotations.get(MIRROR).is_some() && ctx.request.is_member(NODES)
}

/// Turns denials of a mirror pod into recorded warnings: its containers run anyway, and a denial would only hide them.
fn admit_mirror(findings: &mut [Finding]) {
    for finding in findings.iter_mut().filter(|finding| finding.severity == Severity::Deny) {
        finding.severity = Severity::Noted;
        finding.message.append(" (admitted, because the containers of a mirror pod run anyway)");
    }
}
