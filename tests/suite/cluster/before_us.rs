//! What was wrong before the guard came is not its callers' fault: it can be lived with, put right, and removed.

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
fn an_old_ungranted_label_hinders_nobody() {
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
    scene.refused(&kubectl("label pod thief netpol/pyos=true"), &["netpol/pyos"]);
    scene.admitted(&kubectl("delete pod thief --wait=false"));
    scene.admitted(&merge("", &json!({"metadata": {"finalizers": null}})).earnest_only());
    assert_eq!(plane().api.get(&format!("{}/thief", path(&scene.guarded, "pods"))).status, 404);
}

#[test]
fn an_old_ungranted_label_may_be_taken_off_and_does_not_come_back() {
    let guard = Guard::start("old-label-off", "abcdesktop", &[]);
    let scene = guard.scene();
    scene.given(&pod("thief", &[("app", "thief"), ("netpol/mongodb", "true")]));
    guard.register();
    scene.refused(&kubectl("label pod thief --overwrite netpol/mongodb=yes"), &["netpol/mongodb"]);
    kubectl("label pod thief --overwrite netpol/mongodb=true").run(&scene.open, false);
    scene.admitted(&kubectl("label pod thief netpol/mongodb-"));
    assert!(scene.capabilities("thief").is_empty());
    scene.refused(&kubectl("label pod thief netpol/mongodb=true"), &["netpol/mongodb"]);
}

#[test]
fn a_drifted_policy_can_be_annotated_and_put_right() {
    let guard = Guard::start("old-drift", "abcdesktop", &[]);
    let scene = guard.scene();
    let spec = json!({"podSelector": {"matchLabels": {"netpol/memcached": "true"}}, "policyTypes": ["Egress"], "egress": [{}]});
    scene.given(&json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": NAME}, "spec": spec}));
    guard.register();
    let said = scene.admitted(&kubectl(&format!("annotate networkpolicy {NAME} note=1")));
    assert!(said.warned().contains(NAME), "{:?}", said.warnings);
    let narrower = json!({"spec": {"egress": []}}).to_string();
    scene.refused(&kubectl(&format!("patch networkpolicy {NAME} --type=merge -p")).word(narrower), &[NAME]);
    // As the refusal says: netpol render policies --only NAME | kubectl apply -f -
    for namespace in [&scene.guarded, &scene.open] {
        let manifest = netpol(["render", "policies", "--only", NAME, "--namespace", namespace]).expect("render policies");
        let output = plane().kubectl.run(["apply", "-f", "-"], &manifest);
        assert!(output.ok, "{}", output.stderr);
    }
    let put_right = scene.get("networkpolicies", NAME);
    assert_eq!(put_right["spec"]["egress"][0]["ports"][0]["port"], 11211);
    let wider = json!({"spec": {"egress": [{}]}}).to_string();
    scene.refused(&kubectl(&format!("patch networkpolicy {NAME} --type=merge -p")).word(wider), &[NAME]);
}

/// A deletion that was asked for before the guard came ends when its finalizer goes: refusing that
/// would keep the namespace terminating for ever. It is on record.
#[test]
fn a_doomed_policy_may_end() {
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
    // Whatever else is tried on the way is refused as ever.
    let wider = json!({"metadata": {"finalizers": null}, "spec": {"egress": [{}]}}).to_string();
    let act = kubectl(&format!("patch networkpolicy {NAME} --type=merge -p")).word(wider);
    let said = act.run(&scene.guarded, false);
    assert!(!said.ok && said.text.contains("denied the request"), "{}", said.text);
    let ends = json!({"metadata": {"finalizers": null}}).to_string();
    scene.admitted(&kubectl(&format!("patch networkpolicy {NAME} --type=merge -p")).word(ends).earnest_only());
    assert_eq!(plane().api.get(&format!("{}/{NAME}", path(&scene.guarded, "networkpolicies"))).status, 404);
    assert!(guard.audit_lines().iter().any(|line| line["name"] == NAME && line["operation"] == "UPDATE" && line["verdict"] != "denied"));
}
