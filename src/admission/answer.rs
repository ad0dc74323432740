//! From the body of a review to its answer.

use json_skim::Raw;

use super::decision::Decision;
use super::envelope::Review;
use super::{objects, patch, pods, protocol, read, record, response, uid};
use crate::audit::{Level, Record};
use crate::documents::text::truncated;
use crate::verdict::facts::Facts;
use crate::verdict::facts::fields::Map;
use crate::verdict::request::{Operation, Request};
use crate::verdict::wanted::{Wanted, wanted};
use crate::verdict::{Finding, Guard, Judgment, Outcome, Rule, Stage, conclude, judge};

/// The maximum length of a namespace's name in bytes: that of a DNS label.
const MAX_NAMESPACE: usize = 63;

/// The answer to one body, and what to count and record.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status: 200 with a review, or 400 with a sentence if no review can be answered.
    pub status: u16,
    /// The body: an `AdmissionReview` as JSON, or a sentence as plain text.
    pub body: Vec<u8>,
    /// The labels of the decision counter.
    pub tally: Tally,
    /// The namespace of the review if it is not guarded: at most 63 bytes.
    pub unguarded: Option<String>,
    /// The audit record: of every denial but that of a probe, and of other decisions that the level of the log includes.
    pub record: Option<Record>,
}

/// The labels of the decision counter. Each has a fixed set of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tally {
    /// `pods`, `pods/status`, `networkpolicies` …, `other`.
    pub resource: &'static str,
    /// `CREATE`, `UPDATE`, `DELETE`, `CONNECT`, `unknown`.
    pub operation: &'static str,
    /// The outcome.
    pub outcome: Outcome,
    /// The rule of the most severe finding.
    pub rule: Option<Rule>,
}

impl Tally {
    /// Returns whether the request is a probe, which is neither counted nor recorded.
    pub fn is_probe(&self) -> bool {
        self.rule == Some(Rule::Probe)
    }
}

/// An answer and its findings.
#[derive(Debug)]
pub struct Explained {
    /// The answer, with its record.
    pub answer: Answer,
    /// The findings, in the order of the judges.
    pub findings: Vec<Finding>,
}

/// Returns the answer to a body of any bytes. It does no I/O and takes no lock. `level` selects the
/// decisions that get a record.
pub fn answer(guard: &Guard, stage: Stage, body: &[u8], level: Level) -> Answer {
    decide(guard, stage, body, |decision, judgment| reply(decision, judgment, level)).unwrap_or_else(unreadable)
}

/// Returns the answer to a body as [`answer`] does, and its findings.
///
/// # Errors
/// The sentence of the answer with status 400, if no review can be answered.
pub fn explain(guard: &Guard, stage: Stage, body: &[u8]) -> Result<Explained, String> {
    decide(guard, stage, body, |decision, judgment| {
        let findings = judgment.findings.clone();
        Explained { answer: reply(decision, judgment, Level::All), findings }
    })
}

/// Reads and judges a body, and calls `answer` with the result.
fn decide<T>(guard: &Guard, stage: Stage, body: &[u8], answer: impl FnOnce(&Decision<'_>, Judgment<'_>) -> T) -> Result<T, String> {
    let text = std::str::from_utf8(body);
    if let Some(decision) = text.ok().and_then(|text| pods::decision(guard, stage, text)) {
        return Ok(judged(&decision, answer));
    }
    let review: Result<Review<'_, Raw<'_>>, String> = match text {
        Ok(text) => read::text(text).map(|Map(review)| review).map_err(|fault| fault.to_string()),
        Err(_) => Err("the request body is not UTF-8".to_owned()),
    };
    let Review { kind, api_version, request } = match review {
        Ok(review) => review,
        Err(fault) => {
            let request = Request { uid: uid::find(body)?, ..Request::default() };
            let decision = Decision { guard, stage, request, wanted: Wanted::default(), facts: Facts::Nothing };
            return Ok(answer(&decision, not_understood(&fault)));
        }
    };
    protocol::check(&kind, &api_version, request.as_ref().map(|request| &*request.uid))?;
    let (request, raw) = request.unwrap_or_default().split();
    let wanted = wanted(guard, stage, &request);
    match objects::facts(wanted.facts, &guard.settings.network_annotation_keys, &raw) {
        Ok(facts) => Ok(judged(&Decision { guard, stage, request, wanted, facts }, answer)),
        Err(fault) => {
            let decision = Decision { guard, stage, request, wanted, facts: Facts::Nothing };
            Ok(answer(&decision, not_understood(&fault.to_string())))
        }
    }
}

fn judged<T>(decision: &Decision<'_>, answer: impl FnOnce(&Decision<'_>, Judgment<'_>) -> T) -> T {
    answer(decision, judge(decision.guard, &decision.request, &decision.facts))
}

fn not_understood(fault: &str) -> Judgment<'static> {
    vec![Finding::fault(format!("cannot understand the request: {fault}"))].into()
}

/// Returns the answer to a body that is not a review.
fn unreadable(sentence: String) -> Answer {
    let tally =
        Tally { resource: "other", operation: Operation::Unknown.as_str(), outcome: Outcome::Denied, rule: Some(Rule::NotUnderstood) };
    Answer { status: 400, body: sentence.into_bytes(), tally, unguarded: None, record: None }
}

/// Returns the answer to a review.
fn reply(decision: &Decision<'_>, judgment: Judgment<'_>, level: Level) -> Answer {
    let Decision { guard, request, wanted, .. } = decision;
    let Judgment { findings, edits } = judgment;
    let verdict = conclude(&findings, guard.settings.enforcement);
    // A denial has no patch.
    let patch = if verdict.denial.is_none() { patch::patch(&edits) } else { None };
    let witness = findings.iter().find_map(|finding| finding.witness.as_ref());
    let outcome = verdict.outcome();
    let tally = Tally { resource: wanted.label, operation: request.operation.as_str(), outcome, rule: verdict.rule };
    let is_recorded = verdict.on_record || level == Level::All || level == Level::Warned && outcome == Outcome::Warned;
    Answer {
        status: 200,
        body: response::body(&request.uid, &verdict, witness, patch),
        tally,
        unguarded: wanted.unguarded.then(|| truncated(&request.namespace, MAX_NAMESPACE).to_owned()),
        record: (is_recorded && !tally.is_probe()).then(|| record::record(decision, outcome, verdict.rule, findings)),
    }
}
