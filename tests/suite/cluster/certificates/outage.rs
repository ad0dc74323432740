//! An unavailable API server and missing rights: the server reports them and recovers.

use std::fs;
use std::net::Ipv4Addr;
use std::time::Duration;

use hyper::Method;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use super::super::harness::api::{Call, RUNTIME};
use super::super::harness::load::Load;
use super::super::harness::netpol::{Server, Starting};
use super::super::harness::plane::{free_ports, plane};
use super::super::harness::wait::until;
use super::fixture::Installed;
use super::replicas::leads;

/// A connection to the API server that can be cut.
struct Link(JoinHandle<()>);

impl Link {
    fn open(port: u16) -> Link {
        let config: Value =
            serde_json::from_slice(&fs::read(plane().reaper.folder().join("admin.json")).expect("a kubeconfig")).expect("it is JSON");
        let server = config["clusters"][0]["cluster"]["server"].as_str().expect("a server").to_owned();
        let target: u16 = server.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).expect("a port");
        let listener = RUNTIME.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, port))).expect("the port is free");
        Link(RUNTIME.spawn(async move {
            // Dropping this task aborts them.
            let mut connections = JoinSet::new();
            while let Ok((mut client, _)) = listener.accept().await {
                connections.spawn(async move {
                    if let Ok(mut server) = TcpStream::connect((Ipv4Addr::LOCALHOST, target)).await {
                        let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                    }
                });
            }
        }))
    }

    fn cut(self) {
        self.0.abort();
        until("the link is cut", || self.0.is_finished().then_some(()));
    }
}

/// Waits until `/readyz` contains a text. Returns whether the server is ready.
#[track_caller]
fn readyz_contains(server: &Server, words: &str) -> bool {
    until(&format!("/readyz contains {words:?}"), || {
        let reply = server.admin.get("/readyz");
        reply.body.as_str()?.contains(words).then_some(reply.ok())
    })
}

/// Returns a replica that has no certificate yet.
fn without_certificate(mut starting: Starting) -> Server {
    let admin = until("the admin port is open", || starting.line("waiting for a certificate in the Secret")).1;
    starting.into_server(0, admin)
}

#[test]
fn a_replica_starts_and_serves_without_the_api_server() {
    let installed = Installed::new("cut-off");
    installed.register();
    let [port, listen] = free_ports().expect("free ports");
    let flags = [installed.flags(), vec!["--listen".to_owned(), format!("127.0.0.1:{listen}")]].concat();
    let server = without_certificate(Starting::new(installed.name, &flags, Some(&installed.kubeconfig_at(Some(port)))));
    assert!(!readyz_contains(&server, "cannot reach the API server"));
    assert!(!readyz_contains(&server, "the server has no certificate yet"));
    let refused = RUNTIME.block_on(TcpStream::connect((Ipv4Addr::LOCALHOST, listen)));
    assert!(refused.is_err(), "without a certificate the review port is closed");

    let open = Link::open(port);
    until("the server is ready", || server.admin.get("/readyz").ok().then_some(()));
    installed.forwarder.add(listen, &server.admin);
    installed.wait_until_called();
    assert!(server.metrics().contains("netpol_certificates_failures_total{cause=\"unreachable\"}"));

    open.cut();
    assert!(readyz_contains(&server, "cannot reach the API server"), "the server stays ready with its certificate");
    let load = Load::start(installed.name, "pod", 2, Duration::from_millis(100));
    until("pods are created while the link is cut", || (load.count() >= 30).then_some(()));
    load.finish().assert_clean(30);
    until("the server no longer leads", || (!leads(&server)).then_some(()));
    let again = Link::open(port);
    until("the server has recovered", || server.metrics().contains("netpol_degraded{what=\"certificate\"} 0").then_some(()));
    until("the server leads again", || leads(&server).then_some(()));
    installed.renew("leaf");
    again.cut();
    let log = fs::read_to_string(&server.process.log).expect("a log");
    let logged = log.lines().filter(|line| line.contains("cannot manage the certificate")).count();
    assert!((2..8).contains(&logged), "a failure is logged when it starts, not at every attempt: {logged}\n{log}");
}

/// Removes one verb on one resource from the account's role.
fn without(manifest: &Value, resource: &str, verb: &str) -> Value {
    let mut manifest = manifest.clone();
    for rule in manifest["rules"].as_array_mut().into_iter().flatten() {
        let about = rule["resources"].as_array().is_some_and(|all| all.iter().any(|one| one == resource));
        if about && let Some(verbs) = rule["verbs"].as_array_mut() {
            verbs.retain(|one| one != verb);
        }
    }
    if let Some(rules) = manifest["rules"].as_array_mut() {
        rules.retain(|rule| rule["verbs"] != json!([]));
    }
    manifest
}

/// The verbs that the server needs. Each is removed in turn.
const NEEDED: [(&str, &str, &str); 7] = [
    ("secrets", "get", "no-secret-get"),
    ("secrets", "create", "no-secret-create"),
    ("secrets", "update", "no-secret-update"),
    ("leases", "get", "no-lease-get"),
    ("leases", "update", "no-lease-update"),
    ("mutatingwebhookconfigurations", "get", "no-hook-get"),
    ("mutatingwebhookconfigurations", "patch", "no-hook-patch"),
];

#[test]
fn a_missing_permission_is_named() {
    let mut all = Vec::new();
    for (resource, verb, name) in NEEDED {
        let installed = Installed::new(name);
        installed.register();
        let role: Vec<Value> = installed.role().iter().map(|manifest| without(manifest, resource, verb)).collect();
        Installed::apply(&role);
        all.push((without_certificate(installed.starting()), resource, verb, installed));
    }
    for (server, resource, verb, installed) in &all {
        let ready = readyz_contains(server, &format!("must allow the verb \"{verb}\" on \"{resource}\""));
        assert!(!ready, "{verb} {resource}");
        let text = server.admin.get("/readyz").body.to_string();
        let place = if resource.ends_with("configurations") { "a ClusterRole" } else { "a Role in" };
        assert!(text.contains(place), "{text}");
        let log = fs::read_to_string(&server.process.log).expect("a log");
        assert!(log.contains(&format!("not allowed to {verb} the ")), "{log}");
        Installed::apply(&installed.role());
    }
    for (server, resource, verb, _) in &all {
        until(&format!("the server is ready when it may {verb} {resource}"), || server.admin.get("/readyz").ok().then_some(()));
    }
}

#[test]
fn a_missing_lease_is_reported() {
    let installed = Installed::new("no-lease");
    let path = format!("/apis/coordination.k8s.io/v1/namespaces/{}/leases/{}", installed.system, installed.name);
    plane().api.call(&Call::new(Method::DELETE, path)).expect("the lease is deleted");
    let server = without_certificate(installed.starting());
    assert!(!readyz_contains(&server, "does not exist and cannot be created: not allowed to create the lease"));
    let lease = json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": installed.name, "namespace": installed.system},
    });
    Installed::apply(&[lease]);
    until("the server is ready", || server.admin.get("/readyz").ok().then_some(()));
}

#[test]
fn a_server_without_a_cluster_does_not_start() {
    let nowhere = plane().reaper.folder().join("no-such-kubeconfig.json");
    let flags = ["--tls-secret", "a/b", "--tls-name", "x.a.svc"];
    let mut starting = Starting::new("nowhere", &flags, Some(&nowhere));
    let status = starting.process.wait();
    assert_eq!(status.code(), Some(2));
    assert!(starting.process.tail().contains("--tls-secret: no cluster is configured"), "{}", starting.process.tail());
}
