//! The guard away: killed, stopped, with an expired certificate. Each webhook's failure policy does
//! what it promises within its timeout, what must not wait for us goes on, and afterwards nothing
//! needs a hand. With a broken canon the guard is not away at all.

use std::fs;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use hyper::Method;
use serde_json::{Value, json};

use super::harness::act::{Act, call, kubectl};
use super::harness::api::Call;
use super::harness::figures::note;
use super::harness::guard::{apply, create_namespace, rendered, wait_until_asked};
use super::harness::netpol::{Server, netpol};
use super::harness::pki::{Authority, Pair, Validity};
use super::harness::plane::{free_ports, plane};
use super::harness::scene::{capabilities, create, list, path, pod, pod_spec};
use super::harness::wait::until;

/// The longest that a request may take: both timeouts, three and five seconds, twice where the API server
/// went by an old state of the object and asks again, and a busy machine.
const LONGEST: Duration = Duration::from_secs(2 * 8 + 14);

/// A guard that goes away, on a port that it comes back to.
struct Away {
    name: &'static str,
    flags: Vec<String>,
    server: Option<Server>,
    ca: String,
    port: u16,
    pair: std::path::PathBuf,
}

impl Away {
    fn new(name: &'static str, validity: Validity) -> (Away, Authority) {
        for namespace in [name.to_owned(), gone(name)] {
            create_namespace(&namespace);
        }
        let authority = Authority::new(name).expect("an authority");
        let [port] = free_ports().expect("a port");
        let folder = plane().reaper.folder().join(format!("{name}-pair"));
        fs::create_dir(&folder).expect("a folder");
        let ca = folder.join("ca.crt");
        fs::write(&ca, &authority.pem).expect("a certificate");
        let mut away = Away { name, flags: Vec::new(), server: None, ca: ca.display().to_string(), port, pair: folder };
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
        wait_until_asked(self.name, self.name, &|| false);
    }

    /// The API server knows of the registration, and nobody answers.
    fn is_asked_in_vain(&self) {
        until("the API server asks in vain", || {
            let said = kubectl("create -f -").stdin(&pod("asked", &[])).run(self.name, true);
            said.text.contains("failed calling webhook").then_some(())
        });
    }

    fn server(&mut self) -> &mut Server {
        self.server.as_mut().expect("the server runs")
    }

    /// Nothing needs a hand: pods come with their labels again, and nothing came without being asked about.
    fn is_back(&self) {
        self.wait();
        create(self.name, &pod("back", &[("type", "x11server")]));
        for pod in list(self.name, "pods") {
            let name = pod["metadata"]["name"].as_str().unwrap_or_default();
            let worn = capabilities(&pod);
            let expected: &[&str] = if pod["metadata"]["labels"]["type"] == "x11server" { &["ocuser"] } else { &[] };
            assert_eq!(worn, expected, "{name} of {}", self.name);
        }
    }
}

/// The namespace that is deleted while the guard is away.
fn gone(name: &str) -> String {
    format!("{name}-gone")
}

/// What is there before the guard goes away.
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

/// What waits for a decision, and so is refused.
fn waiting() -> Vec<Act> {
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

/// What does not wait for us, or goes on when nobody answers.
fn going_on() -> Vec<Act> {
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

/// Tries everything at once while the guard is away.
fn away(name: &str) {
    let started = Instant::now();
    let timed = |act: &Act| {
        let started = Instant::now();
        let said = act.run(name, false);
        let took = started.elapsed();
        note("away", json!({"how": name, "act": act.to_string(), "refused": !said.ok, "seconds": took.as_secs_f64()}));
        (said, took)
    };
    thread::scope(|scope| {
        for act in waiting() {
            scope.spawn(move || {
                let (said, took) = timed(&act);
                assert!(!said.ok, "{name}: {act} passes while nobody decides");
                assert!(
                    said.text.contains("failed calling webhook") || said.text.contains("failed to call webhook"),
                    "{act}: {}",
                    said.text
                );
                assert!(took < LONGEST, "{name}: {act} took {took:?}");
            });
        }
        for act in going_on() {
            scope.spawn(move || {
                let (said, took) = timed(&act);
                assert!(said.ok, "{name}: {act} waits for us: {}", said.text);
                assert!(took < LONGEST, "{name}: {act} took {took:?}");
            });
        }
        scope.spawn(move || {
            let path = format!("/api/v1/namespaces/{}", gone(name));
            plane().api.call(&Call::new(Method::DELETE, &path)).expect("the namespace is deleted");
            until("the namespace is gone while nobody answers", || (plane().api.get(&path).status == 404).then_some(()));
        });
    });
    note("away", json!({"how": name, "seconds": started.elapsed().as_secs_f64()}));
}

#[test]
fn a_guard_that_is_not_there_yet_comes() {
    let (mut guard, _) = Away::new("absent", Validity::Long);
    given(guard.name);
    guard.register();
    guard.is_asked_in_vain();
    away(guard.name);
    guard.start();
    guard.is_back();
}

#[test]
fn a_guard_that_was_killed_comes_back() {
    let (mut guard, _) = Away::new("killed", Validity::Long);
    guard.start();
    guard.register();
    guard.wait();
    given(guard.name);
    guard.server().process.signal("KILL");
    guard.server().process.wait();
    away(guard.name);
    guard.start();
    guard.is_back();
}

#[test]
fn a_guard_that_is_stopped_comes_back() {
    let (mut guard, _) = Away::new("stopped", Validity::Long);
    guard.start();
    guard.register();
    guard.wait();
    given(guard.name);
    guard.server().process.signal("STOP");
    away(guard.name);
    guard.server().process.signal("CONT");
    guard.is_back();
}

#[test]
fn a_guard_whose_certificate_expired_comes_back() {
    let end = SystemTime::now() + Duration::from_secs(15);
    let (mut guard, authority) = Away::new("expired", Validity::Until(end));
    guard.start();
    // Before it is registered: the API server would go on with a connection from before.
    given(guard.name);
    until("the certificate has expired", || (SystemTime::now() > end + Duration::from_secs(1)).then_some(()));
    guard.register();
    guard.is_asked_in_vain();
    away(guard.name);
    let name = guard.name;
    guard.certify(&authority, Validity::Long).write(&guard.pair, "tls").unwrap_or_else(|error| panic!("a new pair for {name}: {error}"));
    guard.is_back();
}

#[test]
fn a_broken_canon_changes_nothing_until_it_is_mended() {
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
    until("the guard says that its canon is broken", || {
        let metrics = metrics();
        let degraded = metrics.lines().any(|line| line.contains("degraded") && line.contains("canon") && line.ends_with(" 1"));
        degraded.then_some(())
    });
    create(name, &pod("desktop", &[("type", "x11server")]));
    assert_eq!(scene.capabilities("desktop"), ["ocuser"], "the last good one is in force");
    scene.refused(&kubectl("create -f -").stdin(&pod("thief", &[("app", "any"), ("netpol/ocuser", "true")])), &["netpol/ocuser"]);

    fs::write(&canon, better).expect("a mended canon");
    let mut number = 0;
    until("the mended canon is in force", || {
        number += 1;
        let name = format!("desktop-{number}");
        create(&scene.guarded, &pod(&name, &[("type", "x11server")]));
        (scene.capabilities(&name) == ["dns", "ocuser"]).then_some(())
    });
}
