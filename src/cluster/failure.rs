//! The failures of calls.

/// The cause of a call's failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CallCause {
    /// The API server does not respond in time, or has an internal error.
    Unreachable,
    /// The API server rejects the credentials.
    Unauthorized,
    /// RBAC or an admission plugin denies the call.
    Forbidden,
    /// The object or its kind does not exist.
    Missing,
    /// Another client changed the object at the same time, or it exists already.
    Conflict,
    /// A list or watch continues from a version that the API server no longer has (410).
    Expired,
    /// The API server rejects the request.
    Refused,
}

impl CallCause {
    /// All causes.
    pub const ALL: [CallCause; 7] = [
        CallCause::Unreachable,
        CallCause::Unauthorized,
        CallCause::Forbidden,
        CallCause::Missing,
        CallCause::Conflict,
        CallCause::Expired,
        CallCause::Refused,
    ];

    /// Returns the name of the cause in logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            CallCause::Unreachable => "unreachable",
            CallCause::Unauthorized => "unauthorized",
            CallCause::Forbidden => "forbidden",
            CallCause::Missing => "missing",
            CallCause::Conflict => "conflict",
            CallCause::Expired => "expired",
            CallCause::Refused => "refused",
        }
    }
}

/// A call that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct CallError {
    /// The cause.
    pub cause: CallCause,
    /// What failed, and what to do.
    pub sentence: String,
}
