//! Claims of workloads, whose pods their controllers create.

use serde_json::{Value, json};

use super::super::made::{Made, workload};
use super::super::{denied, passes, warned};
use super::{CRONJOBS, DEPLOYMENTS, EVIL, GOOD, PYOS, alice, deny, deployer, pyos};

/// Returns one workload of each kind with the template of pyos: group, resource, kind, object, and the pointer of its template.
fn workloads(image: &str) -> Vec<(&'static str, &'static str, &'static str, Value, &'static str)> {
    let template = json!({"metadata": {"labels": {"run": "pyos-od"}}, "spec": pyos(image)["spec"]});
    let plain = json!({"metadata": {"name": "x"}, "spec": {"template": template}});
    let cron = json!({"metadata": {"name": "x"}, "spec": {"schedule": "* * * * *", "jobTemplate": {"spec": {"template": template}}}});
    vec![
        ("apps", "deployments", "Deployment", plain.clone(), "/spec/template"),
        ("apps", "replicasets", "ReplicaSet", plain.clone(), "/spec/template"),
        ("apps", "statefulsets", "StatefulSet", plain.clone(), "/spec/template"),
        ("apps", "daemonsets", "DaemonSet", plain.clone(), "/spec/template"),
        ("batch", "jobs", "Job", plain.clone(), "/spec/template"),
        ("batch", "cronjobs", "CronJob", cron, "/spec/jobTemplate/spec/template"),
        ("", "replicationcontrollers", "ReplicationController", plain, "/spec/template"),
        ("", "podtemplates", "PodTemplate", json!({"metadata": {"name": "x"}, "template": template}), "/template"),
    ]
}

#[test]
fn every_kind_of_workload_is_created_by_those_who_are_listed() {
    let guard = deny();
    for (group, resource, kind, object, template) in workloads(GOOD) {
        let create = || Made::of("CREATE", group, resource, kind).object(object.clone());
        let answer = denied(&guard, &alice(create()), "claim");
        assert!(answer.message.starts_with(&format!("{kind} \"an-object\" claims the identity of grant pyos")), "{}", answer.message);
        passes(&guard, &deployer(create()));
        denied(
            &guard,
            &deployer(create()).set(&format!("/request/object{template}/spec/initContainers"), json!([{"image": EVIL}])),
            "claim",
        );
        denied(&guard, &alice(by_owner(create(), "Deployment")), "claim");
        let other = create().set(&format!("/request/object{template}/metadata/labels"), json!({"app": "x"}));
        passes(&guard, &alice(other.set(&format!("/request/object{template}/spec/serviceAccountName"), json!("default"))));
    }
}

fn by_owner(made: Made, kind: &str) -> Made {
    made.set(
        "/request/object/metadata/ownerReferences",
        json!([{"apiVersion": "apps/v1", "kind": kind, "name": "x", "uid": "u", "controller": true}]),
    )
}

#[test]
fn a_controller_creates_the_workloads_that_it_controls() {
    let guard = deny();
    let make = |resource: &str, kind: &str, owner: &str, user: &str| {
        let object = workload(json!({}), json!({"type": "x11server"}));
        let group = if kind == "Job" { "batch" } else { "apps" };
        by_owner(Made::of("CREATE", group, resource, kind).object(object), owner).user(user, &[])
    };
    passes(&guard, &make("replicasets", "ReplicaSet", "Deployment", DEPLOYMENTS));
    denied(&guard, &make("replicasets", "ReplicaSet", "Deployment", "alice"), "claim");
    denied(&guard, &make("replicasets", "ReplicaSet", "CronJob", DEPLOYMENTS), "claim");
    passes(&guard, &make("jobs", "Job", "CronJob", CRONJOBS));
    // A job by hand that looks like that of a CronJob.
    denied(&guard, &make("jobs", "Job", "CronJob", "alice"), "claim");
}

#[test]
fn a_change_of_a_template_needs_a_claim_and_other_updates_do_not() {
    let guard = deny();
    for (group, resource, kind, object, template) in workloads(GOOD) {
        let update = || Made::of("UPDATE", group, resource, kind).old(object.clone()).object(object.clone());
        let at = |field: &str| format!("/request/object{template}/{field}");
        for (field, value) in [
            ("spec/containers/0/image", json!("ghcr.io/abcdesktopio/other")),
            ("spec/containers/0/command", json!(["sh"])),
            ("spec/initContainers", json!([{"name": "i", "image": GOOD}])),
            ("spec/volumes", json!([{"name": "v", "image": {"reference": GOOD}}])),
            ("metadata/annotations", json!({"kubectl.kubernetes.io/restartedAt": "now"})),
            // It lets go of the identity: its pods are those of pyos until then.
            ("metadata/labels", json!({"app": "x"})),
        ] {
            let answer = denied(&guard, &alice(update()).set(&at(field), value.clone()), "claim");
            assert!(answer.message.starts_with(&format!("{kind} \"an-object\" runs another program with")), "{}", answer.message);
            passes(&guard, &deployer(update()).set(&at(field), value));
        }
        denied(&guard, &deployer(update()).set(&at("spec/containers/0/image"), json!(EVIL)), "claim");
        denied(&guard, &deployer(update()).set(&at("spec/serviceAccountName"), json!("default")), "claim");
        // What is no template: scale, labels, annotations, status, another order of keys.
        passes(&guard, &alice(update()).set("/request/object/metadata/labels", json!({"run": "x"})));
        passes(
            &guard,
            &alice(update()).set("/request/object/metadata/ownerReferences", json!([{"kind": "Deployment", "controller": true}])),
        );
        passes(&guard, &alice(update()).set("/request/object/status", json!({"replicas": 3})));
        passes(&guard, &alice(update()).set(&at("spec/tolerations"), json!([])));
        if template == "/spec/template" {
            passes(&guard, &alice(update()).set("/request/object/spec/replicas", json!(3)));
        }
        // A workload becomes one of pyos.
        let harmless = |made: Made| {
            let old = |field: &str| format!("/request/oldObject{template}/{field}");
            made.set(&old("metadata/labels"), json!({"app": "x"})).set(&old("spec/serviceAccountName"), json!("default"))
        };
        denied(&guard, &alice(harmless(update())), "claim");
        passes(&guard, &deployer(harmless(update())));
    }
}

#[test]
fn an_existing_image_blocks_no_rollout() {
    let guard = deny();
    let (group, resource, kind, old, _) = workloads(EVIL).remove(0);
    let update = deployer(Made::of("UPDATE", group, resource, kind).old(old.clone()).object(old));
    let answer = warned(&guard, &update.clone().set("/request/object/spec/template/spec/containers/0/command", json!(["x"])), "claim");
    assert!(
        answer.warnings[0].starts_with("existing problem: Deployment \"an-object\" has image registry.example/evil"),
        "{:?}",
        answer.warnings
    );
    passes(&guard, &update.clone().set("/request/object/spec/template/spec/containers/0/image", json!(GOOD)));
    denied(&guard, &update.set("/request/object/spec/template/spec/containers/0/image", json!("registry.example/worse")), "claim");
}

#[test]
fn a_revision_by_hand_needs_the_claims_that_its_pods_would_have() {
    let guard = deny();
    let revision = |template: Value| {
        Made::of("CREATE", "apps", "controllerrevisions", "ControllerRevision")
            .object(json!({"metadata": {"name": "x"}, "data": {"spec": {"template": template}}, "revision": 1}))
    };
    let whole = || json!({"$patch": "replace", "metadata": {"labels": {"run": "pyos-od"}}, "spec": pyos(GOOD)["spec"]});
    denied(&guard, &alice(revision(whole())), "claim");
    passes(&guard, &deployer(revision(whole())));
    passes(&guard, &by_owner(revision(whole()), "StatefulSet").user("system:serviceaccount:kube-system:statefulset-controller", &[]));
    denied(&guard, &alice(by_owner(revision(whole()), "StatefulSet")), "claim");
    passes(&guard, &alice(revision(json!({"$patch": "replace", "metadata": {"labels": {"run": "nginx-od"}}}))));
    // A part of a template keeps the labels of any set.
    let part = json!({"spec": {"containers": [{"name": "pyos", "image": EVIL}]}});
    let answer = denied(&guard, &alice(revision(part.clone())), "claim");
    assert!(
        answer.message.contains("can change pods of any identity") && answer.message.contains("grants pyos, desktop"),
        "{}",
        answer.message
    );
    denied(&guard, &deployer(revision(part.clone())), "claim");
    passes(&guard, &revision(part).user(PYOS, &[]));
}
