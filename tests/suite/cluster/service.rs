//! A registration by Service, as the chart creates it. There is no cluster network, so the Service is an `ExternalName`; the API
//! server still verifies the certificate for the name of the Service.

use serde_json::json;

use super::harness::act::kubectl;
use super::harness::guard::{create_namespace, wait_until_called};
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
    wait_until_called(NAME, NAME, &|| false);
    let result = kubectl("create -f -").stdin(&pod("thief", &[("app", "thief"), ("netpol/mongodb", "true")])).run(NAME, false);
    assert!(result.text.contains("denied the request") && result.text.contains("netpol/mongodb"), "{}", result.text);
}

/// The registration states every field that the API server would default, so a comparison shows a weakened registration.
#[test]
fn the_api_server_adds_no_defaults_to_the_registration() {
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
        for (stored, rendered) in live["webhooks"].as_array().into_iter().flatten().zip(ours["webhooks"].as_array().into_iter().flatten()) {
            for (field, value) in rendered.as_object().expect("a webhook") {
                assert_eq!(&stored[field], value, "{} of {}", field, rendered["name"]);
            }
        }
        plane().api.call(&super::harness::api::Call::new(hyper::Method::DELETE, path)).expect("a deletion");
    }
}
