//! The audit line of a decision: what was asked, by whom, and what was said. Bounded, and without
//! labels or objects.

use super::{Decision, Outcome};
use crate::audit::Record;
use crate::verdict::{Finding, Rule, Stage};

/// The most groups of a user in a record.
const MOST_GROUPS: usize = 32;

/// The most bytes of one group.
const LONGEST_GROUP: usize = 256;

/// The most bytes of any other word that comes from the request: longer than a name can be, or a
/// user of any identity provider that is in use.
const LONGEST_WORD: usize = 1024;

pub(super) fn record(decision: &Decision<'_>, outcome: Outcome, rule: Option<Rule>, findings: Vec<Finding>) -> Record {
    let request = &decision.request;
    let mut record = Record {
        uid: bounded(&request.uid, LONGEST_WORD),
        stage: match decision.stage {
            Stage::Mutate => "mutate",
            Stage::Validate => "validate",
        },
        verdict: outcome,
        rule,
        operation: request.operation.as_str(),
        kind: kind(start(&request.kind, LONGEST_WORD), start(&request.kind_group, LONGEST_WORD)),
        subresource: (!request.subresource.is_empty()).then(|| bounded(&request.subresource, LONGEST_WORD)),
        name: bounded(if request.name.is_empty() { decision.wanted.facts.name() } else { &request.name }, LONGEST_WORD),
        namespace: bounded(&request.namespace, LONGEST_WORD),
        user: bounded(&request.user, LONGEST_WORD),
        groups: request.groups.iter().take(MOST_GROUPS).map(|group| bounded(group, LONGEST_GROUP)).collect(),
        dry_run: request.dry_run,
        messages: Vec::with_capacity(findings.len()),
        differences: Vec::new(),
        witness: None,
        canon: decision.guard.canon.hash.clone(),
    };
    for finding in findings {
        record.messages.push(finding.message);
        record.differences.extend(finding.differences);
        record.witness = record.witness.or(finding.witness);
    }
    record
}

fn kind(kind: &str, group: &str) -> String {
    if group.is_empty() { kind.to_owned() } else { format!("{kind}.{group}") }
}

/// The start of a word: at most so many bytes of it.
pub(super) fn bounded(word: &str, bytes: usize) -> String {
    start(word, bytes).to_owned()
}

fn start(word: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(word.len())).rev().find(|end| word.is_char_boundary(*end));
    end.and_then(|end| word.get(..end)).unwrap_or_default()
}
