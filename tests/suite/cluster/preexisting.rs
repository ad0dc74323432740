//! Violations from before the guard do not block other changes, and they can be corrected and removed.

use hyper::Method;
use serde_json::{Value, json};

use super::harness::act::kubectl;
use super::harness::api::Call;
use super::harness::guard::Guard;
use super::harness::netpol::netpol;
use super::harness::plane::plane;
use super::harness::scene::{path, pod};

const NAME: &str = "memcached-permits";

#[test]
fn an_old_ungranted_label_does_not_block_other_changes() {
    let guard = Guard::start("old-label", "abcdesktop", &[]);
    let scene = guard.scene();
    let mut thief = pod("thief", &[("app", "thief"), ("netpol/mongodb", "true")]);
    thief["metadata"]["finalizers"] = json!(["example.com/later"]);
    scene.given(&thief);
    guard.register();
    let merge =
        |subresource: &str, patch: &Value| kubectl(&format!("patch pod thief {subresource} --type=merge -p")).word(patch.to_string());
    scene.admitted(&kubectl("annotate pod thief note=1"));
    scene.admitted(&kubectl("label pod thief color=blue"));
    scene.admitted(&merge("--subresource=status", &json!({"status": {"phase": "Running"}})));
    scene.denied(&kubectl("label pod thief netpol/pyos=true"), &["netpol/pyos"]);
    scene.admitted(&kubectl("delete pod thief --wait=false"));
    scene.admitted(&merge("", &json!({"metadata": {"finalizers": null}})).without_dry_run());
    assert_eq!(plane().api.get(&format!("{}/thief", path(&scene.guarded, "pods"))).status, 404);
}

#[test]
fn an_old_ungranted_label_can_be_removed_but_not_added_again() {
    let guard = Guard::start("old-label-off", "abcdesktop", &[]);
    let scene = guard.scene();
    scene.given(&pod("thief", &[("app", "thief"), ("netpol/mongodb", "true")]));
    guard.register();
    scene.denied(&kubectl("label pod thief --overwrite netpol/mongodb=yes"), &["netpol/mongodb"]);
    kubectl("label pod thief --overwrite netpol/mongodb=true").run(&scene.open, false);
    scene.admitted(&kubectl("label pod thief netpol/mongodb-"));
    assert!(scene.capabilities("thief").is_empty());
    scene.denied(&kubectl("label pod thief netpol/mongodb=true"), &["netpol/mongodb"]);
}

#[test]
fn a_drifted_policy_can_be_annotated_and_corrected() {
    let guard = Guard::start("old-drift", "abcdesktop", &[]);
    let scene = guard.scene();
    let spec = json!({"podSelector": {"matchLabels": {"netpol/memcached": "true"}}, "policyTypes": ["Egress"], "egress": [{}]});
    scene.given(&json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": NAME}, "spec": spec}));
    guard.register();
    let result = scene.admitted(&kubectl(&format!("annotate networkpolicy {NAME} note=1")));
    assert!(result.warned().contains(NAME), "{:?}", result.warnings);
    let narrower = json!({"spec": {"egress": []}}).to_string();
    scene.denied(&kubectl(&format!("patch networkpolicy {NAME} --type=merge -p")).word(narrower), &[NAME]);
    // The command that the denial suggests: netpol render policies --only NAME | kubectl apply -f -
    for namespace in [&scene.guarded, &scene.open] {
        let manifest = netpol(["render", "policies", "--only", NAME, "--namespace", namespace]).expect("render policies");
        let output = plane().kubectl.run(["apply", "-f", "-"], &manifest);
        assert!(output.ok, "{}", output.stderr);
    }
    let put_right = scene.get("networkpolicies", NAME);
    assert_eq!(put_right["spec"]["egress"][0]["ports"][0]["port"], 11211);
    let wider = json!({"spec": {"egress": [{}]}}).to_string();
    scene.denied(&kubectl(&format!("patch networkpolicy {NAME} --type=merge -p")).word(wider), &[NAME]);
}

/// A deletion from before the guard completes when its finalizer is removed: otherwise the namespace would stay in `Terminating`
/// forever. The removal is recorded.
#[test]
fn a_policy_with_a_pending_deletion_can_be_removed() {
    let guard = Guard::start("doomed", "abcdesktop", &["--audit-level", "all"]);
    let scene = guard.scene();
    scene.given_policies("abcdesktop", &[NAME]);
    for namespace in [&scene.guarded, &scene.open] {
        let policy = format!("{}/{NAME}", path(namespace, "networkpolicies"));
        let held = json!({"metadata": {"finalizers": ["example.com/later"]}});
        plane().api.call(&Call::patch(&policy, "application/merge-patch+json", &held)).expect("a finalizer");
        plane().api.call(&Call::new(Method::DELETE, &policy)).expect("a deletion");
    }
    guard.register();
    // Other changes of the policy are denied.
    let wider = json!({"metadata": {"finalizers": null}, "spec": {"egress": [{}]}}).to_string();
    let act = kubectl(&format!("patch networkpolicy {NAME} --type=merge -p")).word(wider);
    let result = act.run(&scene.guarded, false);
    assert!(!result.ok && result.text.contains("denied the request"), "{}", result.text);
    let ends = json!({"metadata": {"finalizers": null}}).to_string();
    scene.admitted(&kubectl(&format!("patch networkpolicy {NAME} --type=merge -p")).word(ends).without_dry_run());
    assert_eq!(plane().api.get(&format!("{}/{NAME}", path(&scene.guarded, "networkpolicies"))).status, 404);
    assert!(guard.audit_lines().iter().any(|line| line["name"] == NAME && line["operation"] == "UPDATE" && line["verdict"] != "denied"));
}
