//! The meaning of canonical policies cannot be changed in any way.

use hyper::Method;
use serde_json::{Value, json};

use super::harness::act::{Act, call, kubectl};
use super::harness::api::Call;
use super::harness::guard::scene;
use super::harness::plane::plane;
use super::harness::scene::{Scene, get, path};

const NAME: &str = "memcached-permits";

fn drifted(port: u16) -> Value {
    let pods = json!({"podSelector": {"matchLabels": {"run": "memcached-od"}}});
    json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": NAME},
        "spec": {
            "podSelector": {"matchLabels": {"netpol/memcached": "true"}},
            "policyTypes": ["Egress"],
            "egress": [{"to": [pods], "ports": [{"protocol": "TCP", "port": 11211}, {"protocol": "TCP", "port": port}]}],
        },
    })
}

fn with_policy() -> Scene<'static> {
    let scene = scene();
    scene.given_policies("abcdesktop", &[NAME]);
    scene
}

/// Returns the ports of the policy in a namespace.
fn ports(namespace: &str) -> Vec<u64> {
    let policy = get(namespace, "networkpolicies", NAME);
    let ports = policy["spec"]["egress"][0]["ports"].as_array().cloned().unwrap_or_default();
    ports.iter().filter_map(|port| port["port"].as_u64()).collect()
}

/// Checks that a request is denied with a reason and a witness, and that it succeeds in the unguarded namespace.
#[track_caller]
fn assert_denied_as_drift(scene: &Scene<'_>, act: &Act, port: u16) {
    let port_words = format!("TCP {port}");
    let result = scene.denied(act, &["policies.validate.netpol.abcdesktop.io", NAME, &port_words, "run=memcached-od"]);
    assert!(result.sentence().contains("netpol render policies"), "the message names the fix: {}", result.sentence());
    assert_eq!(ports(&scene.guarded), [11211], "after {act}");
    assert!(ports(&scene.open).contains(&u64::from(port)), "the control of {act} has an effect");
}

#[test]
fn an_apply_cannot_make_a_canonical_policy_drift() {
    let scene = with_policy();
    assert_denied_as_drift(&scene, &kubectl("apply -f -").stdin(&drifted(443)), 443);
    assert_denied_as_drift(&scene, &kubectl("apply --server-side --force-conflicts --field-manager=other -f -").stdin(&drifted(444)), 444);
}

#[test]
fn a_patch_cannot_make_a_canonical_policy_drift() {
    let scene = with_policy();
    let spec = |port| json!({"spec": {"egress": drifted(port)["spec"]["egress"]}}).to_string();
    let patch = |kind: &str, patch: String| kubectl(&format!("patch networkpolicy {NAME} --type={kind} -p")).word(patch);
    assert_denied_as_drift(&scene, &patch("strategic", spec(443)), 443);
    assert_denied_as_drift(&scene, &patch("merge", spec(444)), 444);
    let added = json!([{"op": "add", "path": "/spec/egress/0/ports/-", "value": {"protocol": "TCP", "port": 445}}]);
    assert_denied_as_drift(&scene, &patch("json", added.to_string()), 445);
}

#[test]
fn a_replacement_cannot_make_a_canonical_policy_drift() {
    let scene = with_policy();
    assert_denied_as_drift(&scene, &kubectl("replace -f -").stdin(&drifted(443)), 443);
    // `kubectl edit` sends this if the user deletes the line with the resourceVersion.
    let put = Call::new(Method::PUT, format!("{}/{NAME}", path("{ns}", "networkpolicies"))).json(&drifted(444));
    assert_denied_as_drift(&scene, &call(put), 444);
}

#[test]
fn a_canonical_policy_cannot_be_created_with_another_meaning() {
    let scene = scene();
    let act = kubectl("create -f -").stdin(&drifted(443));
    scene.denied(&act, &[NAME, "TCP 443"]);
    scene.denied(&kubectl("apply --server-side --force-conflicts -f -").stdin(&drifted(444)), &[NAME, "TCP 444"]);
}

#[test]
fn metadata_of_a_canonical_policy_can_change() {
    let scene = with_policy();
    scene.admitted_without_warnings(&kubectl(&format!("annotate networkpolicy {NAME} note=mine")));
    scene.admitted_without_warnings(&kubectl(&format!("label networkpolicy {NAME} team=net")));
}

#[test]
fn an_unknown_field_in_a_canonical_policy_is_drift() {
    let scene = with_policy();
    // The API server drops unknown fields before it calls webhooks, so they are neither judged nor stored.
    let patch = json!({"spec": {"futureField": true}}).to_string();
    let result = kubectl(&format!("patch networkpolicy {NAME} --type=merge -p")).word(patch).run(&scene.guarded, false);
    assert!(result.ok, "{}", result.text);
    assert!(get(&scene.guarded, "networkpolicies", NAME)["spec"].get("futureField").is_none());
}

/// Returns an extra policy for pods to which the canon allows less traffic.
fn extra(metadata: &Value, spec: &Value) -> Value {
    json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec})
}

#[test]
fn an_extra_policy_that_grants_more_is_denied() {
    let scene = scene();
    let ingress = json!({
        "podSelector": {"matchLabels": {"run": "memcached-od"}}, "policyTypes": ["Ingress"],
        "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "x"}}}], "ports": [{"protocol": "TCP", "port": 11211}]}],
    });
    scene.denied(&kubectl("create -f -").stdin(&extra(&json!({"name": "more"}), &ingress)), &["app=x", "run=memcached-od", "11211"]);
    scene.denied(&kubectl("create -f -").stdin(&extra(&json!({"generateName": "more-"}), &ingress)), &["app=x", "11211"]);
    let egress = json!({
        "podSelector": {"matchLabels": {"netpol/memcached": "true"}}, "policyTypes": ["Egress"],
        "egress": [{"ports": [{"protocol": "TCP", "port": 5432}]}],
    });
    scene.denied(&kubectl("apply -f -").stdin(&extra(&json!({"name": "out"}), &egress)), &["TCP 5432", "netpol/memcached"]);
}

#[test]
fn an_extra_policy_that_grants_nothing_more_is_admitted() {
    let scene = scene();
    let closed = json!({"podSelector": {"matchLabels": {"run": "memcached-od"}}, "policyTypes": ["Ingress"]});
    scene.admitted_without_warnings(&kubectl("apply -f -").stdin(&extra(&json!({"name": "closed"}), &closed)));
    let less = json!({
        "podSelector": {"matchLabels": {"run": "memcached-od", "tier": "a"}}, "policyTypes": ["Ingress"],
        "ingress": [{"from": [{"podSelector": {"matchLabels": {"netpol/memcached": "true"}}}], "ports": [{"port": 11211}]}],
    });
    scene.admitted_without_warnings(&kubectl("create -f -").stdin(&extra(&json!({"generateName": "less-"}), &less)));
}

#[test]
fn an_extra_policy_can_be_deleted() {
    let scene = scene();
    let closed = json!({"podSelector": {"matchLabels": {"run": "memcached-od"}}, "policyTypes": ["Ingress"]});
    scene.given(&extra(&json!({"name": "closed"}), &closed));
    scene.admitted_without_warnings(&kubectl("delete networkpolicy closed"));
    assert!(!plane().api.get(&format!("{}/closed", path(&scene.guarded, "networkpolicies"))).ok());
}
