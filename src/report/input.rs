//! What the page is made of.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::live::Live;
use crate::analysis::lint::Lint;
use crate::analysis::{Endpoint, NamedPolicy};
use crate::canon::Canons;

/// What the page is made of.
#[derive(Debug, Clone, Copy)]
pub struct Input<'i> {
    /// What was evaluated, in words.
    pub about: &'i str,
    /// The time of the page, as text.
    pub time: &'i str,
    /// The policies.
    pub policies: &'i [NamedPolicy],
    /// The manifest of each policy, by its index, as it is shown. A policy without an entry, or with null, is named only.
    pub manifests: &'i [&'i Value],
    /// The endpoints. Pods that policies cannot tell apart are one.
    pub endpoints: &'i [Endpoint],
    /// The names of the pods of each endpoint that is several pods, by its id.
    pub pods: &'i BTreeMap<String, Vec<String>>,
    /// The canon that the policies are compared with, and whose grants make identities.
    pub canons: &'i Canons,
    /// Whether the policies are those of the canon.
    pub is_canon: bool,
    /// The namespace that the canon is compared with.
    pub namespace: &'i str,
    /// The namespaces that are shown whole; `None` means all. A policy of another namespace is shown if it isolates an endpoint.
    pub whole: Option<&'i BTreeSet<String>>,
    /// The findings.
    pub lint: &'i Lint,
    /// What was not evaluated, as sentences.
    pub not_evaluated: &'i [String],
    /// What a controller found in the cluster, if it makes the page.
    pub live: Option<&'i Live>,
}
