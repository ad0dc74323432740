//! Objects in a cluster. A pod lacks the labels that the webhook adds if it was created before the webhook was
//! installed, while it was not available, or before the canon had the grant. A policy may have the break-glass annotation of an earlier change.

use crate::canon::BREAK_GLASS;
use crate::cli::manifests::Manifest;
use crate::cli::manifests::created::Judged;
use crate::cli::manifests::display::{KindAndName, printable};
use crate::documents::text::quoted;
use crate::documents::values;
use crate::verdict::annotations::REPAIR_PAUSED;
use crate::verdict::{self, Rule, Severity, restore};

/// The rule for a running pod that lacks granted labels.
pub(super) const LACKS_LABEL: &str = "pod-lacks-label";

/// Returns the message about a running pod that lacks granted labels, or `None` for any other object.
pub(super) fn lacks_labels(manifest: &Manifest, judged: &Judged, namespace: &str) -> Option<String> {
    if !is_live_pod(manifest) {
        return None;
    }
    let labels: Vec<String> = judged.added_labels().map(|(key, value)| format!("{}={}", printable(&key), printable(&value))).collect();
    let name = printable(manifest.name());
    (!labels.is_empty()).then(|| {
        format!(
            "{} lacks {}, which the canon grants to it: the pod is older than the guard, or than this grant. \
             To add them: kubectl -n {namespace} label pod {name} --overwrite {}",
            KindAndName(manifest),
            labels.join(", "),
            labels.join(" ")
        )
    })
}

/// Makes a service account or an image that the grant of a running pod does not allow a finding, whatever is done with new pods.
pub(super) fn raise_claims(manifest: &Manifest, findings: &mut [verdict::Finding]) {
    if is_live_pod(manifest) {
        for finding in findings.iter_mut().filter(|finding| finding.rule == Rule::Claim) {
            finding.severity = Severity::Deny;
        }
    }
}

/// Names the break-glass annotation of a policy: in a cluster as left over, because the user who set it was allowed to; in a
/// file as a condition for the user who applies it, because a check has no user.
pub(super) fn name_break_glass(manifest: &Manifest, namespace: &str, findings: &mut [verdict::Finding]) {
    for finding in findings.iter_mut().filter(|finding| finding.rule == Rule::BreakGlass) {
        finding.message = if is_live(manifest) {
            finding.severity = Severity::Warn;
            restore::leftover_break_glass(&manifest.kind, &manifest.kubectl_resource(), namespace, &printable(manifest.name())).into()
        } else {
            let named = KindAndName(manifest);
            format!(
                "{named} in the file carries the annotation {BREAK_GLASS}: only a member of a break-glass group can apply it. \
                 Remove the annotation from the file"
            )
            .into()
        };
    }
}

/// Names the annotation that pauses repair: in a cluster as a pause, because the user who set it was allowed to; in a file as a
/// condition for the user who applies it.
pub(super) fn name_pause(manifest: &Manifest, findings: &mut [verdict::Finding]) {
    for finding in findings.iter_mut().filter(|finding| finding.rule == Rule::RepairPause) {
        let named = KindAndName(manifest);
        finding.message = if is_live(manifest) {
            finding.severity = Severity::Warn;
            let name = quoted(manifest.name());
            format!(
                "{named} has annotation {REPAIR_PAUSED}: until the time that it states, the drift controller repairs nothing in the \
                 namespace. To end it: kubectl annotate namespace {name} {REPAIR_PAUSED}-"
            )
        } else {
            format!(
                "{named} in the file carries the annotation {REPAIR_PAUSED}: only a member of a break-glass group can apply it. \
                 Remove the annotation from the file"
            )
        }
        .into();
    }
}

/// Returns whether a manifest is a pod in a cluster that has not terminated.
fn is_live_pod(manifest: &Manifest) -> bool {
    let is_pod = manifest.group.is_empty() && manifest.kind == "Pod";
    is_pod && is_live(manifest) && !["Succeeded", "Failed"].contains(&text(manifest, "/status/phase"))
}

/// Returns whether a manifest is an object in a cluster. It has fields that only a cluster sets;
/// `kubectl create --dry-run=client` writes the same fields, but leaves them empty.
fn is_live(manifest: &Manifest) -> bool {
    let has_status = !values::map(&manifest.object, "/status").is_empty();
    has_status || !text(manifest, "/metadata/uid").is_empty() || !text(manifest, "/metadata/creationTimestamp").is_empty()
}

fn text<'m>(manifest: &'m Manifest, pointer: &str) -> &'m str {
    values::text(&manifest.object, pointer).unwrap_or_default()
}
