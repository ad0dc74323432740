//! The lists of a check are moments apart: what was written in between is read again before it is called drift.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::super::harness::api::Call;
use super::super::harness::guard::Guard;
use super::super::harness::plane::plane;
use super::super::harness::relay::Relay;
use super::super::harness::scene::{get, path};
use super::run::{check_as, ids};

const NAME: &str = "check-rereads";
const POLICIES: &str = "/networkpolicies?";

fn set_egress(egress: &Value) {
    let patch = json!([{"op": "replace", "path": "/spec/egress", "value": egress}]);
    let policy = format!("{}/memcached-permits", path(NAME, "networkpolicies"));
    plane().api.call(&Call::patch(policy, "application/json-patch+json", &patch)).expect("a change");
}

#[test]
fn what_is_newer_than_the_first_list_is_read_again() {
    let guard = Guard::start(NAME, "abcdesktop", &[]);
    guard.scene().given_policies("abcdesktop", &[]);
    let canonical = get(NAME, "networkpolicies", "memcached-permits")["spec"]["egress"].clone();
    let run = |relay: &Relay| {
        let flags = ["--canon", "abcdesktop", "--section", "policies,pods", "--output", "json"];
        check_as(&relay.kubeconfig(None), NAME, &flags)
    };

    // Another client changes the policy before it is listed, and restores it at once.
    let relay = Relay::start(&plane().api);
    let hooks = Arc::new(AtomicUsize::new(0));
    let changed = Arc::clone(&hooks);
    relay.before(&format!("GET {}", path(NAME, "networkpolicies")), move || {
        set_egress(&json!([{}]));
        changed.fetch_add(1, Ordering::Relaxed);
    });
    let (restored, canon) = (Arc::clone(&hooks), canonical.clone());
    relay.before(&format!("GET {}", path(NAME, "pods")), move || {
        set_egress(&canon);
        restored.fetch_add(1, Ordering::Relaxed);
    });
    let checked = run(&relay);
    assert_eq!(hooks.load(Ordering::Relaxed), 2);
    assert_eq!((checked.code, ids(&checked.json())), (Some(0), vec![]), "{}", checked.out);
    assert_eq!(relay.seen(&[POLICIES]).len(), 2, "the policies were listed again");

    // A change that stays is drift.
    let relay = Relay::start(&plane().api);
    relay.before(&format!("GET {}", path(NAME, "networkpolicies")), || set_egress(&json!([{}])));
    let checked = run(&relay);
    let drift = vec![("policy-drift".to_owned(), "memcached-permits".to_owned())];
    assert_eq!((checked.code, ids(&checked.json())), (Some(1), drift), "{}", checked.out);
    assert_eq!(relay.seen(&[POLICIES]).len(), 2);
    // What is older than the first list is listed once.
    let relay = Relay::start(&plane().api);
    plane().api.post("/api/v1/namespaces", &json!({"metadata": {"name": "check-rereads-later"}})).expect("a namespace");
    assert_eq!(run(&relay).code, Some(1));
    assert_eq!(relay.seen(&[POLICIES]).len(), 1);
    drop(guard);
}
