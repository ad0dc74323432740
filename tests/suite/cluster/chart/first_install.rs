//! A first install cannot block the cluster: until the first server is ready, only requests in guarded namespaces fail.

use hyper::Method;
use serde_json::{Value, json};

use super::{Release, configurations};
use crate::cluster::harness::api::Call;
use crate::cluster::harness::guard::create_namespace;
use crate::cluster::harness::plane::plane;
use crate::cluster::harness::scene::{create, pod};
use crate::cluster::harness::wait::until;

const NAME: &str = "chart-first";
const GUARDED: &str = "chart-first-guarded";

#[test]
fn no_request_outside_guarded_namespaces_fails_before_the_first_server() {
    let release = Release::new(NAME);
    create_namespace(GUARDED);
    create(GUARDED, &pod("before", &[("type", "x11server")]));
    release.install(&json!({"namespaces": [GUARDED]}), &[]);
    let dry = |namespace: &str| {
        plane().api.post(&format!("/api/v1/namespaces/{namespace}/pods?dryRun=All"), &pod("new", &[("type", "x11server")]))
    };
    until("requests in guarded namespaces fail", || {
        let reply = dry(GUARDED);
        (!reply.ok() && reply.message().contains("failed calling webhook")).then_some(())
    });

    // The servers, the objects that they need, and objects of other namespaces.
    for namespace in [NAME, "kube-system", "default"] {
        dry(namespace).expect(namespace);
    }
    create_namespace("chart-first-other");
    // Pods in a guarded namespace continue to run and can be deleted.
    let path = format!("/api/v1/namespaces/{GUARDED}/pods/before");
    let status = json!({"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}});
    plane().api.call(&Call::patch(format!("{path}/status"), "application/merge-patch+json", &status)).expect("the kubelet reports");
    let binding = json!({"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "before"}, "target": {"apiVersion": "v1", "kind": "Node", "name": "n1"}});
    plane().api.post(&format!("{path}/binding"), &binding).expect("the scheduler binds");
    plane().api.call(&Call::new(Method::DELETE, path).json(&json!({"gracePeriodSeconds": 0}))).expect("a pod is deleted");
    plane().api.call(&Call::new(Method::DELETE, format!("/api/v1/namespaces/{GUARDED}"))).expect("a namespace is deleted");
    until("the guarded namespace is gone", || (plane().api.get(&format!("/api/v1/namespaces/{GUARDED}")).status == 404).then_some(()));

    release.run("uninstall", &json!({}), &["--wait"]).expect("helm uninstall");
    assert_created_last_and_deleted_first();
}

/// Checks in the audit log of the API server that helm creates the webhook configurations last and deletes them first.
fn assert_created_last_and_deleted_first() {
    let text = std::fs::read_to_string(&plane().audit_log).expect("the API server's audit log");
    let done = |verbs: &[&str]| -> Vec<String> {
        let events = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let ours = events.filter(|event| {
            let of = &event["objectRef"];
            let mine = of["namespace"] == NAME || configurations_of(of);
            let by_helm = event["userAgent"].as_str().is_some_and(|agent| agent.starts_with("Helm"));
            // The release records of helm are Secrets.
            let record = of["name"].as_str().is_some_and(|name| name.starts_with("sh.helm"));
            mine && by_helm && !record && verbs.contains(&event["verb"].as_str().unwrap_or_default())
        });
        ours.map(|event| event["objectRef"]["resource"].as_str().unwrap_or_default().to_owned()).collect()
    };
    let configurations_first = ["validatingwebhookconfigurations", "mutatingwebhookconfigurations"];
    let gone = done(&["delete"]);
    assert_eq!(gone.iter().take(2).map(String::as_str).collect::<Vec<_>>(), configurations_first, "{gone:?}");
    let made = done(&["create", "patch"]);
    let at = |resource: &str| made.iter().position(|made| made == resource).unwrap_or_else(|| panic!("{resource} is not among {made:?}"));
    assert!(at("deployments") < at("mutatingwebhookconfigurations") && at("services") < at("validatingwebhookconfigurations"), "{made:?}");
}

fn configurations_of(reference: &Value) -> bool {
    let path = format!(
        "/apis/admissionregistration.k8s.io/v1/{}/{}",
        reference["resource"].as_str().unwrap_or_default(),
        reference["name"].as_str().unwrap_or_default()
    );
    configurations(&format!("{NAME}-abcdesktop-netpol")).contains(&path)
}
