//! Pods that are updated, through the main resource or `status`. A problem that exists before the update only gives a
//! warning, so that updates of finalizers and of the status by the kubelet are never denied because of it.

use super::labels::{self, LabelFindings};
use super::network;
use crate::verdict::ctx::Ctx;
use crate::verdict::facts::Pod;
use crate::verdict::finding::{Finding, Rule, Severity};
use crate::verdict::sentence::Sentence;
use crate::verdict::words::{EXISTING, List, Named};

pub(super) fn judge(ctx: Ctx<'_>, named: Named<'_>, old: &Pod<'_>, new: &Pod<'_>) -> Vec<Finding> {
    // Relabeling a running pod must not give it more labels: the grants of the old pod apply.
    let identity = ctx.canons().identify(&old.metadata.labels);
    let (before, after) = (&old.metadata.labels, &new.metadata.labels);

    let mut findings = identity_changed(ctx, named, old, new);
    if identity.is_conflict() && findings.is_empty() {
        let mut message = labels::two_identities(named, &identity);
        message.prefix(EXISTING);
        findings.push(Finding::new(Rule::TwoIdentities, Severity::Warn, message));
    }
    let mut about_labels = LabelFindings::new(named);
    for (key, value) in after.capabilities() {
        let is_old = before.get(key) == Some(value);
        let prefixed = |mut message: Sentence| {
            if is_old {
                message.prefix(EXISTING);
            }
            message
        };
        match identity.value(key) {
            Some(granted) if value == granted => {}
            Some(granted) => {
                let severity = if is_old { Severity::Warn } else { Severity::Deny };
                about_labels.push(Rule::LabelValue, severity, |named| prefixed(labels::wrong_value(named, &identity, key, value, granted)));
            }
            None => {
                let severity = if is_old { Severity::Warn } else { labels::ungranted_severity(ctx) };
                about_labels.push(Rule::UngrantedLabel, severity, |named| prefixed(labels::ungranted(ctx, named, key)));
            }
        }
    }
    for (key, value) in before.capabilities() {
        if after.get(key).is_none() && identity.value(key) == Some(value) {
            about_labels.push(Rule::LabelTaken, Severity::Deny, |named| {
                format!("{named} loses label {key}, which {} it. Keep the label", labels::gives(&identity, &[key])).into()
            });
        }
    }
    findings.extend(about_labels.finish());
    findings.extend(network::host_network(ctx, named, new, &identity, old.spec.host_network));
    findings.extend(network::annotations(ctx, named, &new.metadata.annotations, Some(&old.metadata.annotations)));
    findings
}

fn identity_changed(ctx: Ctx<'_>, named: Named<'_>, old: &Pod<'_>, new: &Pod<'_>) -> Vec<Finding> {
    let changed = |key: &&str| old.metadata.labels.get(key) != new.metadata.labels.get(key);
    let keys: Vec<&str> = ctx.canons().identity_keys().filter(changed).collect();
    if keys.is_empty() {
        return Vec::new();
    }
    let message = Sentence::listing(
        format_args!("{named} changes label "),
        &List { items: keys.iter(), most: 20 },
        format_args!(", which canonical policies and grants use to identify pods. Create a new pod with the label instead"),
    );
    vec![Finding::new(Rule::IdentityChanged, Severity::Deny, message)]
}
