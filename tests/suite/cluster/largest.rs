//! Objects of the largest size that the API server stores are judged, and the conditions of the webhooks take linear time.

use std::time::{Duration, Instant};

use hyper::Method;
use serde_json::{Value, json};

use super::harness::act::{Act, call};
use super::harness::api::Call;
use super::harness::figures::note;
use super::harness::guard::Guard;
use super::harness::scene::{Scene, path, pod, pod_spec};

/// The length of a name that fills an object to the limit of etcd. The API server escapes each character as six bytes.
const LARGEST: usize = 1_400_000;

/// How much longer the API server may take for an object of a guarded namespace. Generous: tests share the machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Returns the object with an owner reference of this length.
fn filled(mut object: Value, length: usize) -> Value {
    object["metadata"]["ownerReferences"] = json!([{
        "apiVersion": "v1", "kind": "ConfigMap", "name": "<".repeat(length), "uid": "00000000-0000-4000-8000-000000000001",
    }]);
    object
}

fn patch(resource: &str, name: &str, patch: &Value) -> Act {
    call(Call::patch(format!("{}/{name}", path("{ns}", resource)), "application/merge-patch+json", patch)).without_dry_run()
}

fn create(resource: &str, object: &Value) -> Act {
    call(Call::new(Method::POST, path("{ns}", resource)).json(object)).without_dry_run()
}

/// Returns a workload of a kind whose selector reads a capability label.
fn workload(api_version: &str, kind: &str, selector: &Value) -> Value {
    let template = json!({"metadata": {"labels": {"app": "x", "netpol/dns": "true"}}, "spec": pod_spec()});
    json!({
        "apiVersion": api_version, "kind": kind, "metadata": {"name": "large"},
        "spec": {"selector": selector, "template": template, "serviceName": "x"},
    })
}

/// Checks that an act is denied, and that it takes the API server not much longer than in an unguarded namespace.
fn denied(scene: &Scene<'_>, act: &Act, word: &str, length: usize) {
    let timed = |namespace: &str| {
        let from = Instant::now();
        let result = act.run(namespace, false);
        (result, from.elapsed())
    };
    let (result, guarded) = timed(&scene.guarded);
    assert!(!result.ok && result.text.contains("denied the request") && result.text.contains(word), "{act}: {}", result.text);
    let (result, open) = timed(&scene.open);
    assert!(result.ok, "control of {act}: {}", result.text);
    let seconds = |time: Duration| time.as_secs_f64();
    note("largest", json!({"act": act.to_string(), "length": length, "guarded_s": seconds(guarded), "open_s": seconds(open)}));
    assert!(guarded < open + PATIENCE, "{act}: {guarded:?}, unguarded: {open:?}");
}

#[test]
fn objects_of_the_largest_size_are_judged() {
    let guard = Guard::patient("largest", &[]);
    let scene = guard.scene();
    for length in [LARGEST / 2, LARGEST] {
        let new = |mut object: Value| {
            object["metadata"]["name"] = json!(format!("large-{length}"));
            filled(object, length)
        };
        let name = format!("large-{length}");
        scene.given(&new(pod("large", &[("app", "thief")])));
        let label = json!({"metadata": {"labels": {"netpol/mongodb": "true"}}});
        denied(&scene, &patch("pods", &format!("{name}/status"), &label), "netpol/mongodb", length);
        let other = json!({"metadata": {"labels": {"netpol/pyos": "true"}}});
        denied(&scene, &patch("pods", &name, &other), "netpol/pyos", length);

        let spec = json!({"podSelector": {"matchLabels": {"run": "memcached-od"}}, "policyTypes": ["Ingress"]});
        scene.given(&new(json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {}, "spec": spec})));
        let wider = json!({"spec": {"ingress": [{}]}});
        denied(&scene, &patch("networkpolicies", &name, &wider), "wider than the canon", length);

        let selector = json!({"matchLabels": {"app": "x", "netpol/dns": "true"}});
        for (resource, api_version, kind) in [
            ("deployments", "apps/v1", "Deployment"),
            ("replicasets", "apps/v1", "ReplicaSet"),
            ("statefulsets", "apps/v1", "StatefulSet"),
            ("daemonsets", "apps/v1", "DaemonSet"),
        ] {
            let mut object = new(workload(api_version, kind, &selector));
            if kind != "StatefulSet" {
                object["spec"].as_object_mut().expect("a map").remove("serviceName");
            }
            if kind != "DaemonSet" {
                object["spec"]["replicas"] = json!(0);
            }
            denied(&scene, &create(resource, &object), "netpol/dns", length);
        }
    }
}

/// A binding is not stored, so only the size of the request limits it.
#[test]
fn a_binding_with_many_labels_is_judged() {
    let guard = Guard::patient("many-labels", &[]);
    let scene = guard.scene();
    for count in [20_000, 40_000] {
        let name = format!("bound-{count}");
        scene.given(&pod(&name, &[("app", "thief")]));
        let mut labels: serde_json::Map<String, Value> = (0..count).map(|number| (format!("label-{number}"), json!("x"))).collect();
        labels.insert("netpol/mongodb".to_owned(), json!("true"));
        let binding = json!({
            "apiVersion": "v1", "kind": "Binding", "metadata": {"name": name, "labels": labels},
            "target": {"apiVersion": "v1", "kind": "Node", "name": "n1"},
        });
        denied(&scene, &create(&format!("pods/{name}/binding"), &binding), "netpol/mongodb", count);
    }
}
