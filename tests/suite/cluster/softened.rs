//! Where refusals are softened, and where the glass is broken.

use serde_json::{Value, json};

use super::harness::act::{Act, kubectl};
use super::harness::guard::{Guard, scene};
use super::harness::scene::{Scene, pod};

const NAME: &str = "memcached-permits";
const GLASS: &str = "netpol.abcdesktop.io/break-glass";

fn patch(patch: &Value) -> Act {
    kubectl(&format!("patch networkpolicy {NAME} --type=merge -p")).word(patch.to_string())
}

fn wider() -> Value {
    json!({"spec": {"egress": [{}]}})
}

fn because(reason: &str) -> Value {
    json!({"metadata": {"annotations": {GLASS: reason}}, "spec": {"egress": [{}]}})
}

/// A guard with one group that may break the glass, and the policy.
fn with_glass(name: &str) -> Guard {
    Guard::registered(name, &["--break-glass-group", "oncall", "--break-glass-group", "cn=net,ou=groups"])
}

/// The audit line about the last act on the policy.
#[track_caller]
fn last_line(scene: &Scene<'_>) -> Value {
    let lines = scene.guard.audit_lines();
    lines.into_iter().rfind(|line| line["name"] == NAME && line["dryRun"] == false).expect("an audit line")
}

#[test]
fn a_member_breaks_the_glass_and_it_is_on_record() {
    let guard = with_glass("glass-member");
    let scene = guard.scene();
    scene.given_policies("abcdesktop", &[NAME]);
    let said = scene.admitted(&patch(&because("incident 7")).by("olga", &["oncall"]));
    assert!(said.warned().contains("glass"), "{:?}", said.warnings);
    let line = last_line(&scene);
    assert_eq!((line["rule"].as_str(), line["user"].as_str()), (Some("break-glass"), Some("olga")), "{line}");
    // What was broken for one change is whole for the next, for the member too.
    let drift = json!({"spec": {"egress": [{"ports": [{"port": 1}]}]}});
    scene.refused(&patch(&drift).by("olga", &["oncall"]), &[NAME]);
    scene.admitted(&patch(&json!({"metadata": {"annotations": {GLASS: null}}})).by("dave", &[]));
}

#[test]
fn nobody_else_breaks_the_glass() {
    let guard = with_glass("glass-stranger");
    let scene = guard.scene();
    scene.given_policies("abcdesktop", &[NAME]);
    scene.refused(&patch(&because("I want to")).by("dave", &["developers"]), &[GLASS]);
    // Nor is it planted for a member to trip over.
    let planted = json!({"metadata": {"annotations": {GLASS: "later"}}});
    scene.refused(&patch(&planted).by("dave", &[]), &[GLASS]);
    scene.admitted(&patch(&because("incident 8")).by("olga", &["cn=net,ou=groups"]));
}

/// An annotation that was there before counts for nobody but who deletes the object.
#[test]
fn a_planted_annotation_breaks_no_glass() {
    let guard = Guard::start("glass-planted", "abcdesktop", &["--break-glass-group", "oncall"]);
    let scene = guard.scene();
    scene.given_policies("abcdesktop", &[NAME, "memcached-rights"]);
    for namespace in [&scene.guarded, &scene.open] {
        assert!(kubectl(&format!("annotate networkpolicy {NAME} {GLASS}=planted")).run(namespace, false).ok);
    }
    guard.register();
    scene.refused(&patch(&wider()).by("olga", &["oncall"]), &[NAME]);
    scene.refused(&kubectl(&format!("delete networkpolicy {NAME}")).by("dave", &[]), &[NAME]);
    assert!(kubectl("apply -f -").stdin(&policy()).run(&scene.open, false).ok);
    let said = scene.admitted(&kubectl(&format!("delete networkpolicy {NAME}")).by("olga", &["oncall"]));
    assert!(said.warned().contains("glass"), "{:?}", said.warnings);
    scene.refused(&kubectl("delete networkpolicy memcached-rights").by("olga", &["oncall"]), &["memcached-rights"]);
}

fn policy() -> Value {
    json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": NAME, "annotations": {GLASS: "planted"}},
        "spec": {"podSelector": {"matchLabels": {"netpol/memcached": "true"}}, "policyTypes": ["Egress"]},
    })
}

#[test]
fn where_no_group_is_named_there_is_no_glass() {
    let scene = scene();
    scene.given_policies("abcdesktop", &[NAME]);
    scene.refused(&patch(&because("please")).by("olga", &["oncall"]), &[NAME]);
}

/// Acts that are refused by default: of pods, policies and workloads.
fn refusals() -> Vec<(Act, &'static str)> {
    let selector = json!({"matchLabels": {"run": "mongodb-od", "netpol/dns": "true"}});
    let template = json!({"metadata": {"labels": {"run": "mongodb-od", "netpol/dns": "true"}}, "spec": super::harness::scene::pod_spec()});
    let workload = json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "greedy"},
        "spec": {"replicas": 0, "selector": selector, "template": template},
    });
    vec![
        (kubectl("create -f -").stdin(&pod("thief", &[("app", "thief"), ("netpol/mongodb", "true")])), "netpol/mongodb"),
        (kubectl("label pod app run=pyos-od"), "run"),
        (patch(&wider()), NAME),
        (kubectl(&format!("delete networkpolicy {NAME}")), NAME),
        (kubectl("create -f -").stdin(&workload), "netpol/dns"),
    ]
}

#[test]
fn under_warn_every_refusal_arrives_as_a_warning() {
    let guard = Guard::registered("enforce-warn", &["--enforcement", "warn"]);
    let scene = guard.scene();
    scene.given_policies("abcdesktop", &[NAME]);
    scene.given(&pod("app", &[("app", "any")]));
    for (act, word) in refusals() {
        let said = scene.admitted(&act);
        assert!(said.warned().contains(word), "{act}: {:?}", said.warnings);
        assert!(said.warnings.iter().all(|warning| warning.chars().count() <= 120), "{:?}", said.warnings);
    }
    assert!(guard.audit_lines().iter().any(|line| line["verdict"] == "softened"));
    super::harness::scene::create(&scene.guarded, &pod("desktop", &[("type", "x11server")]));
    assert_eq!(scene.capabilities("desktop"), ["ocuser"], "labels are injected all the same");
}

#[test]
fn under_audit_only_the_log_tells() {
    let guard = Guard::registered("enforce-audit", &["--enforcement", "audit"]);
    let scene = guard.scene();
    scene.given_policies("abcdesktop", &[NAME]);
    scene.given(&pod("app", &[("app", "any")]));
    let before = guard.audit_lines().len();
    for (act, _) in refusals() {
        scene.admitted_in_silence(&act);
    }
    super::harness::wait::until("every act is on record, twice", || {
        let lines = guard.audit_lines();
        let told = lines.iter().skip(before).filter(|line| line["verdict"] == "softened").count();
        (told == 2 * refusals().len()).then_some(())
    });
    super::harness::scene::create(&scene.guarded, &pod("desktop", &[("type", "x11server")]));
    assert_eq!(scene.capabilities("desktop"), ["ocuser"], "labels are injected all the same");
}

#[test]
fn an_ungranted_label_may_be_stripped() {
    let guard = Guard::registered("strip", &["--ungranted-labels", "strip"]);
    let scene = guard.scene();
    let said = scene.admitted(&kubectl("create -f -").stdin(&pod("thief", &[("app", "thief"), ("netpol/mongodb", "true")])));
    assert!(said.warned().contains("netpol/mongodb"), "{:?}", said.warnings);
    assert!(scene.capabilities("thief").is_empty());
    // What the mutating call cannot reach is refused.
    let status = json!({"metadata": {"labels": {"netpol/dns": "true"}}}).to_string();
    scene.refused(&kubectl("patch pod thief --subresource=status --type=merge -p").word(status), &["netpol/dns"]);
}

#[test]
fn an_ungranted_label_may_be_warned_about() {
    let guard = Guard::registered("label-warn", &["--ungranted-labels", "warn"]);
    let scene = guard.scene();
    let said = scene.admitted(&kubectl("create -f -").stdin(&pod("thief", &[("app", "thief"), ("netpol/mongodb", "true")])));
    assert!(said.warned().contains("netpol/mongodb"), "{:?}", said.warnings);
    assert_eq!(scene.capabilities("thief"), ["mongodb"]);
    scene.given(&pod("app", &[("app", "any")]));
    scene.refused(&kubectl("label pod app run=pyos-od"), &["run"]);
}
