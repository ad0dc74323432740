//! Values of labels are secret: none is in anything that the controller says, however objects are made up.

use std::hash::{BuildHasher, RandomState};

use hyper::Method;
use serde_json::{Value, json};

use super::super::harness::api::Call;
use super::super::harness::guard::Guard;
use super::super::harness::plane::plane;
use super::super::harness::scene::{create, list, path, pod};
use super::super::harness::wait::until;
use super::process::{Controller, event, events, install_reports};

/// In each secret.
const MARK: &str = "s3cr";

/// Returns a random value for a label.
fn secret() -> String {
    let random = RandomState::new().hash_one(MARK);
    // The case of letters differs, because a text may be written in lower case.
    format!("{MARK}-{random:x}.{:X}", random.rotate_left(17))
}

/// Returns a pod with secrets wherever an object can have them. `number` chooses what is wrong with it.
fn planted(number: usize) -> Value {
    let name = format!("planted-{number}");
    let mut planted = match number % 5 {
        0 => pod(&name, &[("run", "openldap-od")]),
        1 => pod(&name, &[("type", "x11server")]),
        2 => pod(&name, &[("app", "x"), ("netpol/mongodb", "true")]),
        3 => pod(&name, &[("run", "pyos-od"), ("type", "x11server")]),
        _ => pod(&name, &[("run", "memcached-od")]),
    };
    let metadata = &mut planted["metadata"];
    for key in ["access_token", "example.com/cookie", "name", "k8s-app"] {
        metadata["labels"][key] = json!(secret());
    }
    if number.is_multiple_of(3) {
        metadata["labels"]["run"] = json!(secret());
    }
    if number.is_multiple_of(4) {
        metadata["labels"][format!("netpol/unknown-{number}")] = json!(secret());
    }
    metadata["annotations"] = json!({"example.com/session": secret(), "netpol.abcdesktop.io/note": secret()});
    planted["spec"]["hostNetwork"] = json!(number.is_multiple_of(7));
    planted
}

#[test]
fn no_value_of_a_label_is_in_anything_that_is_said() {
    install_reports();
    let name = "drift-secrets";
    let guard = Guard::start(name, "abcdesktop", &[]);
    let scene = guard.scene();
    scene.given_policies("abcdesktop", &[]);
    for number in 0..60 {
        create(name, &planted(number));
    }
    // The policies, too, and the names of owners.
    let owner = secret().to_lowercase();
    let bait = plane().api.post(&path(name, "configmaps"), &json!({"metadata": {"name": owner}})).expect("an owner");
    let metadata = json!({"metadata": {
        "labels": {"example.com/token": secret()},
        "annotations": {"example.com/token": secret()},
        "ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": owner, "uid": bait["metadata"]["uid"]}],
    }});
    let policy = format!("{}/memcached-permits", path(name, "networkpolicies"));
    plane().api.call(&Call::patch(&policy, "application/merge-patch+json", &metadata)).expect("a change");
    plane().api.call(&Call::new(Method::DELETE, format!("{}/nginx-rights", path(name, "networkpolicies")))).expect("a deletion");

    let mut said = Vec::new();
    for mode in ["report", "repair"] {
        let controller = Controller::start(name, &["--mode", mode, "--probe-interval", "1s", "--log", "debug"]);
        for planted in ["planted-1", "planted-2", "planted-3"] {
            event(name, planted, "PodNotLabeled");
        }
        until("the report is written", || reports(name).contains("pod-lacks-label").then_some(()));
        if mode == "repair" {
            event(name, "nginx-rights", "DriftRepaired");
            event(name, "memcached-permits", "DriftRepaired");
            event(name, "planted-5", "PodLabeled");
        }
        said.extend([controller.log(), controller.metrics(), controller.state(), reports(name)]);
    }
    said.extend(events(name, "").into_iter().map(|(_, note)| note));
    let live = list(name, "pods");
    assert!(live.iter().filter(|pod| pod.to_string().contains(MARK)).count() >= 60, "the secrets are there");
    let lines: Vec<&str> = said.iter().flat_map(|text| text.lines()).filter(|line| line.to_lowercase().contains(MARK)).collect();
    assert!(lines.is_empty(), "a secret was said: {lines:#?}");

    // `kubectl describe pod` finds events by the uid.
    let described = plane().kubectl.run(["describe", "pod", "planted-2", "--namespace", name], "");
    assert!(described.stdout.contains("PodNotLabeled"), "{}", described.stdout);
}

fn reports(name: &str) -> String {
    plane().api.get(&format!("/apis/openreports.io/v1alpha1/namespaces/{name}/reports/netpol")).body.to_string()
}
