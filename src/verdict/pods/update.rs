//! Pods that are changed, by their main resource or through `status`. What was wrong before is not
//! the caller's fault: it passes with a warning, so that neither finalizers nor the kubelet's status
//! are ever blocked.

use super::labels::{self, LabelFindings};
use super::network;
use crate::verdict::facts::Pod;
use crate::verdict::words::{List, Named};
use crate::verdict::{Ctx, Finding, Rule, Severity};

/// What is added to a sentence about what was there before.
const AS_BEFORE: &str = " (it did before this update)";

pub(super) fn judge(ctx: Ctx<'_>, old: &Pod<'_>, new: &Pod<'_>) -> Vec<Finding> {
    let named = ctx.named("pod", &new.metadata);
    // Relabelling a running pod must not buy it labels: it is granted what it was granted before.
    let identity = ctx.canon().identify(&old.metadata.labels);
    let (before, after) = (&old.metadata.labels, &new.metadata.labels);

    let mut findings = identity_changed(ctx, named, old, new);
    if identity.is_conflict() && findings.is_empty() {
        let message = labels::two_identities(named, &identity) + AS_BEFORE;
        findings.push(Finding::new(Rule::TwoIdentities, Severity::Warn, message));
    }
    let mut about_labels = LabelFindings::new(named);
    for (key, value) in after.capabilities() {
        let was_there = before.get(key) == Some(value);
        let as_before = if was_there { AS_BEFORE } else { "" };
        match identity.value(key) {
            Some(granted) if value == granted => {}
            Some(granted) => {
                let severity = if was_there { Severity::Warn } else { Severity::Deny };
                about_labels
                    .push(Rule::LabelValue, severity, |named| labels::wrong_value(named, &identity, key, value, granted) + as_before);
            }
            None => {
                let severity = if was_there { Severity::Warn } else { labels::ungranted_severity(ctx) };
                about_labels.push(Rule::UngrantedLabel, severity, |named| labels::ungranted(ctx, named, key) + as_before);
            }
        }
    }
    for (key, value) in before.capabilities() {
        if after.get(key).is_none() && identity.value(key) == Some(value) {
            about_labels.push(Rule::LabelTaken, Severity::Deny, |named| {
                format!("{named} loses {key}, which {} it. Keep the label", labels::gives(&identity, &[key]))
            });
        }
    }
    findings.extend(about_labels.finish());
    findings.extend(network::host_network(ctx, named, new, &identity, old.host_network));
    findings.extend(network::annotations(ctx, named, &new.metadata.annotations, Some(&old.metadata.annotations)));
    findings
}

fn identity_changed(ctx: Ctx<'_>, named: Named<'_>, old: &Pod<'_>, new: &Pod<'_>) -> Vec<Finding> {
    let changed = |key: &&str| old.metadata.labels.get(key) != new.metadata.labels.get(key);
    let keys: Vec<&str> = ctx.canon().identity_keys().filter(changed).collect();
    if keys.is_empty() {
        return Vec::new();
    }
    let message = format!(
        "{named} changes {}, by which canonical policies and grants tell what a pod is. Make another pod with the label instead",
        List { items: keys.iter(), most: 20 }
    );
    vec![Finding::new(Rule::IdentityChanged, Severity::Deny, message)]
}
