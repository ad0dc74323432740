//! Who may claim an identity. The administrator of the tests has all rights, but no claim to pyos; members of `deployers` have.

mod attacks;
mod outage;
mod sent;
mod transparent;

use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::harness::act::Act;
use super::harness::guard::{Guard, create_namespace, write_canon};
use super::harness::scene::{Scene, pod_spec};

/// An image that the grant of pyos allows, and one that it does not.
const GOOD: &str = "registry.example/pyos:1";
const EVIL: &str = "elsewhere.example/pyos:1";

/// The number of namespaces of the guard.
const POOL: usize = 24;

/// Writes the canon of these tests and returns its path.
fn canon(name: &str) -> String {
    let policy = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "all"},
        "spec": {"podSelector": {}, "ingress": [{"from": [
            {"podSelector": {"matchLabels": {"netpol/ocuser": "true"}}}, {"podSelector": {"matchLabels": {"netpol/api": "true"}}},
        ]}]},
    });
    let grants = json!({
        "apiVersion": "netpol.abcdesktop.io/v1alpha1", "kind": "Grants", "metadata": {"name": "own"}, "protectedLabels": ["shipcrew"],
        "grants": [
            {
                "name": "pyos", "podSelector": {"matchLabels": {"run": "pyos-od"}}, "labels": {"netpol/api": "true"},
                "claims": {"groups": ["deployers"], "serviceAccounts": ["pyos-serviceaccount"]},
                "serviceAccountName": "pyos-serviceaccount", "images": ["registry.example/*"],
            },
            // The administrator finds out whether the guard is called by creating one.
            {"name": "desktop", "podSelector": {"matchLabels": {"type": "x11server"}}, "labels": {"netpol/ocuser": "true"},
             "claims": {"users": ["admin"], "serviceAccounts": ["maker"]}},
            {"name": "nginx", "podSelector": {"matchLabels": {"run": "nginx-od"}}, "labels": {}},
        ],
    });
    write_canon(name, &[policy, grants])
}

/// Creates a guarded namespace, in which claims are denied, and an unguarded one.
fn scene() -> Scene<'static> {
    static GUARD: LazyLock<Guard> = LazyLock::new(|| {
        let namespaces = (0..POOL).map(|index| format!("claims-{index:02}")).collect();
        let guard = Guard::over("claims", namespaces, &canon("claims"), &["--claims", "deny"]);
        guard.register();
        guard
    });
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    let index = NEXT.fetch_add(1, Ordering::Relaxed);
    let guarded = GUARD.namespaces.get(index).expect("there are more tests than namespaces: increase POOL").clone();
    let open = format!("{guarded}-open");
    create_namespace(&guarded);
    create_namespace(&open);
    Scene::new(&GUARD, guarded, open)
}

fn by_deployer(act: Act) -> Act {
    act.by("bob", &["deployers"])
}

/// The spec of a pod of pyos that is right, whoever creates it.
fn spec(image: &str) -> Value {
    let mut spec = pod_spec();
    spec["serviceAccountName"] = json!("pyos-serviceaccount");
    spec["automountServiceAccountToken"] = json!(false);
    spec["containers"][0]["image"] = json!(image);
    spec
}

fn pyos(name: &str, image: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"run": "pyos-od", "netpol/api": "true"}}, "spec": spec(image),
    })
}

/// Returns a workload of each kind whose pods are those of pyos. The names are those of the kinds.
fn workloads(image: &str) -> Vec<Value> {
    let template = |of: &str, restart: &str| {
        let mut spec = spec(image);
        spec["restartPolicy"] = json!(restart);
        json!({"metadata": {"labels": {"run": "pyos-od", "of": of}}, "spec": spec})
    };
    let make = |api: &str, kind: &str, spec: Value| json!({"apiVersion": api, "kind": kind, "metadata": {"name": kind.to_lowercase()}, "spec": spec});
    let plain = |kind: &str| json!({"selector": {"matchLabels": {"run": "pyos-od", "of": kind}}, "template": template(kind, "Always")});
    vec![
        make("apps/v1", "Deployment", plain("Deployment")),
        make("apps/v1", "StatefulSet", plain("StatefulSet")),
        make("apps/v1", "DaemonSet", plain("DaemonSet")),
        make("apps/v1", "ReplicaSet", plain("ReplicaSet")),
        make("batch/v1", "Job", json!({"template": template("Job", "Never")})),
        make("batch/v1", "CronJob", json!({"schedule": "* * * * *", "jobTemplate": {"spec": {"template": template("CronJob", "Never")}}})),
        make("v1", "ReplicationController", json!({"selector": {"run": "pyos-od", "of": "rc"}, "template": template("rc", "Always")})),
    ]
}
