//! The manifests of `certs/` say what the chart says: whoever has no Helm gets the same.

use std::fs;

use serde_json::{Value, json};

use crate::support::helm::{objects, only, template};
use crate::support::root;

fn read(file: &str) -> Vec<Value> {
    objects(&fs::read_to_string(root().join("certs").join(file)).expect("a file"))
}

fn rendered(values: &Value) -> Vec<Value> {
    objects(&template(values, &[]).expect("helm template"))
}

/// A Deployment's one container and its pod.
fn pod(deployment: &Value) -> (&Value, &Value) {
    let pod = &deployment["spec"]["template"]["spec"];
    (&pod["containers"][0], pod)
}

/// What a patch adds is what the chart has: volumes and mounts as they are, a variable as a flag.
#[track_caller]
fn patch_agrees(patch: &str, deployment: &Value) {
    let patches = read(patch);
    let [patch] = patches.as_slice() else { panic!("{patch} is one patch") };
    let ((container, pod), (ours, our_pod)) = (pod(deployment), pod(patch));
    assert_eq!(ours["name"], container["name"]);
    let all = |list: &Value| list.as_array().cloned().unwrap_or_default();
    for (added, there) in [(&our_pod["volumes"], &pod["volumes"]), (&ours["volumeMounts"], &container["volumeMounts"])] {
        assert!(!all(added).is_empty());
        for item in all(added) {
            assert!(all(there).contains(&item), "{item} is not in {there}");
        }
    }
    for variable in all(&ours["env"]) {
        let name = variable["name"].as_str().expect("a name").trim_start_matches("NETPOL_").to_lowercase().replace('_', "-");
        let flag = json!(format!("--{name}={}", variable["value"].as_str().expect("a value")));
        assert!(all(&container["args"]).contains(&flag), "{flag} is not in {}", container["args"]);
    }
    if let Some(group) = our_pod["securityContext"].get("fsGroup") {
        assert_eq!(group, &pod["securityContext"]["fsGroup"]);
    }
}

#[test]
fn cert_manager_is_told_the_same() {
    let everything = rendered(&json!({"certificates": {"mode": "certManager"}}));
    let mut theirs: Vec<Value> = everything.iter().filter(|object| object["apiVersion"] == "cert-manager.io/v1").cloned().collect();
    for object in &mut theirs {
        object["metadata"].as_object_mut().expect("metadata").remove("labels").expect("the chart's labels");
    }
    let mut ours = read("cert-manager.yaml");
    for objects in [&mut ours, &mut theirs] {
        objects.sort_by_key(|object| (object["kind"].to_string(), object["metadata"]["name"].to_string()));
    }
    assert_eq!(ours, theirs);
    patch_agrees("mounted.yaml", only(&everything, "Deployment"));
    let injected = &only(&everything, "ValidatingWebhookConfiguration")["metadata"]["annotations"]["cert-manager.io/inject-ca-from"];
    let readme = fs::read_to_string(root().join("certs/README.md")).expect("a README");
    let annotation = format!("cert-manager.io/inject-ca-from={}", injected.as_str().expect("an annotation"));
    assert!(readme.contains(&annotation), "{annotation}");
}

#[test]
fn clients_are_asked_for_the_same() {
    let values = json!({"tls": {"clientCA": {"configMap": "abcdesktop-netpol-client-ca", "names": ["kube-apiserver"]}}});
    patch_agrees("client-ca.yaml", only(&rendered(&values), "Deployment"));
}

#[test]
fn the_api_server_knows_the_charts_service() {
    let service = rendered(&json!({}));
    let service =
        service.iter().find(|object| object["kind"] == "Service" && object["spec"]["ports"][0]["port"] == 443).expect("a Service");
    let host = format!(
        "{}.{}.svc",
        service["metadata"]["name"].as_str().expect("a name"),
        service["metadata"]["namespace"].as_str().expect("a namespace")
    );
    assert_eq!(read("api-server/kubeconfig.yaml")[0]["users"][0]["name"], host);
}
