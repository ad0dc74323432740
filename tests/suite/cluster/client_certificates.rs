//! Client certificates of the API server: one API server with the documented `AdmissionConfiguration`, and one of the same cluster
//! without it.

use std::fs;

use serde_json::{Value, json};

use super::certs_folder;
use super::harness::api::{Api, Call, Reply};
use super::harness::guard::{apply, create_namespace, rendered_for_service};
use super::harness::netpol::Server;
use super::harness::pki::Authority;
use super::harness::plane::plane;
use super::harness::scene::{capabilities, path, pod};
use super::harness::wait::until;

const NAME: &str = "client-certificate";
/// The name in the client certificate, as in certs/README.md.
const CLIENT: &str = "kube-apiserver";

fn create(api: &Api, name: &str, labels: &[(&str, &str)]) -> Reply {
    api.post(&path(NAME, "pods"), &pod(name, labels))
}

/// Adds the label of a neighbor namespace. The failure policy of that webhook is `Ignore`.
fn label(api: &Api, value: &str) -> Reply {
    let patch = json!({"metadata": {"labels": {"name": value}}});
    api.call(&Call::patch(format!("/api/v1/namespaces/{NAME}"), "application/merge-patch+json", &patch))
}

fn counted(server: &Server, cause: &str) -> u64 {
    let line = format!("netpol_handshake_failures_total{{cause=\"{cause}\"}} ");
    server.metrics().lines().find_map(|found| found.strip_prefix(&line)?.parse().ok()).unwrap_or_default()
}

/// Waits until an API server calls the webhook, as its response shows.
fn wait_until_called(api: &Api, words: &str) {
    until(words, || {
        let reply = api.post(&format!("{}?dryRun=All", path(NAME, "pods")), &pod("probe", &[("netpol/probe", "true")]));
        reply.message().contains(words).then_some(())
    });
}

fn assert_call_failed(reply: &Reply) {
    assert!(!reply.ok() && reply.message().contains("failed calling webhook"), "{} {}", reply.status, reply.message());
}

#[test]
fn only_an_api_server_with_the_client_certificate_gets_an_answer() {
    create_namespace(NAME);
    let folder = plane().reaper.folder().join(NAME);
    fs::create_dir(&folder).expect("a folder");
    let authority = Authority::new("clients").expect("an authority");
    let client_ca = folder.join("client-ca.crt");
    fs::write(&client_ca, &authority.pem).expect("a CA");
    authority.client(CLIENT, &[]).expect("a certificate").write(&folder, "client").expect("a pair");

    let service = format!("guard.{NAME}.svc");
    let flags = |name: &str, listen: &str| {
        let path = |file: &str| folder.join(file).display().to_string();
        let flags = ["--namespace", NAME, "--audit-level", "all", "--listen", listen, "--tls-name", &service, "--client-name", name];
        let files = ["--client-ca".to_owned(), client_ca.display().to_string(), "--self-signed-dir".to_owned(), path("tls")];
        flags.iter().map(|flag| (*flag).to_owned()).chain(files).collect::<Vec<_>>()
    };
    let server = Server::start(NAME, &flags(CLIENT, "127.0.0.1:0"));
    let address = format!("127.0.0.1:{}", server.port);

    // As in certs/README.md, with other paths and another Service.
    let host = format!("{service}:{}", server.port);
    let lies = folder.join("etc").display().to_string();
    certs_folder::copy(&folder.join("certs"), &[("abcdesktop-netpol.netpol-system.svc", &host), ("/etc/kubernetes/netpol", &lies)]);
    fs::rename(folder.join("certs/api-server"), &lies).expect("a folder");
    for file in ["client.crt", "client.key"] {
        fs::copy(folder.join(file), folder.join("etc").join(file)).expect("a copy");
    }
    let proving = plane().another("proving", &[format!("--admission-control-config-file={lies}/admission.yaml")]);

    let external = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "guard"},
        "spec": {"type": "ExternalName", "externalName": "localhost"},
    });
    plane().api.post(&path(NAME, "services"), &external).expect("a service");
    for manifest in rendered_for_service(NAME, &format!("{NAME}/guard:{}", server.port), &folder.join("tls/ca.crt")) {
        apply(&manifest);
    }

    // The API server with the certificate gets an answer.
    wait_until_called(&proving.api, "denied the request");
    let desktop = create(&proving.api, "desktop", &[("type", "x11server")]).expect("a pod");
    assert_eq!(capabilities(&desktop), ["ocuser"]);
    let thief = create(&proving.api, "thief", &[("netpol/mongodb", "true")]);
    assert!(thief.message().contains("denied the request") && thief.message().contains("netpol/mongodb"), "{}", thief.message());
    assert!(!label(&proving.api, "kube-monitor").warnings.is_empty(), "the neighbor namespace causes a warning");
    let lines = server.audit_lines();
    assert!(lines.iter().any(|line| line["name"] == "thief" && line["rule"] == "ungranted-label"), "{lines:?}");
    assert!(lines.iter().all(|line| line["clientVerified"] == true), "{lines:?}");

    // The API server without a certificate gets none, and the failure policy of each webhook applies.
    wait_until_called(&plane().api, "failed calling webhook");
    assert_call_failed(&create(&plane().api, "desktop-2", &[("type", "x11server")]));
    let labeled = label(&plane().api, "somewhere");
    // Other guards of the run receive namespaces too and can warn.
    assert!(labeled.ok(), "{}", labeled.message());
    assert!(counted(&server, "no_client_certificate") > 0, "{}", server.metrics());
    assert_eq!(counted(&server, "client_certificate"), 0);

    // A certificate with another name is rejected too.
    drop(server);
    let server = Server::start(NAME, &flags("somebody-else", &address));
    assert_call_failed(&create(&proving.api, "desktop-3", &[("type", "x11server")]));
    assert!(counted(&server, "client_certificate") > 0, "{}", server.metrics());
    assert_eq!(server.audit_lines(), Vec::<Value>::new(), "no review was accepted");

    // With the correct name the server recovers.
    drop(server);
    let _server = Server::start(NAME, &flags(CLIENT, &address));
    until("reviews get an answer again", || create(&proving.api, "desktop-4", &[("type", "x11server")]).ok().then_some(()));
}
