//! Canons of any size: the built-in canon with additional policies and grants.

use std::fmt::Write as _;

use netpol::canon::{Canons, Documents};
use netpol::verdict::Settings;
use serde_json::{Value, json};

use crate::bodies::NAMESPACE;
use crate::cases;

/// The built-in grants, which are part of every canon here.
const GRANTS: [&str; 2] =
    [include_str!("../../src/canon/builtin/grants.yaml"), include_str!("../../src/canon/builtin/applications-grants.yaml")];

/// The number of built-in grants.
pub const BUILT_IN_GRANTS: usize = 11;

/// Returns a canon with a number of policies and grants, at least the built-in ones.
pub fn document(policies: usize, grants: usize) -> String {
    let canon = cases::guard().canons;
    let built_in = canon.first().policies(NAMESPACE).into_iter().flat_map(|policies| policies.by_name.values());
    let mut documents: Vec<Value> = built_in.map(|canonical| canonical.manifest.clone()).collect();
    for number in documents.len()..policies {
        documents.push(service(number));
    }
    documents.push(json!({
        "apiVersion": "netpol.abcdesktop.io/v1alpha1",
        "kind": "Grants",
        "metadata": {"name": "more"},
        "grants": (BUILT_IN_GRANTS..grants).map(grant).collect::<Vec<_>>(),
    }));
    GRANTS.join("---\n") + &write_all(&documents)
}

/// Returns the spec of the policy `many` with a number of rules, each for another service.
pub fn many(rules: usize) -> Value {
    let rule = |number: usize| {
        json!({
            "from": [{"podSelector": {"matchLabels": {"run": format!("service-{number}")}}}],
            "ports": [{"protocol": "TCP", "port": 1024 + number}],
        })
    };
    json!({
        "podSelector": {"matchLabels": {"type": "x11server"}},
        "policyTypes": ["Ingress"],
        "ingress": (0..rules).map(rule).collect::<Vec<_>>(),
    })
}

/// Returns the built-in canon with the additional policy `many`, which has a number of rules.
pub fn with_rules(rules: usize) -> String {
    let metadata = json!({"name": "many", "namespace": NAMESPACE});
    let policy = json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": many(rules)});
    document(0, 0) + &write_all(&[policy])
}

fn write_all(documents: &[Value]) -> String {
    // JSON is valid YAML.
    documents.iter().fold(String::new(), |mut text, document| {
        let _ = write!(text, "\n---\n{document}\n");
        text
    })
}

/// Returns an egress policy for pods with a capability label, like the built-in `-permits` policies.
fn service(number: usize) -> Value {
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": format!("service-{number}-permits"), "namespace": NAMESPACE},
        "spec": {
            "podSelector": {"matchLabels": {format!("netpol/service-{number}"): "true"}},
            "policyTypes": ["Egress"],
            "egress": [{
                "to": [{"podSelector": {"matchLabels": {"run": format!("service-{number}")}}}],
                "ports": [{"protocol": "TCP", "port": 1024 + number}],
            }],
        },
    })
}

/// Returns a grant for another service that may use DNS.
fn grant(number: usize) -> Value {
    json!({
        "name": format!("service-{number}"),
        "podSelector": {"matchLabels": {"run": format!("service-{number}")}},
        "labels": {"netpol/dns": "true"},
    })
}

/// Compiles a canon.
///
/// # Panics
/// The canon is invalid.
pub fn compile(text: &str) -> Canons {
    Canons::from_documents(&[Documents::from_text("canon.yaml", text)], &Settings::default().namespaces).expect("a canon that compiles")
}
