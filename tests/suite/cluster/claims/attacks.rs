//! Attacks of a user with all rights who is not listed. Each succeeds in the unguarded namespace, and somebody who is listed may do it.

use hyper::Method;
use serde_json::{Value, json};

use super::{EVIL, GOOD, by_deployer, pyos, scene, spec, workloads};
use crate::cluster::harness::act::{Act, call, kubectl};
use crate::cluster::harness::api::Call;
use crate::cluster::harness::plane::plane;
use crate::cluster::harness::scene::{Scene, path, pod_spec};

const REFUSED: &[&str] = &["the identity of grant pyos, which is only for service account pyos-serviceaccount, group deployers"];

fn create(manifest: &Value) -> Act {
    kubectl("create -f -").stdin(manifest)
}

/// Creates an object in both namespaces as somebody who is listed.
fn given(scene: &Scene<'_>, manifest: &Value) {
    scene.admitted_without_warnings(&by_deployer(create(manifest)));
}

fn merge(target: &str, patch: &Value) -> Act {
    kubectl(&format!("patch {target} --type=merge -p")).word(patch.to_string())
}

fn owner(kind: &str, controller: bool) -> Value {
    let group = if kind == "CronJob" { "batch/v1" } else { "apps/v1" };
    json!([{"apiVersion": group, "kind": kind, "name": "forged", "uid": "11111111-2222-4333-8444-555555555555", "controller": controller}])
}

#[test]
fn a_pod_is_created_only_by_those_who_are_listed() {
    let scene = scene();
    scene.denied(&create(&pyos("thief", GOOD)), REFUSED);
    scene.denied(&create(&pyos("alice", GOOD)).by("alice", &["operators"]), REFUSED);
    scene.denied(&create(&pyos("other", GOOD)).by("system:serviceaccount:other:pyos-serviceaccount", &[]), REFUSED);
    given(&scene, &pyos("pyos", GOOD));
    let account = format!("system:serviceaccount:{}:pyos-serviceaccount", scene.guarded);
    assert!(create(&pyos("by-itself", GOOD)).by(&account, &[]).run(&scene.guarded, false).ok);
}

#[test]
fn account_and_images_hold_for_everybody() {
    let scene = scene();
    scene.denied(
        &by_deployer(create(&pyos("image", EVIL))),
        &["has image elsewhere.example/pyos:1, but grant pyos allows only registry.example/*"],
    );
    let mut object = pyos("init", GOOD);
    object["spec"]["initContainers"] = json!([{"name": "i", "image": EVIL}]);
    scene.denied(&by_deployer(create(&object)), &["has image elsewhere.example/pyos:1"]);
    let mut object = pyos("volume", GOOD);
    object["spec"]["volumes"] = json!([{"name": "v", "image": {"reference": EVIL}}]);
    scene.denied(&by_deployer(create(&object)), &["has image elsewhere.example/pyos:1"]);
    let mut object = pyos("account", GOOD);
    object["spec"]["serviceAccountName"] = json!("default");
    scene.denied(
        &by_deployer(create(&object)),
        &["runs as service account default, but grant pyos is only for service account pyos-serviceaccount"],
    );
}

#[test]
fn an_account_that_may_claim_is_protected_without_an_identity() {
    let scene = scene();
    let runs_as = |name: &str, account: &str| {
        let mut spec = spec(EVIL);
        spec["serviceAccountName"] = json!(account);
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": "none"}}, "spec": spec})
    };
    scene.denied(&create(&runs_as("thief", "pyos-serviceaccount")), &["runs as service account pyos-serviceaccount, which may claim"]);
    scene.admitted_without_warnings(&create(&runs_as("harmless", "default")));
    given(&scene, &runs_as("listed", "pyos-serviceaccount"));
    let template = json!({"metadata": {"labels": {"app": "none"}}, "spec": runs_as("x", "pyos-serviceaccount")["spec"]});
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "thieves"},
        "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "none"}}, "template": template},
    });
    scene.denied(&create(&deployment), &["Deployment \"thieves\" runs as service account pyos-serviceaccount"]);
}

#[test]
fn every_kind_of_workload_is_created_only_by_those_who_are_listed() {
    let scene = scene();
    let mut all = workloads(GOOD);
    let template = all[0]["spec"]["template"].clone();
    all.push(json!({"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "template"}, "template": template}));
    for mut workload in all {
        let kind = workload["kind"].as_str().expect("a kind").to_owned();
        scene.denied(&create(&workload), &[&format!("{kind} \""), REFUSED[0]]);
        // The pods of an owner are only those of its controller.
        workload["metadata"]["name"] = json!("owned");
        workload["metadata"]["ownerReferences"] = owner(if kind == "Job" { "CronJob" } else { "Deployment" }, true);
        assert!(create(&workload).run(&scene.guarded, true).text.contains(REFUSED[0]), "{kind} with a forged owner");
        let mut evil = workload.clone();
        evil["metadata"] = json!({"name": "evil"});
        let pod = if kind == "CronJob" {
            "/spec/jobTemplate/spec/template/spec"
        } else if kind == "PodTemplate" {
            "/template/spec"
        } else {
            "/spec/template/spec"
        };
        evil.pointer_mut(pod).expect("a spec")["containers"][0]["image"] = json!(EVIL);
        assert!(
            by_deployer(create(&evil)).run(&scene.guarded, true).text.contains("but grant pyos allows only"),
            "{kind} with another image"
        );
    }
}

#[test]
fn a_template_is_changed_only_by_those_who_are_listed() {
    let scene = scene();
    let deployment = workloads(GOOD).remove(0);
    given(&scene, &deployment);
    scene.denied(&kubectl("set image deployment/deployment c=registry.example/other"), REFUSED);
    scene.denied(&merge("deployment deployment", &json!({"spec": {"template": {"metadata": {"annotations": {"a": "b"}}}}})), REFUSED);
    scene.denied(&kubectl("set env deployment/deployment A=b"), REFUSED);
    scene.denied(&kubectl("rollout restart deployment/deployment").without_dry_run(), REFUSED);
    let patch = json!([{"op": "add", "path": "/spec/template/spec/initContainers", "value": [{"name": "i", "image": GOOD}]}]);
    scene.denied(&kubectl("patch deployment deployment --type=json -p").word(patch.to_string()), REFUSED);
    // Server-side apply of one field.
    let image = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "deployment"},
        "spec": {"template": {"spec": {"containers": [{"name": "c", "image": "registry.example/applied"}]}}},
    });
    scene.denied(&kubectl("apply --server-side --force-conflicts --field-manager=thief -f -").stdin(&image), REFUSED);
    let mut replaced = deployment.clone();
    replaced["spec"]["template"]["spec"]["containers"][0]["command"] = json!(["sh"]);
    scene.denied(&kubectl("replace -f -").stdin(&replaced), REFUSED);
    scene.admitted_without_warnings(&by_deployer(kubectl("set image deployment/deployment c=registry.example/pyos:2")));
    let answer =
        scene.denied(&by_deployer(kubectl("set image deployment/deployment c=elsewhere.example/x")), &["has image elsewhere.example/x"]);
    assert!(answer.text.contains("workload-claims.validate.netpol.abcdesktop.io"), "{}", answer.text);
    // A workload of others becomes one of pyos.
    let template = json!({"metadata": {"labels": {"app": "x"}}, "spec": pod_spec()});
    let mut other = json!({
        "apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "other"},
        "spec": {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template": template}}},
    });
    other["spec"]["jobTemplate"]["spec"]["template"]["spec"]["restartPolicy"] = json!("Never");
    scene.admitted_without_warnings(&create(&other));
    let becomes = json!({"spec": {"jobTemplate": {"spec": {"template": {"metadata": {"labels": {"run": "pyos-od"}}}}}}});
    scene.denied(&merge("cronjob other", &becomes), REFUSED);
}

#[test]
fn a_running_pod_is_changed_only_by_those_who_are_listed() {
    let scene = scene();
    given(&scene, &pyos("pyos", GOOD));
    scene.denied(&kubectl("set image pod/pyos c=registry.example/other"), REFUSED);
    let image =
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pyos"}, "spec": {"containers": [{"name": "c", "image": EVIL}]}});
    scene.denied(&kubectl("apply --server-side --force-conflicts --field-manager=thief -f -").stdin(&image), REFUSED);
    scene.denied(&kubectl("debug pyos --image=registry.example/debug --attach=false").without_dry_run(), REFUSED);
    let debugger = json!({"spec": {"ephemeralContainers": [{"name": "debugger", "image": GOOD}]}});
    let path = format!("{}/pyos/ephemeralcontainers", path("{ns}", "pods"));
    let added = call(Call::patch(&path, "application/strategic-merge-patch+json", &debugger));
    let answer = scene.denied(&added, REFUSED);
    assert!(answer.text.contains("pod-claims.validate.netpol.abcdesktop.io"), "{}", answer.text);
    let mut other = debugger.clone();
    other["spec"]["ephemeralContainers"][0]["name"] = json!("listed");
    scene.admitted_without_warnings(&by_deployer(call(Call::patch(&path, "application/strategic-merge-patch+json", &other))));
    scene.admitted_without_warnings(&by_deployer(kubectl("set image pod/pyos c=registry.example/pyos:2")));
    scene.denied(&by_deployer(kubectl("set image pod/pyos c=elsewhere.example/x")), &["has image elsewhere.example/x"]);
    // Other changes are those of anybody.
    scene.admitted_without_warnings(&kubectl("annotate pod pyos note=x"));
    scene.admitted_without_warnings(&kubectl("label pod pyos color=blue"));
}

#[test]
fn a_copy_for_debugging_is_a_new_pod() {
    let scene = scene();
    given(&scene, &pyos("pyos", GOOD));
    let copy = |name: &str, more: &str| {
        kubectl(&format!("debug pyos --copy-to={name} --attach=false {more} --set-image=*=registry.example/tool")).without_dry_run()
    };
    scene.denied(&copy("copy", "--keep-labels"), REFUSED);
    // Without the labels, it still runs as pyos's account.
    scene.denied(&copy("bare", ""), &["only for service account pyos-serviceaccount, group deployers"]);
}

#[test]
fn a_forged_owner_is_no_controller() {
    let scene = scene();
    for (name, kind, controller) in [("one", "ReplicaSet", true), ("two", "ReplicaSet", false), ("three", "StatefulSet", true)] {
        let mut object = pyos(name, GOOD);
        object["metadata"]["ownerReferences"] = owner(kind, controller);
        scene.denied(&create(&object), REFUSED);
    }
    // A controller is whoever may act as one: RBAC must not allow it.
    let mut object = pyos("impersonated", GOOD);
    object["metadata"]["ownerReferences"] = owner("ReplicaSet", true);
    let controller = "system:serviceaccount:kube-system:replicaset-controller";
    assert!(create(&object).by(controller, &[]).run(&scene.guarded, true).ok);
    object["metadata"]["ownerReferences"] = owner("Job", true);
    assert!(create(&object).by(controller, &[]).run(&scene.guarded, true).text.contains(REFUSED[0]), "it does not control jobs");
}

#[test]
fn a_foreign_replica_set_cannot_be_adopted() {
    let scene = scene();
    let deployment = workloads(GOOD).remove(0);
    given(&scene, &deployment);
    let mut foreign = workloads(GOOD).remove(3);
    foreign["metadata"]["name"] = json!("foreign");
    foreign["spec"]["replicas"] = json!(0);
    // With the labels that the Deployment selects, and with its owner reference.
    foreign["spec"]["selector"]["matchLabels"]["of"] = json!("Deployment");
    foreign["spec"]["template"]["metadata"]["labels"]["of"] = json!("Deployment");
    foreign["metadata"]["labels"] = foreign["spec"]["template"]["metadata"]["labels"].clone();
    scene.denied(&create(&foreign), REFUSED);
    foreign["metadata"]["name"] = json!("foreign-owned");
    foreign["metadata"]["ownerReferences"] = owner("Deployment", true);
    assert!(create(&foreign).run(&scene.guarded, true).text.contains(REFUSED[0]));
    // Orphaned, and adopted by another Deployment of the same name with another program.
    scene.admitted_without_warnings(&kubectl("delete deployment deployment --cascade=orphan").without_dry_run());
    let mut next = deployment.clone();
    next["spec"]["template"]["spec"]["containers"][0]["command"] = json!(["sh"]);
    scene.denied(&create(&next), REFUSED);
    assert!(by_deployer(create(&deployment)).run(&scene.guarded, false).ok);
}

#[test]
fn a_revision_by_hand_is_created_only_by_those_who_are_listed() {
    let scene = scene();
    let part = json!({"spec": {"template": {"spec": {"containers": [{"name": "c", "image": EVIL}]}}}});
    let whole = json!({"spec": {"template": {"$patch": "replace", "metadata": {"labels": {"run": "pyos-od"}}, "spec": spec(GOOD)}}});
    let revision = |name: &str, data: &Value| json!({"apiVersion": "apps/v1", "kind": "ControllerRevision", "metadata": {"name": name, "ownerReferences": owner("StatefulSet", true)}, "data": data, "revision": 7});
    scene.denied(&create(&revision("part", &part)), &["can change pods of any identity"]);
    scene.denied(&create(&revision("whole", &whole)), REFUSED);
    given(&scene, &revision("listed", &whole));
    let harmless = json!({"spec": {"template": {"$patch": "replace", "metadata": {"labels": {"run": "nginx-od"}}}}});
    scene.admitted_without_warnings(&create(&revision("harmless", &harmless)));
}

#[test]
fn a_terminating_pod_keeps_its_identity_and_its_containers() {
    let scene = scene();
    let mut harmless = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "harmless", "labels": {"app": "x"}, "finalizers": ["example.com/later"]},
        "spec": pod_spec(),
    });
    given(&scene, &harmless);
    harmless["metadata"]["name"] = json!("pyos");
    harmless["metadata"]["labels"] = json!({"run": "pyos-od", "netpol/api": "true"});
    harmless["spec"] = spec(GOOD);
    given(&scene, &harmless);
    for namespace in [&scene.guarded, &scene.open] {
        for name in ["harmless", "pyos"] {
            plane().api.call(&Call::new(Method::DELETE, format!("{}/{name}", path(namespace, "pods")))).expect("a deletion");
        }
    }
    scene.denied(&kubectl("label pod harmless run=pyos-od"), &["changes label run"]);
    scene.denied(&kubectl("set image pod/pyos c=registry.example/other"), REFUSED);
    scene.admitted_without_warnings(&merge("pod harmless", &json!({"metadata": {"finalizers": null}})).without_dry_run());
    scene.admitted_without_warnings(&merge("pod pyos", &json!({"metadata": {"finalizers": null}})).without_dry_run());
}

#[test]
fn a_protected_label_is_fixed_after_creation() {
    let scene = scene();
    scene.given(&json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "desk", "labels": {"app": "x", "shipcrew": "true"}},
        "spec": pod_spec(),
    }));
    scene.denied(&kubectl("label pod desk shipcrew-"), &["changes label shipcrew"]);
    scene.denied(&kubectl("label pod desk shipcrew=other --overwrite"), &["changes label shipcrew"]);
    scene.admitted_without_warnings(&kubectl("label pod desk crew=other"));
}
