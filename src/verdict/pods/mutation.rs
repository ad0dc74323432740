//! The changes that `/mutate` makes to a pod: only labels under `netpol/`, and none if the labels are correct.

use super::labels::{self, LabelFindings};
use crate::canon::Identity;
use crate::verdict::ctx::Ctx;
use crate::verdict::facts::OnlyMetadata;
use crate::verdict::finding::{Rule, Severity};
use crate::verdict::judgment::{Edit, Judgment};
use crate::verdict::settings::UngrantedLabels;

/// More labels than most grants have.
const MANY: usize = 16;

/// Adds all granted labels to a new pod.
pub(super) fn create<'r>(ctx: Ctx<'r>, pod: &'r OnlyMetadata<'_>) -> Judgment<'r> {
    let identity = ctx.canons().identify(&pod.metadata.labels);
    if identity.is_conflict() {
        return Judgment::default();
    }
    let mut judgment = add(pod, identity.labels());
    strip(ctx, pod, &identity, |_, _| true, &mut judgment);
    judgment
}

/// Adds granted labels that an update removes. It never adds a label that the pod did not have: otherwise a user could
/// get labels by relabeling a running pod while enforcement is softened.
pub(super) fn update<'r>(ctx: Ctx<'r>, old: &OnlyMetadata<'_>, new: &'r OnlyMetadata<'_>) -> Judgment<'r> {
    let identity = ctx.canons().identify(&old.metadata.labels);
    if identity.is_conflict() {
        return Judgment::default();
    }
    let before = &old.metadata.labels;
    let mut judgment = add(new, identity.labels().filter(|(key, value)| before.get(key) == Some(*value)));
    strip(ctx, new, &identity, |key, value| before.get(key) != Some(value), &mut judgment);
    judgment
}

/// Adds missing labels. Validation denies a wrong value: if `/mutate` corrected it, a controller whose selector reads
/// the label would create pods forever.
fn add<'r>(pod: &OnlyMetadata<'_>, labels: impl Iterator<Item = (&'r str, &'r str)>) -> Judgment<'r> {
    let mut edits = Vec::new();
    for (key, value) in labels.filter(|(key, _)| pod.metadata.labels.get(key).is_none()) {
        if edits.is_empty() {
            edits.reserve(MANY);
            if !pod.metadata.labels.is_present() {
                edits.push(Edit::MakeMap);
            }
        }
        edits.push(Edit::Add { key, value });
    }
    Judgment { findings: Vec::new(), edits }
}

/// Removes labels that no grant allows, if the flag says so and `is_new` holds for them.
fn strip<'r>(
    ctx: Ctx<'_>,
    pod: &'r OnlyMetadata<'_>,
    identity: &Identity<'_>,
    is_new: impl Fn(&str, &str) -> bool,
    judgment: &mut Judgment<'r>,
) {
    if ctx.settings().ungranted_labels != UngrantedLabels::Strip {
        return;
    }
    let mut findings = LabelFindings::new(ctx.named("pod", &pod.metadata.name, &pod.metadata.generate_name));
    for (key, value) in pod.metadata.labels.capabilities() {
        if identity.value(key).is_none() && is_new(key, value) {
            judgment.edits.push(Edit::Remove { key });
            findings.push(Rule::UngrantedLabel, Severity::Warn, |named| labels::stripped(ctx, named, key));
        }
    }
    judgment.findings = findings.finish();
}
