//! Builds reviews as an API server sends them.

#![allow(clippy::needless_pass_by_value, reason = "`json!` hands its values over by reference; a caller hands over what it made")]

use serde_json::{Map, Value, json};

/// A review.
#[derive(Clone)]
pub(super) struct Made(pub(super) Value);

impl Made {
    /// A review of an operation by an administrator in the guarded namespace.
    pub(super) fn of(operation: &str, group: &str, resource: &str, kind: &str) -> Made {
        Made(json!({
            "kind": "AdmissionReview",
            "apiVersion": "admission.k8s.io/v1",
            "request": {
                "uid": "0c1f6ef8-4a6e-4c0d-9c58-1f1c3f8d7f55",
                "kind": {"group": group, "version": "v1", "kind": kind},
                "resource": {"group": group, "version": "v1", "resource": resource},
                "name": "an-object",
                "namespace": "abcdesktop",
                "operation": operation,
                "userInfo": {"username": "admin", "groups": ["system:masters", "system:authenticated"]},
                "object": null,
                "oldObject": null,
                "dryRun": false,
                "options": null
            }
        }))
    }

    /// Creates a pod with labels.
    pub(super) fn pod(labels: Value) -> Made {
        Made::of("CREATE", "", "pods", "Pod").object(pod(labels))
    }

    /// Updates the labels of a pod.
    pub(super) fn pod_update(old: Value, new: Value) -> Made {
        Made::of("UPDATE", "", "pods", "Pod").object(pod(new)).old(pod(old))
    }

    /// Creates a `NetworkPolicy`.
    pub(super) fn policy(name: &str, spec: Value) -> Made {
        Made::of("CREATE", "networking.k8s.io", "networkpolicies", "NetworkPolicy").name(name).object(policy(name, spec))
    }

    /// Updates a `NetworkPolicy`.
    pub(super) fn policy_update(old: Value, new: Value) -> Made {
        let name = new["metadata"]["name"].as_str().expect("a name").to_owned();
        Made::of("UPDATE", "networking.k8s.io", "networkpolicies", "NetworkPolicy").name(&name).object(new).old(old)
    }

    /// Creates a Deployment.
    pub(super) fn deployment(selector: Value, labels: Value) -> Made {
        Made::of("CREATE", "apps", "deployments", "Deployment").object(workload(selector, labels))
    }

    pub(super) fn object(self, object: Value) -> Made {
        self.with("object", object)
    }

    pub(super) fn old(self, object: Value) -> Made {
        self.with("oldObject", object)
    }

    pub(super) fn name(self, name: &str) -> Made {
        self.with("name", json!(name))
    }

    pub(super) fn namespace(self, name: &str) -> Made {
        self.with("namespace", json!(name))
    }

    pub(super) fn subresource(self, name: &str) -> Made {
        self.with("subResource", json!(name))
    }

    pub(super) fn user(self, name: &str, groups: &[&str]) -> Made {
        self.with("userInfo", json!({"username": name, "groups": groups}))
    }

    /// Sets a field of the request.
    pub(super) fn with(mut self, field: &str, value: Value) -> Made {
        self.0["request"][field] = value;
        self
    }

    /// Sets the value at a JSON pointer. The last key may be new.
    pub(super) fn set(mut self, pointer: &str, value: Value) -> Made {
        let (parent, last) = pointer.rsplit_once('/').expect("a pointer");
        let last = last.replace("~1", "/").replace("~0", "~");
        self.0.pointer_mut(parent).unwrap_or_else(|| panic!("no {parent}"))[last] = value;
        self
    }

    /// Removes the value at a JSON pointer.
    pub(super) fn without(mut self, pointer: &str) -> Made {
        let (parent, last) = pointer.rsplit_once('/').expect("a pointer");
        let last = last.replace("~1", "/").replace("~0", "~");
        let parent = self.0.pointer_mut(parent).and_then(Value::as_object_mut).expect("a map");
        parent.remove(&last).expect("a value to remove");
        self
    }

    /// Returns the body.
    pub(super) fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec(&self.0).unwrap()
    }
}

pub(super) fn pod(labels: Value) -> Value {
    json!({
        "kind": "Pod", "apiVersion": "v1",
        "metadata": {"name": "an-object", "namespace": "abcdesktop", "labels": labels},
        "spec": {"containers": [{"name": "c", "image": "registry.example/busybox"}]}
    })
}

pub(super) fn policy(name: &str, spec: Value) -> Value {
    json!({"kind": "NetworkPolicy", "apiVersion": "networking.k8s.io/v1", "metadata": {"name": name, "namespace": "abcdesktop"}, "spec": spec})
}

pub(super) fn workload(selector: Value, labels: Value) -> Value {
    json!({
        "metadata": {"name": "an-object"},
        "spec": {"selector": selector, "template": {"metadata": {"labels": labels}, "spec": {"containers": []}}}
    })
}

/// The spec of the canonical policy `memcached-permits`, with more ports.
pub(super) fn memcached_permits(ports: &[u16]) -> Value {
    let ports: Vec<Value> = [11211].iter().chain(ports).map(|port| json!({"protocol": "TCP", "port": port})).collect();
    json!({
        "podSelector": {"matchLabels": {"netpol/memcached": "true"}},
        "policyTypes": ["Egress"],
        "egress": [{"ports": ports, "to": [{"podSelector": {"matchLabels": {"run": "memcached-od"}}}]}]
    })
}

/// A map with one entry.
pub(super) fn map(key: &str, value: &str) -> Value {
    Value::Object(Map::from_iter([(key.to_owned(), json!(value))]))
}
