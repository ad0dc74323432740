//! Private keys are in the Secret and nowhere else.

use std::fs;

use super::super::harness::netpol::Starting;
use super::super::harness::plane::plane;
use super::super::harness::wait::until;
use super::fixture::{Installed, KINDS};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::json;

const KEYS: [&str; 3] = ["tls.key", "ca.key", "next-ca.key"];

/// Adds the private keys of the Secret to a list.
fn collect(installed: &Installed, keys: &mut Vec<String>) {
    let fresh = KEYS.iter().filter_map(|key| installed.value(key)).filter(|key| !key.is_empty());
    keys.extend(fresh.collect::<Vec<_>>());
    keys.sort();
    keys.dedup();
}

#[test]
fn no_log_error_event_or_response_contains_a_private_key() {
    let installed = Installed::new("unseen");
    installed.register();
    // The most verbose log level.
    let flags = [installed.flags(), vec!["--log".to_owned(), "debug,kube_client=trace,rustls=trace".to_owned()]].concat();
    let mut starting = Starting::new(installed.name, &flags, Some(&installed.kubeconfig()));
    let (port, admin) = until("the server has a certificate", || starting.line("ready"));
    let server = starting.into_server(port, admin);
    installed.forwarder.add(server.port, &server.admin);
    installed.wait_until_called();
    let mut keys = Vec::new();
    collect(&installed, &mut keys);
    installed.renew("leaf");
    collect(&installed, &mut keys);
    installed.renew("ca");
    collect(&installed, &mut keys);
    // An immutable Secret, and a deleted one.
    installed.patch_secret(&json!({"immutable": true, "metadata": {"annotations": {"netpol.abcdesktop.io/renew": "leaf"}}}));
    until("/readyz reports the rejected update", || {
        let reply = server.admin.get("/readyz");
        reply.body.as_str()?.contains("the API server rejects the request to update the secret").then_some(())
    });
    installed.delete_secret();
    until("there is a new secret", || installed.value("tls.crt").filter(|cert| !cert.is_empty()));
    collect(&installed, &mut keys);
    installed.patch_secret(&json!({"data": {"tls.crt": BASE64.encode("nonsense")}}));
    until("the secret is restored", || installed.value("tls.crt").filter(|cert| cert.contains("BEGIN CERTIFICATE")));
    collect(&installed, &mut keys);
    assert!(keys.len() >= 6, "only {} keys were found", keys.len());

    let events = plane().kubectl.run(["get", "events", "--all-namespaces", "--output", "json"], "").expect("events");
    let configurations =
        KINDS.map(|kind| plane().api.get(&format!("/apis/admissionregistration.k8s.io/v1/{kind}/{}", installed.name)).body);
    let outputs = [
        ("log", fs::read_to_string(&server.process.log).expect("a log")),
        ("audit log", fs::read_to_string(&server.audit_log).expect("an audit log")),
        ("metrics", server.metrics()),
        ("readiness", server.admin.get("/readyz").body.to_string()),
        ("the API server's audit log", fs::read_to_string(&plane().audit_log).expect("an audit log")),
        ("events", events),
        ("registrations", json!(configurations).to_string()),
    ];
    for (what, text) in &outputs {
        assert!(!text.contains("PRIVATE KEY"), "a private key is in the {what}");
        for key in &keys {
            let secret_line = key.lines().nth(1).expect("a key has lines");
            let encoded = BASE64.encode(key);
            for part in [secret_line, &encoded[..60], &BASE64.encode(secret_line)[..40]] {
                assert!(!text.contains(part), "a private key is in the {what}");
            }
        }
    }
    assert!(outputs[0].1.len() > 10_000, "the log is verbose");
}
