//! Writes the answer. It does not use the types of `kube-core`, which write a patch as a list of numbers.

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use serde::{Serialize, Serializer};

use super::protocol::{API_VERSION, KIND};
use crate::policy::Witness;
use crate::verdict::{Cause, Denial, Rule, Verdict};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Review<'r> {
    api_version: &'static str,
    kind: &'static str,
    response: Response<'r>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Response<'r> {
    uid: &'r str,
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch: Option<Base64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    audit_annotations: Option<AuditAnnotations<'r>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    warnings: &'r [String],
}

#[derive(Serialize)]
struct Status<'r> {
    #[serde(rename = "status")]
    outcome: &'static str,
    message: &'r str,
    reason: &'static str,
    code: u16,
}

/// Connects an event of the API server's audit log with an audit line. The API server adds the webhook's name to the
/// keys.
#[derive(Serialize)]
struct AuditAnnotations<'r> {
    uid: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<Rule>,
    #[serde(skip_serializing_if = "Option::is_none")]
    witness: Option<Displayed<'r>>,
}

/// The length in bytes of an answer without message and patch, and of what a denial adds to its message.
const FRAME: usize = 256;

/// Returns the answer to a request as JSON.
pub(super) fn body(uid: &str, verdict: &Verdict, witness: Option<&Witness>, patch: Option<Vec<u8>>) -> Vec<u8> {
    let status = verdict.denial.as_ref().map(|Denial { cause, message }| {
        let (code, reason) = http_status(*cause);
        Status { outcome: "Failure", message, reason, code }
    });
    let audit_annotations = verdict.rule.map(|rule| AuditAnnotations { uid, rule: Some(rule), witness: witness.map(Displayed) });
    let message_length = verdict.denial.as_ref().map_or(0, |denial| denial.message.len() + FRAME);
    let patch_length = patch.as_ref().map_or(0, |patch| patch.len() * 4 / 3);
    let review = Review {
        api_version: API_VERSION,
        kind: KIND,
        response: Response {
            uid,
            allowed: verdict.denial.is_none(),
            status,
            patch_type: patch.as_ref().map(|_| "JSONPatch"),
            patch: patch.map(Base64),
            audit_annotations,
            warnings: &verdict.warnings,
        },
    };
    let mut body = Vec::with_capacity(FRAME + message_length + patch_length);
    // Writing strings and numbers to a vector cannot fail.
    let _ = serde_json::to_writer(&mut body, &review);
    body
}

/// Returns the HTTP status code and the reason of a denial, which the API server passes to its client.
fn http_status(cause: Cause) -> (u16, &'static str) {
    match cause {
        Cause::Violation => (403, "Forbidden"),
        Cause::NotUnderstood => (400, "BadRequest"),
    }
}

struct Base64(Vec<u8>);

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Base64Display::new(&self.0, &STANDARD))
    }
}

struct Displayed<'r>(&'r Witness);

impl Serialize for Displayed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self.0)
    }
}
