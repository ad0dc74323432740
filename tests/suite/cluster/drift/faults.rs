//! An API server that is away, hangs, forbids, forgets or closes: the controller lives on, says what it does not know, and repairs
//! what drifted meanwhile.

use std::time::{Duration, Instant};

use hyper::Method;
use serde_json::json;

use super::super::harness::api::Call;
use super::super::harness::guard::Guard;
use super::super::harness::plane::plane;
use super::super::harness::relay::{Failure, Relay};
use super::super::harness::scene::{get, path};
use super::super::harness::wait::until;
use super::process::Controller;

/// What a watch asks for.
const WATCH_OF_POLICIES: [&str; 2] = ["/networkpolicies?", "watch=true"];

/// Starts a guard that denies nothing, and all policies.
fn guarded(name: &str) -> Guard {
    let guard = Guard::registered(name, &["--enforcement", "audit"]);
    guard.scene().given_policies("abcdesktop", &[]);
    guard
}

fn open(name: &str, policy: &str) {
    let wider = json!([{"op": "replace", "path": "/spec/egress", "value": [{}]}]);
    let path = format!("{}/{policy}", path(name, "networkpolicies"));
    plane().api.call(&Call::patch(path, "application/json-patch+json", &wider)).expect("a change");
}

fn is_open(name: &str, policy: &str) -> bool {
    get(name, "networkpolicies", policy)["spec"]["egress"] == json!([{}])
}

fn wait_until_repaired(name: &str, policy: &str) {
    until(&format!("{policy} is repaired"), || (!is_open(name, policy)).then_some(()));
}

/// Returns the lines of `/readyz` about watches.
fn stale(controller: &Controller) -> Vec<String> {
    controller.state().lines().filter(|line| line.starts_with("- the watch of ")).map(str::to_owned).collect()
}

#[test]
fn an_api_server_that_is_killed_and_restarted_loses_nothing() {
    let name = "drift-killed";
    let guard = guarded(name);
    let server = plane().another("drift-killed-1", &[]);
    let relay = Relay::start(&server.api);
    let mut controller = Controller::behind(&relay, "abcdesktop", name, &["--mode", "repair"]);
    server.kill();
    relay.cut();
    until("every watch is stale", || (stale(&controller).len() == 6).then_some(()));
    until("nothing is evaluated", || (controller.metric("netpol_not_evaluated{section=\"policies\"}") > Some(0.0)).then_some(()));
    open(name, "memcached-permits");
    // It cannot renew the Lease, and stops writing before another process could take it.
    until("it leads no more", || (!controller.leads()).then_some(()));
    assert!(is_open(name, "memcached-permits"));
    controller.assert_healthy();

    let server = plane().another("drift-killed-2", &[]);
    relay.retarget(&server.api);
    wait_until_repaired(name, "memcached-permits");
    until("no watch is stale", || stale(&controller).is_empty().then_some(()));
    until("everything is in order", || (controller.metric("netpol_findings{section=\"policies\"}") == Some(0.0)).then_some(()));
    controller.assert_healthy();
    relay.retarget(&plane().api);
    relay.cut();
    drop((guard, server));
}

#[test]
fn an_api_server_that_hangs_is_given_up_and_asked_again() {
    let name = "drift-hangs";
    let guard = guarded(name);
    let relay = Relay::start(&plane().api);
    let mut controller = Controller::behind(&relay, "abcdesktop", name, &["--mode", "repair"]);
    relay.fail("", Failure::Hanging);
    relay.cut();
    until("every watch is stale", || (stale(&controller).len() == 6).then_some(()));
    until("each watch hangs", || (relay.seen(&["watch=true"]).iter().filter(|seen| seen.status == 0).count() >= 6).then_some(()));
    until("it leads no more", || (!controller.leads()).then_some(()));
    open(name, "memcached-permits");
    // What hangs stays so; only requests that follow are answered.
    relay.heal();
    wait_until_repaired(name, "memcached-permits");
    until("no watch is stale", || stale(&controller).is_empty().then_some(()));
    controller.assert_healthy();
    drop(guard);
}

/// Checks that watches which end at once are opened less and less often, and that drift is repaired nevertheless.
fn assert_paced(name: &str, failure: Failure) {
    /// The first follows at once, then after 0.8 s, 1.6 s, 3.2 s and 6.4 s.
    const WATCHES: usize = 6;
    let guard = guarded(name);
    let relay = Relay::start(&plane().api);
    let mut controller = Controller::behind(&relay, "abcdesktop", name, &["--mode", "repair"]);
    let known = relay.seen(&WATCH_OF_POLICIES).len();
    relay.fail("watch=true", failure);
    relay.cut();
    let since = Instant::now();
    let ended = |at_least: usize| {
        until("watches end", || {
            let watches = relay.seen(&WATCH_OF_POLICIES).split_off(known);
            (watches.len() >= at_least).then_some(watches)
        })
    };
    let watches = ended(WATCHES);
    let took = watches[WATCHES - 1].at.duration_since(since);
    assert!(took >= Duration::from_secs(8), "{WATCHES} watches within {took:?}");
    // A list tells what the watches do not.
    open(name, "memcached-permits");
    if matches!(failure, Failure::Status(410)) {
        wait_until_repaired(name, "memcached-permits");
    }
    relay.heal();
    wait_until_repaired(name, "memcached-permits");
    until("no watch is stale", || stale(&controller).is_empty().then_some(()));
    controller.assert_healthy();
    drop(guard);
}

#[test]
fn an_api_server_that_forgets_each_version_is_listed_at_a_pace() {
    assert_paced("drift-forgets", Failure::Status(410));
}

#[test]
fn an_api_server_that_closes_each_watch_is_asked_at_a_pace() {
    assert_paced("drift-closes", Failure::Ended);
}

/// Gives a user all rights of a controller, or all but those to pods.
fn allow(user: &str, has_pods: bool) {
    let group = "rbac.authorization.k8s.io";
    let mut resources = vec!["namespaces"];
    if has_pods {
        resources.push("pods");
    }
    let rules = json!([
        {"apiGroups": [""], "resources": resources, "verbs": ["list", "watch", "patch"]},
        {"apiGroups": ["networking.k8s.io"], "resources": ["networkpolicies"], "verbs": ["*"]},
        {"apiGroups": ["admissionregistration.k8s.io", "events.k8s.io", "coordination.k8s.io", "openreports.io"], "resources": ["*"], "verbs": ["*"]},
    ]);
    for manifest in [
        json!({"apiVersion": format!("{group}/v1"), "kind": "ClusterRole", "metadata": {"name": user}, "rules": rules}),
        json!({"apiVersion": format!("{group}/v1"), "kind": "ClusterRoleBinding", "metadata": {"name": user},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": user}, "subjects": [{"apiGroup": group, "kind": "User", "name": user}]}),
    ] {
        plane().kubectl.run(["apply", "-f", "-"], &manifest.to_string()).expect("a role");
    }
}

#[test]
fn a_kind_that_is_forbidden_is_named_and_the_others_are_followed() {
    let name = "drift-forbidden";
    let guard = guarded(name);
    allow(name, true);
    let relay = Relay::start(&plane().api);
    let mut controller = Controller::with(&relay.kubeconfig(Some(name)), "abcdesktop", name, name, &["--mode", "repair"]);
    until("it is ready and leads", || (controller.admin.get("/readyz").ok() && controller.leads()).then_some(()));
    assert_eq!(stale(&controller), Vec::<String>::new());
    allow(name, false);
    let asks = |path: &str| Call::new(Method::GET, path).by(name, &["system:authenticated"]);
    let pods = path(name, "pods");
    until("the right is gone", || (plane().api.call(&asks(&pods)).status == 403).then_some(()));
    // The API server does not end a watch whose right was taken away.
    relay.cut();
    let lines = until("the pods are named", || {
        let lines = stale(&controller);
        (lines.len() == 2 && lines.iter().all(|line| line.contains("pods"))).then_some(lines)
    });
    assert!(lines.iter().all(|line| line.contains("must allow the verb \"watch\" on \"pods\"")), "{lines:?}");
    let evaluated = |section: &str| controller.metric(&format!("netpol_not_evaluated{{section=\"{section}\"}}"));
    until("pods are not evaluated", || (evaluated("pods") == Some(1.0)).then_some(()));
    assert_eq!((evaluated("policies"), evaluated("registration"), evaluated("neighbors")), (Some(0.0), Some(0.0), Some(0.0)));
    // The other watches work.
    open(name, "memcached-permits");
    wait_until_repaired(name, "memcached-permits");
    assert_eq!(stale(&controller).len(), 2, "{}", controller.state());
    allow(name, true);
    until("the pods are known again", || (stale(&controller).is_empty() && evaluated("pods") == Some(0.0)).then_some(()));
    controller.assert_healthy();
    drop(guard);
}
