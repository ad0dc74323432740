//! The caller proves who it is: a real API server with the documented `AdmissionConfiguration`,
//! beside one of the same cluster without.

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
/// The name that certs/README.md gives the API server.
const CLIENT: &str = "kube-apiserver";

fn create(api: &Api, name: &str, labels: &[(&str, &str)]) -> Reply {
    api.post(&path(NAME, "pods"), &pod(name, labels))
}

/// Labels the namespace so that a neighbor's label is asked about, which is not worth waiting for an answer.
fn label(api: &Api, value: &str) -> Reply {
    let patch = json!({"metadata": {"labels": {"name": value}}});
    api.call(&Call::patch(format!("/api/v1/namespaces/{NAME}"), "application/merge-patch+json", &patch))
}

fn counted(server: &Server, cause: &str) -> u64 {
    let line = format!("netpol_handshake_failures_total{{cause=\"{cause}\"}} ");
    server.metrics().lines().find_map(|found| found.strip_prefix(&line)?.parse().ok()).unwrap_or_default()
}

/// Waits until an API server has learned of the registration, as its answer shows.
fn asks(api: &Api, words: &str) {
    until(words, || {
        let reply = api.post(&format!("{}?dryRun=All", path(NAME, "pods")), &pod("probe", &[("netpol/probe", "true")]));
        reply.message().contains(words).then_some(())
    });
}

fn not_answered(reply: &Reply) {
    assert!(!reply.ok() && reply.message().contains("failed calling webhook"), "{} {}", reply.status, reply.message());
}

#[test]
fn the_api_server_proves_who_it_is() {
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

    // As certs/README.md says, but for where the files lie and which Service it is.
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

    // The one that proves it is answered.
    asks(&proving.api, "denied the request");
    let desktop = create(&proving.api, "desktop", &[("type", "x11server")]).expect("a pod");
    assert_eq!(capabilities(&desktop), ["ocuser"]);
    let thief = create(&proving.api, "thief", &[("netpol/mongodb", "true")]);
    assert!(thief.message().contains("denied the request") && thief.message().contains("netpol/mongodb"), "{}", thief.message());
    assert!(!label(&proving.api, "kube-monitor").warnings.is_empty(), "a neighbor is warned about");
    let lines = server.audit_lines();
    assert!(lines.iter().any(|line| line["name"] == "thief" && line["rule"] == "ungranted-label"), "{lines:?}");
    assert!(lines.iter().all(|line| line["clientVerified"] == true), "{lines:?}");

    // The one that shows nothing is not, and each webhook's failure policy decides.
    asks(&plane().api, "failed calling webhook");
    not_answered(&create(&plane().api, "desktop-2", &[("type", "x11server")]));
    let labeled = label(&plane().api, "somewhere");
    // Other guards of the run are asked about every namespace, too, and may warn.
    assert!(labeled.ok(), "{}", labeled.message());
    assert!(counted(&server, "no_client_certificate") > 0, "{}", server.metrics());
    assert_eq!(counted(&server, "client_certificate"), 0);

    // Nor is another name than the one that is asked for, on the same port.
    drop(server);
    let server = Server::start(NAME, &flags("somebody-else", &address));
    not_answered(&create(&proving.api, "desktop-3", &[("type", "x11server")]));
    assert!(counted(&server, "client_certificate") > 0, "{}", server.metrics());
    assert_eq!(server.audit_lines(), Vec::<Value>::new(), "no review got in");

    // With the right one all goes on by itself.
    drop(server);
    let _server = Server::start(NAME, &flags(CLIENT, &address));
    until("reviews are answered again", || create(&proving.api, "desktop-4", &[("type", "x11server")]).ok().then_some(()));
}
