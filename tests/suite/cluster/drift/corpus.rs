//! Every drift of a corpus is repaired, and nothing is written for another spelling. Both are made from the built-in canon: each change
//! in one place of a policy, and each rule that keeps the meaning.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use hyper::Method;
use netpol::documents::Node;
use netpol::policy::{Comparison, Home, Policy, compare};
use serde_json::{Value, json};

use super::super::harness::api::Call;
use super::super::harness::figures::{note, percentiles};
use super::super::harness::guard::{Guard, write_canon};
use super::super::harness::netpol::netpol;
use super::super::harness::plane::plane;
use super::super::harness::relay::Relay;
use super::super::harness::scene::{get, list, path};
use super::super::harness::wait::until;
use super::changes::{one_place, respelled};
use super::process::Controller;

const NAME: &str = "drift-corpus";
/// The drifts and the spellings.
const CASES: usize = 520;
/// The clients that drift policies at the same time.
const CLIENTS: usize = 4;
/// A bound for a loaded machine. The figure is noted.
const SLOW: Duration = Duration::from_secs(60);

/// A policy, and what happens to it.
struct Case {
    name: String,
    spec: Value,
    drift: Drift,
    respelled: Value,
}

enum Drift {
    Spec(Value),
    Owner,
    Finalizer,
    SpecAndOwner(Value),
    Deleted,
}

impl Drift {
    /// Returns the JSON patch that makes the drift; none for a deletion.
    fn patch(&self, owner: &Value) -> Option<Value> {
        let spec = |spec: &Value| json!({"op": "replace", "path": "/spec", "value": spec});
        let owner = json!({"op": "add", "path": "/metadata/ownerReferences", "value": owner});
        match self {
            Drift::Spec(changed) => Some(json!([spec(changed)])),
            Drift::Owner => Some(json!([owner])),
            Drift::Finalizer => Some(json!([{"op": "add", "path": "/metadata/finalizers", "value": ["example.com/hold"]}])),
            Drift::SpecAndOwner(changed) => Some(json!([spec(changed), owner])),
            Drift::Deleted => None,
        }
    }
}

fn parsed(spec: &Value) -> Option<Policy> {
    Policy::parse(&Node::from(spec), Home { namespace: NAME, written_for: None }).ok()
}

fn means_the_same(spec: &Value, other: &Value) -> Option<bool> {
    Some(compare(&parsed(spec)?, &parsed(other)?) == Comparison::Same)
}

/// Takes a number of elements, evenly.
fn spread<T: Clone>(all: &[T], number: usize) -> Vec<T> {
    assert!(!all.is_empty());
    (0..number).map(|index| all[index * all.len() / number].clone()).collect()
}

/// Returns the specs of the canon.
fn specs() -> Vec<Value> {
    let printed = netpol(["render", "policies", "--canon", "abcdesktop", "--namespace", NAME, "--output", "json"]).expect("policies");
    let list: Value = serde_json::from_str(&printed).expect("JSON");
    list["items"].as_array().expect("a list").iter().map(|policy| policy["spec"].clone()).collect()
}

/// Returns the cases. Each has a canonical policy of its own, so that none follows on another repair of the same object.
fn cases() -> Vec<Case> {
    let specs = specs();
    let pairs = |change: &dyn Fn(&Value) -> Vec<Value>, is_same: bool| -> Vec<(Value, Value)> {
        let of = |spec: &Value| change(spec).into_iter().map(|changed| (spec.clone(), changed)).collect::<Vec<_>>();
        specs.iter().flat_map(of).filter(|(spec, changed)| means_the_same(spec, changed) == Some(is_same)).collect()
    };
    let drifts = pairs(&one_place, false);
    assert!(drifts.len() >= CASES, "{}", drifts.len());
    let mut cases = Vec::new();
    for (index, (spec, changed)) in spread(&drifts, CASES).into_iter().enumerate() {
        let drift = match index % 10 {
            0 => Drift::Owner,
            1 => Drift::Finalizer,
            2 => Drift::Deleted,
            3 => Drift::SpecAndOwner(changed),
            _ => Drift::Spec(changed),
        };
        let spellings: Vec<Value> = respelled(&spec, NAME).into_iter().filter(|other| means_the_same(&spec, other) == Some(true)).collect();
        let respelled = spellings[index % spellings.len()].clone();
        cases.push(Case { name: format!("case-{index:03}"), spec, drift, respelled });
    }
    cases
}

fn policy(name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": name}, "spec": spec})
}

/// Writes the canon: the policies of the cases, and the grants of the built-in canon.
fn canon(cases: &[Case]) -> String {
    let grants = json!({
        "apiVersion": "netpol.abcdesktop.io/v1alpha1", "kind": "Grants", "metadata": {"name": NAME},
        "grants": [{"name": "desktop", "podSelector": {"matchLabels": {"type": "x11server"}}, "labels": {"netpol/ocuser": "true"}}],
    });
    let policies = cases.iter().map(|case| policy(&case.name, &case.spec));
    write_canon(NAME, &[grants].into_iter().chain(policies).collect::<Vec<_>>())
}

fn object(name: &str) -> String {
    format!("{}/{name}", path(NAME, "networkpolicies"))
}

fn version(name: &str) -> Value {
    get(NAME, "networkpolicies", name)["metadata"]["resourceVersion"].clone()
}

/// Drifts the policy of a case. Returns how long it took until it was repaired; `None` if the API server rejects the drift.
fn repaired(relay: &Relay, case: &Case, owner: &Value) -> Option<Duration> {
    let call = match case.drift.patch(owner) {
        Some(patch) => Call::patch(object(&case.name), "application/json-patch+json", &patch),
        None => Call::new(Method::DELETE, object(&case.name)),
    };
    let reply = plane().api.call(&call);
    if reply.status == 422 {
        return None;
    }
    reply.expect(&case.name);
    let start = Instant::now();
    let at = until(&format!("{} is repaired", case.name), || match &case.drift {
        Drift::Deleted => plane().api.get(&object(&case.name)).ok().then(Instant::now),
        _ => relay.seen(&["PATCH", &format!("/{}?", case.name)]).into_iter().find(|seen| seen.status == 200).map(|seen| seen.at),
    });
    Some(at.saturating_duration_since(start))
}

#[test]
fn every_drift_is_repaired_and_no_other_spelling_is_written() {
    let flags = ["--enforcement", "audit"];
    // An owner that exists: otherwise, the garbage collector deletes the policy.
    let cases = cases();
    let guard = Guard::start(NAME, &canon(&cases), &flags);
    let bait = plane().api.post(&path(NAME, "configmaps"), &json!({"metadata": {"name": "bait"}})).expect("an owner");
    let owner = json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "bait", "uid": bait["metadata"]["uid"]}]);
    for case in &cases {
        plane().api.post(&path(NAME, "networkpolicies"), &policy(&case.name, &case.spec)).expect("a policy");
    }
    guard.register();
    let relay = Relay::start(&plane().api);
    let mut controller = Controller::behind(&relay, &canon(&cases), NAME, &["--mode", "repair"]);
    assert_eq!(relay.writes().len(), 0, "{:?}", relay.writes());

    let left = Mutex::new(cases.iter());
    let times = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                loop {
                    let Some(case) = left.lock().expect("cases").next() else { break };
                    let time = repaired(&relay, case, &owner);
                    times.lock().expect("times").extend(time);
                }
            });
        }
    });
    let times = times.into_inner().expect("times");
    let figures = percentiles(&times);
    println!("repaired {} drifts: {figures}", times.len());
    note("drift-corpus", figures);
    assert!(times.len() >= 500, "the API server rejects too many drifts: {}", times.len());
    assert!(times.iter().max().is_some_and(|longest| *longest < SLOW), "{:?}", times.iter().max());
    assert_eq!(relay.writes().len(), times.len(), "one write for each drift");
    let live = list(NAME, "networkpolicies");
    assert_eq!(live.len(), cases.len());
    for (found, case) in live.iter().zip(&cases) {
        assert_eq!(found["metadata"]["name"], json!(case.name));
        assert_eq!(means_the_same(&case.spec, &found["spec"]), Some(true), "{found}");
        assert!(found["metadata"]["ownerReferences"].is_null() && found["metadata"]["finalizers"].is_null(), "{found}");
    }

    let mut written = Vec::new();
    for case in &cases {
        let before = version(&case.name);
        let patch = json!([{"op": "replace", "path": "/spec", "value": case.respelled}]);
        let reply = plane().api.call(&Call::patch(object(&case.name), "application/json-patch+json", &patch)).expect(&case.name);
        if reply["metadata"]["resourceVersion"] != before {
            written.push((&case.name, reply["metadata"]["resourceVersion"].clone()));
        }
    }
    assert!(written.len() >= 500, "the API server respells too many: {}", written.len());
    // The watch tells changes in their order, so that after this repair, the controller has seen all of them.
    let writes = relay.writes().len();
    let last = written.pop().expect("a case").0;
    let open = json!([{"op": "replace", "path": "/spec", "value": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"], "ingress": [{}], "egress": [{}]}}]);
    plane().api.call(&Call::patch(object(last), "application/json-patch+json", &open)).expect("a drift");
    until("a drift is seen", || {
        let is_open = get(NAME, "networkpolicies", last)["spec"]["ingress"] == json!([{}]);
        let is_known = controller.metric("netpol_findings{section=\"policies\"}").is_some_and(|found| found > 0.0);
        (!is_open || is_known).then_some(())
    });
    let changed: BTreeSet<&String> = written.iter().filter(|(name, before)| version(name) != *before).map(|(name, _)| *name).collect();
    assert_eq!(changed, BTreeSet::new(), "another spelling was written");
    let others = relay.writes().into_iter().skip(writes).filter(|seen| !seen.line.contains(last.as_str())).collect::<Vec<_>>();
    assert!(others.is_empty(), "{others:?}");
    note("respellings", json!({"spellings": written.len(), "writes": 0}));
    controller.assert_healthy();
}
