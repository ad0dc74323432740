//! Report mode: everything is said, and nothing is changed.

use hyper::Method;
use serde_json::json;

use super::super::harness::api::Call;
use super::super::harness::guard::Guard;
use super::super::harness::plane::plane;
use super::super::harness::scene::{create, get, list, path, pod};
use super::super::harness::wait::until;
use super::process::{Controller, event, events, install_reports};

#[test]
fn what_the_webhook_did_not_see_is_in_events_metrics_log_and_report_and_stays_as_it_is() {
    install_reports();
    let name = "drift-report";
    let guard = Guard::start(name, "abcdesktop", &[]);
    let scene = guard.scene();
    scene.given_policies("abcdesktop", &[]);
    let controller = Controller::start(name, &["--probe-interval", "1s"]);
    // Nobody registered the guard.
    event(name, "netpol-controller", "ProbeFailed");
    event(name, "netpol-controller", "RegistrationWeakened");
    guard.register();
    until("the probe is denied", || controller.metrics().contains("netpol_probe{result=\"guarded\"} 1").then_some(()));
    until("nothing is found", || (controller.metric("netpol_findings{section=\"registration\"}") == Some(0.0)).then_some(()));
    assert_eq!(controller.metric("netpol_findings{section=\"policies\"}"), Some(0.0));

    guard.unregister();
    let policy = format!("{}/memcached-permits", path(name, "networkpolicies"));
    let wider = json!({"spec": {"egress": [{}]}});
    plane().api.call(&Call::patch(&policy, "application/merge-patch+json", &wider)).expect("a change");
    plane().api.call(&Call::new(Method::DELETE, format!("{}/nginx-rights", path(name, "networkpolicies")))).expect("a deletion");
    create(name, &pod("directory", &[("run", "openldap-od"), ("password", "s3cret")]));
    let drifted = event(name, "memcached-permits", "DriftDetected");
    assert!(drifted.contains("does not mean what the canon says"), "{drifted}");
    event(name, "nginx-rights", "PolicyMissing");
    let lacking = event(name, "directory", "PodNotLabeled");
    assert!(lacking.contains("netpol/dns"), "{lacking}");
    until("both are counted", || (controller.metric("netpol_findings{section=\"policies\"}") == Some(2.0)).then_some(()));

    let report = || plane().api.get(&format!("/apis/openreports.io/v1alpha1/namespaces/{name}/reports/netpol")).body;
    let has = |rule: &str| report()["results"].as_array().is_some_and(|all| all.iter().any(|result| result["policy"] == rule));
    until("the report has them", || (has("policy-drift") && has("policy-missing") && has("pod-lacks-label")).then_some(()));
    assert_eq!(report()["summary"]["fail"].as_u64().map(|failed| failed >= 3), Some(true), "{}", report());

    // Nothing was written, and no secret is in what was said.
    assert_eq!(list(name, "networkpolicies").len(), 26);
    assert_eq!(get(name, "networkpolicies", "memcached-permits")["spec"]["egress"], json!([{}]));
    assert!(get(name, "pods", "directory")["metadata"]["labels"]["netpol/dns"].is_null());
    let said = format!("{:?}{}{}{}", events(name, ""), controller.log(), controller.metrics(), report());
    assert!(!said.contains("s3cret"), "a label value is in what the controller says");
    assert!(events(name, "").iter().all(|(reason, _)| !reason.contains("Repaired") && reason != "PodLabeled"));
}
