//! How many reviews common actions cause, with and without the condition for pods that are plainly right. `docs/performance.md` has the
//! table.

use std::time::Duration;

use hyper::Method;
use serde_json::{Value, json};

use super::harness::api::Call;
use super::harness::figures::note;
use super::harness::guard::Guard;
use super::harness::plane::plane;
use super::harness::scene::{create, list, path, pod, pod_spec};
use super::harness::wait::until;
use crate::support::root;

/// The time without a review after which an action is over. Controllers act within milliseconds.
const SETTLED: Duration = Duration::from_millis(700);

const DESKTOP: [(&str, &str); 2] = [("type", "x11server"), ("netpol/ocuser", "true")];

/// An action, and the reviews that it causes.
struct Action {
    what: &'static str,
    act: fn(namespace: &str),
    /// With `--send all`.
    all: u64,
    /// With `--send needed`.
    needed: u64,
}

const ACTIONS: [Action; 12] = [
    Action { what: "a desktop is created with its label", act: |space| drop(create(space, &pod("desktop", &DESKTOP))), all: 2, needed: 0 },
    Action { what: "the scheduler binds it to a node", act: bind, all: 0, needed: 0 },
    Action { what: "the kubelet updates its status, three times", act: |space| statuses(space, "desktop"), all: 0, needed: 0 },
    Action {
        what: "an annotation is changed that is not a network annotation",
        act: |space| patch(space, "pods/desktop", &json!({"metadata": {"annotations": {"example.org/seen": "now"}}})),
        all: 0,
        needed: 0,
    },
    Action { what: "it is deleted", act: |space| delete(space, "pods/desktop"), all: 0, needed: 0 },
    Action {
        what: "a desktop is created without its label",
        act: |space| drop(create(space, &pod("unlabeled", &DESKTOP[..1]))),
        all: 2,
        needed: 1,
    },
    Action {
        what: "a label is changed",
        act: |space| patch(space, "pods/unlabeled", &json!({"metadata": {"labels": {"example.org/color": "blue"}}})),
        all: 2,
        needed: 2,
    },
    Action {
        what: "a Deployment of one pod is created, with its labels in the template",
        act: |space| deployment(space, "right", &[("run", "mongodb-od"), ("netpol/dns", "true"), ("netpol/mongodb", "true")]),
        all: 4,
        needed: 2,
    },
    Action { what: "it is scaled by one, as an autoscaler does", act: |space| scale(space, "right", 2), all: 3, needed: 1 },
    Action {
        what: "its status is updated",
        act: |space| patch(space, "deployments/right/status", &json!({"status": {"replicas": 7}})),
        all: 0,
        needed: 0,
    },
    Action {
        what: "a Deployment of one pod is created, without its labels in the template",
        act: |space| deployment(space, "unlabeled", &[("run", "mongodb-od")]),
        all: 4,
        needed: 3,
    },
    Action { what: "it is scaled by one", act: |space| scale(space, "unlabeled", 2), all: 3, needed: 2 },
];

fn bind(namespace: &str) {
    let binding =
        json!({"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "desktop"}, "target": {"kind": "Node", "name": "reviews"}});
    plane().api.post(&format!("{}/desktop/binding", path(namespace, "pods")), &binding).expect("a binding");
}

fn statuses(namespace: &str, pod: &str) {
    for phase in ["Pending", "Running", "Succeeded"] {
        let status = json!({"status": {"phase": phase, "conditions": [{"type": "Ready", "status": "False", "reason": phase}]}});
        patch(namespace, &format!("pods/{pod}/status"), &status);
    }
}

fn patch(namespace: &str, object: &str, patch: &Value) {
    let (resource, rest) = object.split_once('/').expect("a name");
    let call = Call::patch(format!("{}/{rest}", path(namespace, resource)), "application/merge-patch+json", patch);
    plane().api.call(&call).expect("a patch");
}

fn delete(namespace: &str, object: &str) {
    let (resource, rest) = object.split_once('/').expect("a name");
    let mut call = Call::new(Method::DELETE, format!("{}/{rest}", path(namespace, resource)));
    call.path.push_str("?gracePeriodSeconds=0");
    plane().api.call(&call).expect("a deletion");
}

fn deployment(namespace: &str, name: &str, labels: &[(&str, &str)]) {
    let selector = json!({"of": name});
    let mut labels: Value = labels.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect::<serde_json::Map<_, _>>().into();
    labels["of"] = json!(name);
    create(
        namespace,
        &json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": {
            "selector": {"matchLabels": selector}, "template": {"metadata": {"labels": labels}, "spec": pod_spec()},
        }}),
    );
    wait_for_pods(namespace, name, 1);
}

fn scale(namespace: &str, name: &str, replicas: usize) {
    patch(namespace, &format!("deployments/{name}/scale"), &json!({"spec": {"replicas": replicas}}));
    wait_for_pods(namespace, name, replicas);
}

fn wait_for_pods(namespace: &str, deployment: &str, count: usize) {
    until("the pods of a Deployment", || {
        let prefix = format!("{deployment}-");
        let pods = list(namespace, "pods")
            .into_iter()
            .filter(|pod| pod["metadata"]["name"].as_str().is_some_and(|name| name.starts_with(&prefix)));
        (pods.count() == count).then_some(())
    });
}

/// Returns the number of reviews that a server has answered.
fn answered(guard: &Guard) -> u64 {
    let metrics = guard.server.lock().expect("the server").metrics();
    let counts = metrics.lines().filter(|line| line.starts_with("netpol_decisions_total{"));
    counts.map(|line| line.rsplit(' ').next().and_then(|count| count.parse::<u64>().ok()).expect("a count")).sum()
}

/// Returns the reviews that each action causes.
fn counted(guard: &Guard) -> Vec<u64> {
    let count = |action: &Action| {
        let before = answered(guard);
        (action.act)(&guard.name);
        let mut last = None;
        until("no review follows", || {
            std::thread::sleep(SETTLED);
            let now = answered(guard);
            (last.replace(now) == Some(now)).then_some(now - before)
        })
    };
    ACTIONS.iter().map(count).collect()
}

#[test]
fn each_action_causes_as_many_reviews_as_documented() {
    let needed = Guard::registered("reviews", &[]);
    let all = Guard::start("reviews-all", "abcdesktop", &[]);
    all.register_for_all_pods();
    let (with, without) = (counted(&needed), counted(&all));
    let expected = |of: fn(&Action) -> u64| ACTIONS.iter().map(of).collect::<Vec<u64>>();
    assert_eq!((&without, &with), (&expected(|action| action.all), &expected(|action| action.needed)));
    let document = std::fs::read_to_string(root().join("docs/performance.md")).expect("the document");
    for ((action, with), without) in ACTIONS.iter().zip(with).zip(without) {
        note("reviews", json!({"action": action.what, "all": without, "needed": with}));
        let row = format!("| {} | {without} | {with} |", action.what);
        assert!(document.contains(&row), "docs/performance.md has no row {row}");
    }
}
