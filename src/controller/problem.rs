//! What keeps the certificate from being managed.

use crate::cluster::{CallCause, CallError};

/// The cause of a problem: a closed set, for the label `cause` of metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// A call of the API server failed.
    Call(CallCause),
    /// The Secret is not managed by netpol.
    Foreign,
    /// A certificate cannot be issued.
    Issue,
    /// The Secret contains a CA that netpol did not introduce.
    UnknownCa,
}

impl Cause {
    /// Returns all causes.
    pub fn all() -> impl Iterator<Item = Cause> {
        CallCause::ALL.into_iter().map(Cause::Call).chain([Cause::Foreign, Cause::Issue, Cause::UnknownCa])
    }

    /// Returns the name of the cause in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Cause::Call(cause) => cause.name(),
            Cause::Foreign => "foreign",
            Cause::Issue => "issue",
            Cause::UnknownCa => "unknown-ca",
        }
    }
}

/// A problem, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct Problem {
    /// The cause.
    pub cause: Cause,
    /// What failed, and what to do.
    pub sentence: String,
}

impl Problem {
    /// Returns whether another client changed an object between a read and a write.
    pub fn is_conflict(&self) -> bool {
        self.cause == Cause::Call(CallCause::Conflict)
    }
}

impl From<CallError> for Problem {
    fn from(error: CallError) -> Problem {
        Problem { cause: Cause::Call(error.cause), sentence: error.sentence }
    }
}
