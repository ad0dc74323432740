//! A network or an API server that fails: nothing is written twice, everything is said, and the work goes on afterwards.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::super::harness::api::Call;
use super::super::harness::figures::note;
use super::super::harness::guard::Guard;
use super::super::harness::plane::plane;
use super::super::harness::relay::{Network, Relay};
use super::super::harness::scene::{get, path};
use super::super::harness::wait::until;
use super::process::{Controller, events};

const DONE: &str = "netpol_repairs_total{kind=\"NetworkPolicy\",outcome=\"done\"}";

fn drift(namespace: &str, policy: &str) {
    let wider = json!([{"op": "replace", "path": "/spec/egress", "value": [{}]}]);
    let path = format!("{}/{policy}?fieldManager=stranger", path(namespace, "networkpolicies"));
    plane().api.call(&Call::patch(path, "application/json-patch+json", &wider)).expect("a change");
}

fn is_drifted(namespace: &str, policy: &str) -> bool {
    get(namespace, "networkpolicies", policy)["spec"]["egress"] == json!([{}])
}

fn until_repaired(namespace: &str, policy: &str) {
    until(&format!("{policy} is repaired"), || (!is_drifted(namespace, policy)).then_some(()));
}

/// Returns how often the controllers wrote a policy, by the generation that counts every change of its spec.
fn generation(namespace: &str, policy: &str) -> i64 {
    get(namespace, "networkpolicies", policy)["metadata"]["generation"].as_i64().expect("a number")
}

#[test]
fn a_leader_that_is_cut_off_is_replaced_and_no_two_write() {
    let name = "drift-cut";
    let guard = Guard::registered(name, &["--enforcement", "audit"]);
    guard.scene().given_policies("abcdesktop", &[]);
    let relay = Relay::start(plane().api.port()).expect("a relay");
    let first = Controller::behind(&relay, name, &["--mode", "repair"]);
    until("the first one leads", || (first.metric("netpol_controller_leader") == Some(1.0)).then_some(()));
    let second = Controller::follower(name, &["--mode", "repair"]);
    let is_cut_off = || first.readyz().contains("the API server does not respond");
    let is_whole = || !is_cut_off() && !first.readyz().contains("the watch of");

    relay.set(Network::Hangs);
    let start = Instant::now();
    let before = generation(name, "memcached-permits");
    drift(name, "memcached-permits");
    until("the first one says that it is cut off", || is_cut_off().then_some(()));
    let named = start.elapsed();
    // The second one saw the drift at once, and repairs it when the Lease has expired.
    until("the second one leads", || (second.metric("netpol_controller_leader") == Some(1.0)).then_some(()));
    until_repaired(name, "memcached-permits");
    note("partition", json!({"named_s": named.as_secs(), "repaired_s": start.elapsed().as_secs()}));
    assert_eq!(first.metric("netpol_controller_leader"), Some(0.0));
    assert!(!second.readyz().contains("does not respond") && !second.readyz().contains("the watch of"), "{}", second.readyz());
    relay.set(Network::Works);
    until("the first one reads again", || is_whole().then_some(()));
    assert_eq!(generation(name, "memcached-permits"), before + 2, "one drift and one repair");

    relay.set(Network::IsCut);
    until("the first one says that it is cut off", || {
        (is_cut_off() && first.readyz().contains("the watch of networkpolicies")).then_some(())
    });
    drift(name, "mongodb-permits");
    until_repaired(name, "mongodb-permits");
    relay.set(Network::Works);
    until("the first one reads again", || is_whole().then_some(()));
    assert_eq!((first.metric(DONE), second.metric(DONE)), (Some(0.0), Some(2.0)));
    drop(guard);
}

#[test]
fn a_leader_that_stops_for_a_while_does_not_write_when_it_continues() {
    let name = "drift-stopped";
    let guard = Guard::registered(name, &["--enforcement", "audit"]);
    guard.scene().given_policies("abcdesktop", &[]);
    let mut first = Controller::start(name, &["--mode", "repair"]);
    let second = Controller::follower(name, &["--mode", "repair"]);
    first.process.signal("STOP");
    drift(name, "memcached-permits");
    let before = generation(name, "memcached-permits");
    until_repaired(name, "memcached-permits");
    assert_eq!(second.metric(DONE), Some(1.0));
    first.process.signal("CONT");
    until("the first one follows", || (first.metric("netpol_controller_leader") == Some(0.0)).then_some(()));
    // It sees the next drift too, and leaves it to the second one.
    drift(name, "mongodb-permits");
    until_repaired(name, "mongodb-permits");
    assert_eq!((first.metric(DONE), second.metric(DONE)), (Some(0.0), Some(2.0)));
    assert_eq!(generation(name, "memcached-permits"), before + 1);
    drop(guard);
}

/// Argo CD and Flux apply their manifests again and again, as field managers of their own.
#[test]
fn another_manager_that_applies_the_canon_is_no_fight() {
    let name = "drift-gitops";
    let guard = Guard::registered(name, &["--enforcement", "audit"]);
    guard.scene().given_policies("abcdesktop", &[]);
    let controller = Controller::start(name, &["--mode", "repair"]);
    let canonical: Vec<Value> = ["abcdesktop-rights", "memcached-permits", "mongodb-rights", "pyos-permits"]
        .iter()
        .map(|policy| {
            let spec = get(name, "networkpolicies", policy)["spec"].clone();
            json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": policy, "labels": {"app.kubernetes.io/managed-by": "argo"}}, "spec": spec})
        })
        .collect();
    let apply = || {
        for manifest in &canonical {
            let policy = manifest["metadata"]["name"].as_str().expect("a name");
            let url = format!("{}/{policy}?fieldManager=argocd-controller&force=true", path(name, "networkpolicies"));
            plane().api.call(&Call::patch(url, "application/apply-patch+yaml", manifest)).expect("it is applied");
        }
    };
    apply();
    drift(name, "memcached-permits");
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(5) {
        apply();
        std::thread::sleep(Duration::from_millis(200));
    }
    until_repaired(name, "memcached-permits");
    until("nothing is found", || (controller.metric("netpol_findings{section=\"policies\"}") == Some(0.0)).then_some(()));
    // The one that comes first has repaired it.
    assert!(controller.metric(DONE).is_some_and(|done| done <= 1.0), "{}", controller.metrics());
    assert_eq!(controller.metric("netpol_repairs_suspended"), Some(0.0));
    assert!(events(name, "").iter().all(|(reason, _)| reason != "RepairSuspended"));
    for manifest in &canonical {
        let live = get(name, "networkpolicies", manifest["metadata"]["name"].as_str().expect("a name"));
        assert_eq!(live["spec"], manifest["spec"]);
    }
    drop(guard);
}
