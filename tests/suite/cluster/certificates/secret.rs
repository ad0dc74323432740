//! A Secret that another client changed: netpol restores it or reports it, and never serves a damaged certificate.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use super::super::harness::load::Load;
use super::super::harness::netpol::Server;
use super::super::harness::plane::plane;
use super::super::harness::wait::until;
use super::fixture::Installed;

/// Returns whether the server is ready, and the text of `/readyz`.
fn readiness(server: &Server) -> (bool, String) {
    let reply = server.admin.get("/readyz");
    (reply.ok(), reply.body.as_str().unwrap_or_default().to_owned())
}

/// Waits until the Secret contains a new certificate and every webhook has its bundle, which contains `cas` CAs.
fn wait_until_restored(installed: &Installed, before: &mut Vec<String>, cas: usize) {
    until("the secret is restored", || {
        let (cert, bundle) = (installed.value("tls.crt").filter(|cert| !cert.is_empty())?, installed.value("ca.crt")?);
        let is_new = !before.contains(&cert);
        let is_published = installed.bundles().iter().all(|published| *published == bundle);
        (is_new && is_published && bundle.matches("BEGIN CERTIFICATE").count() == cas).then_some(())
    });
    before.push(installed.value("tls.crt").expect("a certificate"));
}

#[test]
fn a_deleted_or_damaged_secret_is_restored_and_no_pod_creation_fails() {
    let installed = Installed::new("mended");
    installed.register();
    let servers = [installed.replica(), installed.replica()];
    until("both replicas are ready", || (installed.forwarder.ready() == 2).then_some(()));
    installed.wait_until_called();
    let load = Load::start(installed.name, "pod", 3, Duration::from_millis(150));
    let mut before = vec![installed.value("tls.crt").expect("a certificate")];

    installed.delete_secret();
    wait_until_restored(&installed, &mut before, 2);
    let owner = &installed.secret().expect("a secret")["metadata"]["ownerReferences"][0];
    assert_eq!((&owner["kind"], &owner["name"]), (&json!("Lease"), &json!(installed.name)), "the lease owns the secret");
    // Only the certificate is damaged: the same CA signs a new one.
    installed.patch_secret(&json!({"data": {"tls.crt": BASE64.encode("nonsense")}}));
    wait_until_restored(&installed, &mut before, 2);
    // The key of the CA is damaged: a new CA is created, and published before it signs.
    installed.patch_secret(&json!({"data": {"ca.key": BASE64.encode("nonsense")}}));
    wait_until_restored(&installed, &mut before, 3);
    // Everything is lost.
    installed.patch_secret(&json!({"data": {"ca.crt": "", "ca.key": "", "tls.crt": "", "tls.key": ""}}));
    wait_until_restored(&installed, &mut before, 4);
    let enough = load.count() + 30;
    until("pods are created with the last certificate", || (load.count() >= enough).then_some(()));
    load.finish().assert_clean(50);
    for server in &servers {
        until("every replica is ready", || readiness(server).0.then_some(()));
        assert!(server.metrics().contains("netpol_degraded{what=\"certificate\"} 0"));
    }
}

#[test]
fn a_foreign_secret_is_not_changed_and_the_current_certificate_stays_in_use() {
    let installed = Installed::new("foreign");
    installed.register();
    let server = installed.replica();
    installed.wait_until_called();
    let label = |value: Value| json!({"metadata": {"labels": {"app.kubernetes.io/managed-by": value}}});
    let foreign = json!({"tls.crt": BASE64.encode("theirs"), "tls.key": BASE64.encode("theirs")});
    installed.patch_secret(&label(json!("another-tool")));
    installed.patch_secret(&json!({"data": foreign}));
    let sentence = until("/readyz reports the foreign secret", || {
        let text = readiness(&server).1;
        text.contains("is not managed by netpol").then_some(text)
    });
    assert!(sentence.contains("the current certificate stays in use"), "{sentence}");
    assert!(readiness(&server).0, "the served certificate is trusted: {sentence}");
    let load = Load::start(installed.name, "pod", 2, Duration::from_millis(100));
    until("pods are created", || (load.count() >= 40).then_some(()));
    load.finish().assert_clean(40);
    let theirs = installed.secret().expect("a secret");
    assert_eq!(theirs["data"]["tls.crt"], foreign["tls.crt"], "the secret is unchanged");
    assert!(server.metrics().contains("netpol_degraded{what=\"certificate\"} 1"));
    assert!(server.metrics().contains("netpol_certificates_failures_total{cause=\"foreign\"}"));

    // A replica that never had a certificate is not ready and reports the reason.
    let mut late = installed.starting();
    let admin = until("the admin port is open", || late.line("waiting for a certificate in the Secret")).1;
    let late = late.into_server(0, admin);
    until("/readyz reports the reason", || {
        let (ready, text) = readiness(&late);
        assert!(!ready, "{text}");
        (text.contains("is not managed by netpol") && text.contains("the server has no certificate yet")).then_some(())
    });
    installed.delete_secret();
    until("the replica is ready after the foreign secret is deleted", || readiness(&late).0.then_some(()));
    let mark = &installed.secret().expect("a secret")["metadata"]["labels"]["app.kubernetes.io/managed-by"];
    assert_eq!(*mark, json!("netpol"));
}

/// The reason why `caBundle` is patched and not applied: if one client applies one field of an entry, another client that applies
/// the rest can no longer remove the entry.
#[test]
fn a_client_that_applies_a_webhook_configuration_can_remove_an_entry() {
    let installed = Installed::new("co-owned");
    installed.register();
    let _server = installed.replica();
    let path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";
    let hook = |name: &str| {
        json!({
            "name": name, "admissionReviewVersions": ["v1"], "sideEffects": "None", "failurePolicy": "Ignore",
            "clientConfig": {"url": "https://127.0.0.1:1/"}, "rules": [],
        })
    };
    let api = "admissionregistration.k8s.io/v1";
    let config = |name: &str, hooks: Value| json!({"apiVersion": api, "kind": "ValidatingWebhookConfiguration", "metadata": {"name": name}, "webhooks": hooks});
    let apply = |manager: &str, manifest: &Value| {
        plane().kubectl.run(["apply", "--server-side", "--field-manager", manager, "--force-conflicts", "-f", "-"], &manifest.to_string())
    };
    let (first, second) = ("first.netpol.test", "second.netpol.test");
    let both = json!([hook(first), hook(second)]);
    let count = |name: &str| plane().api.get(&format!("{path}/{name}")).expect("it is there")["webhooks"].as_array().map_or(0, Vec::len);

    // A client that applies the bundle of both entries.
    let bundle = |name: &str| json!({"name": name, "clientConfig": {"caBundle": BASE64.encode(installed.value("ca.crt").expect("a CA"))}});
    apply("helm", &config("applied", both.clone())).expect("it is applied");
    apply("bundler", &config("applied", json!([bundle(first), bundle(second)]))).expect("it is applied");
    let refused = apply("helm", &config("applied", json!([hook(first)])));
    assert!(!refused.ok && refused.stderr.contains("webhooks[1]"), "{}", refused.stderr);
    assert_eq!(count("applied"), 2);

    // The server patches the bundle.
    apply("helm", &config(installed.name, both)).expect("it is applied");
    until("both entries have the bundle", || {
        let hooks = plane().api.get(&format!("{path}/{}", installed.name)).expect("it is there")["webhooks"].clone();
        let named = |hook: &Value| [first, second].iter().any(|name| hook["name"] == *name) && hook["clientConfig"]["caBundle"].is_string();
        (hooks.as_array()?.iter().filter(|hook| named(hook)).count() == 2).then_some(())
    });
    let before = count(installed.name);
    apply("helm", &config(installed.name, json!([hook(first)]))).expect("the entry can be removed");
    assert_eq!(count(installed.name), before - 1);
}
