//! Missing permissions: a part that cannot be read is not evaluated, never ok, and the missing rule is named.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::super::harness::guard::Guard;
use super::super::harness::plane::plane;
use super::run::{admin, check_as, section};

/// Returns a kubeconfig that acts as a user.
fn kubeconfig_of(user: &str) -> PathBuf {
    let mut config: Value = serde_json::from_str(&fs::read_to_string(admin()).expect("a kubeconfig")).expect("JSON");
    for entry in config["users"].as_array_mut().expect("users") {
        entry["user"]["as"] = json!(user);
        entry["user"]["as-groups"] = json!(["system:authenticated"]);
    }
    let path = plane().reaper.folder().join(format!("{user}.json"));
    fs::write(&path, config.to_string()).expect("a kubeconfig");
    path
}

/// Allows a user some verbs in a namespace, or in the cluster.
fn allow(user: &str, namespace: Option<&str>, name: &str, rule: &Value) {
    let (role, binding) = if namespace.is_some() { ("Role", "RoleBinding") } else { ("ClusterRole", "ClusterRoleBinding") };
    let name = format!("{user}-{name}");
    let group = "rbac.authorization.k8s.io";
    let metadata = json!({"name": name, "namespace": namespace});
    for manifest in [
        json!({"apiVersion": format!("{group}/v1"), "kind": role, "metadata": metadata, "rules": [rule]}),
        json!({"apiVersion": format!("{group}/v1"), "kind": binding, "metadata": metadata, "roleRef": {"apiGroup": group, "kind": role, "name": name},
            "subjects": [{"apiGroup": group, "kind": "User", "name": user}]}),
    ] {
        plane().kubectl.run(["apply", "-f", "-"], &manifest.to_string()).expect("a role");
    }
}

#[test]
fn a_part_that_may_not_be_read_is_not_evaluated_and_the_missing_rule_is_named() {
    let guard = Guard::start("check-rbac", "abcdesktop", &[]);
    let scene = guard.scene();
    scene.given_policies("abcdesktop", &[]);
    guard.register();
    let name = "check-rbac";
    let kubeconfig = kubeconfig_of("check-rbac-user");
    let run = || check_as(&kubeconfig, name, &["--output", "json"]);

    let nothing = run();
    let report = nothing.json();
    assert_eq!(nothing.code, Some(3), "{report}");
    for (section_name, rule) in [
        ("policies", "must allow the verb \"list\" on \"networkpolicies\" (apiGroup \"networking.k8s.io\")"),
        ("pods", "must allow the verb \"list\" on \"pods\" (apiGroup \"\")"),
        ("registration", "a ClusterRole must allow the verb \"get\" on \"mutatingwebhookconfigurations\""),
        ("certificate", "nothing says where the certificate is"),
        ("probe", "must allow the verb \"create\" on \"networkpolicies\""),
        ("neighbors", "a ClusterRole must allow the verb \"list\" on \"namespaces\" (apiGroup \"\")"),
        ("plugins", "a ClusterRole must allow the verb \"list\" on \"daemonsets\" (apiGroup \"apps\")"),
    ] {
        let section = section(&report, section_name);
        assert_eq!((&section["state"], section["findings"].as_array().map(Vec::len)), (&json!("not-evaluated"), Some(0)), "{section}");
        assert!(section["notEvaluated"][0].as_str().is_some_and(|reason| reason.contains(rule)), "{section}");
    }

    allow(
        "check-rbac-user",
        Some(name),
        "policies",
        &json!({"apiGroups": ["networking.k8s.io"], "resources": ["networkpolicies"], "verbs": ["list"]}),
    );
    allow("check-rbac-user", Some(name), "pods", &json!({"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}));
    let states = |report: &Value| ["policies", "pods", "probe"].map(|name| section(report, name)["state"].clone());
    super::super::harness::wait::until("the role is known", || {
        let report = run().json();
        (states(&report) == [json!("ok"), json!("ok"), json!("not-evaluated")]).then_some(())
    });

    // Findings outrank what is not evaluated.
    let policy = format!("/apis/networking.k8s.io/v1/namespaces/{name}/networkpolicies/abcdesktop-rights");
    guard.unregister();
    plane().api.call(&super::super::harness::api::Call::new(hyper::Method::DELETE, policy)).expect("a deletion");
    assert_eq!(run().code, Some(1));
}
