//! What is said of a body that cannot be understood: where it is wrong and what should stand there,
//! never what does, since that may be a secret.

use super::fields::Trail;
use super::{API_VERSION, KIND};

/// The most bytes of a uid, of which an API server makes 36. An answer repeats it, and waits for its client.
const LONGEST_UID: usize = 1024;

/// A sentence about a body that is no review at all.
pub(super) fn unreadable(error: &serde_json::Error, trail: &Trail) -> String {
    format!("the body is no AdmissionReview: {}", found(error, trail))
}

/// A sentence about a review with a fault in a part that its verdict reads.
pub(super) fn misunderstood(error: &serde_json::Error, trail: &Trail) -> String {
    format!("cannot understand the request: {}", found(error, trail))
}

/// A sentence about a review that is not spoken here; `None` of one that is.
pub(super) fn unspoken(api_version: &str, kind: &str, has_request: bool, uid: &str) -> Option<String> {
    if kind != KIND {
        Some(format!("the body is not of kind {KIND}"))
    } else if api_version != API_VERSION {
        Some(format!("the AdmissionReview is not of version {API_VERSION}, and no other is spoken here"))
    } else if !has_request {
        Some("the AdmissionReview has no request".to_owned())
    } else if uid.is_empty() {
        Some("the request has no uid".to_owned())
    } else if uid.len() > LONGEST_UID {
        Some(format!("the request's uid is longer than {LONGEST_UID} bytes, which no API server makes"))
    } else {
        None
    }
}

/// The place of an error and what is wrong there.
fn found(error: &serde_json::Error, trail: &Trail) -> String {
    let (line, column) = (error.line(), error.column());
    let text = error.to_string();
    let position = format!(" at line {line} column {column}");
    let text = text.strip_suffix(&position).unwrap_or(&text);
    // Errors about a type or a value print the value; what was expected comes last in them, and is ours.
    let cause = match text.strip_prefix("invalid ").and_then(|text| text.rsplit_once(", expected ")) {
        Some((_, expected)) if error.is_data() => format!("must be {expected}"),
        _ => text.to_owned(),
    };
    let place = trail.to_string();
    let place = if place.is_empty() { "body" } else { &place };
    format!("{place}: {cause} (line {line}, column {column})")
}
