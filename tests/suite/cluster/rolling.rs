//! Servers restart and certificates rotate while pods are created, and no creation fails.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use super::harness::api::served_certificate;
use super::harness::figures::{note, percentiles};
use super::harness::forwarder::Forwarder;
use super::harness::guard::{apply, create_namespace, rendered, scene, wait_until_called};
use super::harness::load::{Load, Outcome, burst};
use super::harness::netpol::Server;
use super::harness::pki::{Authority, Pair, Validity};
use super::harness::plane::plane;
use super::harness::wait::until;

/// A Secret as the kubelet mounts it: the files are links into `..data`, which is a link that is replaced atomically.
struct Mount {
    folder: PathBuf,
    version: u32,
}

impl Mount {
    fn new(name: &str, pair: &Pair) -> Mount {
        let folder = plane().reaper.folder().join(name);
        fs::create_dir(&folder).expect("a folder");
        let mut mount = Mount { folder, version: 0 };
        mount.swap(pair);
        for file in ["tls.crt", "tls.key"] {
            symlink(Path::new("..data").join(file), mount.folder.join(file)).expect("a link");
        }
        mount
    }

    fn swap(&mut self, pair: &Pair) {
        let old = self.folder.join(format!("..version-{}", self.version));
        self.version += 1;
        let name = format!("..version-{}", self.version);
        let new = self.folder.join(&name);
        fs::create_dir(&new).expect("a folder");
        pair.write(&new, "tls").expect("a pair");
        symlink(&name, self.folder.join("..data_tmp")).expect("a link");
        fs::rename(self.folder.join("..data_tmp"), self.folder.join("..data")).expect("a swap");
        let _ = fs::remove_dir_all(old);
    }

    fn flags(&self) -> Vec<String> {
        let path = |file: &str| self.folder.join(file).display().to_string();
        vec!["--tls-cert".to_owned(), path("tls.crt"), "--tls-key".to_owned(), path("tls.key")]
    }
}

/// The setup of both tests: a mount, a forwarder that is registered, and the flags of the servers behind it.
struct Rolling {
    name: &'static str,
    mount: Mount,
    forwarder: Forwarder,
    flags: Vec<String>,
    common: Vec<String>,
}

impl Rolling {
    fn new(name: &'static str, authority: &Authority) -> Rolling {
        create_namespace(name);
        let mount = Mount::new(&format!("{name}-mount"), &leaf(authority));
        let forwarder = Forwarder::start().expect("a forwarder");
        let common = vec!["--namespace".to_owned(), name.to_owned()];
        // The forwarder stops using a server within a tenth of a second.
        let flags = [common.clone(), mount.flags(), vec!["--drain-delay".to_owned(), "2s".to_owned()]].concat();
        Rolling { name, mount, forwarder, flags, common }
    }

    fn server(&self) -> Server {
        let server = Server::start(self.name, &self.flags);
        self.forwarder.add(server.port, &server.admin);
        server
    }

    fn register(&self, bundle: &str) {
        let ca = plane().reaper.folder().join(format!("{}-ca.crt", self.name));
        fs::write(&ca, bundle).expect("a bundle");
        let url = format!("https://127.0.0.1:{}", self.forwarder.port);
        for manifest in rendered(self.name, &url, ca.to_str().expect("a path"), &self.common) {
            apply(&manifest);
        }
    }
}

fn leaf(authority: &Authority) -> Pair {
    authority.server(&["127.0.0.1"], Validity::Long).expect("a certificate")
}

fn report(what: &str, outcome: &Outcome) {
    note(what, json!({"failures": outcome.failures.len(), "created": outcome.latencies.len(), "latency": percentiles(&outcome.latencies)}));
}

#[test]
fn concurrent_clients_get_their_labels() {
    let scene = scene();
    burst(&scene.guarded, "pod", 32, 256).assert_clean(256);
}

#[test]
fn a_rolling_restart_fails_no_pod_creation() {
    let authority = Authority::new("rolling").expect("an authority");
    let rolling = Rolling::new("rolling", &authority);
    let mut servers = [rolling.server(), rolling.server()];
    until("both servers are ready", || (rolling.forwarder.ready() == 2).then_some(()));
    rolling.register(&authority.pem);
    wait_until_called(rolling.name, rolling.name, &|| false);

    let load = Load::start(rolling.name, "pod", 6, Duration::from_millis(150));
    for _ in 0..3 {
        for server in &mut servers {
            server.process.signal("TERM");
            let status = server.process.wait();
            assert!(status.success(), "a server exits with success after SIGTERM: {status}\n{}", server.process.tail());
            rolling.forwarder.remove(server.port);
            *server = rolling.server();
            until("both servers are ready again", || (rolling.forwarder.ready() == 2).then_some(()));
        }
    }
    until("at least 500 pods", || (load.count() >= 500).then_some(()));
    let outcome = load.finish();
    report("rolling restart", &outcome);
    outcome.assert_clean(500);
}

#[test]
fn a_certificate_rotation_fails_no_pod_creation() {
    let [old, new] = ["old", "new"].map(|name| Authority::new(name).expect("an authority"));
    let mut rolling = Rolling::new("rotation", &old);
    let servers = [rolling.server(), rolling.server()];
    until("both servers are ready", || (rolling.forwarder.ready() == 2).then_some(()));
    rolling.register(&old.pem);
    wait_until_called(rolling.name, rolling.name, &|| false);

    let load = Load::start(rolling.name, "pod", 6, Duration::from_millis(150));
    let both = format!("{}{}", old.pem, new.pem);
    for (authority, bundle) in [(&old, &old.pem), (&new, &both), (&new, &both)] {
        rolling.register(bundle);
        let pair = leaf(authority);
        rolling.mount.swap(&pair);
        for server in &servers {
            until("the new certificate is served", || (served_certificate(server.port, &authority.pem)? == pair.der()).then_some(()));
        }
    }
    rolling.register(&new.pem);
    let enough = load.count() + 50;
    until("pods are created with the new authority alone", || (load.count() >= enough).then_some(()));
    let outcome = load.finish();
    report("certificate rotation", &outcome);
    outcome.assert_clean(100);
}
