//! An API server that is away, and rights that are missing: said in a sentence, and waited for.

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

/// A line to the API server that can be cut.
struct Line(JoinHandle<()>);

impl Line {
    fn open(port: u16) -> Line {
        let config: Value =
            serde_json::from_slice(&fs::read(plane().reaper.folder().join("admin.json")).expect("a kubeconfig")).expect("it is JSON");
        let server = config["clusters"][0]["cluster"]["server"].as_str().expect("a server").to_owned();
        let target: u16 = server.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).expect("a port");
        let listener = RUNTIME.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, port))).expect("the port is free");
        Line(RUNTIME.spawn(async move {
            // Aborted with this task.
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
        until("the line is cut", || self.0.is_finished().then_some(()));
    }
}

/// Waits until `/readyz` says something.
#[track_caller]
fn says(server: &Server, words: &str) -> bool {
    until(&format!("/readyz says {words:?}"), || {
        let reply = server.admin.get("/readyz");
        reply.body.as_str()?.contains(words).then_some(reply.ok())
    })
}

/// Answers a replica that has no certificate yet.
fn without_certificate(mut starting: Starting) -> Server {
    let admin = until("the admin port is there", || starting.line("the certificate is kept in a secret")).1;
    starting.into_server(0, admin)
}

#[test]
fn a_replica_starts_without_the_api_server_and_goes_on_without_it() {
    let installed = Installed::new("cut-off");
    installed.register();
    let [line, listen] = free_ports().expect("free ports");
    let flags = [installed.flags(), vec!["--listen".to_owned(), format!("127.0.0.1:{listen}")]].concat();
    let server = without_certificate(Starting::new(installed.name, &flags, Some(&installed.kubeconfig_at(Some(line)))));
    assert!(!says(&server, "the API server cannot be reached"));
    assert!(!says(&server, "the server has no certificate yet"));
    let refused = RUNTIME.block_on(TcpStream::connect((Ipv4Addr::LOCALHOST, listen)));
    assert!(refused.is_err(), "nobody listens for reviews without a certificate");

    let open = Line::open(line);
    until("it is ready", || server.admin.get("/readyz").ok().then_some(()));
    installed.forwarder.add(listen, &server.admin);
    installed.wait_until_asked();
    assert!(server.metrics().contains("netpol_certificates_failures_total{cause=\"unreachable\"}"));

    open.cut();
    assert!(says(&server, "the API server cannot be reached"), "it serves what it has, and is ready");
    let load = Load::start(installed.name, "pod", 2, Duration::from_millis(100));
    until("pods while the line is cut", || (load.count() >= 30).then_some(()));
    load.finish().assert_clean(30);
    until("it leads no more", || (!leads(&server)).then_some(()));
    let again = Line::open(line);
    until("it has forgotten the trouble", || server.metrics().contains("netpol_degraded{what=\"certificate\"} 0").then_some(()));
    until("it leads again", || leads(&server).then_some(()));
    installed.renew("leaf");
    again.cut();
    let log = fs::read_to_string(&server.process.log).expect("a log");
    let said = log.lines().filter(|line| line.contains("the certificate cannot be looked after")).count();
    assert!((2..8).contains(&said), "what fails is said when it begins to, not each time: {said}\n{log}");
}

/// Takes one verb on one resource out of the account's role.
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

/// The verbs that the server needs, each taken away in turn.
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
fn a_right_that_is_missing_is_named() {
    let mut all = Vec::new();
    for (resource, verb, name) in NEEDED {
        let installed = Installed::new(name);
        installed.register();
        let role: Vec<Value> = installed.role().iter().map(|manifest| without(manifest, resource, verb)).collect();
        Installed::apply(&role);
        all.push((without_certificate(installed.starting()), resource, verb, installed));
    }
    for (server, resource, verb, installed) in &all {
        let ready = says(server, &format!("must allow the verb \"{verb}\" on \"{resource}\""));
        assert!(!ready, "{verb} {resource}");
        let text = server.admin.get("/readyz").body.to_string();
        let place = if resource.ends_with("configurations") { "a ClusterRole" } else { "a Role in" };
        assert!(text.contains(place), "{text}");
        let log = fs::read_to_string(&server.process.log).expect("a log");
        assert!(log.contains(&format!("may not {verb} the ")), "{log}");
        Installed::apply(&installed.role());
    }
    for (server, resource, verb, _) in &all {
        until(&format!("it is ready once it may {verb} {resource}"), || server.admin.get("/readyz").ok().then_some(()));
    }
}

#[test]
fn a_lease_that_is_not_there_is_asked_for() {
    let installed = Installed::new("no-lease");
    let path = format!("/apis/coordination.k8s.io/v1/namespaces/{}/leases/{}", installed.system, installed.name);
    plane().api.call(&Call::new(Method::DELETE, path)).expect("the lease is deleted");
    let server = without_certificate(installed.starting());
    assert!(!says(&server, "is not there and cannot be made: install it, or may not create the lease"));
    let lease = json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": installed.name, "namespace": installed.system},
    });
    Installed::apply(&[lease]);
    until("it is ready", || server.admin.get("/readyz").ok().then_some(()));
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
