//! The rights that the chart grants to the controller are sufficient in both modes, and no broader.

use std::fs;
use std::path::Path;

use hyper::Method;
use serde_json::{Value, json};

use super::{Release, configurations, define_foreign_kinds};
use crate::cluster::harness::api::{Api, Call};
use crate::cluster::harness::guard::create_namespace;
use crate::cluster::harness::kubelet::{account_client, account_kubeconfig};
use crate::cluster::harness::netpol::{NETPOL, ports};
use crate::cluster::harness::plane::plane;
use crate::cluster::harness::reaper::Process;
use crate::cluster::harness::scene::{create, get, list, path, pod};
use crate::cluster::harness::wait::until;

const NAME: &str = "chart-drift";
const GUARDED: &str = "chart-drift-guarded";
const ELSEWHERE: &str = "chart-drift-elsewhere";

/// Starts the controller with the arguments of its Deployment and the token of its account.
fn start(label: &str) -> (Process, Api) {
    let deployment = plane().api.get(&format!("/apis/apps/v1/namespaces/{NAME}/deployments/{NAME}-controller")).expect("a Deployment");
    let spec = &deployment["spec"]["template"]["spec"];
    assert_eq!(spec["serviceAccountName"], format!("{NAME}-controller"));
    let kubeconfig = plane().reaper.folder().join(format!("{label}.json"));
    fs::write(&kubeconfig, account_kubeconfig(NAME, &format!("{NAME}-controller")).to_string()).expect("a kubeconfig");
    let mut args = vec![format!("KUBECONFIG={}", kubeconfig.display()), NETPOL.to_owned()];
    for argument in spec["containers"][0]["args"].as_array().expect("arguments").iter().filter_map(Value::as_str) {
        args.push(match argument.split_once('=') {
            Some(("--admin-listen", _)) => "--admin-listen=127.0.0.1:0".to_owned(),
            _ => argument.to_owned(),
        });
    }
    let mut process = plane().reaper.start(label, Path::new("/usr/bin/env"), &args).expect("it starts");
    let (_, port) = until("the controller watches", || {
        assert!(process.ended().is_none(), "it ended: {}", process.tail());
        ports(&process.log, "watching")
    });
    let admin = Api::plain(port);
    until("the controller is ready", || admin.get("/readyz").ok().then_some(()));
    (process, admin)
}

fn has(admin: &Api, metric: &str) -> bool {
    admin.get("/metrics").body.as_str().is_some_and(|text| text.lines().any(|line| line == metric))
}

/// Waits until everything can be evaluated: no right is missing.
fn everything_is_evaluated(admin: &Api) {
    until("it leads", || has(admin, "netpol_controller_leader 1").then_some(()));
    let is_evaluated = || {
        ["policies", "pods", "registration", "neighbors", "foreign-policies", "probe"]
            .iter()
            .all(|section| has(admin, &format!("netpol_not_evaluated{{section=\"{section}\"}} 0")))
    };
    until("the probe was sent", || (has(admin, "netpol_probe{result=\"unguarded\"} 1") && is_evaluated()).then_some(()));
}

#[test]
fn the_rights_of_the_controller_are_sufficient_and_minimal() {
    define_foreign_kinds();
    let release = Release::new(NAME);
    create_namespace(ELSEWHERE);
    let values = |mode: &str| json!({"namespaces": [GUARDED], "fullnameOverride": NAME, "controller": {"enabled": true, "mode": mode, "probeInterval": "1s"}});
    release.install(&values("repair"), &[]);
    // No server runs, so the webhooks would deny every write.
    for path in configurations(NAME) {
        plane().api.call(&Call::new(Method::DELETE, path)).expect("a deletion");
    }
    let (mut process, admin) = start("chart-drift-repair");
    // The namespace is younger than the release.
    create_namespace(GUARDED);
    until("all policies exist", || (list(GUARDED, "networkpolicies").len() == 27).then_some(()));
    create(GUARDED, &pod("directory", &[("run", "openldap-od")]));
    until("it has its label", || (get(GUARDED, "pods", "directory")["metadata"]["labels"]["netpol/dns"] == "true").then_some(()));
    everything_is_evaluated(&admin);
    let events = || plane().api.get(&format!("/apis/events.k8s.io/v1/namespaces/{GUARDED}/events")).body.to_string();
    until("events are written", || (events().contains("DriftRepaired") && events().contains("PodLabeled")).then_some(()));

    // The account can do nothing else, although its rights to write are those of a ClusterRole.
    let account = account_client(NAME, &format!("{NAME}-controller"));
    let open = json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "open"},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{}]}});
    let elsewhere = account.post(&path(ELSEWHERE, "networkpolicies"), &open);
    assert!(elsewhere.status == 422 || elsewhere.status == 403, "{} {}", elsewhere.status, elsewhere.message());
    assert!(elsewhere.message().contains("may write only in the guarded namespaces"), "{}", elsewhere.message());
    let pod_path = format!("{}/directory", path(GUARDED, "pods"));
    let image = json!([{"op": "replace", "path": "/spec/containers/0/image", "value": "other"}]);
    let swapped = account.call(&Call::patch(&pod_path, "application/json-patch+json", &image));
    assert!(swapped.message().contains("may change only the labels of pods"), "{} {}", swapped.status, swapped.message());
    for (method, path) in [
        (Method::DELETE, format!("{}/memcached-permits", path(GUARDED, "networkpolicies"))),
        (Method::DELETE, pod_path.clone()),
        (Method::GET, format!("/api/v1/namespaces/{NAME}/secrets")),
        (Method::GET, format!("/api/v1/namespaces/{GUARDED}/configmaps")),
    ] {
        let reply = account.call(&Call::new(method.clone(), path.clone()));
        assert!(reply.status == 403 && reply.message().contains("cannot"), "{method} {path}: {}", reply.message());
    }

    // In report mode, it may only send dry runs.
    process.signal("TERM");
    process.wait();
    release.upgrade(&values("report"), &[]);
    for path in configurations(NAME) {
        plane().api.call(&Call::new(Method::DELETE, path)).expect("a deletion");
    }
    let (_process, admin) = start("chart-drift-report");
    everything_is_evaluated(&admin);
    let refused = until("the policy of the report mode is known", || {
        let reply = account.post(&path(GUARDED, "networkpolicies"), &open);
        (!reply.ok() && reply.status != 409).then_some(reply)
    });
    assert!(refused.message().contains("may only send dry runs"), "{}", refused.message());
    let patched = account.call(&Call::patch(
        &pod_path,
        "application/json-patch+json",
        &json!([{"op": "add", "path": "/metadata/labels/x", "value": "y"}]),
    ));
    assert!(patched.status == 403 && patched.message().contains("cannot"), "{}", patched.message());
    release.run("uninstall", &Value::Null, &["--wait"]).expect("helm uninstall");
}
