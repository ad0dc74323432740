//! The service accounts and images of running pods.

use hyper::Method;
use serde_json::{Value, json};

use super::super::harness::api::Call;
use super::super::harness::guard::{create_namespace, write_canon};
use super::super::harness::plane::plane;
use super::super::harness::relay::{Failure, Relay};
use super::super::harness::scene::{create, list, path, pod};
use super::super::harness::wait::until;
use super::process::{Controller, event, events};

const NAME: &str = "drift-programs";
const COUNT: &str = "netpol_findings_by_id{section=\"pods\",id=\"account-or-image-not-allowed\",severity=\"error\"}";
const SKIPPED: &str = "netpol_not_evaluated{section=\"pods\"}";

/// Creates a pod of the grant, which has a secret.
fn running(name: &str, account: &str, image: &str) {
    let mut pod = pod(name, &[("run", "pyos-od"), ("access_token", "s3cret")]);
    pod["spec"]["serviceAccountName"] = json!(account);
    pod["spec"]["automountServiceAccountToken"] = json!(false);
    pod["spec"]["containers"][0]["image"] = json!(image);
    create(NAME, &pod);
}

fn canon() -> String {
    let policy = json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "all"},
        "spec": {"podSelector": {}, "ingress": [{"from": [{"podSelector": {"matchLabels": {"netpol/api": "true"}}}]}]}});
    let grant = json!({"name": "pyos", "podSelector": {"matchLabels": {"run": "pyos-od"}}, "labels": {"netpol/api": "true"},
        "claims": {"users": ["nobody"]}, "serviceAccountName": "pyos", "images": ["registry.example/*"]});
    let grants = json!({"apiVersion": "netpol.abcdesktop.io/v1alpha1", "kind": "Grants", "metadata": {"name": "own"}, "grants": [grant]});
    write_canon(NAME, &[policy, grants])
}

#[test]
fn a_pod_that_runs_what_its_grant_does_not_allow_is_told_until_it_is_gone_and_never_changed() {
    create_namespace(NAME);
    running("older", "default", "registry.example/c");
    running("good", "pyos", "registry.example/c");
    let relay = Relay::start(&plane().api);
    let mut controller = Controller::behind(&relay, &canon(), NAME, &["--mode", "repair", "--claims", "deny"]);
    let note = event(NAME, "older", "PodNotAllowed");
    assert!(note.contains("only for service account pyos"), "{note}");
    let counted = |number: f64| until(&format!("{number} are counted"), || (controller.metric(COUNT) == Some(number)).then_some(()));
    counted(1.0);
    assert_eq!(relay.seen(&["watch=true", "labelSelector"]).len(), 1, "one watch");

    // A younger pod, and an image that changes.
    running("younger", "pyos", "elsewhere.example/c");
    let note = event(NAME, "younger", "PodNotAllowed");
    assert!(note.contains("elsewhere.example/c") && note.contains("registry.example/*"), "{note}");
    counted(2.0);
    let image = |image: &str| {
        let patch = json!([{"op": "replace", "path": "/spec/containers/0/image", "value": image}]);
        let target = format!("{}/good", path(NAME, "pods"));
        plane().api.call(&Call::patch(target, "application/json-patch+json", &patch)).expect("a change");
    };
    image("elsewhere.example/c");
    counted(3.0);
    image("registry.example/c");
    counted(2.0);

    // What is not known is not evaluated, and is no finding.
    relay.fail("labelSelector", Failure::Status(403));
    relay.cut();
    until("programs are not evaluated", || (controller.metric(SKIPPED) > Some(0.0)).then_some(()));
    counted(0.0);
    assert!(controller.state().contains("pods-of-limited-grants"), "{}", controller.state());
    relay.heal();
    until("programs are known again", || (controller.metric(SKIPPED) == Some(0.0)).then_some(()));
    counted(2.0);

    for name in ["older", "younger"] {
        plane().api.call(&Call::new(Method::DELETE, format!("{}/{name}", path(NAME, "pods")))).expect("a deletion");
    }
    counted(0.0);
    // The policy of the canon was created; no pod was changed, not even to get its label.
    let pods: Vec<Value> = list(NAME, "pods");
    assert!(pods.iter().all(|pod| pod["metadata"]["labels"]["netpol/api"].is_null()), "who created them is not known");
    assert_eq!(relay.writes().iter().filter(|seen| seen.line.contains("/pods")).count(), 0);
    let said = format!("{:?}{}{}", events(NAME, ""), controller.log(), controller.metrics());
    assert!(!said.contains("s3cret"), "a label value is in what the controller says");
    controller.assert_healthy();
}
