//! Canons of any size: the built-in one, and beside it policies and grants as a larger product would have.

use std::fmt::Write as _;

use netpol::canon::{Canon, Documents};
use netpol::verdict::Settings;
use serde_json::{Value, json};

use crate::bodies::NAMESPACE;
use crate::cases;

/// The built-in grants, which no canon of this page goes without.
const GRANTS: &str = include_str!("../../src/canon/builtin/grants.yaml");

/// How many grants are built in.
pub const BUILT_IN_GRANTS: usize = 11;

/// Writes a canon of so many policies, at least the built-in ones, and as many grants.
pub fn document(policies: usize, grants: usize) -> String {
    let canon = cases::guard().canon;
    let built_in = canon.policies(NAMESPACE).into_iter().flat_map(|policies| policies.by_name.values());
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
    GRANTS.to_owned() + &write_all(&documents)
}

/// The spec of the policy `many`: so many rules, each for a service of its own.
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

/// The built-in canon and one policy more, `many`, of so many rules.
pub fn with_rules(rules: usize) -> String {
    let metadata = json!({"name": "many", "namespace": NAMESPACE});
    let policy = json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": many(rules)});
    document(0, 0) + &write_all(&[policy])
}

fn write_all(documents: &[Value]) -> String {
    // JSON is YAML.
    documents.iter().fold(String::new(), |mut text, document| {
        let _ = write!(text, "\n---\n{document}\n");
        text
    })
}

/// What pods with a label may reach, as the built-in `-permits` say it.
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

/// One service more that may resolve names.
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
/// There is something wrong with it.
pub fn compile(text: &str) -> Canon {
    Canon::from_documents(&Documents::from_text("canon.yaml", text), &Settings::default().namespaces).expect("a canon that compiles")
}
