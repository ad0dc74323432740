//! A CA in the Secret that netpol did not introduce: it is neither served nor published.

use std::fs;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use netpol::certificates::authority::{Authority, Issued};
use serde_json::{Value, json};

use super::super::harness::api::Call;
use super::super::harness::load::Load;
use super::super::harness::netpol::Server;
use super::super::harness::plane::plane;
use super::super::harness::wait::until;
use super::fixture::Installed;

const LISTED: &str = "netpol.abcdesktop.io/introduced-cas";
const ACCEPT: &str = "netpol.abcdesktop.io/accept-ca";

/// A CA with a certificate, as netpol itself would write them.
struct Foreign {
    authority: Authority,
    issued: Issued,
}

impl Foreign {
    fn new(installed: &Installed) -> Foreign {
        let day = Duration::from_secs(24 * 3600);
        let authority = Authority::new(SystemTime::now(), day * 365).expect("a CA");
        let names = [format!("guard.{}.svc", installed.system), "127.0.0.1".to_owned()];
        let issued = authority.issue(&names, SystemTime::now(), day * 30).expect("a certificate");
        Foreign { authority, issued }
    }

    /// Writes both into the Secret, as its whole content.
    fn write(&self, installed: &Installed) {
        let text = |text: &str| json!(BASE64.encode(text));
        installed.patch_secret(&json!({
            "metadata": {"annotations": {"netpol.abcdesktop.io/trusted": self.authority.ca.fingerprint}},
            "data": {
                "ca.crt": text(&self.authority.ca.pem()), "ca.key": text(self.authority.key.pem()), "next-ca.key": null,
                "tls.crt": text(&self.issued.cert), "tls.key": text(self.issued.key.pem()),
            },
        }));
    }

    fn is_published(&self, installed: &Installed) -> bool {
        installed.bundles().iter().any(|bundle| bundle.contains(&self.authority.ca.pem()))
    }
}

fn lease_path(installed: &Installed) -> String {
    format!("/apis/coordination.k8s.io/v1/namespaces/{}/leases/{}", installed.system, installed.name)
}

/// Returns an annotation of the Lease.
fn annotation(installed: &Installed, key: &str) -> Option<String> {
    let lease = plane().api.get(&lease_path(installed)).expect("a lease");
    lease["metadata"]["annotations"][key].as_str().map(str::to_owned)
}

fn annotate(installed: &Installed, key: &str, value: &Value) {
    let patch = json!({"metadata": {"annotations": {key: value}}});
    plane().api.call(&Call::patch(lease_path(installed), "application/merge-patch+json", &patch)).expect("the lease is annotated");
}

/// Waits until the Lease lists exactly the CAs of the Secret.
fn wait_until_listed(installed: &Installed) {
    until("the lease lists the CAs of the secret", || {
        let bundle = netpol::certificates::trust::Bundle::read(installed.value("ca.crt")?.as_bytes());
        let mut cas: Vec<String> = bundle.cas.iter().map(|ca| ca.sha256.clone()).collect();
        cas.sort();
        (!cas.is_empty() && annotation(installed, LISTED)? == cas.join(",")).then_some(())
    });
}

fn count(server: &Server) -> u64 {
    let metrics = server.metrics();
    let line = metrics.lines().find_map(|line| line.strip_prefix("netpol_certificates_failures_total{cause=\"unknown-ca\"} "));
    line.expect("a counter from the start").parse().expect("a number")
}

/// Waits until the Secret, the webhooks and the Lease have another CA than the foreign one.
fn wait_until_healed(installed: &Installed, foreign: &Foreign) {
    until("the secret is healed", || {
        assert!(!foreign.is_published(installed), "the foreign CA is published");
        let (bundle, cert) = (installed.value("ca.crt")?, installed.value("tls.crt")?);
        let is_healed = !bundle.contains(&foreign.authority.ca.pem()) && cert != foreign.issued.cert && !cert.is_empty();
        (is_healed && installed.bundles().iter().all(|published| *published == bundle)).then_some(())
    });
    wait_until_listed(installed);
}

#[test]
fn a_foreign_ca_in_the_secret_is_neither_served_nor_published() {
    let installed = Installed::new("poisoned");
    installed.register();
    let server = installed.replica();
    installed.wait_until_called();
    wait_until_listed(&installed);
    assert_eq!(count(&server), 0);
    let load = Load::start(installed.name, "pod", 2, Duration::from_millis(150));
    let foreign = Foreign::new(&installed);
    foreign.write(&installed);
    wait_until_healed(&installed, &foreign);
    assert_eq!(count(&server), 1);
    let log = fs::read_to_string(&server.process.log).expect("a log");
    let command = format!("kubectl -n {} annotate lease {} {ACCEPT}={}", installed.system, installed.name, foreign.authority.ca.sha256);
    assert!(log.contains(&command), "{log}");

    // The list is removed with it, or the whole Lease is replaced: the server remembers the list.
    let again = Foreign::new(&installed);
    annotate(&installed, LISTED, &Value::Null);
    again.write(&installed);
    wait_until_healed(&installed, &again);
    let enough = load.count() + 20;
    until("pods are created with the last certificate", || (load.count() >= enough).then_some(()));
    load.finish().assert_clean(20);

    // A server that starts while the foreign CA is there does not serve it either.
    drop(server);
    let last = Foreign::new(&installed);
    last.write(&installed);
    let late = installed.replica();
    wait_until_healed(&installed, &last);
    assert!(count(&late) >= 1);
}

/// The control: without a list, the CAs of the Secret are trusted once.
#[test]
fn the_cas_of_an_installation_without_a_list_are_trusted_once() {
    let installed = Installed::new("first-use");
    installed.register();
    let server = installed.replica();
    wait_until_listed(&installed);
    drop(server);
    annotate(&installed, LISTED, &Value::Null);
    let foreign = Foreign::new(&installed);
    foreign.write(&installed);
    let server = installed.replica();
    until("the CA of the secret is published", || foreign.is_published(&installed).then_some(()));
    wait_until_listed(&installed);
    assert_eq!(count(&server), 0);
}

#[test]
fn the_ca_of_a_restored_secret_is_used_if_it_is_accepted() {
    let installed = Installed::new("restored");
    installed.register();
    let server = installed.replica();
    installed.wait_until_called();
    wait_until_listed(&installed);
    let own = installed.value("ca.crt").expect("a CA");
    let load = Load::start(installed.name, "pod", 2, Duration::from_millis(150));
    let backup = Foreign::new(&installed);
    // As openssl prints it.
    annotate(&installed, ACCEPT, &json!(backup.authority.ca.sha256.to_uppercase()));
    backup.write(&installed);
    until("the accepted CA is published with the CA that the servers use", || {
        let is_published = installed.bundles().iter().all(|bundle| bundle.contains(&backup.authority.ca.pem()) && bundle.contains(&own));
        (is_published && installed.value("tls.crt")? == backup.issued.cert).then_some(())
    });
    wait_until_listed(&installed);
    until("the acceptance is removed", || annotation(&installed, ACCEPT).is_none().then_some(()));
    let enough = load.count() + 20;
    until("pods are created with the restored certificate", || (load.count() >= enough).then_some(()));
    load.finish().assert_clean(20);
    assert_eq!(count(&server), 0);
}

#[test]
fn a_lost_lease_is_replaced_with_its_list() {
    let installed = Installed::new("lost-lease");
    installed.register();
    let _server = installed.replica();
    wait_until_listed(&installed);
    let cas = annotation(&installed, LISTED);
    // Orphaned, the secret is not deleted with it.
    let orphan = Call::new(hyper::Method::DELETE, format!("{}?propagationPolicy=Orphan", lease_path(&installed)));
    plane().api.call(&orphan).expect("the lease is deleted");
    Installed::apply(&[json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": installed.name, "namespace": installed.system},
    })]);
    until("the lease has its list again", || (annotation(&installed, LISTED) == cas).then_some(()));
}
