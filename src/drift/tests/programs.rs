//! What pods run: exactly what the webhook finds about the service account and the images of a new pod.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::world::{NAMESPACE, World, guard, guard_of, pod};
use crate::canon::{Canons, Documents};
use crate::drift::{Finding, Memory, Plan, Program, Repair, Section, Severity, Snapshot, judged_programs, plan};
use crate::policy::tests::random::run;
use crate::verdict::facts::{Facts, Objects, Pod};
use crate::verdict::request::{Operation, Request};
use crate::verdict::settings::Action;
use crate::verdict::{Guard, Rule, Settings, judge};

/// Clusters in a run, each with one pod.
const PODS: u32 = 2_000;

const ID: &str = "account-or-image-not-allowed";

/// Returns the guard of canons with these grants.
fn guard_of_grants(canons: &[&[Value]], claims: Action) -> Guard {
    let documents = |grants: &&[Value]| {
        let policy = json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "all"},
            "spec": {"podSelector": {}}});
        let grants =
            json!({"apiVersion": "netpol.abcdesktop.io/v1alpha1", "kind": "Grants", "metadata": {"name": "own"}, "grants": grants});
        Documents::from_text("canon.yaml", &format!("{policy}\n---\n{grants}"))
    };
    let documents: Vec<Documents> = canons.iter().map(documents).collect();
    let canons = Canons::from_documents(&documents, &[NAMESPACE.to_owned()]).unwrap();
    guard_of(canons, Settings { claims, ..Settings::default() })
}

/// Returns the grant of pyos with limits.
fn pyos(limits: &Value) -> Value {
    let mut grant = json!({"name": "pyos", "podSelector": {"matchLabels": {"run": "pyos-od"}}, "labels": {}});
    grant.as_object_mut().unwrap().extend(limits.as_object().unwrap().clone());
    grant
}

fn limited() -> Value {
    pyos(&json!({"claims": {"users": ["alice"]}, "serviceAccountName": "pyos", "images": ["registry.example/*"]}))
}

/// Returns a pod of pyos.
fn running(name: &str, account: &str, image: &str) -> Value {
    let mut pod = pod(name, &json!({"run": "pyos-od"}));
    pod["spec"] = json!({"serviceAccountName": account, "containers": [{"name": "main", "image": image}]});
    pod
}

fn found(plan: &Plan) -> Vec<&Finding> {
    plan.findings.iter().filter(|finding| finding.id == ID).collect()
}

fn planned(snapshot: &Snapshot, guard: &Guard) -> Plan {
    plan(snapshot, guard, Repair::default(), &Memory::default(), Duration::ZERO)
}

#[test]
fn an_account_or_image_that_the_grant_does_not_allow_is_found_as_the_flag_says() {
    for (claims, severity) in [(Action::Deny, Some(Severity::Error)), (Action::Warn, Some(Severity::Warning)), (Action::Allow, None)] {
        let guard = guard_of_grants(&[&[limited()]], claims);
        let mut world = World::of(&guard);
        world.add_pod(running("right", "pyos", "registry.example/pyos:1"));
        world.add_pod(running("account", "default", "registry.example/pyos:1"));
        world.add_pod(running("image", "pyos", "elsewhere.example/pyos:1"));
        world.add_pod(running("both", "default", "elsewhere.example/pyos:1"));
        world.add_pod(pod("other", &json!({"run": "other"})));
        let plan = world.plan(&guard);
        let names: Vec<&str> = found(&plan).iter().map(|finding| finding.object.name.as_str()).collect();
        let expected: &[&str] = if severity.is_some() { &["account", "both", "both", "image"] } else { &[] };
        assert_eq!((names.as_slice(), plan.not_evaluated.as_slice(), plan.actions.as_slice()), (expected, &[][..], &[][..]));
        assert!(found(&plan).iter().all(|finding| Some(finding.severity) == severity), "{plan:?}");
        let commands: BTreeSet<Option<&str>> = found(&plan).iter().map(|finding| finding.command.as_deref()).collect();
        let deletion = |name: &&str| Some(format!("kubectl -n abcdesktop delete pod {name}"));
        let deletions: BTreeSet<Option<String>> = expected.iter().map(deletion).collect();
        assert_eq!(commands, deletions.iter().map(Option::as_deref).collect());
        assert_eq!(plan.findings.len(), expected.len(), "who created them is not known: {:?}", plan.findings);
    }
}

#[test]
fn the_sentence_says_what_to_do() {
    let guard = guard_of_grants(&[&[limited()]], Action::Deny);
    let mut world = World::of(&guard);
    world.add_pod(running("image", "pyos", "elsewhere.example/pyos:1"));
    let mut mirror = running("mirror", "default", "registry.example/pyos:1");
    mirror["metadata"]["annotations"] = json!({"kubernetes.io/config.mirror": "x"});
    mirror["metadata"]["ownerReferences"] = json!([{"apiVersion": "v1", "kind": "Node", "name": "n", "uid": "u"}]);
    world.add_pod(mirror);
    let plan = world.plan(&guard);
    let [image, mirror] = found(&plan)[..] else { panic!("{plan:?}") };
    assert_eq!(
        image.message,
        "pod \"image\" has image elsewhere.example/pyos:1, but grant pyos allows only registry.example/*. Use such an image, or add it to \
         the images of the grant. The pod keeps it until it is deleted: change its workload first, which then creates it anew"
    );
    assert_eq!(
        mirror.message,
        "pod \"mirror\" runs as service account default, but grant pyos is only for service account pyos. Set serviceAccountName to pyos. \
         The pod is static: change its file on the node"
    );
    assert_eq!(mirror.command, None, "a kubelet creates it again");
}

#[test]
fn what_is_not_known_is_not_evaluated_and_never_a_finding() {
    let guard = guard_of_grants(&[&[limited()]], Action::Deny);
    let mut world = World::of(&guard);
    world.add_pod(running("known", "default", "registry.example/pyos:1"));
    world.add_pod(running("young", "default", "registry.example/pyos:1"));
    world.add_pod(pod("other", &json!({"run": "other"})));
    let mut doomed = running("doomed", "default", "registry.example/pyos:1");
    doomed["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    world.add_pod(doomed);
    let with = |change: &dyn Fn(&mut crate::drift::Pods)| {
        let mut snapshot = world.snapshot();
        change(snapshot.pods.get_mut(NAMESPACE).unwrap().as_mut().unwrap());
        let plan = planned(&snapshot, &guard);
        let names: Vec<String> = found(&plan).iter().map(|finding| finding.object.name.clone()).collect();
        let reasons: Vec<(Section, String)> = plan.not_evaluated.into_iter().map(|skipped| (skipped.section, skipped.reason)).collect();
        (names, reasons)
    };
    let only_known = |pods: &mut crate::drift::Pods| {
        pods.programs = Ok(BTreeMap::from_iter([("uid-known".to_owned(), pods.programs.clone().unwrap()["uid-known"].clone())]));
        assert_eq!(pods.without_program(&guard), BTreeSet::from(["uid-young".to_owned()]));
    };
    let sentence = "it is not known yet which service account and images pod \"young\" in abcdesktop has";
    assert_eq!(with(&only_known), (vec!["known".to_owned()], vec![(Section::Pods, sentence.to_owned())]));
    let none = |pods: &mut crate::drift::Pods| {
        pods.programs = Err("not allowed".to_owned());
        assert!(pods.without_program(&guard).is_empty());
    };
    assert_eq!(with(&none), (vec![], vec![(Section::Pods, "not allowed".to_owned())]));
}

#[test]
fn only_the_pods_of_limited_grants_are_asked_for_each_selector_once() {
    let empty = BTreeSet::new();
    assert_eq!(judged_programs(&guard()), empty, "the built-in canons have no such limit");
    let claims = pyos(&json!({"claims": {"users": ["alice"]}}));
    let older = pyos(&json!({"images": ["registry.example/pyos:1"]}));
    let everything = json!({"name": "all", "podSelector": {}, "labels": {}, "shared": true, "serviceAccountName": "default"});
    let selectors = |canons: &[&[Value]], action| judged_programs(&guard_of_grants(canons, action)).into_iter().collect::<Vec<_>>();
    assert_eq!(selectors(&[&[claims]], Action::Deny), Vec::<String>::new());
    assert_eq!(selectors(&[&[limited(), everything]], Action::Warn), ["", "run in (pyos-od)"]);
    assert_eq!(selectors(&[&[limited()], &[older]], Action::Deny), ["run in (pyos-od)"]);
    assert_eq!(selectors(&[&[limited()]], Action::Allow), Vec::<String>::new());
}

/// A pod with images in every place, and two canons, each with or without each limit.
fn pods_and_canons() -> impl Strategy<Value = (Value, Vec<Value>)> {
    let images = || proptest::collection::vec(select(&["a.example/x:1", "a.example/y:1", "b.example/x:1"][..]), 0..2);
    let account = || proptest::option::of(select(&["pyos", "default"][..]));
    let spec = (account(), account(), images(), images(), images(), images());
    let pods = spec.prop_map(|(name, deprecated, containers, init, ephemeral, volumes)| {
        let of = |images: Vec<&str>| images.into_iter().map(|image| json!({"name": "c", "image": image})).collect::<Vec<_>>();
        let volumes: Vec<Value> = volumes.into_iter().map(|image| json!({"name": "v", "image": {"reference": image}})).collect();
        let mut pod = pod("one", &json!({"run": "pyos-od"}));
        pod["spec"] = json!({"serviceAccountName": name, "serviceAccount": deprecated, "containers": of(containers),
            "initContainers": of(init), "ephemeralContainers": of(ephemeral), "volumes": volumes});
        pod
    });
    let limits = (account(), proptest::option::of(select(&["a.example/*", "*/x:1", "*"][..]))).prop_map(|(account, pattern)| {
        let mut limits = json!({"claims": {"users": ["alice"]}});
        if let Some(account) = account {
            limits["serviceAccountName"] = json!(account);
        }
        if let Some(pattern) = pattern {
            limits["images"] = json!([pattern]);
        }
        pyos(&limits)
    });
    (pods, proptest::collection::vec(limits, 1..3))
}

#[test]
fn a_running_pod_is_judged_as_a_new_one_by_an_unknown_user() {
    let (right, wrong) = (AtomicUsize::new(0), AtomicUsize::new(0));
    run(PODS, &pods_and_canons(), |(object, grants)| {
        let canons: Vec<&[Value]> = grants.iter().map(std::slice::from_ref).collect();
        let guard = Guard { knows_user: false, ..guard_of_grants(&canons, Action::Deny) };
        let text = object.to_string();
        let facts = Facts::Pod(Objects { new: Some(serde_json::from_str::<Pod<'_>>(&text).unwrap()), old: None });
        let (operation, name, namespace) = (Operation::Create, "one".into(), NAMESPACE.into());
        let request = Request { resource: "pods".into(), kind: "Pod".into(), operation, name, namespace, ..Request::default() };
        let judged = judge(&guard, &request, &facts).findings;
        let mut expected: Vec<String> = judged.iter().filter(|it| it.rule == Rule::Claim).map(|it| it.message.to_string()).collect();
        expected.sort();
        let mut world = World::of(&guard);
        world.add_pod(object.clone());
        let mut snapshot = world.snapshot();
        if judged_programs(&guard).is_empty() {
            // Nothing is read of the pod.
            snapshot.pods.get_mut(NAMESPACE).unwrap().as_mut().unwrap().programs = Ok(BTreeMap::new());
        }
        let plan = planned(&snapshot, &guard);
        prop_assert_eq!(plan.not_evaluated.len() + plan.actions.len(), 0);
        let messages: Vec<&str> = found(&plan).iter().map(|finding| finding.message.as_str()).collect();
        prop_assert_eq!(messages.len(), expected.len());
        prop_assert!(messages.iter().zip(&expected).all(|(found, webhook)| found.starts_with(webhook.as_str())), "{:?}", messages);
        if expected.is_empty() { &right } else { &wrong }.fetch_add(1, Ordering::Relaxed);
        Ok(())
    });
    let (right, wrong) = (right.into_inner(), wrong.into_inner());
    assert!(right > 200 && wrong > 200, "{right} and {wrong}");
}

#[test]
fn a_pod_that_cannot_be_understood_has_no_known_program() {
    let good = running("one", "pyos", "registry.example/pyos:1");
    assert!(Program::read(&good).is_some());
    for (pointer, value) in [("/spec/containers", json!("none")), ("/spec", Value::Null), ("/metadata/uid", json!(7))] {
        let mut odd = good.clone();
        *odd.pointer_mut(pointer).unwrap() = value;
        assert_eq!(Program::read(&odd), None, "{pointer}");
    }
}
