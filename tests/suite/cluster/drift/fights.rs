//! Another client that undoes every repair, and a leader that stops.

use std::time::{Duration, Instant};

use hyper::Method;
use serde_json::{Value, json};

use super::super::harness::api::Call;
use super::super::harness::guard::Guard;
use super::super::harness::netpol::netpol;
use super::super::harness::plane::plane;
use super::super::harness::relay::Relay;
use super::super::harness::scene::{get, path};
use super::super::harness::wait::until;
use super::process::{Controller, event, events};

#[test]
fn a_fight_is_given_up_and_the_other_client_is_named() {
    let name = "drift-fight";
    let guard = Guard::registered(name, &["--enforcement", "audit"]);
    let scene = guard.scene();
    scene.given_policies("abcdesktop", &[]);
    let controller = Controller::start(name, &["--mode", "repair", "--repair-attempts", "3"]);
    let policy = format!("{}/memcached-permits?fieldManager=stranger", path(name, "networkpolicies"));
    let wider = json!([{"op": "replace", "path": "/spec/egress", "value": [{}]}]);
    let start = Instant::now();
    // Attempts follow at once, after 2 s and after 6 s.
    while start.elapsed() < Duration::from_secs(11) {
        plane().api.call(&Call::patch(&policy, "application/json-patch+json", &wider)).expect("a change");
        std::thread::sleep(Duration::from_millis(100));
    }
    let note = event(name, "memcached-permits", "RepairSuspended");
    assert!(note.contains("\"stranger\" changed it last"), "{note}");
    let suspensions = || events(name, "memcached-permits").into_iter().filter(|(reason, _)| reason == "RepairSuspended").count();
    assert_eq!(controller.metric("netpol_repairs_total{kind=\"NetworkPolicy\",outcome=\"done\"}"), Some(3.0), "{}", controller.metrics());
    assert_eq!(controller.metric("netpol_repairs_suspended"), Some(1.0));
    assert_eq!(suspensions(), 1);
    assert_eq!(get(name, "networkpolicies", "memcached-permits")["spec"]["egress"], json!([{}]));
}

#[test]
fn only_the_leader_writes_and_the_next_one_takes_over() {
    let name = "drift-leader";
    let guard = Guard::registered(name, &["--enforcement", "audit"]);
    let scene = guard.scene();
    scene.given_policies("abcdesktop", &[]);
    let mut first = Controller::start(name, &["--mode", "repair"]);
    let second = Controller::follower(name, &["--mode", "repair"]);
    let repairs = |controller: &Controller| controller.metric("netpol_repairs_total{kind=\"NetworkPolicy\",outcome=\"done\"}");
    let drift = |policy: &str| {
        let wider = json!([{"op": "replace", "path": "/spec/egress", "value": [{}]}]);
        let path = format!("{}/{policy}", path(name, "networkpolicies"));
        plane().api.call(&Call::patch(path, "application/json-patch+json", &wider)).expect("a change");
        until(&format!("{policy} is repaired"), || (get(name, "networkpolicies", policy)["spec"]["egress"] != json!([{}])).then_some(()));
    };
    drift("memcached-permits");
    assert_eq!((repairs(&first), repairs(&second)), (Some(1.0), Some(0.0)));
    // It does not release the Lease.
    first.process.signal("KILL");
    until("the second one leads", || (second.metric("netpol_controller_leader") == Some(1.0)).then_some(()));
    drift("mongodb-permits");
    assert_eq!(repairs(&second), Some(1.0));
}

/// Argo CD and Flux apply what is in Git again and again, server-side and by force, as managers of their own.
#[test]
fn a_client_that_applies_the_canon_again_and_again_is_no_fight() {
    const ROUNDS: usize = 12;
    let name = "drift-applied";
    let guard = Guard::registered(name, &["--enforcement", "audit"]);
    let scene = guard.scene();
    scene.given_policies("abcdesktop", &[]);
    let relay = Relay::start(&plane().api);
    let mut controller = Controller::behind(&relay, "abcdesktop", name, &["--mode", "repair"]);
    let printed = netpol(["render", "policies", "--canon", "abcdesktop", "--namespace", name, "--output", "json"]).expect("policies");
    let printed: Value = serde_json::from_str(&printed).expect("JSON");
    let policies = printed["items"].as_array().expect("policies").clone();
    let apply = |policy: &Value, manager: &str| {
        let path = format!(
            "{}/{}?fieldManager={manager}&force=true",
            path(name, "networkpolicies"),
            policy["metadata"]["name"].as_str().expect("a name")
        );
        plane().api.call(&Call::patch(path, "application/apply-patch+yaml", policy)).expect("an apply")
    };
    // Once, something has to be repaired, so that the controller owns fields, too.
    let wider = json!([{"op": "add", "path": "/spec/ingress", "value": [{}]}]);
    let drifted = format!("{}/abcdesktop-rights?fieldManager=stranger", path(name, "networkpolicies"));
    plane().api.call(&Call::patch(&drifted, "application/json-patch+json", &wider)).expect("a change");
    until("it is repaired", || relay.writes().iter().any(|seen| seen.status == 200).then_some(()));
    for _ in 0..ROUNDS {
        for manager in ["argocd-controller", "kustomize-controller"] {
            for policy in &policies {
                let applied = apply(policy, manager);
                assert_eq!(applied["spec"], get(name, "networkpolicies", policy["metadata"]["name"].as_str().expect("a name"))["spec"]);
            }
        }
    }
    // The watch tells changes in their order: after this repair, the controller has seen all of them.
    plane().api.call(&Call::new(Method::DELETE, format!("{}/router-rights", path(name, "networkpolicies")))).expect("a deletion");
    until("it is created again", || plane().api.get(&format!("{}/router-rights", path(name, "networkpolicies"))).ok().then_some(()));
    assert_eq!(relay.writes().len(), 2, "{:?}", relay.writes());
    until("nothing is found", || (controller.metric("netpol_findings{section=\"policies\"}") == Some(0.0)).then_some(()));
    for policy in &policies {
        let policy_name = policy["metadata"]["name"].as_str().expect("a name");
        assert_eq!(get(name, "networkpolicies", policy_name)["spec"], apply(policy, "argocd-controller")["spec"], "{policy_name}");
    }
    assert_eq!(controller.metric("netpol_repairs_suspended"), Some(0.0));
    controller.assert_healthy();
}
