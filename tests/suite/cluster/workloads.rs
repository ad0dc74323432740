//! Workloads: their pods get labels, a template that the guard would deny causes a warning at once, and a selector that would no
//! longer match the labeled pods is denied.

use hyper::Method;
use serde_json::{Value, json};

use super::harness::act::kubectl;
use super::harness::api::Call;
use super::harness::guard::{Guard, scene};
use super::harness::plane::plane;
use super::harness::scene::{capabilities, create, list, path, pod_spec};
use super::harness::wait::until;

/// Returns one workload of each kind, with the pod labels `labels` and the selector `selector`.
fn workloads(labels: &Value, selector: &Value) -> Vec<Value> {
    let template = |restart: &str| {
        let mut spec = pod_spec();
        spec["restartPolicy"] = json!(restart);
        json!({"metadata": {"labels": labels}, "spec": spec})
    };
    let job = json!({"template": template("Never"), "manualSelector": true, "selector": selector});
    let plain = json!({"selector": selector, "template": template("Always")});
    // Its selector is a plain map.
    let map = json!({"selector": selector["matchLabels"], "template": template("Always")});
    let make = |api: &str, kind: &str, spec: Value| json!({"apiVersion": api, "kind": kind, "metadata": {"name": kind.to_lowercase()}, "spec": spec});
    vec![
        make("apps/v1", "Deployment", plain.clone()),
        make("apps/v1", "StatefulSet", plain.clone()),
        make("apps/v1", "DaemonSet", plain.clone()),
        make("apps/v1", "ReplicaSet", plain),
        make("batch/v1", "Job", job.clone()),
        // The API server generates the selectors of its jobs and rejects others.
        make("batch/v1", "CronJob", json!({"schedule": "* * * * *", "jobTemplate": {"spec": {"template": job["template"]}}})),
        make("v1", "ReplicationController", map),
    ]
}

/// Returns the kind of the controller of a pod.
fn owner(pod: &Value) -> &str {
    pod["metadata"]["ownerReferences"][0]["kind"].as_str().unwrap_or_default()
}

#[test]
fn pods_of_every_workload_get_their_labels() {
    let scene = scene();
    for namespace in [&scene.guarded, &scene.open] {
        for mut workload in workloads(&json!({"run": "mongodb-od"}), &json!({"matchLabels": {"run": "mongodb-od"}})) {
            // Each workload has its own pods. The API server generates the selector of the job.
            let kind = workload["kind"].as_str().expect("a kind").to_owned();
            let own = |spec: &mut Value, plain: bool| {
                spec["template"]["metadata"]["labels"]["of"] = json!(kind);
                if plain {
                    spec["selector"]["of"] = json!(kind);
                } else {
                    spec["selector"]["matchLabels"]["of"] = json!(kind);
                }
            };
            match kind.as_str() {
                "Job" => workload["spec"] = json!({"template": workload["spec"]["template"]}),
                "CronJob" => {}
                _ => own(&mut workload["spec"], kind == "ReplicationController"),
            }
            create(namespace, &workload);
        }
        // The last run was long ago, so the next one is due at once.
        let past = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(150);
        let status = json!({"status": {"lastScheduleTime": past.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()}});
        let cronjob = format!("{}/cronjob/status", path(namespace, "cronjobs"));
        plane().api.call(&Call::patch(cronjob, "application/merge-patch+json", &status)).expect("a status");
    }
    for (namespace, expected) in [(&scene.guarded, vec!["dns", "mongodb"]), (&scene.open, Vec::new())] {
        // The Deployment creates a ReplicaSet, and the CronJob creates a Job.
        let pods = until(&format!("there are seven pods in {namespace}"), || {
            let pods = list(namespace, "pods");
            let count = |kind: &str| pods.iter().filter(|pod| owner(pod) == kind).count();
            let all = count("ReplicaSet") >= 2
                && count("Job") >= 2
                && ["StatefulSet", "DaemonSet", "ReplicationController"].iter().all(|kind| count(kind) >= 1);
            all.then_some(pods)
        });
        for pod in pods {
            assert_eq!(capabilities(&pod), expected, "{} in {namespace}", pod["metadata"]["name"]);
        }
    }
    plane().api.call(&Call::new(Method::DELETE, format!("{}/cronjob", path(&scene.guarded, "cronjobs")))).expect("the cron job is deleted");
    plane().api.call(&Call::new(Method::DELETE, format!("{}/cronjob", path(&scene.open, "cronjobs")))).expect("the cron job is deleted");
}

#[test]
fn an_ungranted_label_in_a_template_causes_a_warning() {
    let scene = scene();
    for workload in workloads(&json!({"app": "thief", "netpol/mongodb": "true"}), &json!({"matchLabels": {"app": "thief"}})) {
        let apply = kubectl("apply -f -").stdin(&workload);
        let result = scene.admitted(&apply);
        assert!(result.warned().contains("netpol/mongodb"), "{}: {:?}", workload["kind"], result.warnings);
        let control = kubectl("apply -f -").stdin(&workload).run(&scene.open, false);
        assert!(control.warnings.is_empty(), "{:?}", control.warnings);
        delete(&scene.guarded, &workload);
        delete(&scene.open, &workload);
    }
}

#[test]
fn a_valid_template_causes_no_warning() {
    let scene = scene();
    for workload in workloads(&json!({"run": "mongodb-od", "netpol/dns": "true"}), &json!({"matchLabels": {"run": "mongodb-od"}})) {
        scene.admitted_without_warnings(&kubectl("apply -f -").stdin(&workload));
        delete(&scene.guarded, &workload);
        delete(&scene.open, &workload);
    }
}

#[test]
fn a_selector_that_reads_a_capability_is_denied() {
    let scene = scene();
    let selector = json!({"matchLabels": {"run": "mongodb-od", "netpol/dns": "true"}});
    let all = workloads(&json!({"run": "mongodb-od", "netpol/dns": "true"}), &selector);
    for workload in all.iter().filter(|workload| workload["kind"] != "CronJob") {
        scene.denied(&kubectl("create -f -").stdin(workload), &["workload-selectors.validate", "netpol/dns"]);
        delete(&scene.open, workload);
    }
}

/// The control of the denial above: the pods of a controller no longer match its selector after they are labeled.
#[test]
fn without_the_denial_a_controller_creates_pods_forever() {
    let selector =
        json!({"matchLabels": {"type": "x11server"}, "matchExpressions": [{"key": "netpol/ocuser", "operator": "DoesNotExist"}]});
    let workload = json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "greedy"},
        "spec": {"replicas": 1, "selector": selector, "template": {"metadata": {"labels": {"type": "x11server"}}, "spec": pod_spec()}},
    });
    let guarded = scene();
    guarded.denied(&kubectl("create -f -").stdin(&workload), &["netpol/ocuser"]);
    delete(&guarded.open, &workload);

    let guard = Guard::registered("greedy", &[]);
    let weak = guard.scene();
    let configuration = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/greedy";
    plane().api.call(&Call::new(Method::DELETE, configuration)).expect("the validating configuration is deleted");
    until("the validating webhooks are not called", || {
        let result = kubectl("create -f -").stdin(&workload).run(&weak.guarded, true);
        result.ok.then_some(())
    });
    create(&weak.guarded, &workload);
    let pods = until("a dozen pods", || Some(list(&weak.guarded, "pods").len()).filter(|count| *count >= 12));
    delete(&weak.guarded, &workload);
    assert!(pods >= 12, "{pods}");
}

#[test]
fn workload_checks_can_deny_or_be_disabled() {
    let template = json!({"app": "thief", "netpol/mongodb": "true"});
    let workload = &workloads(&template, &json!({"matchLabels": {"app": "thief"}}))[0];
    let strict = Guard::registered("workloads-deny", &["--workloads", "deny"]);
    strict.scene().denied(&kubectl("apply -f -").stdin(workload), &["workload-claims.validate", "netpol/mongodb"]);
    let quiet = Guard::registered("workloads-ignore", &["--workloads", "ignore"]);
    quiet.scene().admitted_without_warnings(&kubectl("apply -f -").stdin(workload));
}

/// Deletes a workload. The garbage collector deletes its pods.
fn delete(namespace: &str, workload: &Value) {
    let kind = workload["kind"].as_str().expect("a kind").to_lowercase();
    let name = workload["metadata"]["name"].as_str().expect("a name");
    let path = format!("{}/{name}?propagationPolicy=Background", path(namespace, &format!("{kind}s")));
    plane().api.call(&Call::new(Method::DELETE, path)).expect("a workload is deleted");
}
