//! What one audit line says of a decision.

use serde::Serialize;

use crate::policy::{Difference, Witness};
use crate::verdict::{Outcome, Rule};

/// One decision, without time, latency and chain: the sink adds those.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// The request's uid.
    pub uid: String,
    /// `mutate` or `validate`.
    pub stage: &'static str,
    /// What was decided.
    pub verdict: Outcome,
    /// The rule of the gravest finding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<Rule>,
    /// `CREATE`, `UPDATE`, `DELETE`, `CONNECT`.
    pub operation: &'static str,
    /// The kind as the request states it: `Pod`, `NetworkPolicy.networking.k8s.io`.
    pub kind: String,
    /// The subresource, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subresource: Option<String>,
    /// The object's name, or its `generateName` where it has none yet.
    pub name: String,
    /// Its namespace; empty for cluster scope.
    pub namespace: String,
    /// The user who asks.
    pub user: String,
    /// The user's groups: at most 32, each at most 256 bytes.
    pub groups: Vec<String>,
    /// Whether nothing is to be stored.
    pub dry_run: bool,
    /// Every sentence, whole.
    pub messages: Vec<String>,
    /// How a policy differs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<Difference>,
    /// A connection that would have been possible.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub witness: Option<Witness>,
    /// The canon's hash.
    pub canon: String,
}
