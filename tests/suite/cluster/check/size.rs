//! A large namespace is read in few requests.

use std::time::Instant;

use serde_json::json;

use super::super::harness::api::{Call, RUNTIME};
use super::super::harness::figures::note;
use super::super::harness::guard::Guard;
use super::super::harness::plane::plane;
use super::super::harness::scene::{path, pod};
use super::run::check;

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

/// Returns how many lists of a resource the API server has served.
fn lists(resource: &str) -> u64 {
    let metrics = plane().api.get("/metrics").body;
    let is_list = |line: &&str| {
        line.starts_with("apiserver_request_total{") && line.contains(&format!("resource=\"{resource}\"")) && line.contains("verb=\"LIST\"")
    };
    let number = |line: &str| line.rsplit_once(' ').and_then(|(_, number)| number.parse::<f64>().ok());
    let total: f64 = metrics.as_str().expect("text").lines().filter(is_list).filter_map(number).sum();
    format!("{total:.0}").parse().expect("a number")
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

    let before = ["pods", "networkpolicies", "namespaces"].map(lists);
    let start = Instant::now();
    let checked = check("check-size", &["--section", "policies,pods", "--output", "text"]);
    let took = start.elapsed();
    let [pods, policies, namespaces] = ["pods", "networkpolicies", "namespaces"].map(lists);
    assert_eq!(checked.code, Some(0), "{}{}", checked.out, checked.err);
    assert!(checked.out.contains("300 policies in check-size") && checked.out.contains("10000 pods in check-size"), "{}", checked.out);
    note("check", json!({"pods": PODS, "policies": POLICIES, "milliseconds": u64::try_from(took.as_millis()).unwrap_or(u64::MAX)}));
    println!("checked {PODS} pods and {POLICIES} policies in {took:?}");
    // 20 chunks of pods, one list of those on the host network, one of policies and one of namespaces. Other clients of the test cluster watch.
    assert_eq!((pods - before[0], policies - before[1]), (21, 1));
    assert!(namespaces - before[2] <= 2);
}
