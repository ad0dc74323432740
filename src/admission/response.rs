//! The answer as bytes, by types of our own: `kube-core` writes a patch as a list of numbers.

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use serde::{Serialize, Serializer};

use super::{API_VERSION, KIND};
use crate::policy::Witness;
use crate::verdict::{Refusal, Rule, Verdict};

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

/// What joins a line of the API server's audit log with ours. It puts the webhook's name before the keys.
#[derive(Serialize)]
struct AuditAnnotations<'r> {
    uid: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<Rule>,
    #[serde(skip_serializing_if = "Option::is_none")]
    witness: Option<Words<'r>>,
}

/// The bytes of an answer that says nothing, and those that a refusal adds beside its message.
const FRAME: usize = 256;

/// Writes the answer to a request.
pub(super) fn body(uid: &str, verdict: &Verdict, witness: Option<&Witness>, patch: Option<Vec<u8>>) -> Vec<u8> {
    let status =
        verdict.refusal.as_ref().map(|Refusal { code, reason, message }| Status { outcome: "Failure", message, reason, code: *code });
    // Of what is admitted without a word there is nothing to say.
    let audit_annotations = verdict.rule.map(|rule| AuditAnnotations { uid, rule: Some(rule), witness: witness.map(Words) });
    let message_length = verdict.refusal.as_ref().map_or(0, |refusal| refusal.message.len() + FRAME);
    let patch_length = patch.as_ref().map_or(0, |patch| patch.len() * 4 / 3);
    let review = Review {
        api_version: API_VERSION,
        kind: KIND,
        response: Response {
            uid,
            allowed: verdict.refusal.is_none(),
            status,
            patch_type: patch.as_ref().map(|_| "JSONPatch"),
            patch: patch.map(Base64),
            audit_annotations,
            warnings: &verdict.warnings,
        },
    };
    let mut body = Vec::with_capacity(FRAME + message_length + patch_length);
    // Writing strings and numbers into a vector does not fail.
    let _ = serde_json::to_writer(&mut body, &review);
    body
}

struct Base64(Vec<u8>);

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Base64Display::new(&self.0, &STANDARD))
    }
}

struct Words<'r>(&'r Witness);

impl Serialize for Words<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self.0)
    }
}
