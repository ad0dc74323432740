//! Pods that run in a cluster. A pod lacks the labels that the webhook adds if it was created before the webhook
//! was installed, or while it was not available.

use crate::cli::manifests::Manifest;
use crate::cli::manifests::created::Judged;
use crate::cli::manifests::display::{KindAndName, printable};
use crate::documents::values;

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
            "{} lacks {}, which the canon grants to it: the webhook was not called when the pod was created. \
             To add them: kubectl -n {namespace} label pod {name} --overwrite {}",
            KindAndName(manifest),
            labels.join(", "),
            labels.join(" ")
        )
    })
}

/// Returns whether a manifest is a pod in a cluster that has not terminated. Such a pod has fields that only a
/// cluster sets; `kubectl create --dry-run=client` writes the same fields, but leaves them empty.
fn is_live_pod(manifest: &Manifest) -> bool {
    if !(manifest.group.is_empty() && manifest.kind == "Pod") {
        return false;
    }
    let text = |pointer| values::text(&manifest.object, pointer).unwrap_or_default();
    let has_status = !values::map(&manifest.object, "/status").is_empty();
    let is_in_cluster = has_status || !text("/metadata/uid").is_empty() || !text("/metadata/creationTimestamp").is_empty();
    is_in_cluster && !["Succeeded", "Failed"].contains(&text("/status/phase"))
}
