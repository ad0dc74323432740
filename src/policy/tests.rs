//! The meaning of policies: the numbered rules and the parts 2a and 2b of `semantics.md`, and random small
//! policies against a naive model.

mod bounds;
mod looks_equal;
pub(crate) mod model;
mod named_ports;
pub(crate) mod random;
mod rules;
mod same_meaning;

use serde_json::Value;

use super::{Change, Comparison, Drift, Home, Policy, compare};
use crate::documents::{Fault, Node};

pub(super) const HOME: Home<'static> = Home { namespace: "abcdesktop", written_for: None };

/// Parses a spec from JSON.
pub(super) fn parse(spec: &str) -> Result<Policy, Vec<Fault>> {
    let node: Node<'_> = serde_json::from_str(spec).expect("JSON");
    Policy::parse(&node, HOME)
}

/// Parses a spec without faults.
pub(super) fn policy(spec: &str) -> Policy {
    parse(spec).unwrap_or_else(|faults| panic!("{spec}: {faults:?}"))
}

/// Returns the faults of a spec, each as `field: message`.
pub(super) fn faults(spec: &str) -> Vec<String> {
    parse(spec).expect_err("a fault").iter().map(ToString::to_string).collect()
}

pub(super) fn of_value(spec: &Value) -> Policy {
    Policy::parse(&Node::from(spec), HOME).unwrap_or_else(|faults| panic!("{spec}: {faults:?}"))
}

/// Asserts that two specs mean the same, compared in both orders.
#[track_caller]
pub(super) fn same(left: &str, right: &str) {
    assert_eq!(compare(&policy(left), &policy(right)), Comparison::Same, "{left} and {right}");
    assert_eq!(compare(&policy(right), &policy(left)), Comparison::Same, "{right} and {left}");
}

/// Asserts that `found` has this change from `canonical`, and that the reverse has the opposite change.
#[track_caller]
pub(super) fn drifts(canonical: &str, found: &str, change: Change) -> Drift {
    let back = match change {
        Change::Wider => Change::Narrower,
        Change::Narrower => Change::Wider,
        Change::Both => Change::Both,
    };
    assert_eq!(drift(found, canonical).change, back, "{found} against {canonical}");
    let drift = drift(canonical, found);
    assert_eq!(drift.change, change, "{drift:?}");
    drift
}

#[track_caller]
fn drift(canonical: &str, found: &str) -> Drift {
    match compare(&policy(canonical), &policy(found)) {
        Comparison::Drift(drift) => {
            assert!(!drift.differences.is_empty());
            assert_eq!(drift.witness.is_some(), drift.change != Change::Narrower, "{drift:?}");
            drift
        }
        other => panic!("{canonical} against {found}: {other:?}"),
    }
}

/// Returns an ingress policy of every pod with these rules.
pub(super) fn ingress(rules: &str) -> String {
    format!(r#"{{"podSelector":{{}},"policyTypes":["Ingress"],"ingress":{rules}}}"#)
}

/// Returns an egress policy of every pod with these rules.
pub(super) fn egress(rules: &str) -> String {
    format!(r#"{{"podSelector":{{}},"policyTypes":["Egress"],"egress":{rules}}}"#)
}
