//! The latency that the webhooks add to the creation of a pod: `cargo bench --bench latency`.
//!
//! One API server, alternating rounds: in each round, one client and then 32 clients create pods in an unguarded namespace and in
//! guarded ones. What is added in a round is the difference to the unguarded namespace in the same round; a figure is the median of the
//! rounds. The results depend on the machine, so there are no assertions about them.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark that fails panics with the reason; it uses a part of the harness of the tests"
)]

#[path = "../suite/cluster/harness/mod.rs"]
mod harness;

use harness::figures::{note, percentiles};
use harness::guard::{Guard, apply, create_namespace};
use harness::load::{Labels, Outcome, burst_of};
use harness::netpol::netpol;
use harness::plane::plane;
use harness::wait::until;
use serde_json::{Value, json};

/// The clients, the pods of a round, and the rounds. With many clients, the rounds vary more.
const LOADS: [(usize, usize, usize); 2] = [(1, 50, 10), (32, 256, 30)];

/// A desktop with the label that its grant gives.
const DESKTOP: Labels = &[("type", "x11server"), ("netpol/ocuser", "true")];
/// A desktop without it.
const UNLABELED: Labels = &[("type", "x11server")];

/// The namespace of the policies of the API server.
const IN_PROCESS: &str = "latency-policies";

/// A way to create a pod.
struct Way {
    what: &'static str,
    namespace: String,
    labels: Labels,
}

fn main() {
    let needed = Guard::registered("latency", &[]);
    let all = Guard::start("latency-all", "abcdesktop", &[]);
    all.register_for_all_pods();
    in_process();
    let open = needed.scene().open.clone();
    let way = |what, namespace: &str, labels| Way { what, namespace: namespace.to_owned(), labels };
    // The first one is what the others are compared with.
    let ways = [
        way("unguarded", &open, DESKTOP),
        way("desktop", &needed.name, DESKTOP),
        way("desktop, all sent", &all.name, DESKTOP),
        way("desktop, in process", IN_PROCESS, DESKTOP),
        way("without its label", &needed.name, UNLABELED),
        way("without its label, in process", IN_PROCESS, UNLABELED),
    ];
    println!("Kubernetes {}", plane().version);
    // Establishes connections and fills caches; these requests are not measured.
    for Way { namespace, labels, .. } in &ways {
        burst_of(namespace, "warm", 32, 64, labels);
    }
    for (clients, pods, count) in LOADS {
        let mut rounds = vec![Vec::new(); ways.len()];
        for round in 0..count {
            // Each way is first, second and so on equally often.
            for turn in 0..ways.len() {
                let index = (turn + round) % ways.len();
                let Way { what, namespace, labels } = &ways[index];
                let run = format!("c{clients}-r{round}-{index}");
                let Outcome { latencies, failures, .. } = burst_of(namespace, &run, clients, pods, labels);
                assert!(failures.is_empty(), "{what}: {} creations failed: {:?}", failures.len(), failures.first());
                rounds[index].push(percentiles(&latencies));
            }
        }
        report(clients, &ways, &rounds);
    }
}

/// Prints the median of the rounds, and the median of what was added.
fn report(clients: usize, ways: &[Way], rounds: &[Vec<Value>]) {
    println!(
        "\n{} rounds\n\n| {clients} clients | p50, ms | p99, ms | added p50, ms | added p99, ms |\n|---|--:|--:|--:|--:|",
        rounds[0].len()
    );
    let at = |figures: &Value, field: &str| figures[field].as_f64().unwrap_or_default();
    for (way, own) in ways.iter().zip(rounds) {
        let figure = |field: &str| median(own.iter().map(|figures| at(figures, field)).collect());
        let added = |field: &str| median(own.iter().zip(&rounds[0]).map(|(own, open)| at(own, field) - at(open, field)).collect());
        let [p50, p99, added_p50, added_p99] = [figure("p50_ms"), figure("p99_ms"), added("p50_ms"), added("p99_ms")];
        println!("| {} | {p50:.2} | {p99:.2} | {added_p50:.2} | {added_p99:.2} |", way.what);
        let figures = json!({"way": way.what, "clients": clients, "p50_ms": p50, "p99_ms": p99, "added_p50_ms": added_p50, "added_p99_ms": added_p99});
        note("latency", figures);
    }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    let (lower, upper) = (figures[(figures.len() - 1) / 2], figures[figures.len() / 2]);
    f64::midpoint(lower, upper)
}

/// Adds the label and checks the labels of new pods without a webhook: the same condition as that of the registration, in a
/// `MutatingAdmissionPolicy` for one identity and a `ValidatingAdmissionPolicy`.
fn in_process() {
    create_namespace(IN_PROCESS);
    let condition = netpol(["render", "registration", "--canon", "abcdesktop", "--print", "pod-condition"]).expect("the condition");
    let condition = condition.trim();
    let api = "admissionregistration.k8s.io/v1";
    let constraints = json!({
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": IN_PROCESS}},
        "resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
    });
    let metadata = json!({"name": IN_PROCESS});
    apply(&json!({
        "apiVersion": api, "kind": "MutatingAdmissionPolicy", "metadata": metadata, "spec": {
            "matchConstraints": constraints, "failurePolicy": "Fail", "reinvocationPolicy": "IfNeeded",
            "matchConditions": [
                {"name": "not-plainly-right", "expression": condition},
                {"name": "is-a-desktop", "expression": "object.metadata.?labels[?'type'].orValue('') == 'x11server'"},
            ],
            "mutations": [{"patchType": "ApplyConfiguration", "applyConfiguration": {
                "expression": "Object{metadata: Object.metadata{labels: {'netpol/ocuser': 'true'}}}",
            }}],
        },
    }));
    apply(&json!({
        "apiVersion": api, "kind": "MutatingAdmissionPolicyBinding", "metadata": metadata, "spec": {"policyName": IN_PROCESS},
    }));
    apply(&json!({
        "apiVersion": api, "kind": "ValidatingAdmissionPolicy", "metadata": metadata, "spec": {
            "matchConstraints": constraints, "failurePolicy": "Fail",
            "validations": [{
                "expression": format!("!({condition}) || !object.metadata.?labels.orValue({{}}).exists(key, key.startsWith('netpol/'))"),
            }],
        },
    }));
    apply(&json!({
        "apiVersion": api, "kind": "ValidatingAdmissionPolicyBinding", "metadata": metadata,
        "spec": {"policyName": IN_PROCESS, "validationActions": ["Deny"]},
    }));
    until("the policies are evaluated", || {
        let thief = burst_of(IN_PROCESS, "thief", 1, 1, &[("type", "x11server"), ("netpol/mongodb", "true")]);
        let desktop = burst_of(IN_PROCESS, "probe", 1, 1, UNLABELED);
        let done = !thief.failures.is_empty() && desktop.unlabeled.is_empty() && desktop.failures.is_empty();
        if !done {
            for name in ["thief-0-0", "probe-0-0"] {
                let _ = plane().kubectl.run(["delete", "pod", name, "--namespace", IN_PROCESS, "--ignore-not-found", "--now"], "");
            }
        }
        done.then_some(())
    });
}
