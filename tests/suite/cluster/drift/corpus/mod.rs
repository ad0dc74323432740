//! A corpus of drifts is repaired, and nothing is written for a corpus of other spellings.

mod changes;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hyper::Method;
use netpol::documents::Node;
use netpol::policy::{Comparison, Home, Policy, compare};
use serde_json::{Value, json};

use super::super::harness::api::Call;
use super::super::harness::figures::note;
use super::super::harness::guard::create_namespace;
use super::super::harness::plane::plane;
use super::super::harness::scene::{list, path};
use super::super::harness::wait::until;
use super::process::Controller;

/// Each policy of a namespace drifts once: a second drift of the same policy would be a fight.
const NAMESPACES: usize = 20;
const DONE: &str = "netpol_repairs_total{kind=\"NetworkPolicy\",outcome=\"done\"}";

/// What happens to a policy.
#[derive(Debug)]
enum Drift {
    Spec(Value),
    Owner,
    Finalizer,
    Deletion,
}

/// The policies of a namespace, by name.
fn policies(namespace: &str) -> BTreeMap<String, Value> {
    let named = |policy: Value| (policy["metadata"]["name"].as_str().expect("a name").to_owned(), policy);
    list(namespace, "networkpolicies").into_iter().map(named).collect()
}

fn means_the_same(namespace: &str, one: &Value, other: &Value) -> bool {
    let parsed = |spec: &Value| Policy::parse(&Node::from(spec), Home { namespace, written_for: None }).expect("a policy");
    compare(&parsed(one), &parsed(other)) == Comparison::Same
}

/// Returns one of the changes of a spec. After the last one, it is changed once more.
fn nth(change: fn(&Value) -> Vec<Value>, spec: &Value, number: usize) -> Value {
    let mut once = change(spec);
    let (again, first) = (number / once.len(), once.swap_remove(number % once.len()));
    if again == 0 {
        return first;
    }
    let mut twice = change(&first);
    twice.swap_remove((again - 1) % twice.len())
}

/// Returns one of the drifts of a policy.
fn drift(namespace: &str, spec: &Value, number: usize) -> Drift {
    match number {
        0 => Drift::Owner,
        1 => Drift::Finalizer,
        2 => Drift::Deletion,
        // Some changes have the same meaning: a removed rule that another one covers.
        _ => Drift::Spec(
            (number - 3..)
                .map(|number| nth(changes::changed, spec, number))
                .find(|it| !means_the_same(namespace, spec, it))
                .expect("a drift"),
        ),
    }
}

fn url(namespace: &str, name: &str) -> String {
    format!("{}/{name}", path(namespace, "networkpolicies"))
}

fn replace_spec(namespace: &str, name: &str, spec: &Value) -> Value {
    let patch = json!([{"op": "replace", "path": "/spec", "value": spec}]);
    plane().api.call(&Call::patch(url(namespace, name), "application/json-patch+json", &patch)).expect("a change")
}

fn send(namespace: &str, name: &str, drift: &Drift, owner: &Value) {
    let add = |path: &str, value: Value| {
        let patch = json!([{"op": "add", "path": path, "value": value}]);
        plane().api.call(&Call::patch(url(namespace, name), "application/json-patch+json", &patch)).expect("a change");
    };
    match drift {
        Drift::Spec(spec) => drop(replace_spec(namespace, name, spec)),
        Drift::Owner => add("/metadata/ownerReferences", json!([owner])),
        Drift::Finalizer => add("/metadata/finalizers", json!(["example.com/hold"])),
        Drift::Deletion => drop(plane().api.call(&Call::new(Method::DELETE, url(namespace, name))).expect("a deletion")),
    }
}

/// Lets each policy of a namespace drift, and waits until all are as before. Returns how long each took.
fn drift_and_wait(namespace: &str, number: usize, canonical: &BTreeMap<String, Value>) -> Vec<Duration> {
    // An owner that exists: otherwise, the garbage collector deletes the policy.
    let bait = plane().api.post(&path(namespace, "configmaps"), &json!({"metadata": {"name": "bait"}})).expect("an owner");
    let owner = json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "bait", "uid": bait["metadata"]["uid"]});
    let mut waiting: BTreeMap<&str, Instant> = BTreeMap::new();
    for (name, policy) in canonical {
        let drift = drift(namespace, &policy["spec"], number);
        waiting.insert(name, Instant::now());
        send(namespace, name, &drift, &owner);
    }
    let mut times = Vec::new();
    until(&format!("all of {namespace} is repaired"), || {
        let live = policies(namespace);
        let is_right = |name: &str| {
            let Some(found) = live.get(name) else { return false };
            let metadata = &found["metadata"];
            found["spec"] == canonical[name]["spec"] && metadata["ownerReferences"].is_null() && metadata["finalizers"].is_null()
        };
        waiting.retain(|name, sent| {
            let is_right = is_right(name);
            if is_right {
                times.push(sent.elapsed());
            }
            !is_right
        });
        waiting.is_empty().then_some(())
    });
    times
}

#[test]
fn every_drift_is_repaired_and_no_other_spelling_is_written() {
    let namespaces: Vec<String> = (0..NAMESPACES).map(|number| format!("drift-corpus-{number:02}")).collect();
    let mut flags = vec!["--mode", "repair"];
    for namespace in &namespaces {
        create_namespace(namespace);
        flags.extend(["--namespace", namespace]);
    }
    let first = &namespaces[0];
    let controller = Controller::start(first, &flags);
    until("all policies exist", || namespaces.iter().all(|namespace| policies(namespace).len() == 27).then_some(()));
    let canonical = policies(first);
    let created = NAMESPACES * canonical.len();
    let done = |count: usize| f64::from(u32::try_from(count).expect("a small number"));
    until("all creations are counted", || (controller.metric(DONE) == Some(done(created))).then_some(()));

    let mut times: Vec<Duration> =
        namespaces.iter().enumerate().flat_map(|(number, namespace)| drift_and_wait(namespace, number, &canonical)).collect();
    times.sort();
    assert!(times.len() >= 500, "{} drifts", times.len());
    until("each drift is repaired by one write", || (controller.metric(DONE) == Some(done(created + times.len()))).then_some(()));
    let milliseconds = |share: usize| u64::try_from(times[(times.len() - 1) * share / 100].as_millis()).expect("a short time");
    note("repairs", json!({"drifts": times.len(), "p50": milliseconds(50), "p99": milliseconds(99), "max": milliseconds(100)}));

    let mut written: Vec<(&str, &str, Value)> = Vec::new();
    for (number, namespace) in namespaces.iter().enumerate() {
        for (name, policy) in &canonical {
            let other = nth(changes::respelled, &policy["spec"], number);
            assert!(means_the_same(namespace, &policy["spec"], &other), "{name}: {other}");
            written.push((namespace, name, replace_spec(namespace, name, &other)["metadata"]["resourceVersion"].clone()));
        }
    }
    println!("{} drifts in {:?} at most, {} other spellings", times.len(), times.last(), written.len());
    // The controller has seen what was written before it sees this.
    for namespace in &namespaces {
        let name = "router-rights";
        plane().api.call(&Call::new(Method::DELETE, url(namespace, name))).expect("a deletion");
        until("it is created again", || plane().api.get(&url(namespace, name)).ok().then_some(()));
    }
    let live: BTreeMap<&str, BTreeMap<String, Value>> =
        namespaces.iter().map(|namespace| (namespace.as_str(), policies(namespace))).collect();
    let (kept, deleted): (Vec<_>, Vec<_>) = written.iter().partition(|(_, name, _)| *name != "router-rights");
    for (namespace, name, version) in &kept {
        assert_eq!(live[namespace][*name]["metadata"]["resourceVersion"], *version, "{name} in {namespace} was written");
    }
    assert!(kept.len() >= 500, "{} other spellings, and {} deleted ones", kept.len(), deleted.len());
    assert_eq!(controller.metric(DONE), Some(done(created + times.len() + NAMESPACES)));
}
