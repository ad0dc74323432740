//! Pods that are changed, by their main resource or through `status`. What was wrong before is not
//! the caller's fault: it passes with a warning, so that neither finalizers nor the kubelet's status
//! are ever blocked.

use super::labels::{self, LabelFindings};
use super::network;
use crate::verdict::facts::Pod;
use crate::verdict::words::{BEFORE, List, Named};
use crate::verdict::{Ctx, Finding, Rule, Severity};

pub(super) fn judge(ctx: Ctx<'_>, old: &Pod<'_>, new: &Pod<'_>) -> Vec<Finding> {
    let named = ctx.named("pod", &new.metadata);
    // Relabeling a running pod must not buy it labels: it is granted what it was granted before.
    let identity = ctx.canon().identify(&old.metadata.labels);
    let (worn, wears) = (&old.metadata.labels, &new.metadata.labels);

    let mut findings = identity_changed(ctx, named, old, new);
    if identity.is_conflict() && findings.is_empty() {
        let message = BEFORE.to_owned() + &labels::two_identities(named, &identity);
        findings.push(Finding::new(Rule::TwoIdentities, Severity::Warn, message));
    }
    let mut about_labels = LabelFindings::new(named);
    for (key, value) in wears.capabilities() {
        let was_there = worn.get(key) == Some(value);
        let before = if was_there { BEFORE } else { "" };
        match identity.value(key) {
            Some(granted) if value == granted => {}
            Some(granted) => {
                let severity = if was_there { Severity::Warn } else { Severity::Deny };
                about_labels.push(Rule::LabelValue, severity, |named| {
                    before.to_owned() + &labels::wrong_value(named, &identity, key, value, granted)
                });
            }
            None => {
                let severity = if was_there { Severity::Warn } else { labels::ungranted_severity(ctx) };
                about_labels.push(Rule::UngrantedLabel, severity, |named| before.to_owned() + &labels::ungranted(ctx, named, key));
            }
        }
    }
    for (key, value) in worn.capabilities() {
        if wears.get(key).is_none() && identity.value(key) == Some(value) {
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
