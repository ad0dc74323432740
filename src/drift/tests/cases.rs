//! Each finding: a good cluster has none, and one change gives exactly that one.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};

use super::world::{NAMESPACE, World, guard, guard_of, pod};
use crate::canon::{Canons, DEFAULT};
use crate::drift::{
    Action, Finding, ForeignList, ForeignObject, Key, Memory, NotEvaluated, Plan, Repair, Section, Severity, Snapshot, Target, Webhooks,
    Writer, plan, probe,
};
use crate::registration::{Endpoint, Registration, Send};
use crate::verdict::settings::{Action as FlagAction, Enforcement};
use crate::verdict::{Guard, Settings};

/// Findings that are more than a note.
fn serious(plan: &Plan) -> Vec<&Finding> {
    plan.findings.iter().filter(|finding| finding.severity > Severity::Note).collect()
}

fn ids(plan: &Plan) -> Vec<(&str, &str)> {
    serious(plan).iter().map(|finding| (finding.id, finding.object.name.as_str())).collect()
}

fn operations(plan: &Plan) -> Vec<Value> {
    let patches = plan.actions.iter().filter_map(|action| match action {
        Action::Patch { operations, .. } => Some(operations.clone()),
        Action::Create { .. } => None,
    });
    patches.collect()
}

#[test]
fn canonical_policies_and_rightly_labeled_pods_have_no_finding() {
    let mut world = World::of(&guard());
    world.add_pod(pod("directory", &json!({"run": "openldap-od"})));
    world.add_pod(pod("other", &json!({"app": "other"})));
    let plan = world.plan(&guard());
    assert_eq!(ids(&plan), [("pod-lacks-label", "directory")]);
    world.apply(&plan.actions);
    let plan = world.plan(&guard());
    assert_eq!((ids(&plan), plan.actions.len(), plan.not_evaluated.len()), (vec![], 0, 0));
}

#[test]
fn a_drifted_policy_is_replaced_with_the_version_that_was_read() {
    let guard = guard();
    let mut world = World::of(&guard);
    // A default deny is the case that server-side apply cannot repair.
    world.change("abcdesktop-rights", |policy| policy["spec"]["ingress"] = json!([{}]));
    let version =
        world.policies.iter().find(|policy| policy["metadata"]["name"] == "abcdesktop-rights").unwrap()["metadata"]["resourceVersion"]
            .clone();
    let plan = world.plan(&guard);
    assert_eq!(ids(&plan), [("policy-drift", "abcdesktop-rights")]);
    let finding = serious(&plan)[0];
    assert!(finding.witness.is_some() && !finding.differences.is_empty(), "{finding:?}");
    assert_eq!(finding.command.as_deref(), Some("netpol render policies --only abcdesktop-rights | kubectl replace -f -"));
    let spec = &guard.canons.first().policies(NAMESPACE).unwrap().named("abcdesktop-rights").unwrap().manifest["spec"];
    let expected = json!([
        {"op": "test", "path": "/metadata/resourceVersion", "value": version},
        {"op": "replace", "path": "/spec", "value": spec},
    ]);
    assert_eq!(operations(&plan), [expected]);
}

#[test]
fn a_missing_policy_is_created_and_a_namespace_without_any_has_one_finding() {
    let guard = guard();
    let mut world = World::of(&guard);
    world.policies.retain(|policy| policy["metadata"]["name"] != "abcdesktop-rights");
    let plan = world.plan(&guard);
    assert_eq!(ids(&plan), [("policy-missing", "abcdesktop-rights")]);
    assert!(matches!(&plan.actions[..], [Action::Create { name, .. }] if name == "abcdesktop-rights"));

    let plan = World::empty().plan(&guard);
    assert_eq!(ids(&plan), [("namespace-without-policies", NAMESPACE)]);
    assert_eq!(plan.findings.iter().find_map(|finding| finding.command.as_deref()), Some("netpol render policies | kubectl apply -f -"));
    assert_eq!(plan.actions.len(), 27);
}

#[test]
fn owners_and_finalizers_that_the_canon_does_not_list_are_removed() {
    let guard = guard();
    let mut world = World::of(&guard);
    let owner = json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "bait", "uid": "u"});
    world.change("abcdesktop-rights", |policy| {
        policy["metadata"]["ownerReferences"] = json!([owner]);
        policy["metadata"]["finalizers"] = json!(["example.com/hold"]);
    });
    let plan = world.plan(&guard);
    assert_eq!(ids(&plan), [("policy-finalizer", "abcdesktop-rights"), ("policy-owner", "abcdesktop-rights")]);
    let operations = operations(&plan);
    assert_eq!(operations.len(), 1, "one write for an object");
    assert_eq!(operations[0][1], json!({"op": "remove", "path": "/metadata/ownerReferences"}));
    assert_eq!(operations[0][2], json!({"op": "remove", "path": "/metadata/finalizers"}));
    world.apply(&plan.actions);
    assert_eq!(ids(&world.plan(&guard)), []);
}

#[test]
fn nothing_is_planned_for_what_is_terminating() {
    let guard = guard();
    let mut world = World::of(&guard);
    world.change("abcdesktop-rights", |policy| {
        policy["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        policy["spec"]["ingress"] = json!([{}]);
    });
    let mut doomed = pod("doomed", &json!({"type": "x11server"}));
    doomed["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    world.add_pod(doomed);
    let plan = world.plan(&guard);
    assert_eq!((ids(&plan), plan.actions.len()), (vec![("policy-doomed", "abcdesktop-rights")], 0));

    let mut world = World::empty();
    world.namespaces[1]["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    world.add_pod(pod("desktop", &json!({"type": "x11server"})));
    let plan = world.plan(&guard);
    assert_eq!((ids(&plan), plan.actions.len()), (vec![], 0));
    let skipped: Vec<Section> = plan.not_evaluated.iter().map(|it| it.section).collect();
    assert_eq!(skipped, [Section::Policies, Section::Pods]);
}

#[test]
fn nothing_is_planned_for_what_could_not_be_read() {
    let reason = || "not allowed to list the networkpolicies".to_owned();
    let snapshot = Snapshot {
        time: None,
        policies: BTreeMap::from([(NAMESPACE.to_owned(), Err(reason()))]),
        pods: BTreeMap::from([(NAMESPACE.to_owned(), Err(reason()))]),
        namespaces: Some(Err(reason())),
        registration: Some(Err(reason())),
        foreign: vec![ForeignList {
            group: "cilium.io".to_owned(),
            resource: "a".to_owned(),
            namespace: String::new(),
            objects: Err(reason()),
        }],
        network: Some(Err(reason())),
    };
    let plan = plan(&snapshot, &guard(), Repair::default(), &Memory::default(), Duration::ZERO);
    assert_eq!((plan.findings, plan.actions), (vec![], vec![]));
    let sections =
        [Section::Policies, Section::Pods, Section::Registration, Section::Neighbors, Section::ForeignPolicies, Section::Plugins];
    let expected: Vec<NotEvaluated> = sections.map(|section| NotEvaluated { section, reason: reason() }).into();
    assert_eq!(plan.not_evaluated, expected);
}

#[test]
fn pods_get_only_the_labels_that_they_lack() {
    let guard = guard();
    let mut world = World::of(&guard);
    world.add_pod(pod("desktop", &json!({"type": "x11server"})));
    world.add_pod(pod("thief", &json!({"app": "thief", "netpol/mongodb": "true"})));
    world.add_pod(pod("wrong", &json!({"type": "x11server", "netpol/ocuser": "no"})));
    world.add_pod(pod("both", &json!({"type": "x11server", "run": "pyos-od"})));
    let mut host = pod("host", &json!({"type": "x11server"}));
    host["spec"]["hostNetwork"] = json!(true);
    world.add_pod(host);
    let plan = world.plan(&guard);
    let found = ids(&plan);
    for expected in [
        ("pod-lacks-label", "desktop"),
        ("ungranted-label", "thief"),
        ("label-value", "wrong"),
        ("two-identities", "both"),
        ("host-network", "host"),
        ("pod-lacks-label", "host"),
    ] {
        assert!(found.contains(&expected), "{expected:?} in {found:?}");
    }
    let command = |id: &str| plan.findings.iter().find(|finding| finding.id == id).and_then(|finding| finding.command.clone()).unwrap();
    assert_eq!(command("ungranted-label"), "kubectl -n abcdesktop label pod thief --overwrite netpol/mongodb-");
    assert_eq!(command("label-value"), "kubectl -n abcdesktop label pod wrong --overwrite netpol/ocuser=true");
    assert!(command("pod-lacks-label").starts_with("kubectl -n abcdesktop label pod desktop --overwrite netpol/"));
    // No repair takes a label away, and none overwrites one.
    for operation in operations(&plan).iter().flat_map(|list| list.as_array().unwrap()) {
        assert!(operation["op"] == "test" || operation["op"] == "add" && operation["path"].as_str().unwrap().contains("/netpol~1"));
        assert_ne!(operation["path"], "/metadata/labels/netpol~1mongodb");
    }
}

#[test]
fn a_static_pod_is_reported_and_never_repaired() {
    let mut world = World::of(&guard());
    let mut mirror = pod("mirror", &json!({"run": "openldap-od"}));
    mirror["metadata"]["annotations"] = json!({"kubernetes.io/config.mirror": "x"});
    let forged = mirror.clone();
    mirror["metadata"]["ownerReferences"] = json!([{"apiVersion": "v1", "kind": "Node", "name": "n", "uid": "u"}]);
    for (pod, actions) in [(mirror, 0), (forged, 1)] {
        world.pods.clear();
        world.add_pod(pod);
        let plan = world.plan(&guard());
        assert_eq!((ids(&plan), plan.actions.len()), (vec![("pod-lacks-label", "mirror")], actions));
    }
}

/// Who created them is not known, and while violations are admitted, any user may have given a pod its identity.
#[test]
fn pods_of_a_limited_identity_and_of_a_softened_guard_are_reported_and_never_repaired() {
    let mut world = World::of(&guard());
    world.add_pod(pod("desktop", &json!({"type": "x11server"})));
    let plan = world.plan(&guard());
    assert_eq!((ids(&plan), plan.actions.len()), (vec![("pod-lacks-label", "desktop")], 0));
    world.pods.clear();
    world.add_pod(pod("directory", &json!({"run": "openldap-od"})));
    for (enforcement, actions) in [(Enforcement::Deny, 1), (Enforcement::Warn, 0), (Enforcement::Audit, 0)] {
        let settings = Settings { enforcement, ..Settings::default() };
        let softened = Guard { settings: settings.into(), ..guard() };
        let plan = world.plan(&softened);
        assert_eq!((ids(&plan), plan.actions.len()), (vec![("pod-lacks-label", "directory")], actions), "{enforcement:?}");
    }
}

#[test]
fn extra_policies_and_leftover_annotations_are_found() {
    let guard = guard();
    let mut world = World::of(&guard);
    let mut extra = guard.canons.first().policies(NAMESPACE).unwrap().named("abcdesktop-rights").unwrap().manifest.clone();
    extra["metadata"]["name"] = json!("open");
    extra["spec"] = json!({"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{}]});
    world.create(extra);
    world.change("abcdesktop-rights", |policy| {
        policy["metadata"]["annotations"] = json!({"netpol.abcdesktop.io/break-glass": "an incident"});
    });
    let plan = world.plan(&guard);
    assert_eq!(ids(&plan), [("break-glass", "abcdesktop-rights"), ("extra-policy", "open")]);
    let finding = serious(&plan)[1];
    assert!(finding.message.starts_with("NetworkPolicy \"open\" is wider than the canon: ") && finding.witness.is_some(), "{finding:?}");
    assert_eq!(plan.actions, []);
}

#[test]
fn policies_of_another_accepted_canon_stay_those_of_their_release() {
    let guard = guard();
    let older = Canons::load(&[DEFAULT[1].to_owned()], &[NAMESPACE.to_owned()]).unwrap();
    let mut world = World::of(&guard_of(older, Settings::default()));
    let plan = world.plan(&guard);
    assert_eq!((ids(&plan), plan.actions.len()), (vec![], 0));
    world.change("ocuser-rights", |policy| policy["spec"]["ingress"] = json!([{}]));
    let plan = world.plan(&guard);
    assert_eq!(ids(&plan), [("policy-drift", "ocuser-rights")]);
    let command = serious(&plan)[0].command.clone().unwrap();
    assert!(command.contains("--canon abcdesktop-4.4 --only ocuser-rights"), "{command}");
    world.apply(&plan.actions);
    let plan = world.plan(&guard);
    assert_eq!((ids(&plan), plan.actions.len()), (vec![], 0));
}

#[test]
fn neighbor_labels_are_found_where_they_do_not_belong_and_missed_where_they_do() {
    let guard = guard();
    let mut world = World::of(&guard);
    world.namespaces.push(json!({"metadata": {"name": "spy", "labels": {"name": "kube-system"}}}));
    let plan = world.plan(&guard);
    assert_eq!(ids(&plan), [("neighbor-unexpected", "spy")]);
    assert_eq!(serious(&plan)[0].command.as_deref(), Some("kubectl label namespace spy name-"));
    world.namespaces.pop();
    world.namespaces[0]["metadata"]["labels"] = json!({"kubernetes.io/metadata.name": "kube-system"});
    let plan = world.plan(&guard);
    assert_eq!(ids(&plan), [("peer-without-namespace", "kube-system")]);
    assert_eq!(serious(&plan)[0].command.as_deref(), Some("kubectl label namespace kube-system name=kube-system"));
}

#[test]
fn foreign_policies_are_reported_as_their_flag_says() {
    let objects = || Ok(vec![ForeignObject::read(&json!({"metadata": {"name": "x", "namespace": NAMESPACE}}), "ciliumnetworkpolicies")]);
    for (action, expected) in
        [(FlagAction::Allow, None), (FlagAction::Warn, Some(Severity::Warning)), (FlagAction::Deny, Some(Severity::Error))]
    {
        let (group, resource, namespace) = ("cilium.io".to_owned(), "ciliumnetworkpolicies".to_owned(), NAMESPACE.to_owned());
        let list = ForeignList { group, resource, namespace, objects: objects() };
        let snapshot = Snapshot { foreign: vec![list], ..Snapshot::default() };
        let canons = Canons::load(&DEFAULT.map(str::to_owned), &[NAMESPACE.to_owned()]).unwrap();
        let guard = guard_of(canons, Settings { foreign_policies: action, ..Settings::default() });
        let plan = plan(&snapshot, &guard, Repair::default(), &Memory::default(), Duration::ZERO);
        assert_eq!(plan.findings.first().map(|finding| finding.severity), expected);
    }
}

#[test]
fn a_fight_is_suspended_and_names_the_other_writer() {
    let guard = guard();
    let mut world = World::of(&guard);
    let mut memory = Memory::default();
    let (mut writes, mut suspended) = (0, Vec::new());
    for second in 0..400 {
        world.change("abcdesktop-rights", |policy| {
            policy["spec"]["ingress"] = json!([{}]);
            policy["metadata"]["managedFields"] = json!([
                {"manager": "netpol-drift", "operation": "Update", "time": "2026-01-01T00:00:00Z", "fieldsV1": {"f:spec": {}}},
                {"manager": "helm", "operation": "Apply", "time": "2026-01-01T00:00:09Z", "fieldsV1": {"f:spec": {}}},
                {"manager": "kubectl-label", "operation": "Update", "time": "2026-01-01T00:00:19Z", "fieldsV1": {"f:metadata": {}}},
            ]);
        });
        let plan = plan(&world.snapshot(), &guard, Repair::default(), &memory, Duration::from_secs(second));
        world.apply(&plan.actions);
        writes += plan.actions.len();
        memory = plan.memory;
        suspended = plan.suspended;
    }
    assert_eq!(writes, 6);
    let writer = Writer { manager: "helm".to_owned(), operation: "Apply".to_owned(), time: "2026-01-01T00:00:09Z".to_owned() };
    let key = Key { target: Target::NetworkPolicy, namespace: NAMESPACE.to_owned(), name: "abcdesktop-rights".to_owned() };
    assert_eq!(suspended.len(), 1);
    assert_eq!((&suspended[0].key, suspended[0].attempts, &suspended[0].writer), (&key, 6, &Some(writer)));
}

#[test]
fn findings_never_have_a_label_value_of_a_user() {
    let mut world = World::of(&guard());
    for labels in [
        json!({"type": "x11server", "access_token": "s3cret"}),
        json!({"type": "x11server", "run": "pyos-od", "cookie": "s3cret"}),
        json!({"app": "s3cret", "netpol/mongodb": "true"}),
    ] {
        world.add_pod(pod(&format!("pod-{}", world.pods.len()), &labels));
    }
    let snapshot = world.snapshot();
    let plan = world.plan(&guard());
    assert!(plan.findings.len() >= 3);
    for text in [format!("{plan:?}"), serde_json::to_string(&plan.findings).unwrap(), format!("{snapshot:?}")] {
        assert!(!text.contains("s3cret"), "{text}");
    }
}

#[test]
fn the_policy_of_a_probe_drifts_from_every_accepted_canon() {
    let guard = guard();
    let manifest = probe::manifest(&guard, NAMESPACE, "0123abcd").unwrap();
    let mut world = World::empty();
    world.create(manifest.clone());
    let names: BTreeSet<&str> = guard.canons.policies(NAMESPACE).unwrap().names();
    assert!(names.contains(manifest["metadata"]["name"].as_str().unwrap()));
    assert!(ids(&world.plan(&guard)).iter().any(|(id, _)| *id == "policy-drift"));
    assert_eq!(probe::manifest(&guard, "elsewhere", "0123abcd"), None);
}

#[test]
fn a_weaker_registration_is_reported_with_its_command() {
    let guard = guard();
    let endpoint = Endpoint::default_service();
    let registration = |canons| Registration {
        canons,
        settings: &guard.settings,
        send: Send::Needed,
        name: "abcdesktop-netpol",
        endpoint: &endpoint,
        authorities: None,
    };
    let [mutating, validating] = registration(&guard.canons).manifests();
    let planned = |mutating: Option<Value>, validating: Option<Value>| {
        let webhooks = Webhooks { name: "abcdesktop-netpol".to_owned(), mutating, validating, servers: Vec::new() };
        let snapshot = Snapshot { registration: Some(Ok(webhooks)), ..Snapshot::default() };
        plan(&snapshot, &guard, Repair::default(), &Memory::default(), Duration::ZERO)
    };
    assert_eq!(ids(&planned(Some(mutating.clone()), Some(validating.clone()))), []);
    let mut ignored = validating;
    ignored["webhooks"][0]["failurePolicy"] = json!("Ignore");
    let plan = planned(Some(mutating), Some(ignored));
    assert_eq!(ids(&plan), [("registration-ignore", "abcdesktop-netpol")]);
    assert_eq!(serious(&plan)[0].command.as_deref(), Some("netpol render registration | kubectl apply -f -"));
    // A bundle that the configurations have is kept.
    let [_, mut bundled] = registration(&guard.canons).manifests();
    bundled["webhooks"][1]["clientConfig"]["caBundle"] = json!("YQ==");
    let plan = planned(None, Some(bundled));
    assert_eq!(
        serious(&plan)[0].command.as_deref(),
        Some(
            "kubectl get validatingwebhookconfiguration abcdesktop-netpol -o jsonpath='{.webhooks[1].clientConfig.caBundle}' | base64 -d | \
             netpol render registration --ca - | kubectl apply -f -"
        )
    );
    let plan = planned(None, None);
    let found = serious(&plan);
    assert!(
        found.len() == 2 && found.iter().all(|it| it.id == "registration-missing" && it.message.contains("If Helm installed it: helm "))
    );
    assert_eq!(found[0].command.as_deref(), Some("netpol render registration | kubectl apply -f -"));
}
