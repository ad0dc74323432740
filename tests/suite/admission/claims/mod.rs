//! Who may claim an identity: each attack with its control, which is the same request by somebody who is listed, or without the
//! identity.
//!
//! - `pods`: pods and what is changed in them. `workloads`: workloads, and the controllers that create their pods.

mod pods;
mod workloads;

use std::sync::Arc;

use netpol::canon::{Canons, Documents};
use netpol::verdict::settings::Action;
use netpol::verdict::{Guard, Settings};
use serde_json::{Value, json};

use super::made::{Made, pod};

const PYOS: &str = "system:serviceaccount:abcdesktop:pyos-serviceaccount";
const REPLICASETS: &str = "system:serviceaccount:kube-system:replicaset-controller";
const DEPLOYMENTS: &str = "system:serviceaccount:kube-system:deployment-controller";
const CRONJOBS: &str = "system:serviceaccount:kube-system:cronjob-controller";
const GOOD: &str = "ghcr.io/abcdesktopio/pyos:4.4";
const EVIL: &str = "registry.example/evil";

/// A canon in which administrators deploy pyos, and pyos makes desktops.
fn documents() -> String {
    let policy = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "all"},
        "spec": {"podSelector": {}, "ingress": [{"from": [{"podSelector": {"matchLabels": {"netpol/api": "true"}}}]}]},
    });
    let grants = json!({
        "apiVersion": "netpol.abcdesktop.io/v1alpha1", "kind": "Grants", "metadata": {"name": "own"}, "protectedLabels": ["shipcrew"],
        "grants": [
            {
                "name": "pyos", "podSelector": {"matchLabels": {"run": "pyos-od"}}, "labels": {"netpol/api": "true"},
                "claims": {"groups": ["deployers"], "serviceAccounts": ["pyos-serviceaccount", "argocd/controller"]},
                "serviceAccountName": "pyos-serviceaccount", "images": ["ghcr.io/abcdesktopio/*"],
            },
            {"name": "desktop", "podSelector": {"matchLabels": {"type": "x11server"}}, "labels": {}, "claims": {"serviceAccounts": ["pyos-serviceaccount"], "users": ["root"]}},
            {"name": "mongodb", "podSelector": {"matchLabels": {"run": "mongodb-od"}}, "labels": {}, "images": ["ghcr.io/*"], "serviceAccountName": "mongodb"},
            {"name": "nginx", "podSelector": {"matchLabels": {"run": "nginx-od"}}, "labels": {}},
        ],
    });
    format!("{policy}\n---\n{grants}")
}

fn guard(settings: Settings) -> Guard {
    let documents = Documents::from_text("own", &documents());
    Guard::new(Arc::new(Canons::from_documents(&[documents], &settings.namespaces).expect("a canon")), Arc::new(settings))
}

fn deny() -> Guard {
    guard(Settings { claims: Action::Deny, ..Settings::default() })
}

/// A pod of pyos that only its requester can make wrong.
fn pyos(image: &str) -> Value {
    let mut object = pod(json!({"run": "pyos-od", "netpol/api": "true"}));
    object["spec"]["serviceAccountName"] = json!("pyos-serviceaccount");
    object["spec"]["containers"][0]["image"] = json!(image);
    object
}

fn by_controller(mut object: Value, kind: &str) -> Value {
    object["metadata"]["ownerReferences"] = json!([{"apiVersion": "apps/v1", "kind": kind, "name": "x", "uid": "u", "controller": true}]);
    object
}

fn alice(made: Made) -> Made {
    made.user("alice", &["system:authenticated"])
}

fn deployer(made: Made) -> Made {
    made.user("bob", &["deployers", "system:authenticated"])
}

fn created(object: Value) -> Made {
    Made::of("CREATE", "", "pods", "Pod").object(object)
}

fn updated(old: Value, new: Value) -> Made {
    Made::of("UPDATE", "", "pods", "Pod").old(old).object(new)
}
