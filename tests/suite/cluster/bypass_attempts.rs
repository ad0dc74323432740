//! Attempts to bypass the guard. Each fails because of the guard or of the API server itself.

use hyper::Method;
use serde_json::{Value, json};

use super::harness::act::{call, kubectl};
use super::harness::api::Call;
use super::harness::guard::{Guard, apply, rendered, scene, write_canon};
use super::harness::netpol::Server;
use super::harness::plane::plane;
use super::harness::scene::{capabilities, create, list, path, pod};
use super::harness::wait::until;

const MERGE: &str = "application/merge-patch+json";

/// Returns a pod with an ungranted label.
fn thief(name: &str) -> Value {
    pod(name, &[("app", "thief"), ("netpol/mongodb", "true")])
}

#[test]
fn a_forged_deletion_timestamp_does_not_bypass_the_checks() {
    let scene = scene();
    let forged = json!("2026-01-01T00:00:00Z");
    let mut deleted = thief("deleted");
    deleted["metadata"]["deletionTimestamp"] = forged.clone();
    deleted["metadata"]["deletionGracePeriodSeconds"] = json!(0);
    scene.denied(&kubectl("create -f -").stdin(&deleted), &["netpol/mongodb"]);
    // The API server clears the field at creation before it calls webhooks, so the labels are added.
    let mut desktop = pod("desktop", &[("type", "x11server")]);
    desktop["metadata"]["deletionTimestamp"] = forged.clone();
    scene.admitted(&kubectl("create -f -").stdin(&desktop));
    assert_eq!(scene.capabilities("desktop"), ["ocuser"]);

    scene.given(&pod("app", &[("app", "any")]));
    for subresource in ["", "/status"] {
        let patch = json!({"metadata": {"deletionTimestamp": forged, "labels": {"netpol/mongodb": "true"}}});
        let act = call(Call::patch(format!("{}/app{subresource}", path("{ns}", "pods")), MERGE, &patch));
        let result = act.run(&scene.guarded, false);
        // The API server may reject the request before it calls the webhook. Either way no label is added.
        assert!(!result.ok, "{act}: {}", result.stdout);
        assert!(scene.capabilities("app").is_empty(), "after {act}");
    }
}

#[test]
fn a_new_namespace_is_guarded_from_the_start() {
    for _ in 0..3 {
        let fresh = scene();
        let reply = plane().api.post(&path(&fresh.guarded, "pods"), &thief("first"));
        assert!(reply.message().contains("denied the request"), "{} {}", reply.status, reply.message());
        assert!(plane().api.post(&path(&fresh.open, "pods"), &thief("first")).ok());
    }
}

#[test]
fn a_recreated_namespace_is_guarded() {
    let scene = scene();
    let itself = format!("/api/v1/namespaces/{}", scene.guarded);
    plane().api.call(&Call::new(Method::DELETE, &itself)).expect("a deletion");
    until("the namespace is gone", || (plane().api.get(&itself).status == 404).then_some(()));
    super::harness::guard::create_namespace(&scene.guarded);
    scene.denied(&kubectl("create -f -").stdin(&thief("first")), &["netpol/mongodb"]);
}

/// A slow pod in a terminating namespace keeps its policies.
#[test]
fn policies_stay_until_the_last_pod_is_gone() {
    let scene = scene();
    scene.given_policies("abcdesktop", &["memcached-permits", "memcached-rights"]);
    let mut slow = pod("slow", &[("run", "memcached-od")]);
    slow["metadata"]["finalizers"] = json!(["example.com/later"]);
    create(&scene.guarded, &slow);
    let [namespace, other] = [&scene.guarded, &scene.open].map(|name| format!("/api/v1/namespaces/{name}"));
    for deleted in [&namespace, &other] {
        plane().api.call(&Call::new(Method::DELETE, deleted)).expect("a deletion");
    }
    until("the pod is terminating", || scene.get("pods", "slow")["metadata"]["deletionTimestamp"].is_string().then_some(()));
    until("the namespace without a slow pod is gone", || (plane().api.get(&other).status == 404).then_some(()));
    assert_eq!(list(&scene.guarded, "networkpolicies").len(), 2);
    let ends = json!({"metadata": {"finalizers": null}});
    plane().api.call(&Call::patch(format!("{}/slow", path(&scene.guarded, "pods")), MERGE, &ends)).expect("the finalizer is removed");
    until("the namespace is gone", || (plane().api.get(&namespace).status == 404).then_some(()));
}

/// The registration selects namespaces by a label that the API server sets itself.
#[test]
fn the_name_label_of_a_namespace_cannot_be_changed() {
    let scene = scene();
    let namespace = format!("/api/v1/namespaces/{}", scene.guarded);
    let other = json!({"metadata": {"labels": {"kubernetes.io/metadata.name": "elsewhere"}}});
    let none = json!({"metadata": {"labels": {"kubernetes.io/metadata.name": null}}});
    for patch in [&other, &none] {
        for subresource in ["", "/status"] {
            let _ = plane().api.call(&Call::patch(format!("{namespace}{subresource}"), MERGE, patch));
            let name = &plane().api.get(&namespace).body["metadata"]["labels"]["kubernetes.io/metadata.name"];
            assert_eq!(name, &json!(scene.guarded));
        }
    }
    scene.denied(&kubectl("create -f -").stdin(&thief("thief")), &["netpol/mongodb"]);
}

#[test]
fn mismatched_names_are_rejected() {
    let scene = scene();
    scene.given_policies("abcdesktop", &["memcached-permits"]);
    scene.given(&pod("app", &[("app", "any")]));
    let binding = |name: &str, namespace: &Value| {
        json!({
            "apiVersion": "v1", "kind": "Binding", "metadata": {"name": name, "namespace": namespace, "labels": {"netpol/dns": "true"}},
            "target": {"apiVersion": "v1", "kind": "Node", "name": "n1"},
        })
    };
    let policies = path("{ns}", "networkpolicies");
    let policy = |name: &str| {
        let spec = json!({"podSelector": {}, "policyTypes": ["Egress"], "egress": [{}]});
        json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": name}, "spec": spec})
    };
    let bind = format!("{}/app/binding", path("{ns}", "pods"));
    let tries = [
        (Call::new(Method::POST, &bind).json(&binding("other", &json!(null))), 400),
        (Call::new(Method::POST, &bind).json(&binding("app", &json!("default"))), 400),
        (Call::new(Method::PUT, format!("{policies}/not-there")).json(&policy("not-there")), 404),
        (Call::new(Method::PUT, format!("{policies}/memcached-permits/status")).json(&policy("memcached-permits")), 404),
        (Call::new(Method::POST, &policies).json(&policy("Memcached-permits")), 422),
    ];
    for (tried, status) in tries {
        let mut here = tried.clone();
        here.path = here.path.replace("{ns}", &scene.guarded);
        let reply = plane().api.call(&here);
        assert_eq!(reply.status, status, "{} {}: {}", tried.method, tried.path, reply.message());
    }
    assert!(scene.capabilities("app").is_empty());
}

/// A `MutatingAdmissionPolicy` runs before webhooks. Its result is judged.
#[test]
fn labels_that_a_mutating_policy_adds_are_judged() {
    let api = "/apis/admissionregistration.k8s.io/v1/mutatingadmissionpolicies";
    if !plane().api.get(api).ok() {
        // Older API servers do not have MutatingAdmissionPolicy.
        return;
    }
    let scene = scene();
    let names = json!({"matchLabels": {"kubernetes.io/metadata.name": scene.guarded}});
    let rule = json!({"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["pods"]});
    let added = "[JSONPatch{op: 'add', path: '/metadata/labels/netpol~1mongodb', value: 'true'}]";
    let policy = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingAdmissionPolicy", "metadata": {"name": scene.guarded},
        "spec": {
            "failurePolicy": "Fail", "reinvocationPolicy": "Never",
            "matchConstraints": {"namespaceSelector": names, "resourceRules": [rule]},
            "matchConditions": [{"name": "app", "expression": "has(object.metadata.labels) && 'app' in object.metadata.labels"}],
            "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": added}}],
        },
    });
    let binding = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingAdmissionPolicyBinding", "metadata": {"name": scene.guarded},
        "spec": {"policyName": scene.guarded},
    });
    create(&scene.guarded, &pod("before", &[("app", "any")]));
    apply(&policy);
    apply(&binding);
    let innocent = pod("innocent", &[("app", "any")]);
    let result = until("the policy adds its label, which is denied", || {
        let result = kubectl("create -f -").stdin(&innocent).run(&scene.guarded, true);
        (!result.ok).then_some(result)
    });
    assert!(result.text.contains("netpol/mongodb") && result.text.contains("denied the request"), "{}", result.text);
    // The same for an update in which the client changes no label.
    let result = kubectl("annotate pod before note=1").run(&scene.guarded, false);
    assert!(!result.ok && result.text.contains("netpol/mongodb"), "{}", result.text);
    for kind in ["mutatingadmissionpolicybindings", "mutatingadmissionpolicies"] {
        let path = format!("/apis/admissionregistration.k8s.io/v1/{kind}/{}", scene.guarded);
        plane().api.call(&Call::new(Method::DELETE, path)).expect("the policy is deleted");
    }
}

/// A webhook that runs after the guard: a second guard with another canon, registered as a mutating webhook only.
#[test]
fn labels_that_a_later_webhook_adds_are_judged() {
    let grants = json!({
        "apiVersion": "netpol.abcdesktop.io/v1alpha1", "kind": "Grants", "metadata": {"name": "generous"},
        "grants": [{"name": "any", "podSelector": {"matchLabels": {"app": "any"}}, "labels": {"netpol/mongodb": "true"}}],
    });
    let spec = json!({"podSelector": {"matchLabels": {"netpol/mongodb": "true"}}, "policyTypes": ["Egress"]});
    let policy = json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "generous"}, "spec": spec});
    let canon = write_canon("generous", &[grants, policy]);
    let scene = scene();
    let folder = plane().reaper.folder().join("generous-tls");
    let common = ["--canon".to_owned(), canon, "--namespace".to_owned(), scene.guarded.clone()];
    let tls = ["--self-signed-dir".to_owned(), folder.display().to_string()];
    let generous = Server::start("generous", &[common.as_slice(), &tls].concat());
    let url = format!("https://127.0.0.1:{}", generous.port);
    let ca = folder.join("ca.crt").display().to_string();
    // The API server calls webhook configurations in the order of their names.
    let name = format!("z-{}", scene.guarded);
    apply(&rendered(&name, &url, &ca, &common)[0]);
    let result = until("the other webhook adds its label, which is denied", || {
        let result = kubectl("create -f -").stdin(&pod("innocent", &[("app", "any")])).run(&scene.guarded, true);
        (!result.ok).then_some(result)
    });
    assert!(result.text.contains("netpol/mongodb") && result.text.contains("denied the request"), "{}", result.text);
    let path = format!("/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/{name}");
    plane().api.call(&Call::new(Method::DELETE, path)).expect("the other webhook is deleted");
}

/// Escaped control characters make a review six times larger than the request.
#[test]
fn a_pod_larger_than_usual_webhook_limits_is_judged() {
    let scene = scene();
    let bulk = "\u{1}".repeat(430_000);
    let mut large = pod("large", &[("app", "any")]);
    large["spec"]["containers"][0]["env"] = json!([{"name": "BULK", "value": bulk}]);
    scene.given(&large);
    for namespace in [&scene.guarded, &scene.open] {
        let status = json!({"status": {"message": bulk}});
        let call = Call::patch(format!("{}/large/status", path(namespace, "pods")), MERGE, &status);
        plane().api.call(&call).expect("a large status");
    }
    scene.denied(&kubectl("label pod large netpol/mongodb=true"), &["netpol/mongodb"]);
    scene.admitted_without_warnings(&kubectl("label pod large color=blue"));
    assert!(plane().api.get(&format!("{}/large", path(&scene.guarded, "pods"))).body.to_string().len() > 5_000_000);
}

/// Sixty clients relabel one pod. After a conflict, the API server calls the webhook again with the current object.
#[test]
fn concurrent_updates_do_not_bypass_the_checks() {
    let scene = scene();
    scene.given(&pod("app", &[("app", "any")]));
    let target = format!("{}/app", path(&scene.guarded, "pods"));
    std::thread::scope(|scope| {
        for number in 0..30 {
            let target = &target;
            scope.spawn(move || {
                let harmless = json!({"metadata": {"labels": {"color": format!("c{number}")}}});
                plane().api.call(&Call::patch(target, MERGE, &harmless)).expect("a harmless label");
            });
            scope.spawn(move || {
                let claim = json!({"metadata": {"labels": {"run": "pyos-od", "netpol/pyos": "true"}}});
                assert!(!plane().api.call(&Call::patch(target, MERGE, &claim)).ok());
            });
        }
    });
    assert!(scene.capabilities("app").is_empty());
}

/// The registration covers a namespace that is not in the server's flags. The server logs and counts it.
#[test]
fn a_namespace_that_only_the_registration_covers_is_counted() {
    let guard = Guard::registered("half-known", &[]);
    let scene = guard.scene();
    let both = format!("{},{}", scene.guarded, scene.open);
    let ca = plane().reaper.folder().join("half-known-tls/ca.crt").display().to_string();
    let url = format!("https://127.0.0.1:{}", guard.port());
    for manifest in rendered("half-known", &url, &ca, &["--namespace".to_owned(), both]) {
        apply(&manifest);
    }
    let metrics = || guard.server.lock().expect("the server").metrics();
    let counted =
        |text: &str| text.lines().any(|line| line.contains("unguarded_reviews") && !line.starts_with('#') && !line.ends_with(" 0"));
    until("the guard receives a review of the other namespace", || {
        assert!(
            plane().api.post(&format!("{}?dryRun=All", path(&scene.open, "pods")), &thief("thief")).ok(),
            "the namespace is not guarded"
        );
        counted(&metrics()).then_some(())
    });
    let log = std::fs::read_to_string(&guard.server.lock().expect("the server").process.log).expect("the log");
    let result: Vec<&str> = log.lines().filter(|line| line.contains("the webhook registration and --namespace disagree")).collect();
    assert!(matches!(result.as_slice(), [line] if line.contains(&scene.open)), "the log names the namespace once: {result:?}");
    assert!(list(&scene.open, "pods").iter().all(|pod| capabilities(pod).is_empty()));
}
