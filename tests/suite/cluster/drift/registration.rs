//! A registration that is deleted, weakened or broken while servers run: the controller says it within two probes, and `check` says it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hyper::Method;
use serde_json::{Value, json};

use super::super::check::run::{check, ids};
use super::super::harness::api::Call;
use super::super::harness::guard::{Guard, apply};
use super::super::harness::pki::Authority;
use super::super::harness::plane::plane;
use super::super::harness::wait::until;
use super::process::Controller;

const NAME: &str = "drift-registration";

fn configurations() -> [String; 2] {
    ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"]
        .map(|kind| format!("/apis/admissionregistration.k8s.io/v1/{kind}/{NAME}"))
}

/// Changes every webhook.
fn change(change: &dyn Fn(&mut Value)) {
    for path in configurations() {
        let mut configuration = plane().api.get(&path).expect("a configuration");
        configuration["webhooks"].as_array_mut().expect("webhooks").iter_mut().for_each(change);
        plane().api.call(&Call::new(Method::PUT, path).json(&configuration)).expect("a change");
    }
}

/// Returns what the controller knows to be wrong with the registration, from watching it, and from the probe.
fn known(controller: &Controller) -> (bool, &'static str) {
    let found = controller.metric("netpol_findings{section=\"registration\"}") > Some(0.0);
    let probes = ["guarded", "unguarded", "unknown"];
    let is_last = |word: &&str| controller.metric(&format!("netpol_probe{{result=\"{word}\"}}")) == Some(1.0);
    (found, probes.into_iter().find(is_last).unwrap_or_default())
}

#[test]
fn each_weakness_of_a_registration_is_found_by_the_controller_and_by_check() {
    let guard = Guard::registered(NAME, &[]);
    guard.scene().given_policies("abcdesktop", &[]);
    let controller = Controller::start(NAME, &["--probe-interval", "1s"]);
    let checked = || {
        let flags = ["--canon", "abcdesktop", "--registration", NAME, "--section", "registration,certificate,probe", "--output", "json"];
        let checked = check(NAME, &flags);
        let ids: Vec<String> = ids(&checked.json()).into_iter().map(|(id, _)| id).collect();
        (checked.code, ids)
    };
    let is_good = || until("all is well", || (known(&controller) == (false, "guarded")).then_some(()));
    is_good();
    assert_eq!(checked(), (Some(0), Vec::new()));

    // Deleted.
    for path in configurations() {
        plane().api.call(&Call::new(Method::DELETE, path)).expect("a deletion");
    }
    until("it is missing", || (known(&controller) == (true, "unguarded")).then_some(()));
    let (code, found) = checked();
    assert!(
        code == Some(1) && found.contains(&"registration-missing".to_owned()) && found.contains(&"probe-unguarded".to_owned()),
        "{found:?}"
    );
    guard.register();
    is_good();

    // A condition that nothing meets.
    change(&|webhook| {
        let never = json!({"name": "never", "expression": "false"});
        match webhook.get_mut("matchConditions").and_then(Value::as_array_mut) {
            Some(conditions) => conditions.push(never),
            None => webhook["matchConditions"] = json!([never]),
        }
    });
    until("it is weakened", || (known(&controller) == (true, "unguarded")).then_some(()));
    let (code, found) = checked();
    assert!(code == Some(1) && found.iter().any(|id| id.starts_with("registration-")), "{found:?}");
    again(&guard);
    is_good();

    // A CA that did not sign the certificate of the servers.
    let stranger = Authority::new("stranger").expect("an authority").pem;
    let encoded = BASE64.encode(stranger);
    change(&|webhook| webhook["clientConfig"]["caBundle"] = json!(encoded));
    until("the servers are not trusted", || (known(&controller).1 == "unknown").then_some(()));
    let (code, found) = checked();
    assert!(code == Some(1) && found.contains(&"certificate-not-trusted".to_owned()), "{found:?}");
    again(&guard);
    is_good();

    // A Service that does not exist.
    change(&|webhook| {
        let ca = webhook["clientConfig"]["caBundle"].clone();
        webhook["clientConfig"] = json!({"service": {"namespace": NAME, "name": "nowhere", "path": "/validate"}, "caBundle": ca});
    });
    until("nobody answers", || (known(&controller) == (true, "unknown")).then_some(()));
    let (code, found) = checked();
    assert!(code == Some(1) && found.contains(&"registration-endpoint".to_owned()), "{found:?}");
    again(&guard);
    is_good();
}

/// Replaces the registration by that of the guard.
fn again(guard: &Guard) {
    for path in configurations() {
        plane().api.call(&Call::new(Method::DELETE, path)).expect("a deletion");
    }
    for manifest in guard.registration() {
        apply(&manifest);
    }
}
