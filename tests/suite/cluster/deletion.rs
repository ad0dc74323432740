//! Canonical policies stay as long as their namespace: no way of deleting takes them away.

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
fn stays(scene: &Scene<'_>, act: &Act) {
    scene.refused(act, &["policies.validate.netpol.abcdesktop.io", NAME]);
    assert!(exists(&scene.guarded, "networkpolicies", NAME), "after {act}");
    assert!(get(&scene.guarded, "networkpolicies", NAME)["metadata"]["deletionTimestamp"].is_null(), "after {act}");
    until(&format!("the control of {act} does something"), || (!exists(&scene.open, "networkpolicies", NAME)).then_some(()));
}

#[test]
fn a_canonical_policy_is_not_deleted_by_name() {
    stays(&with_policy(), &kubectl(&format!("delete networkpolicy {NAME}")));
    let options = json!({"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Foreground"});
    let foreground = Call::new(Method::DELETE, format!("{}/{NAME}", path("{ns}", "networkpolicies"))).json(&options);
    // A dry run is in the options here, so only in earnest.
    stays(&with_policy(), &call(foreground).earnest_only());
}

#[test]
fn a_canonical_policy_is_not_deleted_in_a_collection() {
    let scene = with_policy();
    let spec = json!({"podSelector": {"matchLabels": {"run": "memcached-od"}}, "policyTypes": ["Ingress"]});
    scene.given(&json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "extra"}, "spec": spec}));
    stays(&scene, &call(Call::new(Method::DELETE, path("{ns}", "networkpolicies"))));
    stays(&with_policy(), &kubectl("delete networkpolicies --all"));
}

#[test]
fn a_canonical_policy_is_not_replaced_by_force() {
    let scene = with_policy();
    let wider = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": NAME},
        "spec": {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{}]},
    });
    // It deletes, then creates.
    scene.refused(&kubectl("replace --force -f -").stdin(&wider).earnest_only(), &[NAME, "policies.validate"]);
    assert_eq!(get(&scene.guarded, "networkpolicies", NAME)["metadata"]["generation"], 1);
    assert_eq!(get(&scene.open, "networkpolicies", NAME)["spec"]["egress"], json!([{}]));
}

#[test]
fn an_owner_that_would_take_a_policy_along_is_refused() {
    let scene = with_policy();
    let config = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "owner"}});
    let owners = [&scene.guarded, &scene.open].map(|namespace| create(namespace, &config)["metadata"]["uid"].clone());
    let own =
        |uid: &Value| json!({"metadata": {"ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid}]}});
    let patch = |uid| kubectl(&format!("patch networkpolicy {NAME} --type=merge -p")).word(own(uid).to_string());
    // The uids differ, so each namespace has its own act.
    for dry in [true, false] {
        let said = patch(&owners[0]).run(&scene.guarded, dry);
        assert!(!said.ok && said.text.contains("denied the request") && said.text.contains("owner"), "{}", said.text);
        let control = patch(&owners[1]).run(&scene.open, dry);
        assert!(control.ok, "{}", control.text);
    }
    for namespace in [&scene.guarded, &scene.open] {
        plane().api.call(&Call::new(Method::DELETE, format!("{}/owner", path(namespace, "configmaps")))).expect("the owner goes");
    }
    until("the garbage collector takes the policy that nobody guards", || (!exists(&scene.open, "networkpolicies", NAME)).then_some(()));
    assert!(exists(&scene.guarded, "networkpolicies", NAME));
}

#[test]
fn a_finalizer_that_would_let_a_deletion_slip_through_is_refused() {
    let scene = with_policy();
    let finalizer = json!({"metadata": {"finalizers": ["example.com/later"]}}).to_string();
    let act = kubectl(&format!("patch networkpolicy {NAME} --type=merge -p")).word(finalizer);
    scene.refused(&act, &[NAME, "example.com/later"]);
    // What it would be good for: the deletion is asked for now, and done when nobody asks.
    plane().api.call(&Call::new(Method::DELETE, format!("{}/{NAME}", path(&scene.open, "networkpolicies")))).expect("the deletion");
    assert!(exists(&scene.open, "networkpolicies", NAME));
    let none = json!({"metadata": {"finalizers": null}});
    let taken = Call::patch(format!("{}/{NAME}", path(&scene.open, "networkpolicies")), "application/merge-patch+json", &none);
    plane().api.call(&taken).expect("the finalizer is taken off");
    assert!(!exists(&scene.open, "networkpolicies", NAME));
}

#[test]
fn a_namespace_goes_away_with_its_policies() {
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

/// An owner reference and a finalizer from before the guard: the garbage collector is refused, and
/// hears why; a doomed policy's finalizer may go.
#[test]
fn an_owner_from_before_us_takes_no_policy_along() {
    let guard = Guard::start("old-owner", "abcdesktop", &[]);
    let scene = guard.scene();
    scene.given_policies("abcdesktop", &[NAME]);
    let config = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "owner"}});
    for namespace in [&scene.guarded, &scene.open] {
        let uid = create(namespace, &config)["metadata"]["uid"].clone();
        let own = json!({"metadata": {"ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid, "blockOwnerDeletion": true}]}});
        let call = Call::patch(format!("{}/{NAME}", path(namespace, "networkpolicies")), "application/merge-patch+json", &own);
        plane().api.call(&call).expect("an owner from before us");
    }
    guard.register();
    let said = kubectl(&format!("annotate networkpolicy {NAME} note=1")).run(&scene.guarded, false);
    assert!(said.ok && said.warned().contains("owner"), "an old owner is reported: {} {:?}", said.text, said.warnings);
    // In the foreground: the owner waits for what it owns.
    for namespace in [&scene.guarded, &scene.open] {
        let owner = format!("{}/owner?propagationPolicy=Foreground", path(namespace, "configmaps"));
        plane().api.call(&Call::new(Method::DELETE, owner)).expect("the owner is deleted");
    }
    until("the garbage collector takes the policy that nobody guards", || (!exists(&scene.open, "networkpolicies", NAME)).then_some(()));
    until("the garbage collector is refused", || {
        let lines = guard.audit_lines();
        let refused = |line: &&Value| line["operation"] == "DELETE" && line["namespace"] == "old-owner" && line["verdict"] == "denied";
        let line = lines.iter().find(refused)?;
        assert_eq!(line["user"], "system:serviceaccount:kube-system:generic-garbage-collector");
        Some(())
    });
    assert!(exists(&scene.guarded, "networkpolicies", NAME) && exists(&scene.guarded, "configmaps", "owner"));
    // The cure: the reference is taken off, as the sentence says.
    let cure = json!({"metadata": {"ownerReferences": null}}).to_string();
    let said = kubectl(&format!("patch networkpolicy {NAME} --type=merge -p")).word(cure).run(&scene.guarded, false);
    assert!(said.ok, "{}", said.text);
    until("the owner waits no longer", || (!exists(&scene.guarded, "configmaps", "owner")).then_some(()));
    assert!(exists(&scene.guarded, "networkpolicies", NAME));
}

/// Wrong flags that would have been noticed: the guard names the namespace controller by its user name.
#[test]
fn the_namespace_controller_is_the_one_of_the_flags() {
    let printed = netpol(["render", "registration", "--namespace-controller", "somebody"]).expect("render registration");
    assert!(printed.contains(r#"["somebody"]"#) || printed.contains(r#"[\"somebody\"]"#), "{printed}");
}
