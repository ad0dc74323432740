//! The fields of a decision in the audit log.

use serde::Serialize;

use crate::policy::{Difference, Witness};
use crate::verdict::{Outcome, Rule};

/// One decision. The server adds time, latency and client; the writer adds the chain.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// The uid of the request.
    pub uid: String,
    /// The webhook: `mutate` or `validate`.
    pub stage: &'static str,
    /// The outcome.
    pub verdict: Outcome,
    /// The rule of the most severe finding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<Rule>,
    /// The operation: `CREATE`, `UPDATE`, `DELETE` or `CONNECT`.
    pub operation: &'static str,
    /// The kind, as the request names it: `Pod`, `NetworkPolicy.networking.k8s.io`.
    pub kind: String,
    /// The subresource, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subresource: Option<String>,
    /// The name of the object, or its `generateName` if it has no name yet.
    pub name: String,
    /// The namespace of the object; empty for a cluster-scoped object.
    pub namespace: String,
    /// The name of the user.
    pub user: String,
    /// The groups of the user: at most 32, at most 256 bytes each.
    pub groups: Vec<String>,
    /// Whether the request is a dry run.
    pub dry_run: bool,
    /// The messages of all findings, in full.
    pub messages: Vec<String>,
    /// The differences of a policy from its canonical policy.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<Difference>,
    /// A connection that would have been possible.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub witness: Option<Witness>,
    /// The hash of the canon.
    pub canon: String,
}
