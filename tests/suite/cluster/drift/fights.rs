//! Another client that undoes every repair, and a leader that stops.

use std::time::{Duration, Instant};

use serde_json::json;

use super::super::harness::api::Call;
use super::super::harness::guard::Guard;
use super::super::harness::plane::plane;
use super::super::harness::scene::{get, path};
use super::super::harness::wait::until;
use super::process::{Controller, event};

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
    assert_eq!(controller.metric("netpol_repairs_total{kind=\"NetworkPolicy\",outcome=\"done\"}"), Some(3.0), "{}", controller.metrics());
    assert_eq!(controller.metric("netpol_repairs_suspended"), Some(1.0));
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
