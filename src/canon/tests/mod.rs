//! Tests of the canon: what a canon may contain, the message for each problem, and the identities of pods.

mod builtin;
mod canons;
mod documents;
mod foreign;
mod grants;
mod identity;
mod manifest;
mod objects;
mod split;
mod yaml;

use super::{Canon, CanonError, Canons, Documents};

/// A policy that isolates every pod and one that opens a port for `netpol/db: 'true'`, as JSON documents.
const POLICIES: &str = r"
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: all}, spec: {podSelector: {}}}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: db}, spec: {
  podSelector: {matchLabels: {netpol/db: 'true'}}, policyTypes: [Egress],
  egress: [{to: [{podSelector: {matchLabels: {run: db}}}], ports: [{port: 5432}]}]}}
";

fn compile(text: &str) -> Result<Canon, CanonError> {
    Canon::from_documents(&Documents::from_text("canon.yaml", text), &["home".to_owned()])
}

#[track_caller]
fn canon(text: &str) -> Canon {
    compile(text).unwrap_or_else(|error| panic!("{error}"))
}

/// Returns a canon as the only accepted one.
#[track_caller]
fn alone(text: &str) -> Canons {
    Canons::new(canon(text), Vec::new()).unwrap()
}

/// Returns the problems of a canon with these documents.
#[track_caller]
fn problems(text: &str) -> Vec<String> {
    let error = compile(text).expect_err("this canon must be rejected");
    assert_eq!(error.more, 0);
    error.problems.iter().map(ToString::to_string).collect()
}

/// Returns the only problem of a canon with these documents.
#[track_caller]
fn problem(text: &str) -> String {
    let mut problems = problems(text);
    assert_eq!(problems.len(), 1, "{problems:#?}");
    problems.remove(0)
}

/// Returns a canon of [`POLICIES`] and these grants, which are a YAML flow list.
fn with_grants(grants: &str) -> String {
    format!("{POLICIES}---\n{{apiVersion: netpol.abcdesktop.io/v1alpha1, kind: Grants, metadata: {{name: set}}, grants: {grants}}}\n")
}

/// Returns a policy with this metadata and this spec, which are YAML flow maps.
fn policy(metadata: &str, spec: &str) -> String {
    format!("{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {metadata}, spec: {spec}}}\n")
}
