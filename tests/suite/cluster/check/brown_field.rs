//! A namespace that was used without a guard: one run of a check tells what is wrong, and its commands repair it.

use hyper::Method;
use serde_json::{Value, json};

use super::super::harness::api::Call;
use super::super::harness::guard::Guard;
use super::super::harness::plane::plane;
use super::super::harness::scene::{create, path, pod};
use super::run::{check, ids, section};

const MERGE: &str = "application/merge-patch+json";

fn change(namespace: &str, name: &str, patch: &Value) {
    let path = format!("{}/{name}", path(namespace, "networkpolicies"));
    plane().api.call(&Call::patch(path, MERGE, patch)).expect("a change");
}

#[test]
fn the_commands_of_one_check_end_in_all_ok() {
    let name = "brown-field";
    let guard = Guard::start(name, "abcdesktop", &[]);
    let scene = guard.scene();
    scene.given_policies("abcdesktop", &[]);
    // A default deny that a stranger opened: `kubectl apply` would keep the rule.
    change(name, "abcdesktop-rights", &json!({"spec": {"ingress": [{}]}}));
    change(name, "memcached-permits", &json!({"spec": {"egress": [{}]}}));
    let owner = json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "bait", "uid": "11111111-2222-3333-4444-555555555555"});
    let bait = plane().api.post(&path(name, "configmaps"), &json!({"metadata": {"name": "bait"}})).expect("an owner");
    let mut owner = owner;
    owner["uid"] = bait["metadata"]["uid"].clone();
    change(name, "memcached-rights", &json!({"metadata": {"ownerReferences": [owner]}}));
    change(name, "pyos-rights", &json!({"metadata": {"finalizers": ["example.com/hold"]}}));
    plane().api.call(&Call::new(Method::DELETE, format!("{}/nginx-rights", path(name, "networkpolicies")))).expect("a deletion");
    let open = json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "open"},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{}]}});
    create(name, &open);
    create(name, &pod("desktop", &[("type", "x11server"), ("access_token", "s3cret")]));
    create(name, &pod("thief", &[("app", "thief"), ("netpol/mongodb", "true")]));
    guard.register();
    let validating = format!("/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/{name}");
    let weaker = json!([{"op": "replace", "path": "/webhooks/0/failurePolicy", "value": "Ignore"}]);
    plane().api.call(&Call::patch(validating, "application/json-patch+json", &weaker)).expect("a weaker registration");

    let flags = ["--canon", "abcdesktop", "--registration", name];
    let sections = [&flags[..], &["--section", "policies,pods,registration,certificate,probe", "--output"]].concat();
    let found = check(name, &[&sections[..], &["json"]].concat());
    let report = found.json();
    assert_eq!(found.code, Some(1), "{report}");
    let mut expected = [
        ("policy-drift", "abcdesktop-rights"),
        ("policy-drift", "memcached-permits"),
        ("policy-owner", "memcached-rights"),
        ("policy-missing", "nginx-rights"),
        ("extra-policy", "open"),
        ("policy-finalizer", "pyos-rights"),
        ("registration-ignore", name),
        ("pod-lacks-label", "desktop"),
        ("ungranted-label", "thief"),
    ]
    .map(|(id, name)| (id.to_owned(), name.to_owned()));
    let mut ids = ids(&report);
    ids.sort();
    expected.sort();
    assert_eq!(ids, expected, "{report}");
    assert!(!found.out.contains("s3cret"), "{}", found.out);
    assert_eq!(section(&report, "certificate")["state"], "ok", "{report}");
    assert_eq!(section(&report, "probe")["state"], "ok");
    let drifted = &section(&report, "policies")["findings"][0];
    assert!(drifted["witness"].is_object() && drifted["differences"].is_array(), "{drifted}");

    // The text has the same commands. Each is pasted into a shell.
    let text = check(name, &[&sections[..], &["short"]].concat());
    let commands: Vec<&str> = text.out.lines().filter_map(|line| line.trim().strip_prefix("to fix it: ")).collect();
    assert_eq!(commands.len(), 9, "{}", text.out);
    for command in commands {
        let output = plane().kubectl.script(plane().reaper.folder(), command, &[]);
        assert!(output.ok, "{command}: {}{}", output.stdout, output.stderr);
    }
    let text = check(name, &[&sections[..], &["text"]].concat());
    assert!(text.code == Some(0) && text.out.ends_with("all ok\n"), "{}{}", text.out, text.err);
    let short = check(name, &[&sections[..], &["short"]].concat());
    assert_eq!((short.code, short.out.as_str()), (Some(0), ""));
}

#[test]
fn what_is_terminating_has_no_repair() {
    let guard = Guard::start("check-doomed", "abcdesktop", &[]);
    let scene = guard.scene();
    scene.given_policies("abcdesktop", &[]);
    let held = json!({"metadata": {"finalizers": ["example.com/hold"]}});
    change("check-doomed", "abcdesktop-rights", &held);
    let policy = format!("{}/abcdesktop-rights", path("check-doomed", "networkpolicies"));
    plane().api.call(&Call::new(Method::DELETE, policy)).expect("a deletion");
    let sections = ["--section", "policies", "--output", "json"];
    let report = check("check-doomed", &sections).json();
    assert_eq!(ids(&report), [("policy-doomed".to_owned(), "abcdesktop-rights".to_owned())]);
    let command = section(&report, "policies")["findings"][0]["command"].as_str().expect("a command").to_owned();
    let output = plane().kubectl.script(plane().reaper.folder(), &command, &[]);
    assert!(output.ok, "{command}: {}{}", output.stdout, output.stderr);
    assert_eq!(ids(&check("check-doomed", &sections).json()), []);
}
