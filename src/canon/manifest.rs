//! A canonical policy as a manifest for a guarded namespace.

use serde_json::{Value, json};

use super::objects::PolicyDocument;
use crate::policy::Home;
use crate::policy::selector::NAMESPACE_NAME_KEY;

/// Renders a manifest for `kubectl apply -f -`. The guarded namespace replaces the namespace that the canon was
/// written for.
pub(super) fn render(document: &PolicyDocument, home: Home<'_>) -> Value {
    let mut spec = document.spec.clone();
    if let Some(written_for) = home.written_for.filter(|written_for| *written_for != home.namespace) {
        for selector in namespace_selectors(&mut spec) {
            rename(selector, written_for, home.namespace);
        }
    }
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": document.metadata.manifest(home.namespace),
        "spec": spec,
    })
}

fn namespace_selectors(spec: &mut Value) -> impl Iterator<Item = &mut Value> {
    let lists = spec.as_object_mut().into_iter().flatten().filter(|(key, _)| matches!(key.as_str(), "ingress" | "egress"));
    let rules = lists.filter_map(|(_, list)| list.as_array_mut()).flatten();
    let peers = rules.filter_map(Value::as_object_mut).flatten().filter(|(key, _)| matches!(key.as_str(), "from" | "to"));
    peers.filter_map(|(_, list)| list.as_array_mut()).flatten().filter_map(|peer| peer.get_mut("namespaceSelector"))
}

/// Renames a namespace in the values that a selector has for `kubernetes.io/metadata.name`.
fn rename(selector: &mut Value, from: &str, to: &str) {
    if let Some(value) = selector.get_mut("matchLabels").and_then(|labels| labels.get_mut(NAMESPACE_NAME_KEY))
        && value == from
    {
        *value = to.into();
    }
    let expressions = selector.get_mut("matchExpressions").and_then(Value::as_array_mut);
    for expression in
        expressions.into_iter().flatten().filter(|expression| expression.get("key").is_some_and(|key| key == NAMESPACE_NAME_KEY))
    {
        for value in expression.get_mut("values").and_then(Value::as_array_mut).into_iter().flatten() {
            if value == from {
                *value = to.into();
            }
        }
    }
}
