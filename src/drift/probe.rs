//! The probe: the dry run of a policy that every server denies, and repeats its value. If the API server answers otherwise, no server
//! was asked.

use serde_json::{Value, json};

use crate::canon::Accepted;
use crate::documents::Node;
use crate::policy::{Comparison, Home, Policy, compare};
use crate::verdict::Guard;
use crate::verdict::annotations::PROBE;

/// What the response to a probe means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// A server was asked and denied the probe.
    Guarded,
    /// No server was asked.
    Unguarded,
    /// Another component denied the probe, or the request failed.
    Unknown,
}

/// Returns the probe of a guarded namespace: a policy with a canonical name and a spec that no accepted canon has. `None` if the
/// namespace is not guarded or the canon has no policy.
pub fn manifest(guard: &Guard, namespace: &str, value: &str) -> Option<Value> {
    let policies = guard.canons.policies(namespace)?;
    let name = policies.names().first().copied()?;
    let all = json!({"podSelector": {}, "policyTypes": ["Ingress", "Egress"], "ingress": [{}], "egress": [{}]});
    let none = json!({"podSelector": {}, "policyTypes": ["Ingress", "Egress"]});
    let spec = [all, none].into_iter().find(|spec| drifts(policies, namespace, name, spec))?;
    let metadata = json!({"name": name, "namespace": namespace, "annotations": {PROBE: value}});
    Some(json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec}))
}

fn drifts(policies: Accepted<'_>, namespace: &str, name: &str, spec: &Value) -> bool {
    let Ok(found) = Policy::parse(&Node::from(spec), Home { namespace, written_for: None }) else { return false };
    policies.named(name).all(|version| compare(&version.policy.policy, &found) != Comparison::Same)
}

/// Returns what a response means: its status code, and its message if it is a failure. A policy of that name may exist, which is a
/// conflict only after admission.
pub fn answer(code: u16, message: &str, value: &str) -> Answer {
    match code {
        403 if message.contains(value) => Answer::Guarded,
        200 | 201 | 409 => Answer::Unguarded,
        _ => Answer::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_denial_that_repeats_the_value_is_an_answer_of_a_server() {
        let value = "0123abcd";
        assert_eq!(answer(403, "denied the request: probe 0123abcd: the webhook is called", value), Answer::Guarded);
        assert_eq!(answer(403, "user cannot create resource", value), Answer::Unknown);
        assert_eq!(answer(409, "already exists", value), Answer::Unguarded);
        assert_eq!(answer(201, "", value), Answer::Unguarded);
        for code in [400, 404, 422, 500, 503] {
            assert_eq!(answer(code, "0123abcd", value), Answer::Unknown, "{code}");
        }
    }
}
