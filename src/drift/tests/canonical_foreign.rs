//! Canonical policies of other APIs: what is found, and what repairs it.

use std::time::Duration;

use serde_json::{Value, json};

use super::world::{NAMESPACE, guard_of};
use crate::canon::{Canons, Documents};
use crate::drift::{Action, ForeignList, ForeignObject, Memory, NamespaceObject, Plan, Repair, Section, Severity, Snapshot, Target, plan};
use crate::verdict::settings::Action as FlagAction;
use crate::verdict::{Guard, Settings};

const RESOURCE: &str = "ciliumnetworkpolicies";

fn policy(name: &str, port: u64) -> Value {
    let spec = json!({"endpointSelector": {}, "egress": [{"toPorts": [{"port": port}]}]});
    json!({"apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy", "metadata": {"name": name}, "spec": spec})
}

fn guard(foreign_policies: FlagAction) -> Guard {
    let base = "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: all}, spec: {podSelector: {}}}";
    let documents = Documents::from_text("canon.yaml", &format!("{base}\n---\n{}\n", policy("crew", 80)));
    let canons = Canons::from_documents(&[documents], &[NAMESPACE.to_owned()]).unwrap();
    guard_of(canons, Settings { foreign_policies, ..Settings::default() })
}

fn stored(mut policy: Value) -> Value {
    policy["metadata"]["namespace"] = json!(NAMESPACE);
    policy["metadata"]["resourceVersion"] = json!("7");
    policy["metadata"]["labels"] = json!({"a": "s3cret"});
    policy["status"] = json!({"conditions": ["s3cret"]});
    policy
}

fn snapshot(objects: &[Value]) -> Snapshot {
    let objects = Ok(objects.iter().map(|object| ForeignObject::read(object, RESOURCE)).collect());
    let (group, resource, namespace) = ("cilium.io".to_owned(), RESOURCE.to_owned(), NAMESPACE.to_owned());
    Snapshot { foreign: vec![ForeignList { group, resource, namespace, objects }], ..Snapshot::default() }
}

fn planned(guard: &Guard, objects: &[Value]) -> Plan {
    planned_of(&snapshot(objects), guard)
}

fn planned_of(snapshot: &Snapshot, guard: &Guard) -> Plan {
    plan(snapshot, guard, Repair::default(), &Memory::default(), Duration::ZERO)
}

fn ids(plan: &Plan) -> Vec<(&str, &str, Severity)> {
    plan.findings.iter().map(|finding| (finding.id, finding.object.name.as_str(), finding.severity)).collect()
}

/// Applies the only action, a patch, to the object that it is about.
fn repaired(plan: &Plan, mut object: Value) -> Value {
    let [Action::Patch { target: Target::ForeignPolicy(resource), name, operations, .. }] = &plan.actions[..] else {
        panic!("{:?}", plan.actions)
    };
    assert_eq!((resource.resource.as_str(), name.as_str()), (RESOURCE, "crew"));
    assert_eq!(operations[0], json!({"op": "test", "path": "/metadata/resourceVersion", "value": "7"}));
    let patch: json_patch::Patch = serde_json::from_value(operations.clone()).unwrap();
    json_patch::patch(&mut object, &patch).unwrap();
    object
}

#[test]
fn the_canonical_policy_has_no_finding_whatever_the_flag_says() {
    for action in [FlagAction::Allow, FlagAction::Warn, FlagAction::Deny] {
        let plan = planned(&guard(action), &[stored(policy("crew", 80))]);
        assert_eq!((ids(&plan), plan.actions.len()), (vec![], 0));
    }
    let plan = planned(&guard(FlagAction::Deny), &[stored(policy("crew", 80)), stored(policy("other", 1))]);
    assert_eq!(ids(&plan), [("foreign-policy", "other", Severity::Error)]);
    assert_eq!(plan.actions, []);
}

#[test]
fn a_missing_policy_is_created() {
    let plan = planned(&guard(FlagAction::Allow), &[]);
    assert_eq!(ids(&plan), [("policy-missing", "crew", Severity::Error)]);
    let finding = &plan.findings[0];
    assert_eq!((finding.object.kind.as_str(), finding.section), ("ciliumnetworkpolicies.cilium.io", Section::ForeignPolicies));
    assert_eq!(finding.command.as_deref(), Some("netpol render policies --canon canon.yaml --only crew | kubectl apply -f -"));
    let [Action::Create { target: Target::ForeignPolicy(resource), manifest, .. }] = &plan.actions[..] else { panic!("{plan:?}") };
    assert_eq!(resource.api_version(), "cilium.io/v2");
    assert_eq!((&manifest["metadata"]["namespace"], &manifest["spec"]), (&json!(NAMESPACE), &policy("crew", 80)["spec"]));
}

#[test]
fn a_drifted_policy_is_repaired_by_one_write_with_a_precondition() {
    let guard = guard(FlagAction::Warn);
    let mut drifted = stored(policy("crew", 443));
    drifted["specs"] = json!([{"endpointSelector": {}}]);
    drifted["metadata"]["ownerReferences"] = json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "bait", "uid": "u"}]);
    drifted["metadata"]["finalizers"] = json!(["example.com/hold"]);
    let plan = planned(&guard, std::slice::from_ref(&drifted));
    let expected = [
        ("policy-drift", "crew", Severity::Error),
        ("policy-finalizer", "crew", Severity::Warning),
        ("policy-owner", "crew", Severity::Error),
    ];
    assert_eq!(ids(&plan), expected);
    assert_eq!(
        plan.findings[0].message,
        "CiliumNetworkPolicy \"crew\" is not what the canon says: spec.egress[0].toPorts[0].port is not 80"
    );
    let after = repaired(&plan, drifted);
    assert_eq!(ids(&planned(&guard, std::slice::from_ref(&after))), []);
    assert_eq!(after["status"], stored(policy("crew", 80))["status"]);
}

#[test]
fn nothing_is_repaired_that_is_being_deleted_or_was_not_read() {
    let guard = guard(FlagAction::Allow);
    let mut doomed = stored(policy("crew", 443));
    doomed["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    let plan_of_doomed = planned(&guard, &[doomed]);
    assert_eq!((ids(&plan_of_doomed), plan_of_doomed.actions.len()), (vec![("policy-doomed", "crew", Severity::Error)], 0));
    let mut unread = snapshot(&[]);
    unread.foreign[0].objects = Err("not allowed".to_owned());
    let plan = planned_of(&unread, &guard);
    assert_eq!((plan.findings.len(), plan.actions.len(), plan.not_evaluated.len()), (0, 0, 1));
    // Nothing could be read at all, so it is not known of which resource.
    unread.foreign[0] =
        ForeignList { group: String::new(), resource: String::new(), namespace: String::new(), ..unread.foreign[0].clone() };
    assert_eq!(planned_of(&unread, &guard).not_evaluated.len(), 1);
}

#[test]
fn a_pause_of_the_namespace_holds_the_repair() {
    let base = guard(FlagAction::Warn);
    let settings = Settings { break_glass_groups: vec!["oncall".to_owned()], ..(*base.settings).clone() };
    let guard = Guard { settings: std::sync::Arc::new(settings), ..base };
    let paused = json!({"netpol.abcdesktop.io/repair-paused-until": "2026-11-28T09:00:00Z"});
    let mut snapshot = snapshot(&[stored(policy("crew", 443))]);
    snapshot.time = Some("2026-11-28T08:00:00Z".parse().unwrap());
    snapshot.policies.insert(NAMESPACE.to_owned(), Err("not allowed".to_owned()));
    snapshot.namespaces = Some(Ok(vec![NamespaceObject::read(&json!({"metadata": {"name": NAMESPACE, "annotations": paused}}))]));
    let plan = planned_of(&snapshot, &guard);
    assert_eq!((plan.actions.len(), plan.paused[0].objects), (0, 1));
    let drift = plan.findings.iter().find(|finding| finding.id == "policy-drift").unwrap();
    assert!(drift.message.ends_with("; repair is paused until 2026-11-28T09:00:00Z"), "{}", drift.message);
}

#[test]
fn a_fight_is_suspended() {
    let guard = guard(FlagAction::Warn);
    let (mut memory, mut writes) = (Memory::default(), 0);
    for second in 0..400 {
        let plan = plan(&snapshot(&[stored(policy("crew", 443))]), &guard, Repair::default(), &memory, Duration::from_secs(second));
        writes += plan.actions.len();
        memory = plan.memory;
    }
    assert_eq!(writes, 6);
}

#[test]
fn nothing_that_is_told_has_a_value_of_the_cluster() {
    let mut drifted = stored(policy("crew", 80));
    drifted["spec"]["endpointSelector"] = json!({"matchLabels": {"token": "s3cret"}});
    let snapshot = snapshot(&[drifted.clone()]);
    let plan = planned(&guard(FlagAction::Warn), &[drifted]);
    for text in [format!("{:?}", plan.findings), serde_json::to_string(&plan.findings).unwrap(), format!("{snapshot:?}")] {
        assert!(!text.contains("s3cret"), "{text}");
    }
}
