//! Labels of pods: ungranted capability labels cannot be added, and the identity of a pod cannot change.

use hyper::Method;
use serde_json::json;

use super::harness::act::{Act, call, kubectl};
use super::harness::api::Call;
use super::harness::guard::{Guard, scene};
use super::harness::plane::plane;
use super::harness::scene::{capabilities, create, get, pod, pod_spec};

const MERGE: &str = "application/merge-patch+json";

/// Returns a merge patch of labels.
fn labels(labels: &serde_json::Value) -> serde_json::Value {
    json!({"metadata": {"labels": labels}})
}

/// Returns a binding of the pod `app` with some metadata, for either resource.
fn binding(path: &str, metadata: &serde_json::Value) -> Act {
    let mut metadata = metadata.clone();
    metadata["name"] = json!("app");
    let body =
        json!({"apiVersion": "v1", "kind": "Binding", "metadata": metadata, "target": {"apiVersion": "v1", "kind": "Node", "name": "n1"}});
    call(Call::new(Method::POST, format!("/api/v1/namespaces/{{ns}}/{path}")).json(&body))
}

#[test]
fn a_pod_cannot_be_created_with_an_ungranted_label() {
    let scene = scene();
    let thief = pod("thief", &[("app", "thief"), ("netpol/mongodb", "true")]);
    scene.denied(&kubectl("create -f -").stdin(&thief), &["pods.validate.netpol.abcdesktop.io", "netpol/mongodb", "run=mongodb-od"]);
    scene.denied(&kubectl("run other --image=registry.example/c --labels=netpol/ocuser=true"), &["netpol/ocuser"]);
    assert_eq!(capabilities(&get(&scene.open, "pods", "thief")), ["mongodb"]);
}

#[test]
fn an_update_cannot_add_an_ungranted_label() {
    let scene = scene();
    scene.given(&pod("app", &[("app", "thief")]));
    scene.denied(&kubectl("label pod app netpol/mongodb=true"), &["netpol/mongodb"]);
    let applied = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "app", "labels": {"netpol/pyos": "true"}}});
    scene.denied(&kubectl("apply --server-side --field-manager=other -f -").stdin(&applied), &["netpol/pyos"]);
    scene.denied(
        &kubectl("patch pod app --type=json -p").word(r#"[{"op":"add","path":"/metadata/labels/netpol~1dns","value":"true"}]"#),
        &["netpol/dns"],
    );
    assert!(scene.capabilities("app").is_empty());
    assert_eq!(capabilities(&get(&scene.open, "pods", "app")), ["dns", "mongodb", "pyos"]);
}

#[test]
fn a_status_update_cannot_add_an_ungranted_label() {
    let scene = scene();
    scene.given(&pod("app", &[("app", "thief")]));
    let patch = labels(&json!({"netpol/mongodb": "true"})).to_string();
    scene.denied(&kubectl("patch pod app --subresource=status --type=merge -p").word(patch), &["netpol/mongodb"]);
    // A status update without labels is admitted.
    let status = json!({"status": {"message": "rolled"}}).to_string();
    scene.admitted_without_warnings(&kubectl("patch pod app --subresource=status --type=merge -p").word(status));
    assert_eq!(capabilities(&get(&scene.open, "pods", "app")), ["mongodb"]);
}

#[test]
fn a_binding_cannot_add_an_ungranted_label() {
    for path in ["pods/app/binding", "bindings"] {
        let scene = scene();
        scene.given(&pod("app", &[("app", "thief")]));
        scene.denied(&binding(path, &labels(&json!({"netpol/mongodb": "true"}))["metadata"]), &["bindings.validate", "netpol/mongodb"]);
        // API servers copy the labels of a binding since 1.35. The guard denies it on every version.
        let copied: &[&str] = if plane().minor() >= 35 { &["mongodb"] } else { &[] };
        assert_eq!(capabilities(&get(&scene.open, "pods", "app")), copied, "the effect of {path} without the guard");
    }
}

#[test]
fn a_binding_cannot_set_identity_labels() {
    for path in ["pods/app/binding", "bindings"] {
        let labeled = scene();
        labeled.given(&pod("app", &[("app", "thief")]));
        labeled.denied(&binding(path, &json!({"labels": {"run": "pyos-od"}})), &["bindings.validate", "run"]);
        let annotated = scene();
        annotated.given(&pod("app", &[("app", "thief")]));
        annotated
            .denied(&binding(path, &json!({"annotations": {"kubernetes.io/config.mirror": "0f1e2d"}})), &["kubernetes.io/config.mirror"]);
    }
}

#[test]
fn a_binding_without_labels_is_admitted() {
    let zoned = scene();
    zoned.given(&pod("app", &[("app", "any")]));
    let carried = json!({"labels": {"topology.kubernetes.io/zone": "a", "topology.kubernetes.io/region": "r"}});
    zoned.admitted_without_warnings(&binding("pods/app/binding", &carried));
    assert_eq!(zoned.get("pods", "app")["spec"]["nodeName"], "n1");
    let bare = scene();
    bare.given(&pod("app", &[("app", "any")]));
    bare.admitted_without_warnings(&binding("bindings", &json!({})));
}

#[test]
fn labels_sent_to_other_subresources_are_not_stored() {
    let scene = scene();
    let mut app = pod("app", &[("app", "thief")]);
    app["spec"]["containers"][0]["resources"] = json!({"requests": {"cpu": "10m"}, "limits": {"cpu": "20m"}});
    scene.given(&app);
    let mut debugged = labels(&json!({"netpol/mongodb": "true"}));
    debugged["spec"] = json!({"ephemeralContainers": [{"name": "debugger", "image": "registry.example/c"}]});
    let path = "/api/v1/namespaces/{ns}/pods/app/ephemeralcontainers";
    scene.admitted_without_warnings(&call(Call::patch(path, "application/strategic-merge-patch+json", &debugged)));
    let mut resized = labels(&json!({"netpol/mongodb": "true"}));
    resized["spec"] = json!({"containers": [{"name": "c", "resources": {"requests": {"cpu": "11m"}}}]});
    let resize = call(Call::patch("/api/v1/namespaces/{ns}/pods/app/resize", "application/strategic-merge-patch+json", &resized));
    let result = [&scene.guarded, &scene.open].map(|namespace| resize.run(namespace, false));
    assert_eq!(
        result[0].ok, result[1].ok,
        "a resize has the same result with and without the guard: {} / {}",
        result[0].text, result[1].text
    );
    for namespace in [&scene.guarded, &scene.open] {
        assert!(capabilities(&get(namespace, "pods", "app")).is_empty(), "{namespace}");
    }
    assert_eq!(scene.get("pods", "app")["spec"]["ephemeralContainers"][0]["name"], "debugger");
}

#[test]
fn the_identity_of_a_running_pod_cannot_change() {
    let scene = scene();
    scene.given(&pod("app", &[("app", "any")]));
    scene.given(&pod("desktop", &[("type", "x11server")]));
    scene.denied(&kubectl("label pod app run=pyos-od"), &["run"]);
    scene.denied(&kubectl("label pod app --overwrite run=mongodb-od"), &["run"]);
    scene.denied(&kubectl("label pod desktop --overwrite type=other"), &["type"]);
    scene.denied(&kubectl("label pod desktop type-"), &["type"]);
    scene.admitted_without_warnings(&kubectl("label pod desktop color=blue"));
    assert_eq!(scene.capabilities("desktop"), ["ocuser"]);
    assert!(scene.capabilities("app").is_empty());
}

/// Under warn, a relabeled pod gets no capability label, neither now nor with a later change.
#[test]
fn relabeling_a_running_pod_adds_no_capability_under_warn() {
    let guard = Guard::registered("relabel", &["--enforcement", "warn"]);
    let scene = guard.scene();
    scene.given(&pod("app", &[("app", "any")]));
    let result = scene.admitted(&kubectl("label pod app run=pyos-od"));
    assert!(result.warned().contains("run"), "{:?}", result.warnings);
    for later in ["annotate pod app note=1", "label pod app color=blue", "label pod app --overwrite color=red"] {
        scene.admitted(&kubectl(later));
        assert!(scene.capabilities("app").is_empty(), "after {later}");
    }
    // Control: a pod that is created with the same labels gets them.
    create(&scene.guarded, &pod("born", &[("run", "pyos-od")]));
    assert_eq!(scene.capabilities("born").len(), 11);
}

#[test]
fn a_removed_granted_label_is_added_again() {
    let scene = scene();
    scene.given(&pod("desktop", &[("type", "x11server"), ("netpol/ocuser", "true")]));
    scene.admitted(&kubectl("label pod desktop netpol/ocuser-"));
    assert_eq!(scene.capabilities("desktop"), ["ocuser"]);
    assert!(capabilities(&get(&scene.open, "pods", "desktop")).is_empty());
}

#[test]
fn a_status_update_cannot_remove_a_granted_label() {
    let scene = scene();
    scene.given(&pod("desktop", &[("type", "x11server"), ("netpol/ocuser", "true")]));
    let patch = labels(&json!({"netpol/ocuser": null})).to_string();
    scene.denied(&kubectl("patch pod desktop --subresource=status --type=merge -p").word(patch), &["netpol/ocuser"]);
    assert_eq!(scene.capabilities("desktop"), ["ocuser"]);
    assert!(capabilities(&get(&scene.open, "pods", "desktop")).is_empty());
}

#[test]
fn a_granted_label_has_exactly_one_value() {
    let scene = scene();
    scene.denied(&kubectl("create -f -").stdin(&pod("wrong", &[("type", "x11server"), ("netpol/ocuser", "yes")])), &["netpol/ocuser"]);
}

#[test]
fn a_pod_cannot_have_two_identities() {
    let scene = scene();
    let both = pod("both", &[("type", "x11server"), ("run", "pyos-od")]);
    scene.denied(&kubectl("create -f -").stdin(&both), &["pods.validate", "desktop", "pyos"]);
    let same = pod("labeled", &[("type", "x11server"), ("run", "memcached-od"), ("netpol/ocuser", "true")]);
    scene.denied(&kubectl("create -f -").stdin(&same), &["memcached"]);
}

#[test]
fn a_pod_that_a_policy_selects_cannot_use_the_host_network() {
    let scene = scene();
    let mut router = pod("router", &[("run", "router-od")]);
    router["spec"]["hostNetwork"] = json!(true);
    scene.denied(&kubectl("create -f -").stdin(&router), &["hostNetwork"]);
}

#[test]
fn a_network_annotation_causes_a_warning_in_every_request() {
    let scene = scene();
    let key = "k8s.v1.cni.cncf.io/networks";
    let mut second = pod("second", &[("app", "any")]);
    second["metadata"]["annotations"] = json!({key: "fast"});
    let warned = |act: &Act| {
        let result = scene.admitted(act);
        assert!(result.warned().contains(key), "{act}: {:?}", result.warnings);
    };
    warned(&kubectl("create -f -").stdin(&second));
    scene.given(&pod("app", &[("app", "any")]));
    warned(&kubectl(&format!("annotate pod app {key}=fast")));
    let patch = json!({"metadata": {"annotations": {key: "faster"}}});
    warned(&kubectl("patch pod app --subresource=status --type=merge -p").word(patch.to_string()));
    warned(&binding("pods/app/binding", &json!({"annotations": {key: "fastest"}})));
    scene.admitted_without_warnings(&kubectl("annotate pod second cni.projectcalico.org/podIP=10.0.0.1"));
}

/// The kubelet creates the mirror pod after the containers of a static pod run: a denial would only hide them.
#[test]
fn a_mirror_pod_is_never_patched_and_never_denied() {
    let scene = scene();
    let mirror = |name: &str, labels: &[(&str, &str)]| {
        let mut mirror = pod(name, labels);
        mirror["metadata"]["annotations"] = json!({"kubernetes.io/config.mirror": "0f1e2d", "kubernetes.io/config.source": "file"});
        mirror["spec"]["nodeName"] = json!("n1");
        let node = &plane().api.get("/api/v1/nodes/n1").expect("the node")["metadata"]["uid"];
        mirror["metadata"]["ownerReferences"] =
            json!([{"apiVersion": "v1", "kind": "Node", "name": "n1", "uid": node, "controller": true}]);
        mirror
    };
    let by_node = |manifest| kubectl("create -f -").stdin(&manifest).by("system:node:n1", &["system:nodes"]);
    scene.admitted(&by_node(mirror("static-n1", &[("run", "mongodb-od")])));
    assert!(scene.capabilities("static-n1").is_empty());
    let result = scene.admitted(&by_node(mirror("labeled-n1", &[("app", "thief"), ("netpol/mongodb", "true")])));
    assert!(result.warned().contains("netpol/mongodb"), "{:?}", result.warnings);

    // A mirror pod of any other user is an ordinary pod.
    let by_another = |manifest| kubectl("create -f -").stdin(&manifest).by("dave", &[]);
    scene.denied(&by_another(mirror("forged-n1", &[("app", "thief"), ("netpol/mongodb", "true")])), &["netpol/mongodb"]);
    scene.admitted(&by_another(mirror("ordinary-n1", &[("run", "mongodb-od")])));
    assert_eq!(scene.capabilities("ordinary-n1"), ["dns", "mongodb"]);
}

#[test]
fn a_debug_copy_has_only_granted_labels() {
    let scene = scene();
    scene.given(&pod("desktop", &[("type", "x11server")]));
    let copy = |words: &str| kubectl(&format!("debug desktop --image=registry.example/debug {words}")).without_dry_run();
    scene.admitted(&copy("--copy-to=bare"));
    assert!(scene.capabilities("bare").is_empty());
    scene.admitted(&copy("--copy-to=kept --keep-labels"));
    // Some versions of kubectl ignore the flag.
    let kept = scene.get("pods", "kept");
    let granted: &[&str] = if kept["metadata"]["labels"]["type"] == "x11server" { &["ocuser"] } else { &[] };
    assert_eq!(capabilities(&kept), granted);
}

/// Two field managers of one pod: labels that the other manager does not own are unchanged.
#[test]
fn server_side_apply_keeps_the_labels_that_the_guard_added() {
    let scene = scene();
    let applied =
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "desktop", "labels": {"type": "x11server"}}, "spec": pod_spec()});
    let apply = |manifest| kubectl("apply --server-side -f -").stdin(manifest);
    scene.admitted_without_warnings(&apply(&applied));
    scene.admitted_without_warnings(&apply(&applied));
    assert_eq!(scene.capabilities("desktop"), ["ocuser"]);
    let path = format!("/api/v1/namespaces/{}/pods/desktop", scene.guarded);
    plane().api.call(&Call::patch(path, MERGE, &labels(&json!({"color": "blue"})))).expect("a merge patch");
    assert_eq!(scene.capabilities("desktop"), ["ocuser"]);
}

#[test]
fn a_dry_run_shows_the_labels_and_stores_nothing() {
    let scene = scene();
    let result = kubectl("create -f - -o json").stdin(&pod("desktop", &[("type", "x11server")])).run(&scene.guarded, true);
    let shown: serde_json::Value = serde_json::from_str(&result.stdout).expect("it is JSON");
    assert_eq!(capabilities(&shown), ["ocuser"]);
    assert!(super::harness::scene::list(&scene.guarded, "pods").is_empty());
}
