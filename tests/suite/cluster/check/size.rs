//! A large namespace is read in few requests.

use std::time::Instant;

use serde_json::json;

use super::super::drift::process::Controller;
use super::super::harness::api::{Call, RUNTIME};
use super::super::harness::figures::note;
use super::super::harness::guard::{Guard, write_canon};
use super::super::harness::plane::plane;
use super::super::harness::relay::Relay;
use super::super::harness::scene::{path, pod};
use super::super::harness::wait::until;
use super::run::check_as;

/// The memory of a controller, in MiB. The limit of the release build is 48 MiB. This one is not optimized.
const MOST: u64 = 128;
const PODS: usize = 10_000;
const POLICIES: usize = 300;
/// The requests that are sent at the same time.
const PARALLEL: usize = 32;

/// Creates objects, several at a time.
fn create_all(resource: &str, objects: &[serde_json::Value]) {
    for chunk in objects.chunks(PARALLEL) {
        let calls: Vec<Call> =
            chunk.iter().map(|object| Call::new(hyper::Method::POST, path("check-size", resource)).json(object)).collect();
        let tasks: Vec<_> =
            calls.into_iter().map(|call| RUNTIME.spawn(async move { plane().api.send(&call).await.expect("a response").status })).collect();
        for task in tasks {
            assert_eq!(RUNTIME.block_on(task).expect("a response"), 201);
        }
    }
}

#[test]
fn ten_thousand_pods_and_three_hundred_policies_take_few_requests() {
    let guard = Guard::start("check-size", "abcdesktop", &[]);
    let scene = guard.scene();
    scene.given_policies("abcdesktop", &[]);
    let extra = |number: usize| {
        json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": format!("extra-{number}")},
            "spec": {"podSelector": {"matchLabels": {"app": format!("a{number}")}}, "policyTypes": ["Ingress"]}})
    };
    create_all("networkpolicies", &(0..POLICIES - 27).map(extra).collect::<Vec<_>>());
    create_all("pods", &(0..PODS).map(|number| pod(&format!("pod-{number}"), &[("app", "other")])).collect::<Vec<_>>());

    let relay = Relay::start(&plane().api);
    let start = Instant::now();
    let checked = check_as(&relay.kubeconfig(None), "check-size", &["--section", "policies,pods", "--output", "text"]);
    let took = start.elapsed();
    assert_eq!(checked.code, Some(0), "{}{}", checked.out, checked.err);
    assert!(checked.out.contains("300 policies in check-size") && checked.out.contains("10000 pods in check-size"), "{}", checked.out);
    note("check", json!({"pods": PODS, "policies": POLICIES, "milliseconds": u64::try_from(took.as_millis()).unwrap_or(u64::MAX)}));
    println!("checked {PODS} pods and {POLICIES} policies in {took:?}");
    // 20 chunks of pods, one list of those on the host network, one of policies and one of namespaces.
    let lists = |resource: &str| relay.seen(&["GET ", &format!("/{resource}?")]).len();
    assert_eq!((lists("pods"), lists("networkpolicies"), lists("namespaces")), (21, 1, 1), "{:?}", relay.seen(&[]));

    guard.register();
    follow(&guard.namespaces[0]);
    limited(&guard.namespaces[0]);
}

/// A canon that limits what all the pods run: they are read as a whole, and little is kept of each.
fn limited(namespace: &str) {
    let policy = json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "all"},
        "spec": {"podSelector": {}}});
    let grant = json!({"name": "other", "podSelector": {"matchLabels": {"app": "other"}}, "labels": {}, "images": ["registry.example/*"]});
    let grants = json!({"apiVersion": "netpol.abcdesktop.io/v1alpha1", "kind": "Grants", "metadata": {"name": "own"}, "grants": [grant]});
    let canon = write_canon("check-size", &[policy, grants]);
    let relay = Relay::start(&plane().api);
    let start = Instant::now();
    let checked = check_as(&relay.kubeconfig(None), namespace, &["--canon", &canon, "--section", "pods", "--output", "text"]);
    let took = start.elapsed();
    assert_eq!(checked.code, Some(0), "{}{}", checked.out, checked.err);
    assert_eq!((relay.seen(&["/pods?"]).len(), relay.seen(&["labelSelector"]).len()), (121, 100));

    let relay = Relay::start(&plane().api);
    let controller = Controller::behind(&relay, &canon, namespace, &["--claims", "deny"]);
    until("seven watches are open", || (relay.seen(&["watch=true"]).len() >= 7).then_some(()));
    let memory = resident(controller.process.id());
    note(
        "limited-size",
        json!({"pods": PODS, "milliseconds": u64::try_from(took.as_millis()).unwrap_or(u64::MAX), "resident_mib": memory}),
    );
    assert!(memory <= MOST, "{memory} MiB");
}

/// Returns the resident memory of a process, in MiB.
fn resident(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line of the memory");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") / 1024
}

/// The controller keeps the namespace in little memory, and asks nothing while nothing changes.
fn follow(namespace: &str) {
    let relay = Relay::start(&plane().api);
    let controller = Controller::behind(&relay, "abcdesktop", namespace, &["--mode", "repair"]);
    until("the first probe is sent", || (!relay.seen(&["dryRun=All"]).is_empty()).then_some(()));
    until("six watches are open", || (relay.seen(&["watch=true"]).len() >= 6).then_some(()));
    assert!(relay.seen(&["labelSelector"]).is_empty(), "no grant of the canon says what pods run");
    until("the other APIs are read", || (!relay.seen(&["GET /apis?"]).is_empty() || !relay.seen(&["GET /apis"]).is_empty()).then_some(()));
    let renewals = || relay.seen(&["PUT ", "/leases/"]).len();
    let (known, before) = (relay.seen(&[]).len(), renewals());
    let start = Instant::now();
    until("the Lease is renewed", || (renewals() >= before + 10).then_some(()));
    let others: Vec<String> =
        relay.seen(&[]).split_off(known).into_iter().map(|seen| seen.line).filter(|line| !line.contains("/leases/")).collect();
    let (memory, took) = (resident(controller.process.id()), start.elapsed());
    note(
        "controller-size",
        json!({"pods": PODS, "policies": POLICIES, "resident_mib": memory, "requests": others.len(), "seconds": took.as_secs()}),
    );
    assert!(memory <= MOST, "{memory} MiB");
    // Once a minute, it probes and looks for policies of other APIs; the first report may follow the start. Nothing is listed again.
    let is_periodic = |line: &String| line.contains("dryRun=All") || line.contains("/reports/netpol") || line.starts_with("GET /apis");
    assert!(others.len() <= 8 && others.iter().all(|line| is_periodic(line) && !line.contains("limit=")), "{others:?}");
}
