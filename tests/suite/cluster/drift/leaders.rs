//! A leader that stops for a while or is cut off: another one writes, and it writes nothing when it continues.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use super::super::harness::api::Call;
use super::super::harness::figures::note;
use super::super::harness::guard::Guard;
use super::super::harness::plane::plane;
use super::super::harness::relay::{Failure, Relay};
use super::super::harness::scene::{get, path};
use super::super::harness::wait::until;
use super::process::Controller;

/// Opens a policy, and waits until it is repaired.
fn repaired(name: &str, policy: &str) {
    let wider = json!([{"op": "replace", "path": "/spec/egress", "value": [{}]}]);
    let path = format!("{}/{policy}", path(name, "networkpolicies"));
    plane().api.call(&Call::patch(path, "application/json-patch+json", &wider)).expect("a change");
    until(&format!("{policy} is repaired"), || (get(name, "networkpolicies", policy)["spec"]["egress"] != json!([{}])).then_some(()));
}

/// Starts two controllers, each behind a relay of its own. The first one leads, and has repaired a policy.
fn two(name: &'static str) -> (Guard, [Relay; 2], [Controller; 2]) {
    let guard = Guard::registered(name, &["--enforcement", "audit"]);
    guard.scene().given_policies("abcdesktop", &[]);
    let (relay, other) = (Relay::start(&plane().api), Relay::start(&plane().api));
    let first = Controller::behind(&relay, "abcdesktop", name, &["--mode", "repair"]);
    let second = Controller::with(&other.kubeconfig(None), "abcdesktop", name, name, &["--mode", "repair"]);
    repaired(name, "memcached-permits");
    (guard, [relay, other], [first, second])
}

#[test]
fn a_leader_that_was_suspended_writes_nothing_when_it_wakes() {
    let name = "drift-suspended";
    let (guard, [relay, other], [mut first, mut second]) = two(name);
    assert_eq!((relay.writes().len(), other.writes().len()), (1, 0));
    first.process.signal("STOP");
    until("the second one leads", || second.leads().then_some(()));
    repaired(name, "mongodb-permits");
    assert_eq!((relay.writes().len(), other.writes().len()), (1, 1));
    // The first one wakes with a drift of which it hears at once, as of all that happened.
    let wider = json!([{"op": "replace", "path": "/spec/egress", "value": [{}]}]);
    let path = format!("{}/nginx-permits", path(name, "networkpolicies"));
    first.process.signal("CONT");
    plane().api.call(&Call::patch(&path, "application/json-patch+json", &wider)).expect("a change");
    until("it knows that it does not lead", || (!first.leads()).then_some(()));
    until("the drift is repaired", || (get(name, "networkpolicies", "nginx-permits")["spec"]["egress"] != json!([{}])).then_some(()));
    repaired(name, "router-permits");
    let seen = |controller: &Controller| controller.metric("netpol_findings{section=\"policies\"}");
    until("both see that all is well", || (seen(&first) == Some(0.0) && seen(&second) == Some(0.0)).then_some(()));
    assert_eq!((relay.writes().len(), other.writes().len()), (1, 3), "{:?} {:?}", relay.writes(), other.writes());
    first.assert_healthy();
    second.assert_healthy();
    drop(guard);
}

/// How long the first one is cut off: so long that the test waits for the clock.
const PARTITION: Duration = Duration::from_secs(60);
/// The longest time until a leader that is cut off says so.
const NAMED: Duration = Duration::from_secs(30);

#[test]
fn a_leader_that_is_cut_off_is_replaced_and_says_so() {
    let name = "drift-partition";
    let (guard, [relay, other], [mut first, mut second]) = two(name);
    let says = |controller: &Controller| controller.admin.get("/readyz").body.as_str().unwrap_or_default().to_owned();
    let is_cut_off = |controller: &Controller| says(controller).contains("the API server does not respond");
    let is_fresh = |controller: &Controller| !is_cut_off(controller) && !says(controller).contains("the watch of");
    // Only a request that gets a response has arrived at the API server.
    let arrived = || relay.seen(&[]).iter().filter(|seen| seen.status != 0).count();

    let start = Instant::now();
    relay.fail("", Failure::Hanging);
    relay.cut();
    let before = arrived();
    thread::scope(|scope| {
        // The second one repairs meanwhile.
        let watching = scope.spawn(|| {
            let mut named = None;
            while start.elapsed() < PARTITION {
                assert!(is_fresh(&second), "after {:?}: {}", start.elapsed(), says(&second));
                if named.is_none() && is_cut_off(&first) {
                    named = Some(start.elapsed());
                }
                thread::sleep(Duration::from_millis(250));
            }
            named
        });
        repaired(name, "mongodb-permits");
        let replaced = start.elapsed();
        assert!(second.leads() && !first.leads());
        assert!(replaced < PARTITION, "{replaced:?}");
        let near_the_end = PARTITION.saturating_sub(Duration::from_secs(15));
        thread::sleep(near_the_end.saturating_sub(start.elapsed()));
        repaired(name, "router-permits");
        let repaired_again = start.elapsed();
        assert!(repaired_again < PARTITION, "{repaired_again:?}");
        let named = watching.join().expect("the second one is fresh").expect("the first one says that it is cut off");
        assert!(named <= NAMED, "{named:?}");
        note(
            "partition",
            json!({"named_ms": named.as_millis(), "repaired_ms": replaced.as_millis(), "repaired_again_ms": repaired_again.as_millis()}),
        );
    });
    assert!(is_cut_off(&first) && !first.leads() && second.leads(), "{}", says(&first));
    assert_eq!((arrived(), relay.writes().len(), other.writes().len()), (before, 1, 2), "{:?} {:?}", relay.writes(), other.writes());

    relay.heal();
    relay.cut();
    until("the first one reads again", || is_fresh(&first).then_some(()));
    repaired(name, "nginx-permits");
    let seen = |controller: &Controller| controller.metric("netpol_findings{section=\"policies\"}");
    until("both see that all is well", || (seen(&first) == Some(0.0) && seen(&second) == Some(0.0)).then_some(()));
    assert_eq!((relay.writes().len(), other.writes().len()), (1, 3), "{:?}", relay.writes());
    first.assert_healthy();
    second.assert_healthy();
    drop(guard);
}
