//! The protocol: the bytes of an `AdmissionReview` in, the bytes of the answer out.
//!
//! ```text
//! bytes ─► envelope ─► facts ─► verdict::judge ─► findings ─► verdict::conclude ─► response, record
//!             └► salvage, where the envelope stands but something in it does not
//! ```
//!
//! One sync, total function: no call, no clock, no lock, no copy of the body.

mod envelope;
mod faults;
mod fields;
mod objects;
mod patch;
mod record;
mod response;
mod salvage;
mod values;

use crate::audit::Record;
use crate::verdict::facts::{Operation, Request, Wanted};
use crate::verdict::{Finding, Guard, Judgment, Outcome, Rule, Stage, conclude, judge};

/// The version of the protocol.
const API_VERSION: &str = "admission.k8s.io/v1";

/// The most bytes of a namespace's name: a DNS label.
const LONGEST_NAMESPACE: usize = 63;

/// The kind of what comes in and of what goes out.
const KIND: &str = "AdmissionReview";

/// What goes back for one body, and what is to be counted and written down.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status: 200 with a review, or 400 with a sentence where no review can be answered.
    pub status: u16,
    /// The body: an `AdmissionReview` as JSON, or a sentence as plain text.
    pub body: Vec<u8>,
    /// What to count.
    pub tally: Tally,
    /// The namespace that the review was about, where it is not guarded: at most 63 bytes of its name.
    pub unguarded: Option<String>,
    /// The audit line, if this decision may be one: refusals always, the rest where `audit_all` was asked for.
    pub record: Option<Record>,
}

/// The labels of the decision counter: closed sets only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tally {
    /// `pods`, `pods/status`, `networkpolicies` …, `other`.
    pub resource: &'static str,
    /// `CREATE`, `UPDATE`, `DELETE`, `CONNECT`, `unknown`.
    pub operation: &'static str,
    /// What was decided.
    pub outcome: Outcome,
    /// The rule of the gravest finding.
    pub rule: Option<Rule>,
}

/// An answer and what it rests on, for people who read both.
#[derive(Debug)]
pub struct Explained {
    /// The answer, with its record.
    pub answer: Answer,
    /// What the judges saw, in their order.
    pub findings: Vec<Finding>,
}

/// Answers one body. Total: whatever the bytes, it returns; it makes no call and holds no lock.
/// `audit_all` asks for a record of admitted requests too.
pub fn answer(guard: &Guard, stage: Stage, body: &[u8], audit_all: bool) -> Answer {
    decide(guard, stage, body, |decision, judgment| decision.answer(judgment, audit_all)).unwrap_or_else(unreadable)
}

/// Answers one body as [`answer`] does, and says what the answer rests on.
///
/// # Errors
/// The sentence that goes back with status 400, where no review can be answered.
pub fn explain(guard: &Guard, stage: Stage, body: &[u8]) -> Result<Explained, String> {
    decide(guard, stage, body, |decision, judgment| {
        let findings = judgment.findings.clone();
        Explained { answer: decision.answer(judgment, true), findings }
    })
}

fn decide<T>(guard: &Guard, stage: Stage, body: &[u8], answer: impl FnOnce(&Decision<'_>, Judgment<'_>) -> T) -> Result<T, String> {
    let Ok(text) = std::str::from_utf8(body) else {
        let fault = "cannot understand the request: it is not UTF-8".to_owned();
        let decision = Decision { guard, stage, request: Request::default(), wanted: Wanted::default() };
        return decision.misunderstood(body, fault, answer);
    };
    let envelope::Outcome { review, fault } = envelope::read(guard, stage, text);
    let envelope::Review { api_version, kind, has_request, request, wanted } = review;
    let decision = Decision { guard, stage, request, wanted };
    if let Some((error, trail)) = fault {
        return decision.misunderstood(body, faults::misunderstood(&error, &trail), answer);
    }
    if let Some(sentence) = faults::unspoken(&api_version, &kind, has_request, &decision.request.uid) {
        return Err(sentence);
    }
    Ok(answer(&decision, judge(guard, stage, &decision.request, &decision.wanted.facts)))
}

fn unreadable(sentence: String) -> Answer {
    let tally =
        Tally { resource: "other", operation: Operation::Unknown.as_str(), outcome: Outcome::Denied, rule: Some(Rule::NotUnderstood) };
    Answer { status: 400, body: sentence.into_bytes(), tally, unguarded: None, record: None }
}

/// A request that an answer is due to.
struct Decision<'r> {
    guard: &'r Guard,
    stage: Stage,
    request: Request<'r>,
    wanted: Wanted<'r>,
}

impl<'r> Decision<'r> {
    /// Judges a body in which something cannot be read: a denial where a uid can, else a sentence.
    fn misunderstood<T>(
        mut self,
        body: &'r [u8],
        fault: String,
        answer: impl FnOnce(&Decision<'_>, Judgment<'_>) -> T,
    ) -> Result<T, String> {
        self.request.uid = salvage::uid(body)?;
        Ok(answer(&self, Judgment { findings: vec![Finding::fault(fault)], edits: Vec::new() }))
    }

    fn answer(&self, judgment: Judgment<'_>, audit_all: bool) -> Answer {
        let Judgment { findings, edits } = judgment;
        let verdict = conclude(&findings, self.guard.settings.enforcement);
        // A refusal carries no patch.
        let patch = if verdict.refusal.is_none() { patch::patch(&edits) } else { None };
        let witness = findings.iter().find_map(|finding| finding.witness.as_ref());
        let outcome = verdict.outcome();
        Answer {
            status: 200,
            body: response::body(&self.request.uid, &verdict, witness, patch),
            tally: Tally { resource: self.wanted.label, operation: self.request.operation.as_str(), outcome, rule: verdict.rule },
            unguarded: self.wanted.unguarded.then(|| record::bounded(&self.request.namespace, LONGEST_NAMESPACE)),
            record: (verdict.on_record || audit_all).then(|| record::record(self, outcome, verdict.rule, findings)),
        }
    }
}
