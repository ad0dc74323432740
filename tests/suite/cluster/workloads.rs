//! What makes pods: its pods get their labels, its creator hears at once what its pods would not
//! survive, and a selector that would disown them is refused.

use hyper::Method;
use serde_json::{Value, json};

use super::harness::act::kubectl;
use super::harness::api::Call;
use super::harness::guard::{Guard, scene};
use super::harness::plane::plane;
use super::harness::scene::{capabilities, create, list, path, pod_spec};
use super::harness::wait::until;

/// One workload of each kind, whose pods wear `labels` and are selected by `selector`.
fn workloads(labels: &Value, selector: &Value) -> Vec<Value> {
    let template = |restart: &str| {
        let mut spec = pod_spec();
        spec["restartPolicy"] = json!(restart);
        json!({"metadata": {"labels": labels}, "spec": spec})
    };
    let job = json!({"template": template("Never"), "manualSelector": true, "selector": selector});
    let plain = json!({"selector": selector, "template": template("Always")});
    // A plain map is all that it can select by.
    let map = json!({"selector": selector["matchLabels"], "template": template("Always")});
    let make = |api: &str, kind: &str, spec: Value| json!({"apiVersion": api, "kind": kind, "metadata": {"name": kind.to_lowercase()}, "spec": spec});
    vec![
        make("apps/v1", "Deployment", plain.clone()),
        make("apps/v1", "StatefulSet", plain.clone()),
        make("apps/v1", "DaemonSet", plain.clone()),
        make("apps/v1", "ReplicaSet", plain),
        make("batch/v1", "Job", job.clone()),
        // The selectors of its jobs are made for them; the API takes no other.
        make("batch/v1", "CronJob", json!({"schedule": "* * * * *", "jobTemplate": {"spec": {"template": job["template"]}}})),
        make("v1", "ReplicationController", map),
    ]
}

/// The controller that wants a pod.
fn owner(pod: &Value) -> &str {
    pod["metadata"]["ownerReferences"][0]["kind"].as_str().unwrap_or_default()
}

#[test]
fn the_pods_of_every_workload_arrive_with_their_labels() {
    let scene = scene();
    for namespace in [&scene.guarded, &scene.open] {
        for mut workload in workloads(&json!({"run": "mongodb-od"}), &json!({"matchLabels": {"run": "mongodb-od"}})) {
            // Each its own pods; a job's selector is made for it, as nearly always.
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
        // Its last run was long ago: the next one is due now, not within a minute.
        let past = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(150);
        let status = json!({"status": {"lastScheduleTime": past.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()}});
        let cronjob = format!("{}/cronjob/status", path(namespace, "cronjobs"));
        plane().api.call(&Call::patch(cronjob, "application/merge-patch+json", &status)).expect("a status");
    }
    for (namespace, expected) in [(&scene.guarded, vec!["dns", "mongodb"]), (&scene.open, Vec::new())] {
        // The Deployment's and the other one are both ReplicaSets; the Job's and the CronJob's are both Jobs.
        let pods = until(&format!("seven pods come to {namespace}"), || {
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
    plane().api.call(&Call::new(Method::DELETE, format!("{}/cronjob", path(&scene.guarded, "cronjobs")))).expect("no more jobs");
    plane().api.call(&Call::new(Method::DELETE, format!("{}/cronjob", path(&scene.open, "cronjobs")))).expect("no more jobs");
}

#[test]
fn an_ungranted_label_in_a_template_draws_a_warning_at_once() {
    let scene = scene();
    for workload in workloads(&json!({"app": "thief", "netpol/mongodb": "true"}), &json!({"matchLabels": {"app": "thief"}})) {
        let apply = kubectl("apply -f -").stdin(&workload);
        let said = scene.admitted(&apply);
        assert!(said.warned().contains("netpol/mongodb"), "{}: {:?}", workload["kind"], said.warnings);
        let control = kubectl("apply -f -").stdin(&workload).run(&scene.open, false);
        assert!(control.warnings.is_empty(), "{:?}", control.warnings);
        delete(&scene.guarded, &workload);
        delete(&scene.open, &workload);
    }
}

#[test]
fn a_template_that_is_right_draws_none() {
    let scene = scene();
    for workload in workloads(&json!({"run": "mongodb-od", "netpol/dns": "true"}), &json!({"matchLabels": {"run": "mongodb-od"}})) {
        scene.admitted_in_silence(&kubectl("apply -f -").stdin(&workload));
        delete(&scene.guarded, &workload);
        delete(&scene.open, &workload);
    }
}

#[test]
fn a_selector_that_reads_a_capability_is_refused() {
    let scene = scene();
    let selector = json!({"matchLabels": {"run": "mongodb-od", "netpol/dns": "true"}});
    let all = workloads(&json!({"run": "mongodb-od", "netpol/dns": "true"}), &selector);
    for workload in all.iter().filter(|workload| workload["kind"] != "CronJob") {
        scene.refused(&kubectl("create -f -").stdin(workload), &["workload-selectors.validate", "netpol/dns"]);
        delete(&scene.open, workload);
    }
}

/// The control of the refusal above: what a controller does whose pods leave its selector as soon as
/// they are labeled.
#[test]
fn without_the_refusal_a_controller_makes_pods_without_end() {
    let selector =
        json!({"matchLabels": {"type": "x11server"}, "matchExpressions": [{"key": "netpol/ocuser", "operator": "DoesNotExist"}]});
    let workload = json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "greedy"},
        "spec": {"replicas": 1, "selector": selector, "template": {"metadata": {"labels": {"type": "x11server"}}, "spec": pod_spec()}},
    });
    let guarded = scene();
    guarded.refused(&kubectl("create -f -").stdin(&workload), &["netpol/ocuser"]);
    delete(&guarded.open, &workload);

    let guard = Guard::registered("greedy", &[]);
    let weak = guard.scene();
    let configuration = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/greedy";
    plane().api.call(&Call::new(Method::DELETE, configuration)).expect("the refusals are taken away");
    until("the refusals are gone", || {
        let said = kubectl("create -f -").stdin(&workload).run(&weak.guarded, true);
        said.ok.then_some(())
    });
    create(&weak.guarded, &workload);
    let pods = until("a dozen pods", || Some(list(&weak.guarded, "pods").len()).filter(|count| *count >= 12));
    delete(&weak.guarded, &workload);
    assert!(pods >= 12, "{pods}");
}

#[test]
fn workloads_may_be_denied_or_ignored() {
    let template = json!({"app": "thief", "netpol/mongodb": "true"});
    let workload = &workloads(&template, &json!({"matchLabels": {"app": "thief"}}))[0];
    let strict = Guard::registered("workloads-deny", &["--workloads", "deny"]);
    strict.scene().refused(&kubectl("apply -f -").stdin(workload), &["workloads.validate", "netpol/mongodb"]);
    let quiet = Guard::registered("workloads-ignore", &["--workloads", "ignore"]);
    quiet.scene().admitted_in_silence(&kubectl("apply -f -").stdin(workload));
}

/// Deletes a workload; the garbage collector takes its pods.
fn delete(namespace: &str, workload: &Value) {
    let kind = workload["kind"].as_str().expect("a kind").to_lowercase();
    let name = workload["metadata"]["name"].as_str().expect("a name");
    let path = format!("{}/{name}?propagationPolicy=Background", path(namespace, &format!("{kind}s")));
    plane().api.call(&Call::new(Method::DELETE, path)).expect("a workload is deleted");
}
