//! Softened enforcement and break-glass.

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

/// Returns a guard with a break-glass group, and creates the policy.
fn with_break_glass(name: &str) -> Guard {
    Guard::registered(name, &["--break-glass-group", "oncall", "--break-glass-group", "cn=net,ou=groups"])
}

/// Returns the last audit line about the policy.
#[track_caller]
fn last_line(scene: &Scene<'_>) -> Value {
    let lines = scene.guard.audit_lines();
    lines.into_iter().rfind(|line| line["name"] == NAME && line["dryRun"] == false).expect("an audit line")
}

#[test]
fn a_group_member_can_use_break_glass_and_it_is_recorded() {
    let guard = with_break_glass("glass-member");
    let scene = guard.scene();
    scene.given_policies("abcdesktop", &[NAME]);
    let result = scene.admitted(&patch(&because("incident 7")).by("olga", &["oncall"]));
    assert!(result.warned().contains("glass"), "{:?}", result.warnings);
    let line = last_line(&scene);
    assert_eq!((line["rule"].as_str(), line["user"].as_str()), (Some("break-glass"), Some("olga")), "{line}");
    // The annotation of one change does not apply to the next one, for members too.
    let drift = json!({"spec": {"egress": [{"ports": [{"port": 1}]}]}});
    scene.denied(&patch(&drift).by("olga", &["oncall"]), &[NAME]);
    scene.admitted(&patch(&json!({"metadata": {"annotations": {GLASS: null}}})).by("dave", &[]));
}

#[test]
fn other_users_cannot_use_break_glass() {
    let guard = with_break_glass("glass-other-user");
    let scene = guard.scene();
    scene.given_policies("abcdesktop", &[NAME]);
    scene.denied(&patch(&because("I want to")).by("dave", &["developers"]), &[GLASS]);
    // Other users cannot set the annotation for a member either.
    let planted = json!({"metadata": {"annotations": {GLASS: "later"}}});
    scene.denied(&patch(&planted).by("dave", &[]), &[GLASS]);
    scene.admitted(&patch(&because("incident 8")).by("olga", &["cn=net,ou=groups"]));
}

/// An existing annotation applies only to the deletion of the object by a member, with a reason for the deletion.
#[test]
fn an_existing_break_glass_annotation_has_no_effect_on_updates() {
    let guard = Guard::start("glass-planted", "abcdesktop", &["--break-glass-group", "oncall"]);
    let scene = guard.scene();
    scene.given_policies("abcdesktop", &[NAME, "memcached-rights"]);
    for namespace in [&scene.guarded, &scene.open] {
        assert!(kubectl(&format!("annotate networkpolicy {NAME} {GLASS}=planted")).run(namespace, false).ok);
    }
    guard.register();
    scene.denied(&patch(&wider()).by("olga", &["oncall"]), &[NAME]);
    scene.denied(&kubectl(&format!("delete networkpolicy {NAME}")).by("dave", &[]), &[NAME]);
    assert!(kubectl("apply -f -").stdin(&policy()).run(&scene.open, false).ok);
    let delete = kubectl(&format!("delete networkpolicy {NAME}")).by("olga", &["oncall"]);
    scene.denied(&delete, &[NAME, "break-glass='delete: REASON'"]);
    assert!(kubectl("apply -f -").stdin(&policy()).run(&scene.open, false).ok);
    scene.admitted(&patch(&because("delete: not needed any more")).by("olga", &["oncall"]));
    let result = scene.admitted(&delete);
    assert!(result.warned().contains("glass"), "{:?}", result.warnings);
    scene.denied(&kubectl("delete networkpolicy memcached-rights").by("olga", &["oncall"]), &["memcached-rights"]);
}

fn policy() -> Value {
    json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": NAME, "annotations": {GLASS: "planted"}},
        "spec": {"podSelector": {"matchLabels": {"netpol/memcached": "true"}}, "policyTypes": ["Egress"]},
    })
}

#[test]
fn without_a_group_break_glass_is_disabled() {
    let scene = scene();
    scene.given_policies("abcdesktop", &[NAME]);
    scene.denied(&patch(&because("please")).by("olga", &["oncall"]), &[NAME]);
}

/// Returns requests that are denied by default: for pods, policies and workloads.
fn denials() -> Vec<(Act, &'static str)> {
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
fn under_warn_every_denial_becomes_a_warning() {
    let guard = Guard::registered("enforce-warn", &["--enforcement", "warn"]);
    let scene = guard.scene();
    scene.given_policies("abcdesktop", &[NAME]);
    scene.given(&pod("app", &[("app", "any")]));
    for (act, word) in denials() {
        let result = scene.admitted(&act);
        assert!(result.warned().contains(word), "{act}: {:?}", result.warnings);
        let stands_alone = |warning: &String| warning.starts_with("would be denied: ") && warning.chars().count() <= 1025;
        assert!(result.warnings.iter().all(stands_alone), "{:?}", result.warnings);
    }
    assert!(guard.audit_lines().iter().any(|line| line["verdict"] == "softened"));
    super::harness::scene::create(&scene.guarded, &pod("desktop", &[("type", "x11server")]));
    assert_eq!(scene.capabilities("desktop"), ["ocuser"], "labels are still added");
}

#[test]
fn under_audit_violations_are_only_logged() {
    let guard = Guard::registered("enforce-audit", &["--enforcement", "audit"]);
    let scene = guard.scene();
    scene.given_policies("abcdesktop", &[NAME]);
    scene.given(&pod("app", &[("app", "any")]));
    let before = guard.audit_lines().len();
    for (act, _) in denials() {
        scene.admitted_without_warnings(&act);
    }
    super::harness::wait::until("every request is recorded twice", || {
        let lines = guard.audit_lines();
        let told = lines.iter().skip(before).filter(|line| line["verdict"] == "softened").count();
        (told == 2 * denials().len()).then_some(())
    });
    super::harness::scene::create(&scene.guarded, &pod("desktop", &[("type", "x11server")]));
    assert_eq!(scene.capabilities("desktop"), ["ocuser"], "labels are still added");
}

#[test]
fn an_ungranted_label_is_stripped_if_configured() {
    let guard = Guard::registered("strip", &["--ungranted-labels", "strip"]);
    let scene = guard.scene();
    let result = scene.admitted(&kubectl("create -f -").stdin(&pod("thief", &[("app", "thief"), ("netpol/mongodb", "true")])));
    assert!(result.warned().contains("netpol/mongodb"), "{:?}", result.warnings);
    assert!(scene.capabilities("thief").is_empty());
    // Requests that the mutating webhook does not see are denied.
    let status = json!({"metadata": {"labels": {"netpol/dns": "true"}}}).to_string();
    scene.denied(&kubectl("patch pod thief --subresource=status --type=merge -p").word(status), &["netpol/dns"]);
}

#[test]
fn an_ungranted_label_causes_a_warning_if_configured() {
    let guard = Guard::registered("label-warn", &["--ungranted-labels", "warn"]);
    let scene = guard.scene();
    let result = scene.admitted(&kubectl("create -f -").stdin(&pod("thief", &[("app", "thief"), ("netpol/mongodb", "true")])));
    assert!(result.warned().contains("netpol/mongodb"), "{:?}", result.warnings);
    assert_eq!(scene.capabilities("thief"), ["mongodb"]);
    scene.given(&pod("app", &[("app", "any")]));
    scene.denied(&kubectl("label pod app run=pyos-od"), &["run"]);
}
