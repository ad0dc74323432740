//! The manifests of `certs/`, for installations without Helm, agree with the chart.

use std::fs;

use serde_json::{Value, json};

use crate::support::helm::{objects, only, servers, template};
use crate::support::root;

fn read(file: &str) -> Vec<Value> {
    objects(&fs::read_to_string(root().join("certs").join(file)).expect("a file"))
}

fn rendered(values: &Value) -> Vec<Value> {
    objects(&template(values, &[]).expect("helm template"))
}

/// Returns the container and the pod spec of a Deployment.
fn pod(deployment: &Value) -> (&Value, &Value) {
    let pod = &deployment["spec"]["template"]["spec"];
    (&pod["containers"][0], pod)
}

/// Asserts that the chart has the volumes and mounts that a patch adds, and a flag for each of its variables.
#[track_caller]
fn assert_patch_agrees(patch: &str, deployment: &Value) {
    let patches = read(patch);
    let [patch] = patches.as_slice() else { panic!("{patch} is not one patch") };
    let ((container, pod), (patched, patched_pod)) = (pod(deployment), pod(patch));
    assert_eq!(patched["name"], container["name"]);
    let all = |list: &Value| list.as_array().cloned().unwrap_or_default();
    for (added, rendered) in [(&patched_pod["volumes"], &pod["volumes"]), (&patched["volumeMounts"], &container["volumeMounts"])] {
        assert!(!all(added).is_empty());
        for item in all(added) {
            assert!(all(rendered).contains(&item), "{item} is not in {rendered}");
        }
    }
    for variable in all(&patched["env"]) {
        let name = variable["name"].as_str().expect("a name").trim_start_matches("NETPOL_").to_lowercase().replace('_', "-");
        let flag = json!(format!("--{name}={}", variable["value"].as_str().expect("a value")));
        assert!(all(&container["args"]).contains(&flag), "{flag} is not in {}", container["args"]);
    }
    if let Some(group) = patched_pod["securityContext"].get("fsGroup") {
        assert_eq!(group, &pod["securityContext"]["fsGroup"]);
    }
}

#[test]
fn cert_manager_manifests_are_equal_to_the_chart() {
    let everything = rendered(&json!({"certificates": {"mode": "certManager"}}));
    let mut expected: Vec<Value> = everything.iter().filter(|object| object["apiVersion"] == "cert-manager.io/v1").cloned().collect();
    for object in &mut expected {
        object["metadata"].as_object_mut().expect("metadata").remove("labels").expect("labels");
    }
    let mut found = read("cert-manager.yaml");
    for objects in [&mut found, &mut expected] {
        objects.sort_by_key(|object| (object["kind"].to_string(), object["metadata"]["name"].to_string()));
    }
    assert_eq!(found, expected);
    assert_patch_agrees("mounted.yaml", servers(&everything));
    let injected = &only(&everything, "ValidatingWebhookConfiguration")["metadata"]["annotations"]["cert-manager.io/inject-ca-from"];
    let readme = fs::read_to_string(root().join("certs/README.md")).expect("a README");
    let annotation = format!("cert-manager.io/inject-ca-from={}", injected.as_str().expect("an annotation"));
    assert!(readme.contains(&annotation), "{annotation}");
}

#[test]
fn the_client_ca_patch_agrees_with_the_chart() {
    let values = json!({"tls": {"clientCA": {"configMap": "abcdesktop-netpol-client-ca", "names": ["kube-apiserver"]}}});
    assert_patch_agrees("client-ca.yaml", servers(&rendered(&values)));
}

#[test]
fn the_kubeconfig_names_the_service_of_the_chart() {
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
