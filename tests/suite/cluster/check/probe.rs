//! The probe on a real API server.

use hyper::Method;
use serde_json::{Value, json};

use super::super::harness::api::Call;
use super::super::harness::guard::{Guard, apply};
use super::super::harness::plane::plane;
use super::super::harness::scene::{create, path};
use super::super::harness::wait::until;
use super::run::{check, ids, section};

const PROBE: [&str; 4] = ["--section", "probe", "--output", "json"];

/// Softened enforcement is guarded too, an existing policy of the name makes no difference, and the audit log has nothing of it.
#[test]
fn a_registered_guard_denies_the_probe_and_records_nothing() {
    for (name, enforcement) in [("probe-deny", "deny"), ("probe-audit", "audit")] {
        let guard = Guard::start(name, "abcdesktop", &["--enforcement", enforcement, "--audit-level", "all"]);
        let unguarded = check(name, &PROBE);
        assert_eq!(unguarded.code, Some(1), "{}", unguarded.out);
        assert_eq!(ids(&unguarded.json()), [("probe-unguarded".to_owned(), name.to_owned())]);
        let canonical = guard.scene();
        canonical.given_policies("abcdesktop", &[]);
        let unguarded = check(name, &PROBE);
        assert_eq!(ids(&unguarded.json()), [("probe-unguarded".to_owned(), name.to_owned())], "a conflict is no denial");

        guard.register();
        let guarded = check(name, &PROBE);
        assert_eq!((guarded.code, &section(&guarded.json(), "probe")["state"]), (Some(0), &json!("ok")), "{}", guarded.out);
        let is_probe = |line: &serde_json::Value| {
            line["dryRun"] == true && line["kind"].as_str().is_some_and(|kind| kind.starts_with("NetworkPolicy"))
        };
        assert!(!guard.audit_lines().iter().any(is_probe), "a probe is not recorded");
        let metrics = guard.server.lock().unwrap().admin.get("/metrics").body;
        assert!(!metrics.as_str().unwrap_or_default().contains("rule=\"probe\""));
    }
}

/// A 403 that is not of a server proves nothing.
#[test]
fn a_denial_by_another_component_is_not_evaluated() {
    let guard = Guard::start("probe-quota", "abcdesktop", &[]);
    let name = &guard.namespaces[0];
    let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"},
        "spec": {"hard": {"count/networkpolicies.networking.k8s.io": "0"}}});
    create(name, &quota);
    until("the quota is known", || {
        let status = plane().api.get(&format!("/api/v1/namespaces/{name}/resourcequotas/none")).body;
        (!status["status"]["hard"].is_null()).then_some(())
    });
    let checked = check(name, &PROBE);
    let report = checked.json();
    assert_eq!((checked.code, &section(&report, "probe")["state"]), (Some(3), &json!("not-evaluated")), "{report}");
    let partial = check(name, &[&PROBE[..], &["--allow-partial"]].concat());
    assert_eq!(partial.code, Some(0));
}

/// Only a dry run is a probe: a user cannot keep a change out of the audit log with the annotation.
#[test]
fn a_change_with_the_annotation_is_judged_and_recorded() {
    let guard = Guard::registered("probe-hidden", &[]);
    let name = &guard.namespaces[0];
    let open = json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
        "metadata": {"name": "memcached-permits", "annotations": {"netpol.abcdesktop.io/probe": "0123abcd"}},
        "spec": {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{}]}});
    let reply = plane().api.post(&path(name, "networkpolicies"), &open);
    assert_eq!(reply.status, 403, "{}", reply.body);
    assert!(reply.message().contains("drifts"), "{}", reply.message());
    let recorded = || guard.audit_lines().iter().any(|line| line["name"] == "memcached-permits" && line["rule"] == "policy-drift");
    until("the denial is recorded", || recorded().then_some(()));
}

/// A user with every right in the namespace cannot make an unguarded namespace look guarded, or a guarded one unguarded.
#[test]
fn no_user_of_the_namespace_makes_the_probe_lie() {
    for (name, is_registered) in [("probe-lie-open", false), ("probe-lie-guarded", true)] {
        let guard = Guard::start(name, "abcdesktop", &["--enforcement", "audit"]);
        if is_registered {
            guard.register();
        }
        let group = "rbac.authorization.k8s.io";
        let binding = json!({"apiVersion": format!("{group}/v1"), "kind": "RoleBinding", "metadata": {"name": "mallory", "namespace": name},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"apiGroup": group, "kind": "User", "name": "mallory"}]});
        apply(&binding);
        let post = |resource: &str, object: &Value| {
            plane().api.call(&Call::new(Method::POST, path(name, resource)).json(object).by("mallory", &[]))
        };
        let state = || {
            let checked = check(name, &PROBE);
            section(&checked.json(), "probe")["state"].as_str().expect("a state").to_owned()
        };
        let expected: &[&str] = if is_registered { &["ok"] } else { &["finding", "not-evaluated"] };
        let assert_true = |trick: &str| {
            let state = state();
            assert!(expected.contains(&state.as_str()), "{trick}: {state}");
        };
        assert_true("no trick");

        // Every name that a probe can have, with a forged annotation: the value of the next probe is not known.
        let open = json!({"podSelector": {}, "policyTypes": ["Ingress", "Egress"], "ingress": [{}], "egress": [{}]});
        let names = ["abcdesktop-cleaner-permits", "abcdesktop-rights", "memcached-permits", "memcached-rights", "pyos-rights"];
        let made = names.iter().filter(|policy| {
            let metadata = json!({"name": policy, "annotations": {"netpol.abcdesktop.io/probe": "0123abcd"}});
            post(
                "networkpolicies",
                &json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": open}),
            )
            .ok()
        });
        until("the role counts", || (made.clone().count() > 0).then_some(()));
        assert_true("policies with the annotation");

        // What else answers with 403, with words of a probe in its name.
        let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "probe-0123abcd"},
            "spec": {"hard": {"count/networkpolicies.networking.k8s.io": "0"}}});
        post("resourcequotas", &quota).expect("a quota");
        until("the quota is known", || {
            let status = plane().api.get(&format!("{}/probe-0123abcd", path(name, "resourcequotas"))).body;
            (!status["status"]["hard"].is_null()).then_some(())
        });
        assert_true("a quota");

        // Labels and annotations of the namespace.
        let patch = json!({"metadata": {"labels": {"netpol.abcdesktop.io/probe": "0123abcd", "pod-security.kubernetes.io/enforce": "restricted"},
            "annotations": {"netpol.abcdesktop.io/probe": "0123abcd"}}});
        let call = Call::patch(format!("/api/v1/namespaces/{name}"), "application/merge-patch+json", &patch).by("mallory", &[]);
        plane().api.call(&call).expect("a change of the namespace");
        assert_true("labels and annotations");
        let relabel = json!({"metadata": {"labels": {"kubernetes.io/metadata.name": "other"}}});
        let call = Call::patch(format!("/api/v1/namespaces/{name}"), "application/merge-patch+json", &relabel).by("mallory", &[]);
        plane().api.call(&call);
        assert_true("the name label");
    }
}
