//! The API server accepts everything that the chart renders, without warnings.

use serde_json::{Value, json};

use super::{Release, define_foreign_kinds};
use crate::chart::sets::sets;
use crate::cluster::harness::guard::create_namespace;
use crate::cluster::harness::netpol::netpol;
use crate::cluster::harness::plane::plane;
use crate::support::helm::objects;

#[test]
fn the_api_server_accepts_every_object() {
    define_foreign_kinds();
    let release = Release::new("chart-dry-run");
    // The rights of `helm test` are in the guarded namespaces, which must exist.
    let guarded = ["chart-dry-run-1", "chart-dry-run-2", "chart-dry-run-3"];
    for namespace in guarded {
        create_namespace(namespace);
    }
    for (set, mut values) in sets() {
        let count = values["namespaces"].as_array().map_or(1, Vec::len);
        values["namespaces"] = json!(guarded[..count]);
        let rendered = release.run("template", &values, &[]).expect(set);
        let count = objects(&rendered).len();
        let applied = plane().kubectl.run(["apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-"], &rendered);
        assert!(applied.ok, "{set}: {}", applied.stderr);
        assert_eq!(applied.stderr, "", "{set}");
        assert_eq!(applied.stdout.lines().count(), count, "{set}: {}", applied.stdout);
        pod_is_restricted(set, &rendered);
    }
}

/// Checks the pods of the Deployments in a namespace that enforces the restricted Pod Security Standard.
fn pod_is_restricted(set: &str, rendered: &str) {
    let namespace = "chart-restricted";
    let labels = json!({"pod-security.kubernetes.io/enforce": "restricted"});
    let made = plane()
        .api
        .post("/api/v1/namespaces", &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}}));
    assert!(made.ok() || made.status == 409, "{}", made.message());
    let deployments: Vec<Value> = objects(rendered).into_iter().filter(|object| object["kind"] == "Deployment").collect();
    assert!(!deployments.is_empty(), "{set}");
    for deployment in deployments {
        let template = &deployment["spec"]["template"];
        let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": template["metadata"], "spec": template["spec"]});
        pod["metadata"]["name"] = Value::from("restricted");
        // The control plane does not have this class.
        pod["spec"]["priorityClassName"].take();
        plane().api.post(&format!("/api/v1/namespaces/{namespace}/pods?dryRun=All"), &pod).expect(set);
    }
}

/// The same without Helm; the manifests include the namespace.
#[test]
fn the_api_server_accepts_the_output_of_render_install() {
    let name = "chart-by-hand";
    let printed = |mode| netpol(["render", "install", "--install-namespace", name, "--controller-mode", mode]).expect("render install");
    let manifests = printed("report");
    // A dry run fails if the namespace does not exist.
    let made: Vec<Value> = objects(&manifests).into_iter().filter(|object| object["kind"] == "Namespace").collect();
    plane().kubectl.run(["apply", "--server-side", "-f", "-"], &made[0].to_string()).expect("kubectl apply");
    for manifests in [manifests, printed("repair")] {
        // Another test may have installed a release of the same name.
        let words = ["apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict", "-f", "-"];
        let applied = plane().kubectl.run(words, &manifests);
        assert!(applied.ok, "{}", applied.stderr);
        assert_eq!((applied.stderr.as_str(), applied.stdout.lines().count()), ("", objects(&manifests).len()));
    }
}
