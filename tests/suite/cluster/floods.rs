//! Floods of connections to the webhook port, from one address. Pods are created meanwhile, and the memory stays bounded.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::PoisonError;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::json;

use super::harness::figures::{note, percentiles};
use super::harness::guard::Guard;
use super::harness::load::burst;
use crate::support::client::{self, Client};
use crate::support::flood::Flood;

/// More than any limit of the server.
const SOCKETS: usize = 5000;

/// The memory limit of the chart, in KiB.
const MEMORY_LIMIT: u64 = 96 << 10;

fn address(guard: &Guard) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, guard.port()).into()
}

fn roots(guard: &Guard) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(guard.ca()).expect("a CA file") {
        roots.add(certificate.expect("a certificate")).expect("a CA");
    }
    roots
}

/// Returns the resident memory of the server in KiB.
fn resident(guard: &Guard) -> u64 {
    let id = guard.server.lock().unwrap_or_else(PoisonError::into_inner).process.id();
    let status = fs::read_to_string(Path::new("/proc").join(id.to_string()).join("status")).expect("the server runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// Creates desktops, each with its label.
fn creations_go_on(guard: &Guard, flood: &str) {
    let outcome = burst(&guard.name, &format!("under-{flood}"), 4, 100);
    outcome.assert_clean(100);
    note("flood", json!({"flood": flood, "creations": percentiles(&outcome.latencies), "resident_kib": resident(guard)}));
    assert!(resident(guard) < MEMORY_LIMIT, "{flood}: {} KiB are resident", resident(guard));
}

#[test]
fn pods_are_created_under_floods_of_connections() {
    let guard = Guard::registered("flooded", &[]);
    creations_go_on(&guard, "nothing");
    for (name, first) in [("silent", &b""[..]), ("half-handshakes", &[0x16, 0x03, 0x01, 0x02, 0x00])] {
        let flood = Flood::new(address(&guard), SOCKETS, first);
        flood.is_at_work(SOCKETS);
        creations_go_on(&guard, name);
    }
    let config = client::config(roots(&guard), &[b"http/1.1"]);
    let strangers: Vec<_> = (0..600).map(|_| Client::connect(address(&guard), config.clone())).collect();
    creations_go_on(&guard, "handshakes");
    drop(strangers);
}
