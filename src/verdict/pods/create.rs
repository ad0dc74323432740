//! Pods that are created, and the templates of workloads.

use super::labels::{self, LabelFindings};
use super::network;
use crate::canon::Identity;
use crate::verdict::ctx::Ctx;
use crate::verdict::facts::Pod;
use crate::verdict::finding::{Finding, Rule, Severity};
use crate::verdict::sentence::Sentence;
use crate::verdict::words::{List, Named, plural};

/// Whether a granted label may be missing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    /// No: the API server did not call the mutating webhook. A retry adds the label.
    Denied,
    /// Yes: the API server calls the mutating webhook when it creates the pods.
    WillBeAdded,
}

pub(crate) fn judge(ctx: Ctx<'_>, named: Named<'_>, pod: &Pod<'_>, identity: &Identity<'_>, missing: Missing) -> Vec<Finding> {
    let mut findings = if identity.is_conflict() {
        vec![Finding::new(Rule::TwoIdentities, Severity::Deny, labels::two_identities(named, identity))]
    } else {
        let mut findings = LabelFindings::new(named);
        for (key, value) in pod.metadata.labels.capabilities() {
            match identity.value(key) {
                Some(granted) if value == granted => {}
                Some(granted) => {
                    findings.push(Rule::LabelValue, Severity::Deny, |named| labels::wrong_value(named, identity, key, value, granted));
                }
                None => findings.push(Rule::UngrantedLabel, labels::ungranted_severity(ctx), |named| labels::ungranted(ctx, named, key)),
            }
        }
        findings.finish()
    };
    if missing == Missing::Denied {
        let is_missing = |(key, _): &(&str, &str)| pod.metadata.labels.get(key).is_none();
        if identity.labels().any(|label| is_missing(&label)) {
            let keys: Vec<&str> = identity.labels().filter(is_missing).map(|(key, _)| key).collect();
            let message = Sentence::listing(
                format_args!("{named} lacks label{} ", plural(keys.len())),
                &List { items: keys.iter(), most: 20 },
                format_args!(", which {} it: the mutating webhook was not called for it. Retry", labels::gives(identity, &keys)),
            );
            findings.push(Finding::new(Rule::MissingLabel, Severity::Deny, message));
        }
    }
    findings.extend(network::host_network(ctx, named, pod, identity, false));
    findings.extend(network::annotations(ctx, named, &pod.metadata.annotations, None));
    findings
}
