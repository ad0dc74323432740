//! Canonical policies stay what they are, whichever way somebody tries to change them.

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

/// The ports that the policy of a namespace has now.
fn ports(namespace: &str) -> Vec<u64> {
    let policy = get(namespace, "networkpolicies", NAME);
    let ports = policy["spec"]["egress"][0]["ports"].as_array().cloned().unwrap_or_default();
    ports.iter().filter_map(|port| port["port"].as_u64()).collect()
}

/// Refused with its reason and a witness, and really possible where nobody guards.
#[track_caller]
fn drifts(scene: &Scene<'_>, act: &Act, port: u16) {
    let port_words = format!("TCP {port}");
    let said = scene.refused(act, &["policies.validate.netpol.abcdesktop.io", NAME, &port_words, "run=memcached-od"]);
    assert!(said.sentence().contains("netpol render policies"), "the cure is named: {}", said.sentence());
    assert_eq!(ports(&scene.guarded), [11211], "after {act}");
    assert!(ports(&scene.open).contains(&u64::from(port)), "the control of {act} did something");
}

#[test]
fn a_canonical_policy_does_not_drift_by_apply() {
    let scene = with_policy();
    drifts(&scene, &kubectl("apply -f -").stdin(&drifted(443)), 443);
    drifts(&scene, &kubectl("apply --server-side --force-conflicts --field-manager=other -f -").stdin(&drifted(444)), 444);
}

#[test]
fn a_canonical_policy_does_not_drift_by_any_patch() {
    let scene = with_policy();
    let spec = |port| json!({"spec": {"egress": drifted(port)["spec"]["egress"]}}).to_string();
    let patch = |kind: &str, patch: String| kubectl(&format!("patch networkpolicy {NAME} --type={kind} -p")).word(patch);
    drifts(&scene, &patch("strategic", spec(443)), 443);
    drifts(&scene, &patch("merge", spec(444)), 444);
    let added = json!([{"op": "add", "path": "/spec/egress/0/ports/-", "value": {"protocol": "TCP", "port": 445}}]);
    drifts(&scene, &patch("json", added.to_string()), 445);
}

#[test]
fn a_canonical_policy_does_not_drift_by_replacement() {
    let scene = with_policy();
    drifts(&scene, &kubectl("replace -f -").stdin(&drifted(443)), 443);
    // What `kubectl edit` sends when somebody deletes the line with the resourceVersion.
    let put = Call::new(Method::PUT, format!("{}/{NAME}", path("{ns}", "networkpolicies"))).json(&drifted(444));
    drifts(&scene, &call(put), 444);
}

#[test]
fn a_canonical_policy_is_not_created_with_another_meaning() {
    let scene = scene();
    let act = kubectl("create -f -").stdin(&drifted(443));
    scene.refused(&act, &[NAME, "TCP 443"]);
    scene.refused(&kubectl("apply --server-side --force-conflicts -f -").stdin(&drifted(444)), &[NAME, "TCP 444"]);
}

#[test]
fn metadata_of_a_canonical_policy_is_its_owners_business() {
    let scene = with_policy();
    scene.admitted_in_silence(&kubectl(&format!("annotate networkpolicy {NAME} note=mine")));
    scene.admitted_in_silence(&kubectl(&format!("label networkpolicy {NAME} team=net")));
}

#[test]
fn what_is_unknown_in_a_canonical_policy_is_drift() {
    let scene = with_policy();
    // The API server drops unknown fields before it asks: nothing is left to judge, nothing is stored.
    let patch = json!({"spec": {"futureField": true}}).to_string();
    let said = kubectl(&format!("patch networkpolicy {NAME} --type=merge -p")).word(patch).run(&scene.guarded, false);
    assert!(said.ok, "{}", said.text);
    assert!(get(&scene.guarded, "networkpolicies", NAME)["spec"].get("futureField").is_none());
}

/// A policy under another name, for pods that the canon gives less.
fn extra(metadata: &Value, spec: &Value) -> Value {
    json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec})
}

#[test]
fn an_extra_policy_that_grants_more_is_refused() {
    let scene = scene();
    let ingress = json!({
        "podSelector": {"matchLabels": {"run": "memcached-od"}}, "policyTypes": ["Ingress"],
        "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "x"}}}], "ports": [{"protocol": "TCP", "port": 11211}]}],
    });
    scene.refused(&kubectl("create -f -").stdin(&extra(&json!({"name": "more"}), &ingress)), &["app=x", "run=memcached-od", "11211"]);
    scene.refused(&kubectl("create -f -").stdin(&extra(&json!({"generateName": "more-"}), &ingress)), &["app=x", "11211"]);
    let egress = json!({
        "podSelector": {"matchLabels": {"netpol/memcached": "true"}}, "policyTypes": ["Egress"],
        "egress": [{"ports": [{"protocol": "TCP", "port": 5432}]}],
    });
    scene.refused(&kubectl("apply -f -").stdin(&extra(&json!({"name": "out"}), &egress)), &["TCP 5432", "netpol/memcached"]);
}

#[test]
fn an_extra_policy_that_grants_nothing_more_passes() {
    let scene = scene();
    let closed = json!({"podSelector": {"matchLabels": {"run": "memcached-od"}}, "policyTypes": ["Ingress"]});
    scene.admitted_in_silence(&kubectl("apply -f -").stdin(&extra(&json!({"name": "closed"}), &closed)));
    let less = json!({
        "podSelector": {"matchLabels": {"run": "memcached-od", "tier": "a"}}, "policyTypes": ["Ingress"],
        "ingress": [{"from": [{"podSelector": {"matchLabels": {"netpol/memcached": "true"}}}], "ports": [{"port": 11211}]}],
    });
    scene.admitted_in_silence(&kubectl("create -f -").stdin(&extra(&json!({"generateName": "less-"}), &less)));
}

#[test]
fn an_extra_policy_may_go_as_it_came() {
    let scene = scene();
    let closed = json!({"podSelector": {"matchLabels": {"run": "memcached-od"}}, "policyTypes": ["Ingress"]});
    scene.given(&extra(&json!({"name": "closed"}), &closed));
    scene.admitted_in_silence(&kubectl("delete networkpolicy closed"));
    assert!(!plane().api.get(&format!("{}/closed", path(&scene.guarded, "networkpolicies"))).ok());
}
