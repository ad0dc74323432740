//! What the built-in canons do not have: owners, finalizers, grants for pods without labels, open policies; and objects that cannot be
//! read.

use std::time::Duration;

use serde_json::{Value, json};

use super::world::{NAMESPACE, World, guard, guard_of, guard_of_spec, pod};
use crate::canon::{Canons, Documents};
use crate::drift::{Action, FIELD_MANAGER, Memory, Plan, Repair, Section, Severity, plan, probe};
use crate::policy::{Comparison, Home, Policy, compare};
use crate::verdict::{Guard, Settings};

/// Returns the guard of a canon with these documents.
fn guard_of_documents(documents: &[Value]) -> Guard {
    let text: Vec<String> = documents.iter().map(Value::to_string).collect();
    let documents = Documents::from_text("canon.yaml", &text.join("\n---\n"));
    guard_of(Canons::from_documents(&[documents], &[NAMESPACE.to_owned()]).unwrap(), Settings::default())
}

fn policy(metadata: &Value, spec: &Value) -> Value {
    json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec})
}

fn ids(plan: &Plan) -> Vec<&str> {
    plan.findings.iter().filter(|finding| finding.severity > Severity::Note).map(|finding| finding.id).collect()
}

fn planned(world: &World, guard: &Guard, memory: &Memory, seconds: u64) -> Plan {
    plan(&world.snapshot(), guard, Repair::default(), memory, Duration::from_secs(seconds))
}

#[test]
fn owners_and_finalizers_that_the_canon_lists_are_kept() {
    let owner = |name: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": "u"});
    let metadata = json!({"name": "only", "ownerReferences": [owner("keeper")], "finalizers": ["example.org/kept"]});
    let guard = guard_of_documents(&[policy(&metadata, &json!({"podSelector": {}}))]);
    let mut world = World::of(&guard);
    assert_eq!(ids(&world.plan(&guard)), Vec::<&str>::new());
    world.change("only", |policy| {
        policy["metadata"]["ownerReferences"] = json!([owner("bait"), owner("keeper")]);
        policy["metadata"]["finalizers"] = json!(["example.org/kept", "example.org/hold"]);
    });
    let plan = world.plan(&guard);
    let [Action::Patch { operations, .. }] = &plan.actions[..] else { panic!("{:?}", plan.actions) };
    assert_eq!(operations[1], json!({"op": "replace", "path": "/metadata/ownerReferences", "value": [owner("keeper")]}));
    assert_eq!(operations[2], json!({"op": "replace", "path": "/metadata/finalizers", "value": ["example.org/kept"]}));
    world.apply(&plan.actions);
    assert_eq!(ids(&world.plan(&guard)), Vec::<&str>::new());
    // Everything that is wrong with a policy is repaired by one write.
    world.change("only", |policy| {
        policy["spec"]["ingress"] = json!([{}]);
        policy["metadata"]["ownerReferences"] = json!([owner("bait"), owner("keeper")]);
    });
    let plan = world.plan(&guard);
    assert_eq!(ids(&plan), ["policy-drift", "policy-owner"]);
    world.apply(&plan.actions);
    assert_eq!(ids(&world.plan(&guard)), Vec::<&str>::new());
}

#[test]
fn of_canons_that_match_equally_the_first_is_restored() {
    let guard = guard();
    let mut world = World::empty();
    world.create(policy(&json!({"name": "ocuser-rights"}), &json!({"podSelector": {}, "ingress": [{}]})));
    let plan = world.plan(&guard);
    let drift = plan.findings.iter().find(|finding| finding.id == "policy-drift").unwrap();
    assert_eq!(drift.command.as_deref(), Some("netpol render policies --only ocuser-rights | kubectl replace -f -"));
}

/// Returns the guard of a canon that grants a label to every pod.
fn guard_of_all_pods() -> Guard {
    let reads = json!([{"podSelector": {"matchExpressions": [{"key": "netpol/x_y", "operator": "Exists"}]}}]);
    let grant = json!({"name": "all", "podSelector": {}, "labels": {"netpol/x_y": "true"}, "shared": true});
    guard_of_documents(&[
        policy(&json!({"name": "reads"}), &json!({"podSelector": {}, "ingress": [{"from": reads}]})),
        json!({"apiVersion": "netpol.abcdesktop.io/v1alpha1", "kind": "Grants", "metadata": {"name": "own"}, "grants": [grant]}),
    ])
}

#[test]
fn a_pod_without_labels_gets_them() {
    let guard = guard_of_all_pods();
    let mut world = World::of(&guard);
    let mut bare = pod("bare", &Value::Null);
    bare["metadata"].as_object_mut().unwrap().remove("labels");
    world.add_pod(bare);
    let plan = world.plan(&guard);
    assert_eq!(ids(&plan), ["pod-lacks-label"]);
    world.apply(&plan.actions);
    assert_eq!(world.pods[0]["metadata"]["labels"], json!({"netpol/x_y": "true"}));
    assert_eq!(ids(&world.plan(&guard)), Vec::<&str>::new());
}

#[test]
fn what_cannot_be_read_does_not_count_as_right() {
    let guard = guard_of_all_pods();
    let start = || {
        let mut world = World::of(&guard);
        world.change("reads", |policy| policy["spec"]["ingress"] = json!([{}]));
        world.add_pod(pod("desktop", &json!({})));
        let plan = planned(&world, &guard, &Memory::default(), 0);
        assert_eq!(plan.actions.len(), 2);
        world.apply(&plan.actions);
        (world, plan.memory)
    };
    // An hour without drift ends the memory of both.
    let (world, memory) = start();
    assert_eq!(planned(&world, &guard, &memory, 3600).memory, Memory::default());
    // Only the memory of the other kind ends.
    let (mut world, memory) = start();
    world.create(policy(&json!({"name": "odd", "finalizers": [7]}), &json!({"podSelector": {}})));
    let plan = planned(&world, &guard, &memory, 3600);
    assert_eq!(plan.not_evaluated.iter().map(|it| it.section).collect::<Vec<_>>(), [Section::Policies]);
    let of_policies = plan.memory;
    let (mut world, memory) = start();
    world.add_pod(pod("odd", &json!({"key": 7})));
    let plan = planned(&world, &guard, &memory, 3600);
    assert_eq!(plan.not_evaluated.iter().map(|it| it.section).collect::<Vec<_>>(), [Section::Pods]);
    for kept in [&of_policies, &plan.memory] {
        assert!(*kept != Memory::default() && *kept != memory, "{kept:?}");
    }
    assert_ne!(of_policies, plan.memory);
}

#[test]
fn pods_are_judged_and_not_repaired_while_the_host_network_is_not_known() {
    let guard = guard();
    let mut world = World::of(&guard);
    world.add_pod(pod("desktop", &json!({"type": "x11server"})));
    let mut snapshot = world.snapshot();
    snapshot.pods.get_mut(NAMESPACE).unwrap().as_mut().unwrap().on_host_network = Err("not allowed".to_owned());
    let plan = plan(&snapshot, &guard, Repair::default(), &Memory::default(), Duration::ZERO);
    assert_eq!((ids(&plan), plan.actions.len()), (vec!["pod-lacks-label"], 0));
    assert_eq!(plan.not_evaluated.iter().map(|it| (it.section, it.reason.as_str())).collect::<Vec<_>>(), [(Section::Pods, "not allowed")]);
}

#[test]
fn the_policy_of_a_probe_drifts_from_an_open_canon() {
    let all = json!({"podSelector": {}, "policyTypes": ["Ingress", "Egress"], "ingress": [{}], "egress": [{}]});
    let guard = guard_of_spec(&all).unwrap();
    let manifest = probe::manifest(&guard, NAMESPACE, "0123abcd").unwrap();
    let home = Home { namespace: NAMESPACE, written_for: None };
    let parsed = |spec: &Value| Policy::parse(&crate::documents::Node::from(spec), home).unwrap();
    assert_ne!(compare(&parsed(&all), &parsed(&manifest["spec"])), Comparison::Same);
}

#[test]
fn netpol_is_never_the_other_writer_of_a_fight() {
    let guard = guard();
    let mut world = World::of(&guard);
    world.change("abcdesktop-rights", |policy| {
        policy["spec"]["ingress"] = json!([{}]);
        policy["metadata"]["managedFields"] =
            json!([{"manager": FIELD_MANAGER, "operation": "Update", "time": "2026-01-01T00:00:00Z", "fieldsV1": {"f:spec": {}}}]);
    });
    let plan = plan(&world.snapshot(), &guard, Repair { attempts: 0 }, &Memory::default(), Duration::ZERO);
    assert_eq!(plan.suspended.len(), 1);
    assert_eq!(plan.suspended[0].writer, None);
}

/// A writer that drifts a policy ten times a second for an hour, and then stops. Plans follow each change, as in the controller.
#[test]
fn a_writer_that_never_stops_causes_six_repairs_and_one_suspension() {
    const TENTHS: u64 = 10 * 60 * 60;
    let guard = guard_of_spec(&json!({"podSelector": {}, "policyTypes": ["Ingress"]})).unwrap();
    let mut world = World::of(&guard);
    let open = |world: &mut World| {
        world.change("only", |policy| {
            policy["spec"]["ingress"] = json!([{}]);
            policy["metadata"]["managedFields"] =
                json!([{"manager": "stranger", "operation": "Update", "time": "2026-01-01T00:00:00Z", "fieldsV1": {"f:spec": {}}}]);
        });
    };
    let at = |world: &World, memory: &Memory, tenth: u64| {
        plan(&world.snapshot(), &guard, Repair::default(), memory, Duration::from_millis(100 * tenth))
    };
    let (mut memory, mut repaired, mut suspensions, mut was_suspended) = (Memory::default(), Vec::new(), 0, false);
    for tenth in 0..TENTHS {
        open(&mut world);
        let plan = at(&world, &memory, tenth);
        if !plan.actions.is_empty() {
            world.apply(&plan.actions);
            repaired.push(tenth / 10);
        }
        let is_suspended = !plan.suspended.is_empty();
        if is_suspended && !was_suspended {
            assert_eq!(plan.suspended[0].writer.as_ref().map(|writer| writer.manager.as_str()), Some("stranger"));
            suspensions += 1;
        }
        (was_suspended, memory) = (is_suspended, plan.memory);
    }
    assert_eq!((repaired, suspensions), (vec![0, 2, 8, 26, 80, 242], 1));
    // Another client restores it. After half an hour without drift, the next drift is repaired at once.
    world.change("only", |policy| policy["spec"]["ingress"] = json!([]));
    let quiet = at(&world, &memory, TENTHS);
    assert!(quiet.suspended.is_empty() && quiet.actions.is_empty());
    let quiet = at(&world, &quiet.memory, TENTHS + 30 * 600);
    open(&mut world);
    assert_eq!(at(&world, &quiet.memory, TENTHS + 30 * 600 + 1).actions.len(), 1);
}
