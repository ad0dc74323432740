//! Endpoints under policies: random worlds against the naive model of `policy`, and cases where plugins differ.

mod brute;
mod cases;
mod opening;

use std::collections::BTreeMap;

use serde_json::Value;

use super::{End, Flow, NamedPolicy, Namespace, Pods, connection};
use crate::documents::Node;
use crate::policy::{Home, Policy};

pub(crate) fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// Returns a policy in a namespace.
pub(crate) fn policy(namespace: &str, name: &str, spec: &Value) -> NamedPolicy {
    let policy = Policy::parse(&Node::from(spec), Home { namespace, written_for: None });
    NamedPolicy { name: name.to_owned(), policy: policy.unwrap_or_else(|faults| panic!("{spec}: {faults:?}")) }
}

/// Returns pods in a namespace without labels of its own.
pub(super) fn pods(namespace: &str, pairs: &[(&str, &str)]) -> Pods {
    Pods::labeled(Namespace::new(namespace, BTreeMap::new()), labels(pairs))
}

pub(super) fn flow(policies: &[NamedPolicy], from: &End, to: &End, itself: bool) -> Flow {
    let found = connection(policies, from, to, itself);
    Flow { allowed: found.allowed, depends: found.depends, reasons: found.reasons }
}
