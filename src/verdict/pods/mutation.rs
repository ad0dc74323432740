//! What `/mutate` changes in a pod: labels under `netpol/`, nothing else, and nothing where all is right.

use super::labels::{self, LabelFindings};
use crate::canon::Identity;
use crate::verdict::facts::Pod;
use crate::verdict::settings::UngrantedLabels;
use crate::verdict::words::Plain;
use crate::verdict::{Ctx, Judgment, Rule, Severity};

/// More labels than most grants give.
const MANY: usize = 16;

/// One change of a pod's labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edit<'r> {
    /// The label map itself, which is not there yet: comes first.
    MakeMap,
    /// A label that is not there.
    Add {
        /// Its key, under `netpol/`.
        key: &'r str,
        /// Its value.
        value: &'r str,
    },
    /// A label that is there.
    Remove {
        /// Its key, under `netpol/`.
        key: &'r str,
    },
}

/// A new pod gets every label that it is granted.
pub(super) fn create<'r>(ctx: Ctx<'r>, pod: &'r Pod<'_>) -> Judgment<'r> {
    let identity = ctx.canon().identify(&pod.metadata.labels);
    if identity.is_conflict() {
        return Judgment::default();
    }
    let mut judgment = add(pod, identity.labels());
    strip(ctx, pod, &identity, |_, _| true, &mut judgment);
    judgment
}

/// A pod that is changed gets back what it wore rightly, and never anything new: otherwise
/// relabeling a running pod would buy it labels while refusals are softened.
pub(super) fn update<'r>(ctx: Ctx<'r>, old: &Pod<'_>, new: &'r Pod<'_>) -> Judgment<'r> {
    let identity = ctx.canon().identify(&old.metadata.labels);
    if identity.is_conflict() {
        return Judgment::default();
    }
    let before = &old.metadata.labels;
    let mut judgment = add(new, identity.labels().filter(|(key, value)| before.get(key) == Some(*value)));
    strip(ctx, new, &identity, |key, value| before.get(key) != Some(value), &mut judgment);
    judgment
}

/// Adds what is missing. A wrong value is left for validation to refuse: a controller whose selector
/// reads it would make pods without end if it were corrected.
fn add<'r>(pod: &Pod<'_>, labels: impl Iterator<Item = (&'r str, &'r str)>) -> Judgment<'r> {
    let mut edits = Vec::new();
    for (key, value) in labels.filter(|(key, _)| pod.metadata.labels.get(key).is_none()) {
        if edits.is_empty() {
            edits.reserve(MANY);
            if !pod.metadata.labels.is_stated() {
                edits.push(Edit::MakeMap);
            }
        }
        edits.push(Edit::Add { key, value });
    }
    Judgment { findings: Vec::new(), edits }
}

fn strip<'r>(ctx: Ctx<'_>, pod: &'r Pod<'_>, identity: &Identity<'_>, is_new: impl Fn(&str, &str) -> bool, judgment: &mut Judgment<'r>) {
    if ctx.settings().ungranted_labels != UngrantedLabels::Strip {
        return;
    }
    let mut findings = LabelFindings::new(ctx.named("pod", &pod.metadata));
    for (key, value) in pod.metadata.labels.capabilities() {
        if identity.value(key).is_none() && is_new(key, value) {
            judgment.edits.push(Edit::Remove { key });
            findings.push(Rule::UngrantedLabel, Severity::Warn, |named| {
                format!("{} is taken off {named}: no grant gives it that label ({})", Plain(key), labels::granters(ctx, key))
            });
        }
    }
    judgment.findings = findings.finish();
}
