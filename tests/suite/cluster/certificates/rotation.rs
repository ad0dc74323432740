//! Renewals and rotations while pods are created.

use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::json;

use super::super::harness::api::served_certificate;
use super::super::harness::figures::{note, percentiles};
use super::super::harness::load::Load;
use super::super::harness::wait::until;
use super::fixture::Installed;

const LEAVES: usize = 10;
const CAS: usize = 3;

#[test]
fn ten_renewals_and_three_ca_rotations_fail_no_pod_creation() {
    let installed = Installed::new("selfmade");
    installed.register();
    let servers = [installed.replica(), installed.replica()];
    until("both replicas are ready", || (installed.forwarder.ready() == 2).then_some(()));
    installed.wait_until_called();

    let load = Load::start(installed.name, "pod", 6, Duration::from_millis(150));
    let mut served = Vec::new();
    let mut change = |what: &str| {
        installed.renew(what);
        let pem = installed.value("tls.crt").expect("a certificate");
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).expect("it is PEM").to_vec();
        let bundle = installed.bundles().first().expect("a webhook").clone();
        for server in &servers {
            until("every replica serves the new certificate", || (is_served(server.port, &bundle, &der)).then_some(()));
        }
        assert!(!served.contains(&der), "the certificate is new");
        served.push(der);
    };
    for _ in 0..LEAVES {
        change("leaf");
    }
    for _ in 0..CAS {
        change("ca");
    }
    let enough = load.count() + 50;
    until("pods are created with the last certificate", || (load.count() >= enough).then_some(()));
    let outcome = load.finish();
    note(
        "self-made certificates",
        json!({"leaves": LEAVES, "authorities": CAS, "failures": outcome.failures.len(), "created": outcome.latencies.len(), "latency": percentiles(&outcome.latencies)}),
    );
    eprintln!("{LEAVES} renewals and {CAS} rotations during {} creations, {} failed", outcome.latencies.len(), outcome.failures.len());
    outcome.assert_clean(100);
}

/// Returns whether a server serves a certificate that a CA of the bundle signed.
fn is_served(port: u16, bundle: &str, der: &[u8]) -> bool {
    let authorities = bundle.split_inclusive("-----END CERTIFICATE-----\n");
    authorities.into_iter().any(|authority| served_certificate(port, authority).is_some_and(|served| served == der))
}
