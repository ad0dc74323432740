//! Objects of the largest size that the API server stores are judged, and the conditions of the webhooks take linear time: the
//! CPU time of an API server that does nothing else is measured.

use std::time::Duration;

use hyper::Method;
use serde_json::{Map, Value, json};

use super::harness::api::Call;
use super::harness::figures::note;
use super::harness::guard::{Guard, create_namespace};
use super::harness::plane::{Another, plane};
use super::harness::scene::{create, path, pod, pod_spec};
use super::harness::wait::until;

/// The length of a name that fills an object to the limit of etcd. A review escapes each of its characters as six bytes.
const LARGEST: usize = 1_400_000;

/// The CPU time that a request in a guarded namespace may take in addition. It takes at most half a second; the rest is what a
/// new API server does besides on a busy machine. A condition of quadratic time takes 20 seconds.
const MORE: Duration = Duration::from_secs(8);

/// The same for the proportion of two sizes.
const NOISE: Duration = Duration::from_secs(5);

/// An API server that only this test uses, which calls the guard.
fn measured(name: &str, guard: &Guard) -> Another {
    let another = plane().another(name, &[]);
    let thief = pod("thief", &[("netpol/mongodb", "true")]);
    let probe = Call::new(Method::POST, format!("{}?dryRun=All", path(&guard.name, "pods"))).json(&thief);
    until("the API server calls the guard", || another.api.call(&probe).message().contains("denied the request").then_some(()));
    another
}

/// A guarded namespace and an unguarded one. The audit log of the other API server does not have the requests of this one, so
/// they are not compared.
struct Namespaces {
    guarded: String,
    open: String,
}

impl Namespaces {
    fn of(guard: &Guard) -> Namespaces {
        let open = format!("{}-open", guard.name);
        create_namespace(&open);
        Namespaces { guarded: guard.name.clone(), open }
    }

    fn given(&self, object: &Value) {
        for namespace in [&self.guarded, &self.open] {
            create(namespace, object);
        }
    }
}

/// A request that the guard denies.
struct Denied {
    what: String,
    call: Call,
    /// A part of the message.
    word: &'static str,
}

impl Denied {
    fn patch(resource: &str, name: &str, patch: &Value, word: &'static str) -> Denied {
        let call = Call::patch(format!("{}/{name}", path("{ns}", resource)), "application/merge-patch+json", patch);
        Denied { what: format!("patch {resource}"), call, word }
    }

    fn create(resource: &str, object: &Value, word: &'static str) -> Denied {
        let call = Call::new(Method::POST, path("{ns}", resource)).json(object);
        Denied { what: format!("create {resource}"), call, word }
    }

    /// Sends the request to both namespaces, as dry runs and then as real requests. Returns the CPU time of the guarded one.
    fn check(&self, namespaces: &Namespaces, server: &Another, size: usize) -> Duration {
        let send = |namespace: &str, dry: bool| {
            let mut call = self.call.clone();
            call.path = call.path.replace("{ns}", namespace) + if dry { "?dryRun=All" } else { "" };
            let before = server.cpu();
            let reply = server.api.call(&call);
            (reply, server.cpu().saturating_sub(before))
        };
        // The garbage collector of the API server may run at any time, so the least is closest to the request's own.
        let least = |namespace: &str| (0..3).map(|_| send(namespace, true).1).min().unwrap_or_default();
        let (guarded, open) = (least(&namespaces.guarded), least(&namespaces.open));
        let (reply, _) = send(&namespaces.guarded, false);
        let is_denied = !reply.ok() && reply.message().contains("denied the request") && reply.message().contains(self.word);
        assert!(is_denied, "{}: {}", self.what, reply.message());
        send(&namespaces.open, false).0.expect(&self.what);
        note("largest", json!({"what": self.what, "size": size, "guarded_s": guarded.as_secs_f64(), "open_s": open.as_secs_f64()}));
        assert!(guarded <= open + MORE, "{}: {guarded:?} of CPU time, unguarded: {open:?}", self.what);
        guarded
    }
}

/// Checks that the CPU time grows in proportion to the size.
fn in_proportion(half: &[(String, Duration)], whole: &[(String, Duration)]) {
    for ((what, half), (_, whole)) in half.iter().zip(whole) {
        assert!(*whole <= *half * 5 / 2 + NOISE, "{what}: {whole:?} of CPU time for twice the size of {half:?}");
    }
}

/// Returns the object with an owner reference of this length.
fn filled(mut object: Value, length: usize) -> Value {
    object["metadata"]["name"] = json!(format!("large-{length}"));
    object["metadata"]["ownerReferences"] = json!([{
        "apiVersion": "v1", "kind": "ConfigMap", "name": "<".repeat(length), "uid": "00000000-0000-4000-8000-000000000001",
    }]);
    object
}

/// Returns workloads whose selector reads a capability label, of every kind that can state one.
fn workloads() -> Vec<(&'static str, Value)> {
    let labels = json!({"app": "x", "netpol/dns": "true"});
    let selector = json!({"matchLabels": labels});
    let template = json!({"metadata": {"labels": labels}, "spec": pod_spec()});
    let mut once = template.clone();
    once["spec"]["restartPolicy"] = json!("Never");
    let job = json!({"suspend": true, "manualSelector": true, "selector": selector, "template": once});
    let of = |version: &str, kind: &str, spec: Value| json!({"apiVersion": version, "kind": kind, "metadata": {}, "spec": spec});
    vec![
        ("deployments", of("apps/v1", "Deployment", json!({"replicas": 0, "selector": selector, "template": template}))),
        ("replicasets", of("apps/v1", "ReplicaSet", json!({"replicas": 0, "selector": selector, "template": template}))),
        (
            "statefulsets",
            of("apps/v1", "StatefulSet", json!({"replicas": 0, "serviceName": "x", "selector": selector, "template": template})),
        ),
        ("daemonsets", of("apps/v1", "DaemonSet", json!({"selector": selector, "template": template}))),
        ("replicationcontrollers", of("v1", "ReplicationController", json!({"replicas": 0, "selector": labels, "template": template}))),
        ("jobs", of("batch/v1", "Job", job)),
    ]
}

#[test]
fn objects_of_the_largest_size_are_judged_in_linear_time() {
    let guard = Guard::patient("largest", &[]);
    let namespaces = Namespaces::of(&guard);
    let server = measured("measured-objects", &guard);
    let [half, whole] = [LARGEST / 2, LARGEST].map(|length| {
        let name = format!("large-{length}");
        let label = |key: &str| json!({"metadata": {"labels": {key: "true"}}});
        namespaces.given(&filled(pod("large", &[("app", "thief")]), length));
        let spec = json!({"podSelector": {"matchLabels": {"run": "memcached-od"}}, "policyTypes": ["Ingress"]});
        let extra = json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {}, "spec": spec});
        namespaces.given(&filled(extra, length));
        let mut requests = vec![
            Denied::patch("pods", &format!("{name}/status"), &label("netpol/mongodb"), "netpol/mongodb"),
            Denied::patch("pods", &name, &label("netpol/pyos"), "netpol/pyos"),
            Denied::patch("networkpolicies", &name, &json!({"spec": {"ingress": [{}]}}), "wider than the canon"),
        ];
        requests
            .extend(workloads().into_iter().map(|(resource, workload)| Denied::create(resource, &filled(workload, length), "netpol/dns")));
        requests.iter().map(|request| (request.what.clone(), request.check(&namespaces, &server, length))).collect::<Vec<_>>()
    });
    in_proportion(&half, &whole);
}

/// A binding is not stored, so only the size of the request limits it.
#[test]
fn a_binding_with_many_labels_is_judged_in_linear_time() {
    let guard = Guard::patient("many-labels", &[]);
    let namespaces = Namespaces::of(&guard);
    let server = measured("measured-bindings", &guard);
    let [half, whole] = [15_000, 30_000].map(|count| {
        let name = format!("bound-{count}");
        namespaces.given(&pod(&name, &[("app", "thief")]));
        let mut labels: Map<String, Value> = (0..count).map(|number| (format!("label-{number}"), json!("x"))).collect();
        labels.insert("netpol/mongodb".to_owned(), json!("true"));
        let binding = json!({
            "apiVersion": "v1", "kind": "Binding", "metadata": {"name": name, "labels": labels},
            "target": {"apiVersion": "v1", "kind": "Node", "name": "n1"},
        });
        let request = Denied::create(&format!("pods/{name}/binding"), &binding, "netpol/mongodb");
        vec![("bind".to_owned(), request.check(&namespaces, &server, count))]
    });
    in_proportion(&half, &whole);
}
