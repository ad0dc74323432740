//! Pods that are made, and templates of pods that will be.

use super::labels::{self, LabelFindings};
use super::network;
use crate::verdict::facts::Pod;
use crate::verdict::words::{List, Named};
use crate::verdict::{Ctx, Finding, Rule, Severity};

/// What becomes of a granted label that is not there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::verdict) enum Missing {
    /// The mutating call was lost: the creator's retry heals it.
    Refused,
    /// The mutating call is still to come.
    WillBeAdded,
}

pub(in crate::verdict) fn judge(ctx: Ctx<'_>, named: Named<'_>, pod: &Pod<'_>, missing: Missing) -> Vec<Finding> {
    let identity = ctx.canon().identify(&pod.metadata.labels);
    let mut findings = if identity.is_conflict() {
        vec![Finding::new(Rule::TwoIdentities, Severity::Deny, labels::two_identities(named, &identity))]
    } else {
        let mut findings = LabelFindings::new(named);
        for (key, value) in pod.metadata.labels.capabilities() {
            match identity.value(key) {
                Some(granted) if value == granted => {}
                Some(granted) => {
                    findings.push(Rule::LabelValue, Severity::Deny, |named| labels::wrong_value(named, &identity, key, value, granted));
                }
                None => findings.push(Rule::UngrantedLabel, labels::ungranted_severity(ctx), |named| labels::ungranted(ctx, named, key)),
            }
        }
        findings.finish()
    };
    if missing == Missing::Refused {
        let is_missing = |(key, _): &(&str, &str)| pod.metadata.labels.get(key).is_none();
        if identity.labels().any(|label| is_missing(&label)) {
            let keys: Vec<&str> = identity.labels().filter(is_missing).map(|(key, _)| key).collect();
            let message = format!(
                "{named} lacks {}, which {} it: it came here without passing the mutating webhook. Create it again",
                List { items: keys.iter(), most: 20 },
                labels::gives(&identity, &keys)
            );
            findings.push(Finding::new(Rule::MissingLabel, Severity::Deny, message));
        }
    }
    findings.extend(network::host_network(ctx, named, pod, &identity, false));
    findings.extend(network::annotations(ctx, named, &pod.metadata.annotations, None));
    findings
}
