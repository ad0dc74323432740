//! Repair mode: what drifted is restored, in a second.

use std::time::{Duration, Instant};

use hyper::Method;
use serde_json::{Value, json};

use super::super::harness::api::Call;
use super::super::harness::figures::note;
use super::super::harness::guard::{Guard, create_namespace};
use super::super::harness::plane::plane;
use super::super::harness::scene::{create, get, list, path, pod};
use super::super::harness::wait::{until, within};
use super::process::{Controller, event};

fn spec(namespace: &str, name: &str) -> Value {
    get(namespace, "networkpolicies", name)["spec"].clone()
}

/// Changes a policy by a JSON patch.
pub(super) fn drift(namespace: &str, name: &str, patch: &Value) {
    let path = format!("{}/{name}", path(namespace, "networkpolicies"));
    plane().api.call(&Call::patch(path, "application/json-patch+json", patch)).expect("a change");
}

#[test]
fn a_namespace_gets_its_policies_and_keeps_their_meaning() {
    let name = "drift-repair";
    // Nothing is denied, so every drift is admitted.
    let flags = ["--enforcement", "audit", "--neighbors", "allow"];
    let guard = Guard::registered(name, &flags);
    guard.scene().given_policies("abcdesktop", &[]);
    let controller = Controller::start(name, &["--mode", "repair"]);

    // Each list of a policy gets something that is not in the canon, or loses something.
    let everyone = json!([{}]);
    // An owner that exists: otherwise, the garbage collector deletes the policy.
    let bait = plane().api.post(&path(name, "configmaps"), &json!({"metadata": {"name": "bait"}})).expect("an owner");
    let stranger = json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "bait", "uid": bait["metadata"]["uid"]}]);
    let drifts = [
        ("abcdesktop-rights", json!([{"op": "add", "path": "/spec/ingress", "value": everyone}])),
        ("memcached-permits", json!([{"op": "replace", "path": "/spec/egress", "value": everyone}])),
        ("memcached-rights", json!([{"op": "remove", "path": "/spec/ingress"}])),
        ("pyos-rights", json!([{"op": "replace", "path": "/spec/podSelector", "value": {"matchLabels": {"run": "nothing"}}}])),
        ("nginx-rights", json!([{"op": "replace", "path": "/spec/policyTypes", "value": ["Egress"]}])),
        ("ocuser-rights", json!([{"op": "add", "path": "/metadata/ownerReferences", "value": stranger}])),
        ("mongodb-rights", json!([{"op": "add", "path": "/metadata/finalizers", "value": ["example.com/hold"]}])),
    ];
    let before: Vec<Value> = list(name, "networkpolicies");
    let of = |policies: &[Value], name: &str| policies.iter().find(|policy| policy["metadata"]["name"] == name).expect("a policy").clone();
    let mut times = Vec::new();
    for (policy, patch) in &drifts {
        drift(name, policy, patch);
        let start = Instant::now();
        until(&format!("{policy} is repaired"), || {
            let live = get(name, "networkpolicies", policy);
            let is_free = live["metadata"]["ownerReferences"].is_null() && live["metadata"]["finalizers"].is_null();
            (live["spec"] == of(&before, policy)["spec"] && is_free).then_some(())
        });
        times.push(start.elapsed());
    }
    times.sort();
    let milliseconds = |time: Option<&Duration>| time.map_or(0, |time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
    note("repair", json!({"drifts": times.len(), "p50": milliseconds(times.get(times.len() / 2)), "max": milliseconds(times.last())}));
    println!("repaired {} drifts: {times:?}", times.len());
    plane().api.call(&Call::new(Method::DELETE, format!("{}/router-rights", path(name, "networkpolicies")))).expect("a deletion");
    until("it is created again", || plane().api.get(&format!("{}/router-rights", path(name, "networkpolicies"))).ok().then_some(()));
    event(name, "memcached-permits", "DriftRepaired");
    until("nothing is found", || (controller.metric("netpol_findings{section=\"policies\"}") == Some(0.0)).then_some(()));

    // A different spelling is no drift: nothing is written.
    let version = |policy: &str| get(name, "networkpolicies", policy)["metadata"]["resourceVersion"].clone();
    let all = spec(name, "memcached-permits");
    let respelled = json!([{"op": "replace", "path": "/spec/podSelector", "value": {"matchExpressions": [
        {"key": "netpol/memcached", "operator": "In", "values": ["true"]}]}}]);
    drift(name, "memcached-permits", &respelled);
    let written = version("memcached-permits");
    assert_ne!(spec(name, "memcached-permits"), all);
    assert!(within(Duration::from_secs(2), || (version("memcached-permits") != written).then_some(())).is_none(), "it was written again");
    drop(guard);
}

#[test]
fn a_namespace_that_is_created_later_is_guarded_within_seconds_and_pods_get_granted_labels_only_under_deny() {
    let name = "drift-later";
    let guard = Guard::start(name, "abcdesktop", &[]);
    // The namespace is deleted, so that it can be created while the controller runs.
    plane().api.call(&Call::new(Method::DELETE, format!("/api/v1/namespaces/{name}"))).expect("a deletion");
    until("it is gone", || (plane().api.get(&format!("/api/v1/namespaces/{name}")).status == 404).then_some(()));
    create_namespace("drift-later-system");
    let controller = Controller::leader(name, "drift-later-system", &["--mode", "repair"]);
    let start = Instant::now();
    create_namespace(name);
    until("all policies exist", || (list(name, "networkpolicies").len() == 27).then_some(()));
    println!("27 policies in {:?} after the namespace", start.elapsed());

    create(name, &pod("directory", &[("run", "openldap-od")]));
    until("it has its label", || (get(name, "pods", "directory")["metadata"]["labels"]["netpol/dns"] == "true").then_some(()));
    // The canon says who may claim the identity of a desktop, and nobody knows who created this one.
    create(name, &pod("desktop", &[("type", "x11server")]));
    event(name, "desktop", "PodNotLabeled");
    create(name, &pod("thief", &[("app", "thief"), ("netpol/mongodb", "true")]));
    event(name, "thief", "PodNotLabeled");
    assert!(get(name, "pods", "desktop")["metadata"]["labels"]["netpol/ocuser"].is_null());
    assert_eq!(get(name, "pods", "thief")["metadata"]["labels"]["netpol/mongodb"], "true", "nothing is removed");
    assert_eq!(controller.metric("netpol_repairs_total{kind=\"Pod\",outcome=\"done\"}"), Some(1.0));
    drop(guard);
}
