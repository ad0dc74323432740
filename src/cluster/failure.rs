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

/// Returns the sentence of a call that failed for one part of a cluster.
///
/// # Errors
/// The API server does not respond, or rejects the credentials: nothing else can be read either.
pub fn evaluated<T>(result: Result<T, CallError>) -> Result<Result<T, String>, CallError> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(error) if matches!(error.cause, CallCause::Unreachable | CallCause::Unauthorized) => Err(error),
        Err(error) => Ok(Err(error.sentence)),
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
