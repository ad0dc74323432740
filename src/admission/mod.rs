//! The protocol: the bytes of an `AdmissionReview` in, the bytes of the answer out.

use crate::audit::Record;
use crate::audit::record::Outcome;
use crate::verdict::{Guard, Rule, Stage};

/// What goes back for one body, and what is to be counted and written down.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status: 200 with a review, or 400 with a sentence where no review can be answered.
    pub status: u16,
    /// The body: an `AdmissionReview` as JSON, or a sentence as plain text.
    pub body: Vec<u8>,
    /// What to count.
    pub tally: Tally,
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
    /// Whether the review was about a namespace that is not guarded.
    pub unguarded: bool,
}

/// Answers one body. Total: whatever the bytes, it returns; it makes no call and holds no lock.
/// `audit_all` asks for a record of admitted requests too.
pub fn answer(guard: &Guard, stage: Stage, body: &[u8], audit_all: bool) -> Answer {
    let _ = (guard, stage, body, audit_all);
    Answer {
        status: 400,
        body: Vec::new(),
        tally: Tally { resource: "other", operation: "unknown", outcome: Outcome::Denied, rule: None, unguarded: false },
        record: None,
    }
}
