//! Pods that were read from a cluster: a pod from before the webhook, or from while it was away, lacks the labels
//! that the webhook adds.

use serde_json::Value;

use crate::cli::manifests::Manifest;
use crate::cli::manifests::created::Judged;
use crate::cli::manifests::words::{Named, Plain};

/// The rule of a pod of a cluster that lacks labels that it is granted.
pub(super) const LACKS_LABEL: &str = "pod-lacks-label";

/// Returns the sentence about a pod of a cluster that lacks granted labels, or `None` for any other object.
pub(super) fn lacks_labels(manifest: &Manifest, judged: &Judged, namespace: &str) -> Option<String> {
    if !is_live_pod(manifest) {
        return None;
    }
    let labels: Vec<String> = judged.added_labels().map(|(key, value)| format!("{}={}", Plain(&key), Plain(&value))).collect();
    let name = manifest.name();
    (!labels.is_empty()).then(|| {
        format!(
            "{} lacks {}, which the canon grants to it: the webhook was not called when it was created. \
             To add them: kubectl -n {namespace} label pod {name} --overwrite {}",
            Named(manifest),
            labels.join(", "),
            labels.join(" ")
        )
    })
}

/// Returns whether a manifest is a pod that a cluster runs: it has fields that only a cluster sets, and has not
/// terminated. `kubectl create --dry-run=client` writes the same fields, but empty.
fn is_live_pod(manifest: &Manifest) -> bool {
    if !(manifest.group.is_empty() && manifest.kind == "Pod") {
        return false;
    }
    let text = |pointer| manifest.object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let has_status = manifest.object.get("status").and_then(Value::as_object).is_some_and(|status| !status.is_empty());
    let is_of_cluster = has_status || !text("/metadata/uid").is_empty() || !text("/metadata/creationTimestamp").is_empty();
    is_of_cluster && !["Succeeded", "Failed"].contains(&text("/status/phase"))
}
