//! What controllers, autoscalers and node drains do never violates a claim, although they are not listed.

use hyper::Method;
use serde_json::{Value, json};

use super::{GOOD, by_deployer, scene, workloads};
use crate::cluster::harness::act::kubectl;
use crate::cluster::harness::api::Call;
use crate::cluster::harness::plane::plane;
use crate::cluster::harness::scene::{list, path};
use crate::cluster::harness::wait::until;

/// Returns the kind of the controller of an object.
fn owner(object: &Value) -> &str {
    object["metadata"]["ownerReferences"][0]["kind"].as_str().unwrap_or_default()
}

#[test]
fn workloads_of_those_who_are_listed_run_scale_and_roll_out() {
    let scene = scene();
    let namespace = scene.guarded.clone();
    for workload in workloads(GOOD) {
        scene.admitted_without_warnings(&by_deployer(kubectl("create -f -").stdin(&workload)));
    }
    // The last run was long ago, so the next one is due at once.
    let past = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(150);
    let status = json!({"status": {"lastScheduleTime": past.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()}});
    plane()
        .api
        .call(&Call::patch(format!("{}/cronjob/status", path(&namespace, "cronjobs")), "application/merge-patch+json", &status))
        .expect("a status");
    let count = |kind: &str| list(&namespace, "pods").iter().filter(|pod| owner(pod) == kind).count();
    let all = ["ReplicaSet", "StatefulSet", "DaemonSet", "ReplicationController"];
    until("every controller creates its pods", || {
        (all.iter().all(|kind| count(kind) >= 1) && count("ReplicaSet") >= 2 && count("Job") >= 2).then_some(())
    });

    // Scaling is not a change of a template, through any way.
    for target in ["deployment/deployment", "statefulset/statefulset", "replicaset/replicaset", "rc/replicationcontroller"] {
        scene.admitted_without_warnings(&kubectl(&format!("scale {target} --replicas=2")));
    }
    let replicas = json!({"spec": {"replicas": 3}}).to_string();
    scene.admitted_without_warnings(&kubectl("patch deployment deployment --type=merge -p").word(replicas));
    let scale = call_scale(&namespace);
    assert!(scale.0 && scale.1.is_empty(), "an autoscaler: {scale:?}");
    until("the ReplicaSets scale", || (count("ReplicaSet") >= 4).then_some(()));

    // A rollout: the controller makes another ReplicaSet and its pods, and scales the old one.
    scene.admitted_without_warnings(&by_deployer(kubectl("set image deployment/deployment c=registry.example/pyos:2")));
    scene.admitted_without_warnings(&by_deployer(kubectl("set image statefulset/statefulset c=registry.example/pyos:2")));
    scene.admitted_without_warnings(&by_deployer(kubectl("set image daemonset/daemonset c=registry.example/pyos:2")));
    let has_new = |kind: &str| {
        list(&namespace, "pods").iter().any(|pod| owner(pod) == kind && pod["spec"]["containers"][0]["image"] == "registry.example/pyos:2")
    };
    until("the new pods of the Deployment", || has_new("ReplicaSet").then_some(()));
    scene.admitted_without_warnings(&by_deployer(kubectl("rollout undo deployment/deployment").without_dry_run()));

    // A drain evicts pods, and somebody deletes some; the controllers replace them.
    let pod = until("a pod to evict", || list(&namespace, "pods").into_iter().find(|pod| owner(pod) == "ReplicationController"));
    let name = pod["metadata"]["name"].as_str().expect("a name").to_owned();
    let eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}});
    plane().api.post(&format!("{}/{name}/eviction", path(&namespace, "pods")), &eviction).expect("an eviction");
    scene.admitted_without_warnings(&kubectl("delete pods -l of=StatefulSet --wait=false").without_dry_run());
    until("the evicted pod is replaced", || {
        let pods = list(&namespace, "pods");
        (pods.iter().filter(|pod| owner(pod) == "ReplicationController").count() >= 2
            && pods.iter().all(|pod| pod["metadata"]["name"] != name.as_str()))
        .then_some(())
    });

    // Garbage collection and orphans.
    scene.admitted_without_warnings(&kubectl("delete replicaset replicaset --cascade=orphan").without_dry_run());
    scene
        .admitted_without_warnings(&kubectl("delete deployment,daemonset,job,cronjob,rc,statefulset --all --wait=false").without_dry_run());
    until("the garbage collector removes the pods", || (list(&namespace, "pods").iter().all(|pod| owner(pod).is_empty())).then_some(()));
    let lines = scene.guard.audit_lines();
    let violated: Vec<&Value> = lines.iter().filter(|line| line["namespace"] == namespace.as_str() && line["rule"] == "claim").collect();
    assert!(violated.is_empty(), "{violated:?}");
}

/// Scales the Deployment as the autoscaler does. Returns whether it succeeds, and the warnings.
fn call_scale(namespace: &str) -> (bool, Vec<String>) {
    let body = json!({"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "deployment", "namespace": namespace}, "spec": {"replicas": 2}});
    let mut call = Call::new(Method::PUT, format!("{}/deployment/scale", path(namespace, "deployments"))).json(&body);
    call = call.by("system:serviceaccount:kube-system:horizontal-pod-autoscaler", &["system:masters"]);
    let reply = plane().api.call(&call);
    (reply.ok(), reply.warnings)
}
