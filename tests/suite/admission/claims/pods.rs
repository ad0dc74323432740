//! Claims of pods.

use std::sync::Arc;

use netpol::canon::{Canons, Documents};
use netpol::verdict::settings::{Action, Enforcement, UngrantedLabels};
use netpol::verdict::{Guard, Settings, Stage};
use serde_json::{Value, json};

use super::super::made::{Made, pod};
use super::super::{default_guard, denied, guard as built_in, passes, put, warned};
use super::{EVIL, GOOD, PYOS, REPLICASETS, alice, by_controller, created, deny, deployer, guard, pyos, updated};

#[test]
fn only_those_who_are_listed_create_a_pod_with_an_identity() {
    let guard = deny();
    let answer = denied(&guard, &alice(created(pyos(GOOD))), "claim");
    assert_eq!(
        answer.message,
        "pod \"an-object\" claims the identity of grant pyos, which is only for service account pyos-serviceaccount, service account argocd/controller, \
         group deployers. Let one of them create it, or add the user to the claims of the grant; pod \"an-object\" runs as service account \
         pyos-serviceaccount, which may claim the identity of grants pyos, desktop, so it is only for service account pyos-serviceaccount, service account \
         argocd/controller, group deployers, user root. Use another service account, or add the user to the claims of the grant"
    );
    passes(&guard, &deployer(created(pyos(GOOD))));
    passes(&guard, &created(pyos(GOOD)).user(PYOS, &[]));
    passes(&guard, &created(pyos(GOOD)).user("system:serviceaccount:argocd:controller", &[]));
    for name in [
        "system:serviceaccount:other:pyos-serviceaccount",
        "system:serviceaccount:abcdesktop:controller",
        "deployers",
        "pyos-serviceaccount",
        "",
    ] {
        denied(&guard, &created(pyos(GOOD)).user(name, &["system:serviceaccounts"]), "claim");
    }
    passes(&guard, &alice(Made::pod(json!({"run": "nginx-od"}))));
    passes(&guard, &alice(Made::pod(json!({"app": "other"}))));
}

#[test]
fn the_flag_decides_and_softened_modes_buy_nothing() {
    let attack = || alice(created(pyos(GOOD)));
    warned(&guard(Settings::default()), &attack(), "claim");
    passes(&guard(Settings { claims: Action::Allow, ..Settings::default() }), &attack());
    let softened = guard(Settings { claims: Action::Deny, enforcement: Enforcement::Warn, ..Settings::default() });
    assert!(warned(&softened, &attack(), "claim").warnings[0].starts_with("would be denied: pod"));
    // A pod that was admitted then is no easier to take over.
    let old = pyos(GOOD);
    denied(&deny(), &alice(updated(old.clone(), pyos("ghcr.io/abcdesktopio/other"))), "claim");
    passes(&deny(), &alice(updated(old.clone(), old)).set("/request/object/metadata/labels/note", json!("x")));
    let strip = guard(Settings { claims: Action::Deny, ungranted_labels: UngrantedLabels::Strip, ..Settings::default() });
    denied(&strip, &attack(), "claim");
    assert!(put(&strip, Stage::Mutate, &attack()).allowed);
}

#[test]
fn the_pods_of_a_controller_need_no_claim() {
    let guard = deny();
    let owned = || by_controller(pyos(GOOD), "ReplicaSet");
    passes(&guard, &created(owned()).user(REPLICASETS, &[]));
    passes(&guard, &created(owned()).user("system:kube-controller-manager", &[]));
    // A forged owner, another kind, no controller, another user with a similar name.
    denied(&guard, &alice(created(owned())), "claim");
    denied(&guard, &created(by_controller(pyos(GOOD), "Job")).user(REPLICASETS, &[]), "claim");
    denied(
        &guard,
        &created(owned()).set("/request/object/metadata/ownerReferences/0/controller", json!(false)).user(REPLICASETS, &[]),
        "claim",
    );
    denied(&guard, &created(owned()).without("/request/object/metadata/ownerReferences").user(REPLICASETS, &[]), "claim");
    denied(&guard, &created(owned()).user("system:serviceaccount:other:replicaset-controller", &[]), "claim");
    // Image and account count for controllers too: a revision made by hand, or a template from before the guard.
    denied(&guard, &created(by_controller(pyos(EVIL), "ReplicaSet")).user(REPLICASETS, &[]), "claim");
    let given = Settings { claims: Action::Deny, workload_controllers: vec!["argo=Rollout".parse().unwrap()], ..Settings::default() };
    let given = self::guard(given);
    passes(&given, &created(by_controller(pyos(GOOD), "Rollout")).user("argo", &[]));
    denied(&given, &created(owned()).user(REPLICASETS, &[]), "claim");
}

#[test]
fn a_service_account_that_may_claim_is_protected_without_an_identity() {
    let guard = deny();
    let runs_as = |field: &str, name: &str| {
        let mut object = pod(json!({"app": "none"}));
        object["spec"][field] = json!(name);
        created(object)
    };
    for field in ["serviceAccountName", "serviceAccount"] {
        let answer = denied(&guard, &alice(runs_as(field, "pyos-serviceaccount")), "claim");
        assert!(
            answer.message.starts_with("pod \"an-object\" runs as service account pyos-serviceaccount, which may claim"),
            "{}",
            answer.message
        );
        passes(&guard, &deployer(runs_as(field, "pyos-serviceaccount")));
        passes(&guard, &alice(runs_as(field, "default")));
        // It is listed in another namespace.
        passes(&guard, &alice(runs_as(field, "controller")));
    }
    passes(&guard, &alice(runs_as("serviceAccountName", "")));
    // Whoever one of the grants lists may use the account.
    passes(&guard, &runs_as("serviceAccountName", "pyos-serviceaccount").user("root", &[]));
    let owned = |made: Made| made.set("/request/object/metadata/ownerReferences", json!([{"kind": "Job", "controller": true}]));
    passes(
        &guard,
        &owned(runs_as("serviceAccountName", "pyos-serviceaccount")).user("system:serviceaccount:kube-system:job-controller", &[]),
    );
    let template = json!({"metadata": {"name": "x"}, "spec": {"template": {"spec": {"serviceAccountName": "pyos-serviceaccount"}}}});
    denied(&guard, &alice(Made::of("CREATE", "batch", "jobs", "Job").object(template.clone())), "claim");
    passes(&guard, &deployer(Made::of("CREATE", "batch", "jobs", "Job").object(template)));
    // Its containers are protected as well.
    let old = runs_as("serviceAccountName", "pyos-serviceaccount").0["request"]["object"].clone();
    let image = updated(old.clone(), old).set("/request/object/spec/containers/0/image", json!(EVIL));
    denied(&guard, &alice(image.clone()), "claim");
    passes(&guard, &deployer(image));
}

#[test]
fn images_that_cannot_be_read_are_refused_if_the_grant_limits_them() {
    let softened = guard(Settings { enforcement: Enforcement::Audit, ..Settings::default() });
    for (field, value) in [
        ("containers", json!({"0": {"image": "ghcr.io/x"}})),
        ("containers", json!([{"name": "c", "image": ["ghcr.io/x"]}])),
        ("initContainers", json!(["ghcr.io/x"])),
        ("ephemeralContainers", json!("ghcr.io/x")),
        ("volumes", json!([{"name": "v", "image": "ghcr.io/x"}])),
    ] {
        let with = |run: &str| alice(created(pod(json!({"run": run})))).set(&format!("/request/object/spec/{field}"), value.clone());
        let answer = put(&softened, Stage::Validate, &with("mongodb-od"));
        let message = format!("cannot understand the request: spec.{field} does not have the structure of that of a pod");
        assert_eq!((answer.allowed, answer.message), (false, message));
        passes(&deny(), &with("nginx-od"));
        let (old, new) = (pod(json!({"run": "nginx-od"})), with("nginx-od").0["request"]["object"].clone());
        assert!(!put(&softened, Stage::Validate, &alice(updated(old, new))).allowed, "{field}");
    }
}

#[test]
fn account_and_images_of_a_grant_hold_for_everybody() {
    let guard = deny();
    let mongodb = |image: &str| {
        let mut object = pod(json!({"run": "mongodb-od"}));
        object["spec"]["serviceAccountName"] = json!("mongodb");
        object["spec"]["containers"][0]["image"] = json!(image);
        alice(created(object))
    };
    passes(&guard, &mongodb("ghcr.io/x"));
    let answer = denied(&guard, &mongodb(EVIL), "claim");
    assert_eq!(
        answer.message,
        "pod \"an-object\" has image registry.example/evil, but grant mongodb allows only ghcr.io/*. Use such an image, or add it to the images of the grant"
    );
    denied(&guard, &mongodb("xghcr.io/x"), "claim");
    for (field, value) in [
        ("initContainers", json!([{"name": "i", "image": EVIL}])),
        ("ephemeralContainers", json!([{"name": "e", "image": EVIL}])),
        ("volumes", json!([{"name": "a", "emptyDir": {}}, {"name": "v", "image": {"reference": EVIL}}])),
        ("containers", json!([{"name": "c", "image": "ghcr.io/x"}, {"name": "d"}])),
    ] {
        denied(&guard, &mongodb("ghcr.io/x").set(&format!("/request/object/spec/{field}"), value), "claim");
    }
    passes(
        &guard,
        &mongodb("ghcr.io/x").set("/request/object/spec/volumes", json!([{"image": {"reference": "ghcr.io/v"}}, {"secret": {}}])),
    );
    for account in [json!("default"), json!(""), Value::Null] {
        let answer = denied(&guard, &mongodb("ghcr.io/x").set("/request/object/spec/serviceAccountName", account), "claim");
        assert!(
            answer.message.contains("runs as service account default, but grant mongodb is only for service account mongodb"),
            "{}",
            answer.message
        );
    }
    denied(&guard, &deployer(created(pyos(EVIL))), "claim");
}

#[test]
fn the_image_of_a_running_pod_is_changed_by_those_who_are_listed() {
    let guard = deny();
    let change = |image: &str| updated(pyos(GOOD), pyos(image));
    let answer = denied(&guard, &alice(change("ghcr.io/abcdesktopio/pyos:4.5")), "claim");
    assert!(
        answer.message.starts_with("pod \"an-object\" runs another program with the identity of grant pyos, which is only for"),
        "{}",
        answer.message
    );
    passes(&guard, &deployer(change("ghcr.io/abcdesktopio/pyos:4.5")));
    denied(&guard, &deployer(change(EVIL)), "claim");
    let init = |image: &str| {
        let mut object = pyos(GOOD);
        object["spec"]["initContainers"] = json!([{"name": "i", "image": image}]);
        object
    };
    denied(&guard, &alice(updated(init(GOOD), init("ghcr.io/abcdesktopio/x"))), "claim");
    // A new owner is forged; an old one is that of the controller.
    denied(&guard, &updated(pyos(GOOD), by_controller(pyos("ghcr.io/abcdesktopio/x"), "ReplicaSet")).user(REPLICASETS, &[]), "claim");
    // Labels, annotations, finalizers and a status update change no image.
    for pointer in ["/request/object/metadata/labels/note", "/request/object/metadata/annotations"] {
        let value = if pointer.ends_with('s') { json!({"note": "x"}) } else { json!("x") };
        passes(&guard, &alice(change(GOOD)).set(pointer, value));
    }
    passes(&guard, &alice(change(GOOD)).subresource("status").set("/request/object/status", json!({"phase": "Running"})));
    // An image that violated the grant before blocks nothing, and the next one is judged.
    let old = {
        let mut object = pyos(EVIL);
        object["spec"]["containers"].as_array_mut().unwrap().push(json!({"name": "d", "image": GOOD}));
        object
    };
    let next = |image: &str| deployer(updated(old.clone(), old.clone()).set("/request/object/spec/containers/1/image", json!(image)));
    passes(&guard, &next("ghcr.io/abcdesktopio/x"));
    denied(&guard, &next("registry.example/worse"), "claim");
    passes(&guard, &next(EVIL));
}

#[test]
fn an_ephemeral_container_is_added_by_those_who_are_listed() {
    let guard = deny();
    let debug = |base: Value, image: &str| {
        let mut new = base.clone();
        new["spec"]["ephemeralContainers"] = json!([{"name": "debugger", "image": image}]);
        updated(base, new).subresource("ephemeralcontainers")
    };
    denied(&guard, &alice(debug(pyos(GOOD), GOOD)), "claim");
    passes(&guard, &deployer(debug(pyos(GOOD), GOOD)));
    denied(&guard, &deployer(debug(pyos(GOOD), EVIL)), "claim");
    passes(&guard, &alice(debug(pod(json!({"run": "nginx-od"})), EVIL)));
    passes(&guard, &alice(debug(pod(json!({"app": "x"})), EVIL)));
    // A terminating pod is no exception.
    denied(
        &guard,
        &alice(debug(pyos(GOOD), GOOD)).set("/request/object/metadata/deletionTimestamp", json!("2026-01-01T00:00:00Z")),
        "claim",
    );
}

#[test]
fn a_protected_label_is_fixed_after_creation() {
    let guard = deny();
    passes(&guard, &Made::pod(json!({"shipcrew": "true"})));
    let answer = denied(&guard, &Made::pod_update(json!({"app": "x"}), json!({"app": "x", "shipcrew": "s3cret"})), "identity-changed");
    assert!(answer.message.contains("changes label shipcrew") && !answer.message.contains("s3cret"), "{}", answer.message);
    denied(&guard, &Made::pod_update(json!({"shipcrew": "true"}), json!({})), "identity-changed");
    let binding = json!({"metadata": {"name": "x", "labels": {"shipcrew": "true"}}, "target": {"name": "node"}});
    denied(&guard, &Made::of("CREATE", "", "pods", "Binding").subresource("binding").object(binding), "binding");
    passes(&guard, &Made::pod_update(json!({"app": "x"}), json!({"app": "x", "crew": "true"})));
}

#[test]
fn a_mirror_pod_is_admitted_on_record() {
    let made = created(pyos(EVIL)).set("/request/object/metadata/annotations", json!({"kubernetes.io/config.mirror": "x"}));
    let answer = warned(&deny(), &made.clone().user("system:node:a", &["system:nodes"]), "claim");
    assert!(answer.record.is_some());
    denied(&deny(), &alice(made), "claim");
}

#[test]
fn of_several_canons_one_that_limits_is_enough() {
    let one = |name: &str, limits: &str| {
        let text = format!(
            "{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{name: all}}, spec: {{podSelector: {{}}}}}}\n---\n\
             {{apiVersion: netpol.abcdesktop.io/v1alpha1, kind: Grants, metadata: {{name: own}}, grants: [\
             {{name: web, podSelector: {{matchLabels: {{run: web}}}}, labels: {{}}{limits}}}]}}"
        );
        Documents::from_text(name, &text)
    };
    let guard = |all: &[Documents]| {
        let settings = Settings { claims: Action::Deny, ..Settings::default() };
        Guard::new(Arc::new(Canons::from_documents(all, &settings.namespaces).expect("canons")), Arc::new(settings))
    };
    let (old, new, open) = (one("old", ", images: ['a:1'], claims: {users: [alice]}"), one("new", ", images: ['a:2']"), one("open", ""));
    let web = |image: &str| Made::pod(json!({"run": "web"})).set("/request/object/spec/containers/0/image", json!(image));
    let both = guard(&[new, old.clone()]);
    passes(&both, &alice(web("a:1")));
    passes(&both, &alice(web("a:2")));
    denied(&both, &alice(web("a:3")), "claim");
    denied(&both, &web("a:1"), "claim");
    for canons in [[open.clone(), old.clone()], [old, open]] {
        passes(&guard(&canons), &alice(web("a:1")));
        denied(&guard(&canons), &alice(web("a:2")), "claim");
        denied(&guard(&canons), &web("a:1"), "claim");
    }
}

#[test]
fn the_built_in_canons_let_pyos_and_administrators_create_desktops() {
    let desktop = || Made::pod(json!({"type": "x11server", "netpol/ocuser": "true"}));
    passes(&default_guard(), &desktop().user(PYOS, &["system:serviceaccounts"]));
    passes(&default_guard(), &desktop().user("kubernetes-admin", &["kubeadm:cluster-admins"]));
    passes(&default_guard(), &desktop());
    warned(&default_guard(), &alice(desktop()), "claim");
    denied(&built_in(Settings { claims: Action::Deny, ..Settings::default() }), &alice(desktop()), "claim");
    passes(&default_guard(), &alice(Made::pod(json!({"run": "mongodb-od", "netpol/dns": "true", "netpol/mongodb": "true"}))));
}
