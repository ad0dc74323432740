//! `netpol certs show` on a cluster.

use std::process::Command;

use serde_json::{Value, json};

use super::super::harness::plane::plane;
use super::super::harness::wait::until;
use super::fixture::Installed;

fn show(installed: &Installed, more: &[&str]) -> (Option<i32>, Value) {
    let secret = format!("{}/{}", installed.system, installed.name);
    let output = Command::new(env!("CARGO_BIN_EXE_netpol"))
        .args([
            "certs",
            "show",
            "--output",
            "json",
            "--tls-secret",
            &secret,
            "--registration",
            installed.name,
            "--namespace",
            installed.name,
        ])
        .args(more)
        .env_clear()
        .env("KUBECONFIG", plane().reaper.folder().join("admin.json"))
        .output()
        .expect("netpol starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!text.contains("PRIVATE"), "{text}");
    (output.status.code(), serde_json::from_str(&text).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr))))
}

#[test]
fn certificates_and_bundles_of_the_cluster_are_shown_and_verified() {
    let installed = Installed::new("shown");
    let (code, report) = show(&installed, &[]);
    assert_eq!(code, Some(1));
    let found = report["findings"].to_string();
    assert!(found.contains("the secret \\\"shown-system/shown\\\" does not exist"), "{found}");
    assert!(found.contains("the MutatingWebhookConfiguration \\\"shown\\\" does not exist"), "{found}");

    installed.register();
    let server = installed.replica();
    let address = format!("127.0.0.1:{}", server.port);
    until("everything is trusted", || (show(&installed, &[]).0 == Some(0)).then_some(()));
    let (code, report) = show(&installed, &["--connect", &address]);
    assert_eq!(code, Some(0), "{report}");
    let shown = report["certificates"].as_array().expect("certificates");
    assert_eq!(shown.len(), 2);
    assert_eq!(shown[0]["fingerprint"], shown[1]["fingerprint"], "the served certificate is the stored one");
    assert_eq!(report["trust"].as_array().map(Vec::len), Some(3), "the bundle of the secret and one of each configuration: {report}");

    // An overwritten bundle, before the server publishes it again.
    let path = format!("/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/{}", installed.name);
    let mut server = server;
    server.process.signal("STOP");
    let patch = json!([{"op": "remove", "path": "/webhooks/0/clientConfig/caBundle"}]);
    let call = super::super::harness::api::Call::patch(path, "application/json-patch+json", &patch);
    plane().api.call(&call).expect("the bundle is removed");
    let (code, report) = show(&installed, &[]);
    server.process.signal("CONT");
    assert!(code == Some(1) && report["findings"].to_string().contains("cannot be verified: the bundle contains no CA"), "{report}");
    until("the bundle is published again", || (show(&installed, &[]).0 == Some(0)).then_some(()));
}
