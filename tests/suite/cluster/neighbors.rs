//! What lies beside the guarded namespace: other namespaces that canonical peers name by labels, and
//! policy kinds of other APIs.

use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use hyper::Method;
use serde_json::{Value, json};

use super::harness::act::{Act, Said, call, kubectl};
use super::harness::api::Call;
use super::harness::guard::{Guard, apply, create_namespace, scene, shared};
use super::harness::plane::plane;
use super::harness::wait::until;

/// Labels of namespaces are the whole cluster's: one test at a time says who may set them.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A namespace of its own kind of name: these acts are about namespaces, not in one.
fn labeled(name: &str, label: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {"name": label}}})
}

/// The acts by which a namespace becomes a neighbor, through each of its resources; `{name}` is there before.
fn acts(name: &str) -> Vec<Act> {
    let patch = json!({"metadata": {"labels": {"name": "kube-monitor"}}});
    let finalize = labeled(name, &json!("kube-monitor"));
    vec![
        kubectl("create -f -").stdin(&labeled(&format!("{name}-new"), &json!("kube-monitor"))),
        kubectl(&format!("label namespace {name} name=kube-monitor --overwrite")),
        kubectl(&format!("patch namespace {name} --subresource=status --type=merge -p")).word(patch.to_string()),
        call(Call::new(Method::PUT, format!("/api/v1/namespaces/{name}/finalize")).json(&finalize)),
    ]
}

fn is_neighbor(name: &str) -> bool {
    plane().api.get(&format!("/api/v1/namespaces/{name}")).body["metadata"]["labels"]["name"] == "kube-monitor"
}

fn refused(said: &Said, act: &Act) {
    assert!(!said.ok && said.text.contains("neighbors.validate.netpol.abcdesktop.io"), "{act}: {}", said.text);
    assert!(said.text.contains("name=kube-monitor"), "{act}: {}", said.text);
}

/// Neighbors are of the whole cluster, so the control is the registration taken away.
#[test]
fn nobody_becomes_a_neighbor_where_that_is_denied() {
    let _alone = alone();
    let guard = Guard::registered("neighbors-deny", &["--neighbors", "deny"]);
    let name = "tenant";
    create_namespace(name);
    for act in acts(name) {
        for dry in [true, false] {
            refused(&act.run("default", dry), &act);
        }
        assert!(!is_neighbor(name) && !is_neighbor("tenant-new"), "after {act}");
    }
    assert!(kubectl("label namespace tenant color=blue").run("default", false).ok, "other labels are nobody's business");

    guard.unregister();
    for act in acts(name) {
        let said = act.run("default", false);
        assert!(said.ok, "control of {act}: {}", said.text);
        assert!(is_neighbor(name) || is_neighbor("tenant-new"), "control of {act}");
        kubectl("label namespace tenant name-").run("default", false);
    }

    // What is a neighbor does not stop being one either.
    kubectl("label namespace tenant name=kube-monitor").run("default", false);
    guard.register();
    let loses = kubectl("label namespace tenant name-");
    refused(&loses.run("default", false), &loses);
    guard.unregister();
    assert!(loses.run("default", false).ok);
}

#[test]
fn a_new_neighbor_draws_a_warning() {
    let _alone = alone();
    shared();
    create_namespace("friend");
    for act in acts("friend") {
        let said = act.run("default", false);
        assert!(said.ok, "{act}: {}", said.text);
        assert!(said.warned().contains("name=kube-monitor"), "{act}: {:?}", said.warnings);
        kubectl("label namespace friend name-").run("default", false);
    }
}

/// A policy kind of another API, as a plugin would install it.
fn cilium() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        for (plural, kind, scope) in [
            ("ciliumnetworkpolicies", "CiliumNetworkPolicy", "Namespaced"),
            ("ciliumclusterwidenetworkpolicies", "CiliumClusterwideNetworkPolicy", "Cluster"),
        ] {
            let schema = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
            let version = json!({"name": "v2", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}});
            apply(&json!({
                "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
                "metadata": {"name": format!("{plural}.cilium.io")},
                "spec": {
                    "group": "cilium.io", "scope": scope, "versions": [version],
                    "names": {"plural": plural, "singular": kind.to_lowercase(), "kind": kind},
                },
            }));
            until(&format!("{plural} are served"), || plane().api.get(&format!("/apis/cilium.io/v2/{plural}")).ok().then_some(()));
        }
    });
}

fn foreign(kind: &str, name: &str) -> Value {
    json!({"apiVersion": "cilium.io/v2", "kind": kind, "metadata": {"name": name}, "spec": {"endpointSelector": {}, "egress": [{"toEntities": ["all"]}]}})
}

#[test]
fn a_foreign_policy_is_refused_where_that_is_denied() {
    cilium();
    let guard = Guard::registered("foreign-deny", &["--foreign-policies", "deny"]);
    let scene = guard.scene();
    let act = kubectl("create -f -").stdin(&foreign("CiliumNetworkPolicy", "open"));
    scene.refused(&act, &["foreign-policies.validate.netpol.abcdesktop.io", "cilium.io"]);

    // Of cluster scope it is nowhere, so the control is the registration taken away.
    let wide = kubectl("create -f -").stdin(&foreign("CiliumClusterwideNetworkPolicy", "wide"));
    for dry in [true, false] {
        let said = wide.run("default", dry);
        assert!(!said.ok && said.text.contains("foreign-policies.validate"), "{}", said.text);
    }
    guard.unregister();
    let said = wide.run("default", false);
    assert!(said.ok, "{}", said.text);
}

#[test]
fn a_foreign_policy_draws_a_warning() {
    cilium();
    let scene = scene();
    let said = scene.admitted(&kubectl("create -f -").stdin(&foreign("CiliumNetworkPolicy", "open")));
    assert!(said.warned().contains("CiliumNetworkPolicy"), "{:?}", said.warnings);
    let said = kubectl("create -f -").stdin(&foreign("CiliumClusterwideNetworkPolicy", "noted")).run("default", true);
    // Where the guard of another test denies these, it says so in its own name.
    assert!(said.warned().contains("CiliumClusterwideNetworkPolicy") || said.text.contains("foreign-policies"), "{said:?}");
}
