//! A release with running servers, from installation to removal: real controllers create the pods, the kubelet of the harness runs
//! them, and the Service is an `ExternalName` for this machine.

use std::time::{Duration, Instant};

use hyper::Method;
use serde_json::{Value, json};

use super::{Release, configurations};
use crate::chart::alerts::{alerts, expression, unexported};
use crate::chart::dashboard;
use crate::chart::sets::ALONE;
use crate::cluster::harness::api::Call;
use crate::cluster::harness::figures::{note, percentiles};
use crate::cluster::harness::forwarder::Forwarder;
use crate::cluster::harness::guard::{create_namespace, wait_until_called};
use crate::cluster::harness::kubelet::Kubelet;
use crate::cluster::harness::load::Load;
use crate::cluster::harness::netpol::netpol;
use crate::cluster::harness::pki::{Authority, Validity};
use crate::cluster::harness::plane::plane;
use crate::cluster::harness::scene::{capabilities, create, list, path, pod};
use crate::cluster::harness::wait::until;
use crate::support::helm::objects;

/// A release with its Service and its kubelet.
pub(super) struct Installation {
    pub(super) release: Release,
    pub(super) forwarder: Forwarder,
    pub(super) kubelet: Kubelet,
    /// The values of every helm command.
    common: Value,
}

impl Installation {
    pub(super) fn new(name: &'static str, certificates: &Value) -> Installation {
        let release = Release::outside(name);
        let forwarder = Forwarder::start().expect("a forwarder");
        let kubelet = Kubelet::start(name, &forwarder);
        let common = json!({
            "fullnameOverride": name, "namespaces": [guarded(name)], "certificates": certificates, "service": {"port": forwarder.port},
            // The forwarder stops using a server within a tenth of a second.
            "limits": {"drainDelay": "1s"},
        });
        create_namespace(&guarded(name));
        Installation { release, forwarder, kubelet, common }
    }

    pub(super) fn values(&self, more: &Value) -> Value {
        let mut values = self.common.clone();
        values.as_object_mut().expect("a map").extend(more.as_object().expect("a map").clone());
        values
    }

    #[track_caller]
    pub(super) fn upgrade(&self, more: &Value) {
        self.release.upgrade(&self.values(more), &["--wait", "--timeout", "90s"]);
    }

    /// Waits until only two servers and a controller of the last upgrade run: an old server decides by its own flags until it stops.
    pub(super) fn settle(&self) {
        until("the old servers have stopped", || (list(self.release.name, "pods").len() == 3 && self.forwarder.ready() == 2).then_some(()));
    }

    /// Checks that the servers and the controller have every metric and label that the alerts and the dashboard use.
    fn metrics_exist(&self) {
        let alerts = alerts(None);
        let mut expressions: Vec<String> = alerts.iter().map(|alert| expression(alert).to_owned()).collect();
        expressions.extend(dashboard::expressions());
        // A denial has a rule.
        let denied = pod("denied", &[("netpol/mongodb", "true")]);
        let reply = plane().api.post(&path(&guarded(self.release.name), "pods"), &denied);
        assert!(!reply.ok(), "{}", reply.body);
        let missing = || {
            let mut metrics = self.forwarder.metrics();
            let servers = metrics.len();
            metrics.extend(self.kubelet.controller_metrics());
            assert!(servers > 0 && metrics.len() > servers, "a server and a controller run");
            unexported(expressions.iter().map(String::as_str), &metrics)
        };
        until(&format!("all metrics are there but {:?}", missing()), || missing().is_empty().then_some(()));
    }

    /// Returns the names of all objects that have the label or the name of the release.
    pub(super) fn left(&self) -> Vec<String> {
        let name = self.release.name;
        let kinds = "deployments,replicasets,pods,services,endpointslices,configmaps,secrets,serviceaccounts,roles,rolebindings,leases,\
            networkpolicies,poddisruptionbudgets";
        let namespaced = plane().kubectl.run(["get", kinds, "--namespace", name, "--output=name"], "").expect("kubectl get");
        let kinds = "clusterroles,clusterrolebindings,mutatingwebhookconfigurations,validatingwebhookconfigurations,\
            validatingadmissionpolicies,validatingadmissionpolicybindings";
        let wide = plane().kubectl.run(["get", kinds, "--output=name"], "").expect("kubectl get");
        let theirs = ["configmap/kube-root-ca.crt", "serviceaccount/default"];
        namespaced
            .lines()
            .filter(|line| !theirs.contains(line))
            .chain(wide.lines().filter(|line| line.contains(name)))
            .map(str::to_owned)
            .collect()
    }
}

pub(super) fn guarded(name: &str) -> String {
    format!("{name}-guarded")
}

/// Creates a desktop and checks that the guard adds its label.
#[track_caller]
pub(super) fn is_labeled(namespace: &str, name: &str) {
    assert_eq!(capabilities(&create(namespace, &pod(name, &[("type", "x11server")]))), ["ocuser"], "{namespace}");
}

fn check_lifecycle(installation: &Installation) {
    let name = installation.release.name;
    let guarded = guarded(name);
    let started = Instant::now();
    installation.release.install(&installation.values(&json!({})), &["--wait", "--timeout", "90s"]);
    let installed = started.elapsed();
    wait_until_called(name, &guarded, &|| false);
    is_labeled(&guarded, "first");
    note("chart", json!({"release": name, "installed_ms": installed.as_millis(), "first_pod_ms": started.elapsed().as_millis()}));
    installation.settle();
    let result = installation.release.run("test", &Value::Null, &["--timeout", "60s"]);
    assert!(result.ok, "helm test: {}{} {:?}", result.out, result.err, installation.kubelet.unexpected_exits());
    if installation.common["certificates"]["mode"].is_null() {
        installation.metrics_exist();
    }

    // A second guarded namespace. Servers are replaced while pods are created.
    let second = format!("{name}-second");
    create_namespace(&second);
    let load = Load::start(&guarded, "upgrade", 4, Duration::from_millis(50));
    installation.upgrade(&json!({"namespaces": [guarded, second]}));
    installation.settle();
    wait_until_called(name, &second, &|| false);
    is_labeled(&second, "second");
    // A custom canon, and a rollback.
    let canon = ALONE.replace("tier: front", "type: x11server") + "---\n" + &grants();
    installation.upgrade(&json!({"canon": {"documents": {"canon.yaml": canon}}, "verdicts": {"enforcement": "warn"}}));
    installation.release.run("rollback", &Value::Null, &["2", "--wait", "--timeout", "90s"]).expect("helm rollback");
    installation.settle();
    wait_until_called(name, &second, &|| false);
    let enough = load.count() + 50;
    until("pods after the rollback", || (load.count() >= enough).then_some(()));
    let outcome = load.finish();
    note(
        "chart upgrades",
        json!({"release": name, "created": outcome.latencies.len(), "failures": outcome.failures.len(), "latency": percentiles(&outcome.latencies)}),
    );
    outcome.assert_clean(100);
    is_labeled(&second, "after-rollback");
    assert_eq!(installation.kubelet.unexpected_exits(), [""; 0], "a server failed");

    // After the uninstallation nothing is left but the ConfigMap of the custom canon, and no request fails.
    installation.release.run("uninstall", &Value::Null, &["--wait", "--timeout", "90s"]).expect("helm uninstall");
    for path in configurations(name) {
        assert_eq!(plane().api.get(&path).status, 404, "{path}");
    }
    let unguarded = create(&guarded, &pod("unguarded", &[("netpol/mongodb", "true")]));
    assert_eq!(capabilities(&unguarded), ["mongodb"]);
    let kept = format!("configmap/{name}-canon-");
    let mine = |left: Vec<String>| -> Vec<String> {
        left.into_iter().filter(|line| line != "secret/own-tls" && !line.starts_with(&kept)).collect()
    };
    until(&format!("nothing is left of {name} but {:?}", installation.left()), || mine(installation.left()).is_empty().then_some(()));
    for namespace in [name, &guarded] {
        plane().api.call(&Call::new(Method::DELETE, format!("/api/v1/namespaces/{namespace}"))).expect("a deletion");
    }
}

/// The grant for desktops in the canon of [`ALONE`].
pub(super) fn grants() -> String {
    let grant = json!({"name": "desktop", "podSelector": {"matchLabels": {"type": "x11server"}}, "labels": {"netpol/ocuser": "true"}});
    let policy = json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "permits"},
        "spec": {"podSelector": {"matchLabels": {"netpol/ocuser": "true"}}}});
    format!(
        "{policy}\n---\n{}",
        json!({"apiVersion": "netpol.abcdesktop.io/v1alpha1", "kind": "Grants", "metadata": {"name": "own"}, "grants": [grant]})
    )
}

#[test]
fn a_release_with_a_provided_certificate_installs_upgrades_and_uninstalls() {
    let name = "chart-own";
    let authority = Authority::new("own").expect("an authority");
    let installation = Installation::new(name, &json!({"mode": "secret", "secret": {"name": "own-tls", "caBundle": authority.pem}}));
    let pair = authority.server(&[&format!("{name}.{name}.svc")], Validity::Long).expect("a certificate");
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "metadata": {"name": "own-tls"},
        "stringData": {"tls.crt": pair.certificate, "tls.key": pair.key}});
    plane().api.post(&format!("/api/v1/namespaces/{name}/secrets"), &secret).expect("a Secret");
    check_lifecycle(&installation);
}

#[test]
fn a_release_with_a_managed_certificate_installs_upgrades_and_uninstalls() {
    check_lifecycle(&Installation::new("chart-self", &json!({})));
}

/// Without Helm, as described in the help of `netpol render install`.
#[test]
fn an_installation_without_helm_installs_and_uninstalls() {
    let name = "chart-hand";
    create_namespace(&guarded(name));
    let forwarder = Forwarder::start().expect("a forwarder");
    let printed = netpol(["render", "install", "--install-namespace", name, "--namespace", &guarded(name)]).expect("render install");
    let mut manifests = objects(&printed);
    for manifest in &mut manifests {
        // Names of cluster scope must be unique in the run, and the Service is an `ExternalName`.
        let mut text = manifest.to_string().replace("\"abcdesktop-netpol\"", &format!("\"{name}\""));
        text = text.replace("abcdesktop-netpol-controller", &format!("{name}-controller"));
        text = text.replace("--registration=abcdesktop-netpol", &format!("--registration={name}"));
        text = text.replace("--tls-name=abcdesktop-netpol.", &format!("--tls-name={name}."));
        text = text.replace("\"port\":443", &format!("\"port\":{}", forwarder.port)).replace("--drain-delay=10s", "--drain-delay=1s");
        *manifest = serde_json::from_str(&text).expect("it is JSON");
        if manifest["kind"] == "Service" && manifest["spec"]["type"] == "ClusterIP" {
            manifest["spec"] = json!({"type": "ExternalName", "externalName": "localhost"});
        }
    }
    let list = json!({"apiVersion": "v1", "kind": "List", "items": manifests}).to_string();
    plane().kubectl.run(["apply", "-f", "-"], &list).expect("kubectl apply");
    let kubelet = Kubelet::start(name, &forwarder);
    wait_until_called(name, &guarded(name), &|| false);
    is_labeled(&guarded(name), "first");
    until("both servers are ready", || (forwarder.ready() == 2).then_some(()));
    // Applying the manifests again reverts nothing that the servers wrote.
    plane().kubectl.run(["apply", "-f", "-"], &list).expect("kubectl apply");
    is_labeled(&guarded(name), "second");

    let kinds = "validatingwebhookconfiguration,mutatingwebhookconfiguration";
    plane().kubectl.run(["delete", kinds, name], "").expect("kubectl delete");
    plane().kubectl.run(["delete", "--ignore-not-found", "-f", "-"], &list).expect("kubectl delete");
    until("the namespace is gone", || (plane().api.get(&format!("/api/v1/namespaces/{name}")).status == 404).then_some(()));
    let unguarded = create(&guarded(name), &pod("unguarded", &[("netpol/mongodb", "true")]));
    assert_eq!(capabilities(&unguarded), ["mongodb"]);
    assert_eq!(kubelet.unexpected_exits(), [""; 0], "a server failed");
}
