//! The audit record of a decision. Its length is limited, and it contains no labels and no objects.

use super::decision::Decision;
use crate::audit::Record;
use crate::documents::text::truncated;
use crate::verdict::{Finding, Outcome, Rule, Stage};

/// The maximum number of groups in a record.
const MAX_GROUPS: usize = 32;

/// The maximum length of a group in bytes.
const MAX_GROUP: usize = 256;

/// The maximum length of any other string of the request in bytes. Names and the user names of common identity
/// providers are shorter.
const MAX_TEXT: usize = 1024;

pub(super) fn record(decision: &Decision<'_>, outcome: Outcome, rule: Option<Rule>, findings: Vec<Finding>) -> Record {
    let text = |text: &str| truncated(text, MAX_TEXT).to_owned();
    let request = &decision.request;
    let mut record = Record {
        uid: text(&request.uid),
        stage: match decision.stage {
            Stage::Mutate => "mutate",
            Stage::Validate => "validate",
        },
        verdict: outcome,
        rule,
        operation: request.operation.as_str(),
        kind: kind(truncated(&request.kind, MAX_TEXT), truncated(&request.kind_group, MAX_TEXT)),
        subresource: (!request.subresource.is_empty()).then(|| text(&request.subresource)),
        name: text(if request.name.is_empty() { decision.facts.name() } else { &request.name }),
        namespace: text(&request.namespace),
        user: text(&request.user),
        groups: request.groups.iter().take(MAX_GROUPS).map(|group| truncated(group, MAX_GROUP).to_owned()).collect(),
        dry_run: request.dry_run,
        messages: Vec::with_capacity(findings.len()),
        differences: Vec::new(),
        witness: None,
        canon: decision.guard.canons.hash.clone(),
    };
    for finding in findings {
        record.messages.push(finding.message.into());
        record.differences.extend(finding.differences);
        record.witness = record.witness.or(finding.witness);
    }
    record
}

fn kind(kind: &str, group: &str) -> String {
    if group.is_empty() { kind.to_owned() } else { format!("{kind}.{group}") }
}
