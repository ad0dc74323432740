//! Canonical policies cannot be deleted in any way while their namespace exists.

use hyper::Method;
use serde_json::{Value, json};

use super::harness::act::{Act, call, kubectl};
use super::harness::api::Call;
use super::harness::guard::{Guard, scene};
use super::harness::netpol::netpol;
use super::harness::plane::plane;
use super::harness::scene::{Scene, create, get, list, path};
use super::harness::wait::until;

const NAME: &str = "memcached-permits";

fn with_policy() -> Scene<'static> {
    let scene = scene();
    scene.given_policies("abcdesktop", &[NAME]);
    scene
}

fn exists(namespace: &str, resource: &str, name: &str) -> bool {
    plane().api.get(&format!("{}/{name}", path(namespace, resource))).ok()
}

#[track_caller]
fn assert_stays(scene: &Scene<'_>, act: &Act) {
    scene.denied(act, &["policies.validate.netpol.abcdesktop.io", NAME]);
    assert!(exists(&scene.guarded, "networkpolicies", NAME), "after {act}");
    assert!(get(&scene.guarded, "networkpolicies", NAME)["metadata"]["deletionTimestamp"].is_null(), "after {act}");
    until(&format!("the control of {act} has an effect"), || (!exists(&scene.open, "networkpolicies", NAME)).then_some(()));
}

#[test]
fn a_canonical_policy_cannot_be_deleted_by_name() {
    assert_stays(&with_policy(), &kubectl(&format!("delete networkpolicy {NAME}")));
    let options = json!({"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Foreground"});
    let foreground = Call::new(Method::DELETE, format!("{}/{NAME}", path("{ns}", "networkpolicies"))).json(&options);
    // The request body would override the dry-run parameter.
    assert_stays(&with_policy(), &call(foreground).without_dry_run());
}

#[test]
fn a_canonical_policy_cannot_be_deleted_with_its_collection() {
    let scene = with_policy();
    let spec = json!({"podSelector": {"matchLabels": {"run": "memcached-od"}}, "policyTypes": ["Ingress"]});
    scene.given(&json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "extra"}, "spec": spec}));
    assert_stays(&scene, &call(Call::new(Method::DELETE, path("{ns}", "networkpolicies"))));
    assert_stays(&with_policy(), &kubectl("delete networkpolicies --all"));
}

#[test]
fn a_canonical_policy_cannot_be_replaced_by_force() {
    let scene = with_policy();
    let wider = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": NAME},
        "spec": {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{}]},
    });
    // The command deletes the policy, then creates it.
    scene.denied(&kubectl("replace --force -f -").stdin(&wider).without_dry_run(), &[NAME, "policies.validate"]);
    assert_eq!(get(&scene.guarded, "networkpolicies", NAME)["metadata"]["generation"], 1);
    assert_eq!(get(&scene.open, "networkpolicies", NAME)["spec"]["egress"], json!([{}]));
}

#[test]
fn an_owner_reference_on_a_canonical_policy_is_denied() {
    let scene = with_policy();
    let config = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "owner"}});
    let owners = [&scene.guarded, &scene.open].map(|namespace| create(namespace, &config)["metadata"]["uid"].clone());
    let own =
        |uid: &Value| json!({"metadata": {"ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid}]}});
    let patch = |uid| kubectl(&format!("patch networkpolicy {NAME} --type=merge -p")).word(own(uid).to_string());
    // The uids differ, so each namespace has its own request.
    for dry in [true, false] {
        let result = patch(&owners[0]).run(&scene.guarded, dry);
        assert!(!result.ok && result.text.contains("denied the request") && result.text.contains("owner"), "{}", result.text);
        let control = patch(&owners[1]).run(&scene.open, dry);
        assert!(control.ok, "{}", control.text);
    }
    for namespace in [&scene.guarded, &scene.open] {
        plane().api.call(&Call::new(Method::DELETE, format!("{}/owner", path(namespace, "configmaps")))).expect("the owner is deleted");
    }
    until("the garbage collector deletes the unguarded policy", || (!exists(&scene.open, "networkpolicies", NAME)).then_some(()));
    assert!(exists(&scene.guarded, "networkpolicies", NAME));
}

#[test]
fn a_finalizer_on_a_canonical_policy_is_denied() {
    let scene = with_policy();
    let finalizer = json!({"metadata": {"finalizers": ["example.com/later"]}}).to_string();
    let act = kubectl(&format!("patch networkpolicy {NAME} --type=merge -p")).word(finalizer);
    scene.denied(&act, &[NAME, "example.com/later"]);
    // The risk: a deletion that is requested now completes later without a webhook call.
    plane().api.call(&Call::new(Method::DELETE, format!("{}/{NAME}", path(&scene.open, "networkpolicies")))).expect("the deletion");
    assert!(exists(&scene.open, "networkpolicies", NAME));
    let none = json!({"metadata": {"finalizers": null}});
    let taken = Call::patch(format!("{}/{NAME}", path(&scene.open, "networkpolicies")), "application/merge-patch+json", &none);
    plane().api.call(&taken).expect("the finalizer is removed");
    assert!(!exists(&scene.open, "networkpolicies", NAME));
}

#[test]
fn a_namespace_can_be_deleted_with_its_policies() {
    let scene = scene();
    scene.given_policies("abcdesktop", &[]);
    assert!(list(&scene.guarded, "networkpolicies").len() > 20);
    scene.given(&super::harness::scene::pod("desktop", &[("type", "x11server")]));
    for namespace in [&scene.guarded, &scene.open] {
        plane().api.call(&Call::new(Method::DELETE, format!("/api/v1/namespaces/{namespace}"))).expect("the namespace is deleted");
    }
    for namespace in [&scene.guarded, &scene.open] {
        until(&format!("{namespace} is gone"), || {
            (plane().api.get(&format!("/api/v1/namespaces/{namespace}")).status == 404).then_some(())
        });
    }
}

/// An owner reference from before the guard: the guard denies the deletion by the garbage collector and names the reason.
#[test]
fn an_owner_reference_from_before_the_guard_deletes_no_policy() {
    let guard = Guard::start("old-owner", "abcdesktop", &[]);
    let scene = guard.scene();
    scene.given_policies("abcdesktop", &[NAME]);
    let config = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "owner"}});
    for namespace in [&scene.guarded, &scene.open] {
        let uid = create(namespace, &config)["metadata"]["uid"].clone();
        let own = json!({"metadata": {"ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid, "blockOwnerDeletion": true}]}});
        let call = Call::patch(format!("{}/{NAME}", path(namespace, "networkpolicies")), "application/merge-patch+json", &own);
        plane().api.call(&call).expect("an old owner reference");
    }
    guard.register();
    let result = kubectl(&format!("annotate networkpolicy {NAME} note=1")).run(&scene.guarded, false);
    assert!(result.ok && result.warned().contains("owner"), "the old owner causes a warning: {} {:?}", result.text, result.warnings);
    // Foreground deletion: the owner waits for its dependents.
    for namespace in [&scene.guarded, &scene.open] {
        let owner = format!("{}/owner?propagationPolicy=Foreground", path(namespace, "configmaps"));
        plane().api.call(&Call::new(Method::DELETE, owner)).expect("the owner is deleted");
    }
    until("the garbage collector deletes the unguarded policy", || (!exists(&scene.open, "networkpolicies", NAME)).then_some(()));
    until("the garbage collector is denied", || {
        let lines = guard.audit_lines();
        let is_denied = |line: &&Value| line["operation"] == "DELETE" && line["namespace"] == "old-owner" && line["verdict"] == "denied";
        let line = lines.iter().find(is_denied)?;
        assert_eq!(line["user"], "system:serviceaccount:kube-system:generic-garbage-collector");
        Some(())
    });
    assert!(exists(&scene.guarded, "networkpolicies", NAME) && exists(&scene.guarded, "configmaps", "owner"));
    // The message suggests to remove the reference.
    let cure = json!({"metadata": {"ownerReferences": null}}).to_string();
    let result = kubectl(&format!("patch networkpolicy {NAME} --type=merge -p")).word(cure).run(&scene.guarded, false);
    assert!(result.ok, "{}", result.text);
    until("the owner is deleted", || (!exists(&scene.guarded, "configmaps", "owner")).then_some(()));
    assert!(exists(&scene.guarded, "networkpolicies", NAME));
}

/// The namespace controller is known by the user name in the flag. A wrong flag is noticed.
#[test]
fn the_namespace_controller_is_the_user_of_the_flag() {
    let printed = netpol(["render", "registration", "--namespace-controller", "somebody"]).expect("render registration");
    assert!(printed.contains(r#"["somebody"]"#) || printed.contains(r#"[\"somebody\"]"#), "{printed}");
}

/// A condition that compares each finalizer with each would take the API server many seconds.
#[test]
fn a_policy_with_many_finalizers_does_not_occupy_the_api_server() {
    let scene = scene();
    let finalizers: Vec<String> = (0..30_000).map(|number| format!("example.com/f{number}")).collect();
    let spec = json!({"podSelector": {"matchLabels": {"run": "memcached-od"}}, "policyTypes": ["Ingress"]});
    scene.given(&json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "held", "finalizers": finalizers}, "spec": spec}));
    let time = |namespace: &str| {
        let path = format!("{}/held", path(namespace, "networkpolicies"));
        plane().api.call(&Call::new(Method::DELETE, path.clone())).expect("the policy waits for its finalizers");
        let label = Call::patch(path.clone(), "application/merge-patch+json", &json!({"metadata": {"labels": {"a": "b"}}}));
        let from = std::time::Instant::now();
        plane().api.call(&label).expect("a small change");
        let time = from.elapsed();
        plane().api.call(&Call::patch(path, "application/merge-patch+json", &json!({"metadata": {"finalizers": null}}))).expect("the end");
        time
    };
    let (guarded, open) = (time(&scene.guarded), time(&scene.open));
    assert!(guarded < open + std::time::Duration::from_secs(4), "guarded: {guarded:?}, unguarded: {open:?}");
}
