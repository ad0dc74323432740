//! The rules of lint: a good example without findings and one mutation for each rule; random policies against the naive model; the
//! built-in canons.

mod canons;
mod mutations;
mod random;

use std::collections::BTreeMap;

use super::{Finding, Input, Lint, lint};
use crate::analysis::identities::of_canon;
use crate::canon::{Canons, Documents};

pub(super) const NAMESPACE: &str = "shop";

/// Returns the canon of a text for a namespace.
pub(super) fn compiled(text: &str, namespace: &str) -> Canons {
    Canons::from_documents(&[Documents::from_text("canon.yaml", text)], &[namespace.to_owned()]).unwrap_or_else(|error| panic!("{error}"))
}

/// Returns the findings of a canon in a namespace.
pub(super) fn of(canons: &Canons, namespace: &str) -> Lint {
    let (policies, endpoints) = of_canon(canons, namespace);
    let annotation = |name: &str| {
        let manifest = &canons.first().policies(namespace)?.named(name)?.manifest;
        manifest["metadata"]["annotations"][super::ANNOTATION].as_str().map(str::to_owned)
    };
    let ignores: Vec<Option<String>> = policies.iter().map(|named| annotation(&named.name)).collect();
    let namespaces = BTreeMap::new();
    lint(Input { policies: &policies, endpoints: &endpoints, namespaces: &namespaces, canon: Some(canons), namespace, ignores: &ignores })
}

/// Returns the ids of findings, in their order.
pub(super) fn ids(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|finding| finding.id.as_str()).collect()
}
