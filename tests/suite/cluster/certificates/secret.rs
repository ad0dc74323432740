//! A Secret that somebody laid hands on: healed, or refused with a sentence; never served broken.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use super::super::harness::load::Load;
use super::super::harness::netpol::Server;
use super::super::harness::plane::plane;
use super::super::harness::wait::until;
use super::fixture::Installed;

/// What `/readyz` says.
fn readiness(server: &Server) -> (bool, String) {
    let reply = server.admin.get("/readyz");
    (reply.ok(), reply.body.as_str().unwrap_or_default().to_owned())
}

/// Waits until there is a certificate in the Secret that is none of these, everything is trusted, and
/// every CA before it still is.
fn healed(installed: &Installed, before: &mut Vec<String>, cas: usize) {
    until("the secret is whole again", || {
        let (cert, bundle) = (installed.kept("tls.crt").filter(|cert| !cert.is_empty())?, installed.kept("ca.crt")?);
        let is_new = !before.contains(&cert);
        let is_published = installed.bundles().iter().all(|published| *published == bundle);
        (is_new && is_published && bundle.matches("BEGIN CERTIFICATE").count() == cas).then_some(())
    });
    before.push(installed.kept("tls.crt").expect("a certificate"));
}

#[test]
fn a_secret_that_is_deleted_or_garbled_is_made_whole_and_no_creation_fails() {
    let installed = Installed::new("mended");
    installed.register();
    let servers = [installed.replica(), installed.replica()];
    until("both replicas are ready", || (installed.forwarder.ready() == 2).then_some(()));
    installed.wait_until_asked();
    let load = Load::start(installed.name, "pod", 3, Duration::from_millis(150));
    let mut before = vec![installed.kept("tls.crt").expect("a certificate")];

    installed.delete_secret();
    healed(&installed, &mut before, 2);
    let owner = &installed.secret().expect("a secret")["metadata"]["ownerReferences"][0];
    assert_eq!((&owner["kind"], &owner["name"]), (&json!("Lease"), &json!(installed.name)), "whoever removes the lease removes the secret");
    // The certificate alone: the same CA signs another one.
    installed.patch_secret(&json!({"data": {"tls.crt": BASE64.encode("nonsense")}}));
    healed(&installed, &mut before, 2);
    // The CA's key: another CA is made, and made known before it signs.
    installed.patch_secret(&json!({"data": {"ca.key": BASE64.encode("nonsense")}}));
    healed(&installed, &mut before, 3);
    // Everything.
    installed.patch_secret(&json!({"data": {"ca.crt": "", "ca.key": "", "tls.crt": "", "tls.key": ""}}));
    healed(&installed, &mut before, 4);
    let enough = load.count() + 30;
    until("pods under the last certificate", || (load.count() >= enough).then_some(()));
    load.finish().assert_clean(50);
    for server in &servers {
        until("every replica is content", || readiness(server).0.then_some(()));
        assert!(server.metrics().contains("netpol_degraded{what=\"certificate\"} 0"));
    }
}

#[test]
fn a_secret_of_somebody_elses_is_left_alone_and_what_is_served_stays() {
    let installed = Installed::new("foreign");
    installed.register();
    let server = installed.replica();
    installed.wait_until_asked();
    let label = |value: Value| json!({"metadata": {"labels": {"app.kubernetes.io/managed-by": value}}});
    let stranger = json!({"tls.crt": BASE64.encode("theirs"), "tls.key": BASE64.encode("theirs")});
    installed.patch_secret(&label(json!("somebody")));
    installed.patch_secret(&json!({"data": stranger}));
    let sentence = until("it says whose secret it is", || {
        let text = readiness(&server).1;
        text.contains("was not made by netpol").then_some(text)
    });
    assert!(sentence.contains("what was served before it stays"), "{sentence}");
    assert!(readiness(&server).0, "what is served is trusted: {sentence}");
    let load = Load::start(installed.name, "pod", 2, Duration::from_millis(100));
    until("pods all the same", || (load.count() >= 40).then_some(()));
    load.finish().assert_clean(40);
    let theirs = installed.secret().expect("a secret");
    assert_eq!(theirs["data"]["tls.crt"], stranger["tls.crt"], "it is not written over");
    assert!(server.metrics().contains("netpol_degraded{what=\"certificate\"} 1"));
    assert!(server.metrics().contains("netpol_certificates_failures_total{cause=\"foreign\"}"));

    // A replica that has never had a certificate has nothing to serve, and says so.
    let mut late = installed.starting();
    let admin = until("its admin port is there", || late.line("the certificate is kept in a secret")).1;
    let late = late.into_server(0, admin);
    until("it says why it is not ready", || {
        let (ready, text) = readiness(&late);
        assert!(!ready, "{text}");
        (text.contains("was not made by netpol") && text.contains("the server has no certificate yet")).then_some(())
    });
    installed.delete_secret();
    until("it is ready as soon as the stranger's is gone", || readiness(&late).0.then_some(()));
    let mark = &installed.secret().expect("a secret")["metadata"]["labels"]["app.kubernetes.io/managed-by"];
    assert_eq!(*mark, json!("netpol"));
}

/// Why `caBundle` is patched and not applied: an entry of which one field was applied cannot be taken
/// away any more by whoever applies the rest of it.
#[test]
fn whoever_applies_a_registration_may_take_an_entry_out_of_it() {
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

    // Somebody who applies the bundle of both entries.
    let bundle = |name: &str| json!({"name": name, "clientConfig": {"caBundle": BASE64.encode(installed.kept("ca.crt").expect("a CA"))}});
    apply("helm", &config("applied", both.clone())).expect("it is applied");
    apply("bundler", &config("applied", json!([bundle(first), bundle(second)]))).expect("it is applied");
    let refused = apply("helm", &config("applied", json!([hook(first)])));
    assert!(!refused.ok && refused.stderr.contains("webhooks[1]"), "{}", refused.stderr);
    assert_eq!(count("applied"), 2);

    // And as the server does it.
    apply("helm", &config(installed.name, both)).expect("it is applied");
    until("both entries have the bundle", || {
        let hooks = plane().api.get(&format!("{path}/{}", installed.name)).expect("it is there")["webhooks"].clone();
        let named = |hook: &Value| [first, second].iter().any(|name| hook["name"] == *name) && hook["clientConfig"]["caBundle"].is_string();
        (hooks.as_array()?.iter().filter(|hook| named(hook)).count() == 2).then_some(())
    });
    let before = count(installed.name);
    apply("helm", &config(installed.name, json!([hook(first)]))).expect("it may take an entry out");
    assert_eq!(count(installed.name), before - 1);
}
