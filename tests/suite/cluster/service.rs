//! The registration as a chart makes it: by Service, as YAML. Without a cluster network the Service is
//! an `ExternalName`, and the API server still asks for the name that a certificate must have.

use serde_json::json;

use super::harness::act::kubectl;
use super::harness::guard::{create_namespace, wait_until_asked};
use super::harness::netpol::{Server, netpol};
use super::harness::plane::plane;
use super::harness::scene::pod;

const NAME: &str = "by-service";

#[test]
fn a_registration_by_service_reaches_the_guard() {
    create_namespace(NAME);
    let folder = plane().reaper.folder().join("by-service-tls");
    let name = format!("guard.{NAME}.svc");
    let tls = ["--self-signed-dir", folder.to_str().expect("a path"), "--tls-name", &name];
    let server = Server::start(NAME, &[["--namespace", NAME].as_slice(), &tls].concat());
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "guard", "namespace": NAME},
        "spec": {"type": "ExternalName", "externalName": "localhost"},
    });
    plane().api.post(&format!("/api/v1/namespaces/{NAME}/services"), &service).expect("a service");

    let ca = folder.join("ca.crt");
    let endpoint = format!("{NAME}/guard:{}", server.port);
    let args =
        ["render", "registration", "--name", NAME, "--namespace", NAME, "--service", &endpoint, "--ca", ca.to_str().expect("a path")];
    let manifests = netpol(args).expect("render registration");
    plane().kubectl.run(["apply", "-f", "-"], &manifests).expect("kubectl apply");
    wait_until_asked(NAME, NAME, &|| false);
    let said = kubectl("create -f -").stdin(&pod("thief", &[("app", "thief"), ("netpol/mongodb", "true")])).run(NAME, false);
    assert!(said.text.contains("denied the request") && said.text.contains("netpol/mongodb"), "{}", said.text);
}

/// What is registered is what is rendered: the API server fills in nothing that we did not say, so a
/// weakened registration shows by comparison.
#[test]
fn the_api_server_keeps_a_registration_as_it_is_rendered() {
    let name = "as-rendered";
    let manifests = netpol(["render", "registration", "--name", name, "--namespace", name]).expect("render registration");
    plane().kubectl.run(["apply", "-f", "-"], &manifests).expect("kubectl apply");
    let compared = plane().kubectl.run(["diff", "-f", "-"], &manifests);
    assert!(compared.ok, "{}{}", compared.stdout, compared.stderr);
    for resource in ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"] {
        let path = format!("/apis/admissionregistration.k8s.io/v1/{resource}/{name}");
        let live = plane().api.get(&path).expect("the registration");
        let rendered = netpol(["render", "registration", "--name", name, "--namespace", name, "--output", "json"]).expect("render");
        let rendered: serde_json::Value = serde_json::from_str(&rendered).expect("it is JSON");
        let kind = live["kind"].as_str().expect("a kind");
        let ours = rendered["items"].as_array().into_iter().flatten().find(|item| item["kind"] == kind).expect("ours");
        for (kept, said) in live["webhooks"].as_array().into_iter().flatten().zip(ours["webhooks"].as_array().into_iter().flatten()) {
            for (field, value) in said.as_object().expect("a webhook") {
                assert_eq!(&kept[field], value, "{} of {}", field, said["name"]);
            }
        }
        plane().api.call(&super::harness::api::Call::new(hyper::Method::DELETE, path)).expect("it goes");
    }
}
