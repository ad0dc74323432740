//! Neighbor namespaces, and policies of other APIs.

use std::sync::{Mutex, MutexGuard, PoisonError};

use hyper::Method;
use serde_json::{Value, json};

use super::harness::act::{Act, ActResult, call, kubectl};
use super::harness::api::Call;
use super::harness::crds::{cilium, install};
use super::harness::guard::{Guard, create_namespace, scene, shared};
use super::harness::plane::plane;

/// Labels of namespaces and some foreign policies are of cluster scope, so these tests run one at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns a namespace with a label.
fn labeled(name: &str, label: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {"name": label}}})
}

/// Returns requests that make a namespace a neighbor, one for each of its resources. `{name}` exists before.
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

fn assert_denied(result: &ActResult, act: &Act) {
    assert!(!result.ok && result.text.contains("neighbors.validate.netpol.abcdesktop.io"), "{act}: {}", result.text);
    assert!(result.text.contains("name=kube-monitor"), "{act}: {}", result.text);
}

/// Namespaces are of cluster scope, so the control is the removal of the registration.
#[test]
fn a_new_neighbor_namespace_is_denied_if_configured() {
    let _alone = alone();
    let guard = Guard::registered("neighbors-deny", &["--neighbors", "deny"]);
    let name = "tenant";
    create_namespace(name);
    for act in acts(name) {
        for dry in [true, false] {
            assert_denied(&act.run("default", dry), &act);
        }
        assert!(!is_neighbor(name) && !is_neighbor("tenant-new"), "after {act}");
    }
    assert!(kubectl("label namespace tenant color=blue").run("default", false).ok, "other labels can change");

    guard.unregister();
    for act in acts(name) {
        let result = act.run("default", false);
        assert!(result.ok, "control of {act}: {}", result.text);
        assert!(is_neighbor(name) || is_neighbor("tenant-new"), "control of {act}");
        kubectl("label namespace tenant name-").run("default", false);
    }

    // The label cannot be removed from a neighbor namespace either.
    kubectl("label namespace tenant name=kube-monitor").run("default", false);
    guard.register();
    let loses = kubectl("label namespace tenant name-");
    assert_denied(&loses.run("default", false), &loses);
    guard.unregister();
    assert!(loses.run("default", false).ok);
}

/// The API server stores an owner reference of this name, and escapes each character of it as six bytes in a review.
#[test]
fn a_namespace_of_maximum_size_is_still_judged() {
    let _alone = alone();
    let guard = Guard::patient("neighbors-large", &["--neighbors", "deny"]);
    let name = "large-tenant";
    create_namespace(name);
    let owner =
        json!({"apiVersion": "v1", "kind": "Namespace", "name": "<".repeat(1_440_000), "uid": "00000000-0000-4000-8000-000000000001"});
    let grown = Call::patch(
        format!("/api/v1/namespaces/{name}"),
        "application/merge-patch+json",
        &json!({"metadata": {"ownerReferences": [owner]}}),
    );
    plane().api.call(&grown).expect("the API server stores it");
    let act = kubectl(&format!("label namespace {name} name=kube-monitor"));
    assert_denied(&act.run("default", false), &act);
    assert!(!is_neighbor(name));
    guard.unregister();
    assert!(act.run("default", false).ok);
    assert!(is_neighbor(name));
    kubectl(&format!("label namespace {name} name-")).run("default", false);
}

/// Requests that a flag denies are also denied while no server responds, and all others pass.
#[test]
fn what_is_denied_is_also_denied_during_an_outage() {
    let _alone = alone();
    cilium();
    let guard =
        Guard::registered("neighbors-outage", &["--neighbors", "deny", "--foreign-policies", "deny", "--network-annotations", "deny"]);
    let name = "outage-tenant";
    create_namespace(name);
    {
        let mut server = guard.server.lock().unwrap_or_else(PoisonError::into_inner);
        server.process.signal("KILL");
        server.process.wait();
    }
    let failed = |act: &Act, webhook: &str| {
        let result = act.run(&guard.name, false);
        let called = format!("failed calling webhook \"{webhook}.validate.netpol.abcdesktop.io\"");
        assert!(!result.ok && result.text.contains(&called), "{act}: {}", result.text);
    };
    let passed = |act: &Act, namespace: &str| {
        let result = act.run(namespace, false);
        assert!(result.ok, "{act}: {}", result.text);
    };
    for act in acts(name) {
        failed(&act, "neighbors");
        assert!(!is_neighbor(name) && !is_neighbor("outage-tenant-new"), "after {act}");
    }
    let open = kubectl("create -f -").stdin(&foreign("CiliumNetworkPolicy", "open"));
    failed(&open, "foreign-policies");
    let gateway = kubectl(&format!("annotate namespace {} k8s.ovn.org/routing-external-gws=10.0.0.1", guard.name));
    failed(&gateway, "namespaces");
    passed(&kubectl(&format!("annotate namespace {} example.org/note=x", guard.name)), "default");

    // A change of the key between values that no selector matches is not sent.
    for value in ["one", "two", "three"] {
        passed(&kubectl(&format!("label namespace {name} color=blue name={value} --overwrite")), "default");
    }
    passed(&kubectl("create -f -").stdin(&labeled("outage-other", &json!("other"))), "default");
    // The servers need kube-system, and a policy of cluster scope may cut them off.
    passed(&kubectl("label namespace kube-system name=kube-monitor --overwrite"), "default");
    passed(&kubectl("label namespace kube-system name-"), "default");
    passed(&kubectl("create -f -").stdin(&foreign("CiliumClusterwideNetworkPolicy", "during-outage")), "default");

    guard.unregister();
    for act in [kubectl(&format!("label namespace {name} name=kube-monitor --overwrite")), open, gateway] {
        passed(&act, &guard.name);
    }
    passed(&kubectl(&format!("label namespace {name} name-")), "default");
}

#[test]
fn a_new_neighbor_namespace_causes_a_warning() {
    let _alone = alone();
    shared();
    create_namespace("friend");
    for act in acts("friend") {
        let result = act.run("default", false);
        assert!(result.ok, "{act}: {}", result.text);
        assert!(result.warned().contains("name=kube-monitor"), "{act}: {:?}", result.warnings);
        kubectl("label namespace friend name-").run("default", false);
    }
}

pub(super) fn foreign(kind: &str, name: &str) -> Value {
    json!({"apiVersion": "cilium.io/v2", "kind": kind, "metadata": {"name": name}, "spec": {"endpointSelector": {}, "egress": [{"toEntities": ["all"]}]}})
}

#[test]
fn a_foreign_policy_is_denied_if_configured() {
    let _alone = alone();
    cilium();
    let guard = Guard::registered("foreign-deny", &["--foreign-policies", "deny"]);
    let scene = guard.scene();
    let act = kubectl("create -f -").stdin(&foreign("CiliumNetworkPolicy", "open"));
    scene.denied(&act, &["foreign-policies.validate.netpol.abcdesktop.io", "cilium.io"]);

    // An object of cluster scope is in no namespace, so the control is the removal of the registration.
    let wide = kubectl("create -f -").stdin(&foreign("CiliumClusterwideNetworkPolicy", "wide"));
    for dry in [true, false] {
        let result = wide.run("default", dry);
        assert!(!result.ok && result.text.contains("cluster-foreign-policies.validate"), "{}", result.text);
    }
    guard.unregister();
    let result = wide.run("default", false);
    assert!(result.ok, "{}", result.text);
}

#[test]
fn a_foreign_policy_causes_a_warning() {
    cilium();
    let scene = scene();
    let result = scene.admitted(&kubectl("create -f -").stdin(&foreign("CiliumNetworkPolicy", "open")));
    assert!(result.warned().contains("CiliumNetworkPolicy"), "{:?}", result.warnings);
    let result = kubectl("create -f -").stdin(&foreign("CiliumClusterwideNetworkPolicy", "noted")).run("default", true);
    // The guard of another test may deny these; its messages have another name.
    assert!(result.warned().contains("CiliumClusterwideNetworkPolicy") || result.text.contains("foreign-policies"), "{result:?}");
}

/// The server does not know the plugin, so its object is admitted only because it is not sent.
#[test]
fn an_endpoint_of_the_plugin_is_denied_unless_the_plugin_writes_it() {
    let _alone = alone();
    cilium();
    let guard = Guard::registered("endpoints", &["--foreign-policies", "deny", "--plugin-writer", "another"]);
    let scene = guard.scene();
    let endpoint =
        json!({"apiVersion": "cilium.io/v2", "kind": "CiliumEndpoint", "metadata": {"name": "pod"}, "status": {"identity": {"id": 7}}});
    scene.denied(&kubectl("create -f -").stdin(&endpoint), &["plugin-policies.validate.netpol.abcdesktop.io", "--plugin-writer"]);
    let agent = "system:serviceaccount:kube-system:cilium";
    let own = kubectl("create -f -").stdin(&endpoint).by(agent, &[]).run(&scene.guarded, false);
    assert!(own.ok && own.warnings.is_empty(), "{own:?}");
    let status = json!({"status": {"identity": {"id": 8}}}).to_string();
    let patch = kubectl("patch ciliumendpoint pod --type=merge -p").word(status);
    scene.denied(&patch, &["plugin-policies.validate.netpol.abcdesktop.io"]);
    let own = patch.by(agent, &[]).run(&scene.guarded, false);
    assert!(own.ok && own.warnings.is_empty(), "{own:?}");

    let identity = kubectl("create -f -").stdin(&json!({
        "apiVersion": "cilium.io/v2", "kind": "CiliumIdentity", "metadata": {"name": "7"}, "security-labels": {"k8s:run": "pyos-od"},
    }));
    let result = identity.run("default", false);
    assert!(!result.ok && result.text.contains("plugin-policies.validate"), "{}", result.text);
    guard.unregister();
    let result = identity.run("default", false);
    assert!(result.ok, "{}", result.text);
}

/// The annotations of a namespace apply to all pods in it.
#[test]
fn a_network_annotation_of_a_guarded_namespace_is_denied_if_configured() {
    let annotate = |name: &str, key: &str| kubectl(&format!("annotate namespace {name} {key}=x --overwrite"));
    let guarded = scene();
    let result = annotate("{ns}", "k8s.ovn.org/routing-external-gws").run(&guarded.guarded, true);
    assert!(result.ok && result.warned().contains("k8s.ovn.org/routing-external-gws"), "{result:?}");

    let shared = ["--network-annotation", "example.org/pool"];
    let guard = Guard::registered("annotated", &[&shared[..], &["--network-annotations", "deny"]].concat());
    let scene = guard.scene();
    for key in ["k8s.ovn.org/routing-external-gws", "cni.projectcalico.org/ipv4pools", "ipam.antrea.io/ippools", "example.org/pool"] {
        scene.denied(&annotate("{ns}", key), &["namespaces.validate.netpol.abcdesktop.io", key]);
        let finalize = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "{ns}", "annotations": {key: "x"}}});
        for result in [true, false]
            .map(|dry| call(Call::new(Method::PUT, "/api/v1/namespaces/{ns}/finalize".to_owned()).json(&finalize)).run(&scene.guarded, dry))
        {
            assert!(!result.ok && result.text.contains("namespaces.validate"), "{key}: {}", result.text);
        }
    }
    scene.admitted_without_warnings(&annotate("{ns}", "example.org/note"));
    // A given key is judged on pods too.
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "annotations": {"example.org/pool": "x"}},
        "spec": {"containers": [{"name": "c", "image": "registry.example/c"}]}});
    scene.denied(&kubectl("create -f -").stdin(&pod), &["pods.validate.netpol.abcdesktop.io", "example.org/pool"]);
}

#[test]
fn a_given_kind_is_denied_if_configured() {
    let _alone = alone();
    let any = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    install("example.org", "flowpolicies", "FlowPolicy", "Namespaced", &["v2"], &any);
    let guard = Guard::registered("given-kind", &["--foreign-kind", "example.org/flowpolicies", "--foreign-policies", "deny"]);
    let policy = json!({"apiVersion": "example.org/v2", "kind": "FlowPolicy", "metadata": {"name": "open"}, "spec": {}});
    guard.scene().denied(&kubectl("create -f -").stdin(&policy), &["foreign-policies.validate.netpol.abcdesktop.io", "example.org"]);
    guard.unregister();
}
