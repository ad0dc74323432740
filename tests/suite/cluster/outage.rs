//! Outages of the guard: killed, suspended, with an expired certificate. The failure policy of each webhook applies within its
//! timeout, requests that do not need a decision succeed, and the guard recovers without manual steps. A broken canon is no
//! outage.

use std::fs;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use hyper::Method;
use serde_json::{Value, json};

use super::harness::act::{Act, call, kubectl};
use super::harness::api::Call;
use super::harness::figures::note;
use super::harness::guard::{apply, create_namespace, rendered, wait_until_called};
use super::harness::netpol::{Server, netpol};
use super::harness::pki::{Authority, Pair, Validity};
use super::harness::plane::{free_ports, plane};
use super::harness::scene::{capabilities, create, list, path, pod, pod_spec};
use super::harness::wait::until;

/// The maximum duration of a request: both timeouts, three and five seconds, twice if the API server retries with the current
/// object, on a busy machine.
const LONGEST: Duration = Duration::from_secs(2 * 8 + 14);

/// A guard that has an outage and recovers on the same port.
struct Outage {
    name: &'static str,
    flags: Vec<String>,
    server: Option<Server>,
    ca: String,
    port: u16,
    pair: std::path::PathBuf,
}

impl Outage {
    fn new(name: &'static str, validity: Validity) -> (Outage, Authority) {
        for namespace in [name.to_owned(), gone(name)] {
            create_namespace(&namespace);
        }
        let authority = Authority::new(name).expect("an authority");
        let [port] = free_ports().expect("a port");
        let folder = plane().reaper.folder().join(format!("{name}-pair"));
        fs::create_dir(&folder).expect("a folder");
        let ca = folder.join("ca.crt");
        fs::write(&ca, &authority.pem).expect("a certificate");
        let mut away = Outage { name, flags: Vec::new(), server: None, ca: ca.display().to_string(), port, pair: folder };
        let (certificate, key) = away.certify(&authority, validity).write(&away.pair, "tls").expect("a pair");
        let flags = ["--namespace", name, "--namespace", &gone(name), "--listen", &format!("127.0.0.1:{port}")].map(str::to_owned);
        away.flags = flags.into_iter().chain(["--tls-cert".to_owned(), certificate.display().to_string()]).collect();
        away.flags.extend(["--tls-key".to_owned(), key.display().to_string()]);
        (away, authority)
    }

    fn certify(&self, authority: &Authority, validity: Validity) -> Pair {
        let _ = self;
        authority.server(&["127.0.0.1"], validity).expect("a certificate")
    }

    fn start(&mut self) {
        self.server = Some(Server::start(self.name, &self.flags));
    }

    fn register(&self) {
        let namespaces = ["--namespace", self.name, "--namespace", &gone(self.name)].map(str::to_owned);
        for manifest in rendered(self.name, &format!("https://127.0.0.1:{}", self.port), &self.ca, &namespaces) {
            apply(&manifest);
        }
    }

    fn wait(&self) {
        wait_until_called(self.name, self.name, &|| false);
    }

    /// Waits until calls of the webhook fail.
    fn wait_until_calls_fail(&self) {
        until("calls of the webhook fail", || {
            let result = kubectl("create -f -").stdin(&pod("asked", &[])).run(self.name, true);
            result.text.contains("failed calling webhook").then_some(())
        });
    }

    fn server(&mut self) -> &mut Server {
        self.server.as_mut().expect("the server runs")
    }

    /// Checks that the guard has recovered: pods get their labels again, and no pod was created without a review.
    fn assert_recovered(&self) {
        self.wait();
        create(self.name, &pod("back", &[("type", "x11server")]));
        for pod in list(self.name, "pods") {
            let name = pod["metadata"]["name"].as_str().unwrap_or_default();
            let labels = capabilities(&pod);
            let expected: &[&str] = if pod["metadata"]["labels"]["type"] == "x11server" { &["ocuser"] } else { &[] };
            assert_eq!(labels, expected, "{name} of {}", self.name);
        }
    }
}

/// Returns the name of the namespace that is deleted during the outage.
fn gone(name: &str) -> String {
    format!("{name}-gone")
}

/// Creates the objects that exist before the outage.
fn given(name: &str) {
    for namespace in [name.to_owned(), gone(name)] {
        let manifests = netpol(["render", "policies", "--namespace", &namespace, "--only", "memcached-permits"]).expect("policies");
        assert!(plane().kubectl.run(["apply", "-f", "-"], &manifests).ok);
        for pod_name in ["app", "bound", "kept"] {
            create(&namespace, &pod(pod_name, &[("app", "any")]));
        }
        create(&namespace, &pod("desktop", &[("type", "x11server")]));
    }
    let held = json!({"metadata": {"finalizers": ["example.com/later"]}});
    let kept = format!("{}/kept", path(name, "pods"));
    plane().api.call(&Call::patch(&kept, "application/merge-patch+json", &held)).expect("a finalizer");
    plane().api.call(&Call::new(Method::DELETE, &kept)).expect("a deletion");
}

fn merge(what: &str, patch: &Value) -> Act {
    kubectl(&format!("patch {what} --type=merge -p")).word(patch.to_string())
}

fn binding(pod: &str, metadata: &Value) -> Act {
    let mut metadata = metadata.clone();
    metadata["name"] = json!(pod);
    let body =
        json!({"apiVersion": "v1", "kind": "Binding", "metadata": metadata, "target": {"apiVersion": "v1", "kind": "Node", "name": "n1"}});
    call(Call::new(Method::POST, format!("{}/{pod}/binding", path("{ns}", "pods"))).json(&body))
}

fn workload(name: &str, selector: &Value) -> Value {
    let template = json!({"metadata": {"labels": {"run": "mongodb-od", "netpol/dns": "true"}}, "spec": pod_spec()});
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {"replicas": 0, "selector": {"matchLabels": selector}, "template": template},
    })
}

/// Returns requests that need a decision and fail.
fn failing() -> Vec<Act> {
    let extra = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "extra"}, "spec": {"podSelector": {}},
    });
    vec![
        kubectl("create -f -").stdin(&pod("new", &[("app", "any")])),
        kubectl("create -f -").stdin(&pod("thief", &[("app", "any"), ("netpol/mongodb", "true")])),
        kubectl("label pod app netpol/mongodb=true"),
        kubectl("label pod app color=blue"),
        merge("pod app --subresource=status", &json!({"metadata": {"labels": {"netpol/mongodb": "true"}}})),
        binding("app", &json!({"labels": {"netpol/mongodb": "true"}})),
        merge("networkpolicy memcached-permits", &json!({"spec": {"egress": [{}]}})),
        kubectl("delete networkpolicy memcached-permits"),
        kubectl("create -f -").stdin(&extra),
        kubectl("create -f -").stdin(&workload("greedy", &json!({"run": "mongodb-od", "netpol/dns": "true"}))),
    ]
}

/// Returns requests that succeed without the guard.
fn succeeding() -> Vec<Act> {
    vec![
        binding("bound", &json!({"labels": {"topology.kubernetes.io/zone": "zone-a"}})),
        merge("pod app --subresource=status", &json!({"status": {"phase": "Running", "message": "as the kubelet says"}})),
        kubectl("annotate pod app note=1"),
        merge("pod kept", &json!({"metadata": {"finalizers": null}})),
        kubectl("create -f -").stdin(&workload("modest", &json!({"run": "mongodb-od"}))),
        kubectl("label namespace {ns} name=somewhere"),
        kubectl("delete pod desktop"),
    ]
}

/// Sends all requests at the same time during the outage.
fn check_requests(name: &str) {
    let started = Instant::now();
    let timed = |act: &Act| {
        let started = Instant::now();
        let result = act.run(name, false);
        let took = started.elapsed();
        note("away", json!({"how": name, "act": act.to_string(), "refused": !result.ok, "seconds": took.as_secs_f64()}));
        (result, took)
    };
    thread::scope(|scope| {
        for act in failing() {
            scope.spawn(move || {
                let (result, took) = timed(&act);
                assert!(!result.ok, "{name}: {act} succeeds without a decision");
                assert!(
                    result.text.contains("failed calling webhook") || result.text.contains("failed to call webhook"),
                    "{act}: {}",
                    result.text
                );
                assert!(took < LONGEST, "{name}: {act} took {took:?}");
            });
        }
        for act in succeeding() {
            scope.spawn(move || {
                let (result, took) = timed(&act);
                assert!(result.ok, "{name}: {act} fails: {}", result.text);
                assert!(took < LONGEST, "{name}: {act} took {took:?}");
            });
        }
        scope.spawn(move || {
            let path = format!("/api/v1/namespaces/{}", gone(name));
            plane().api.call(&Call::new(Method::DELETE, &path)).expect("the namespace is deleted");
            until("the namespace is gone during the outage", || (plane().api.get(&path).status == 404).then_some(()));
        });
    });
    note("away", json!({"how": name, "seconds": started.elapsed().as_secs_f64()}));
}

#[test]
fn a_guard_that_was_never_started_recovers() {
    let (mut guard, _) = Outage::new("absent", Validity::Long);
    given(guard.name);
    guard.register();
    guard.wait_until_calls_fail();
    check_requests(guard.name);
    guard.start();
    guard.assert_recovered();
}

#[test]
fn a_killed_guard_recovers() {
    let (mut guard, _) = Outage::new("killed", Validity::Long);
    guard.start();
    guard.register();
    guard.wait();
    given(guard.name);
    guard.server().process.signal("KILL");
    guard.server().process.wait();
    check_requests(guard.name);
    guard.start();
    guard.assert_recovered();
}

#[test]
fn a_suspended_guard_recovers() {
    let (mut guard, _) = Outage::new("stopped", Validity::Long);
    guard.start();
    guard.register();
    guard.wait();
    given(guard.name);
    guard.server().process.signal("STOP");
    check_requests(guard.name);
    guard.server().process.signal("CONT");
    guard.assert_recovered();
}

#[test]
fn a_guard_with_an_expired_certificate_recovers() {
    let end = SystemTime::now() + Duration::from_secs(15);
    let (mut guard, authority) = Outage::new("expired", Validity::Until(end));
    guard.start();
    // It expires before the registration, because the API server would keep an open connection.
    given(guard.name);
    until("the certificate has expired", || (SystemTime::now() > end + Duration::from_secs(1)).then_some(()));
    guard.register();
    guard.wait_until_calls_fail();
    check_requests(guard.name);
    let name = guard.name;
    guard.certify(&authority, Validity::Long).write(&guard.pair, "tls").unwrap_or_else(|error| panic!("a new pair for {name}: {error}"));
    guard.assert_recovered();
}

#[test]
fn a_broken_canon_changes_nothing_until_it_is_corrected() {
    let name = "broken-canon";
    let grant = |labels: &str| {
        format!(
            "apiVersion: netpol.abcdesktop.io/v1alpha1\nkind: Grants\nmetadata: {{name: own}}\ngrants:\n\
             - name: desktop\n  podSelector: {{matchLabels: {{type: x11server}}}}\n  labels: {{{labels}}}\n"
        )
    };
    let policy = |label: &str| {
        format!(
            "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: {label}}}\n\
             spec: {{podSelector: {{matchLabels: {{netpol/{label}: 'true'}}}}, policyTypes: [Egress]}}\n"
        )
    };
    let canon = plane().reaper.folder().join("broken-canon.yaml");
    let good = format!("{}{}", grant("netpol/ocuser: 'true'"), policy("ocuser"));
    let better = format!("{}{}{}", grant("netpol/ocuser: 'true', netpol/dns: 'true'"), policy("ocuser"), policy("dns"));
    fs::write(&canon, &good).expect("a canon");
    let guard = super::harness::guard::Guard::start(name, canon.to_str().expect("a path"), &[]);
    guard.register();
    let scene = guard.scene();

    fs::write(&canon, good.replace("Egress", "Outwards")).expect("a broken canon");
    let metrics = || guard.server.lock().expect("the server").metrics();
    until("the guard reports the broken canon", || {
        let metrics = metrics();
        let degraded = metrics.lines().any(|line| line.contains("degraded") && line.contains("canon") && line.ends_with(" 1"));
        degraded.then_some(())
    });
    create(name, &pod("desktop", &[("type", "x11server")]));
    assert_eq!(scene.capabilities("desktop"), ["ocuser"], "the last valid canon is active");
    scene.denied(&kubectl("create -f -").stdin(&pod("thief", &[("app", "any"), ("netpol/ocuser", "true")])), &["netpol/ocuser"]);

    fs::write(&canon, better).expect("a corrected canon");
    let mut number = 0;
    until("the corrected canon is active", || {
        number += 1;
        let name = format!("desktop-{number}");
        create(&scene.guarded, &pod(&name, &[("type", "x11server")]));
        (scene.capabilities(&name) == ["dns", "ocuser"]).then_some(())
    });
}
