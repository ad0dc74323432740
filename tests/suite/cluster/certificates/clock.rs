//! Clocks that jump, as after a suspension of the machine. The server runs in this process with a clock of the test; the clock of
//! the API server does not change.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use kube::config::{KubeConfigOptions, Kubeconfig};
use netpol::admission;
use netpol::audit::Level;
use netpol::canon::Canons;
use netpol::certificates::plan::Wanted;
use netpol::cluster::Cluster;
use netpol::controller::Timing;
use netpol::controller::{self, Controller, Options};
use netpol::server::tls::{CertificateFrom, TlsConfig, TlsMin};
use netpol::server::{self, Clock, Config, Limits, ManagedCertificate, Parts, Running};
use netpol::verdict::{Guard, Settings};

use super::super::harness::api::{Api, RUNTIME};
use super::super::harness::wait::until;
use super::fixture::Installed;

const DAY: i64 = 24 * 3600;

/// A server with a clock of the test.
struct Timed {
    offset: Arc<AtomicI64>,
    admin: Api,
    _running: Running,
    _controller: Controller,
}

impl Timed {
    fn start(installed: &Installed) -> Timed {
        let offset = Arc::new(AtomicI64::new(0));
        let ahead = Arc::clone(&offset);
        let clock: Clock = Arc::new(move || {
            let seconds = ahead.load(Ordering::Relaxed);
            let distance = Duration::from_secs(seconds.unsigned_abs());
            if seconds < 0 { SystemTime::now() - distance } else { SystemTime::now() + distance }
        });
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let certificate = ManagedCertificate::new("netpol certs show".to_owned());
        let managed = CertificateFrom::Managed(certificate.clone());
        let tls = TlsConfig { certificate: managed, min: TlsMin::Tls13, client_ca: None, client_names: Vec::new() };
        let config = Config { listen: loopback, admin_listen: loopback, tls, limits: Limits::default() };
        let settings = Settings::default();
        let canon = Canons::load(&["abcdesktop".to_owned()], &settings.namespaces).expect("a canon");
        let guard = Arc::new(ArcSwap::from_pointee(Guard::new(Arc::new(canon), Arc::new(settings))));
        let judge: server::Judge = Arc::new(admission::answer);
        let parts = Parts { clock: Arc::clone(&clock), guard: Arc::clone(&guard), judge, audit_level: Level::Denied, audit: None };
        let options = Options {
            namespace: installed.system.clone(),
            name: installed.name.to_owned(),
            webhook_configurations: vec![installed.name.to_owned()],
            wanted: Wanted {
                names: vec![format!("guard.{}.svc", installed.system)],
                ca_life: Duration::from_secs(365 * DAY.unsigned_abs()),
                leaf_life: Duration::from_secs(30 * DAY.unsigned_abs()),
            },
            identity: "timed".to_owned(),
            interval: Duration::from_millis(200),
            timing: Timing::default(),
        };
        let kubeconfig = Kubeconfig::read_from(installed.kubeconfig()).expect("a kubeconfig");
        let (running, controller) = RUNTIME.block_on(async {
            let config_of_cluster = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
            let running = server::start(&config, parts).expect("the server starts");
            let cluster = Cluster::from_config(config_of_cluster.expect("a configuration"), controller::FIELD_MANAGER).expect("a cluster");
            (running, controller::start(cluster, certificate, guard, options, clock))
        });
        Timed { offset, admin: Api::plain(running.admin.port()), _running: running, _controller: controller }
    }

    fn jump(&self, days: i64) {
        self.offset.fetch_add(days * DAY, Ordering::Relaxed);
    }

    fn readiness(&self) -> (bool, String) {
        let reply = self.admin.get("/readyz");
        (reply.ok(), reply.body.as_str().unwrap_or_default().to_owned())
    }

    /// Waits until the server is ready with a certificate that is not in the list. Returns the number of trusted CAs.
    fn renewed(&self, installed: &Installed, certificates: &mut Vec<String>) -> usize {
        until("another certificate is served and trusted", || {
            let (cert, bundle) = (installed.value("tls.crt").filter(|cert| !cert.is_empty())?, installed.value("ca.crt")?);
            let is_new = !certificates.contains(&cert);
            let is_published = installed.bundles().iter().all(|published| *published == bundle);
            (is_new && is_published && self.readiness().0).then_some(())
        });
        certificates.push(installed.value("tls.crt").expect("a certificate"));
        installed.value("ca.crt").expect("a bundle").matches("BEGIN CERTIFICATE").count()
    }
}

#[test]
fn a_machine_that_was_suspended_renews_its_certificate() {
    let installed = Installed::new("slept");
    installed.register();
    let timed = Timed::start(&installed);
    let mut certificates = Vec::new();
    assert_eq!(timed.renewed(&installed, &mut certificates), 1);
    let first = installed.value("ca.crt");

    // Past two thirds of the certificate's life: the certificate is still valid.
    timed.jump(21);
    assert!(timed.readiness().0, "{}", timed.readiness().1);
    assert_eq!(timed.renewed(&installed, &mut certificates), 1);
    assert_eq!(installed.value("ca.crt"), first, "the same CA signed both");

    // Past the expiry of the certificate, and past two thirds of the CA's life.
    timed.jump(250);
    let (ready, text) = timed.readiness();
    assert!(ready || text.contains("expired") || text.contains("does not trust"), "{text}");
    // The old CA signs a certificate at once, while the new CA is published. In this order: before the new CA there is no next one either.
    until("the CA has changed", || (installed.value("ca.crt") != first && installed.value("next-ca.key").is_none()).then_some(()));
    assert_eq!(timed.renewed(&installed, &mut certificates), 2);

    // Before the start of validity of both.
    timed.jump(-100);
    assert_eq!(timed.renewed(&installed, &mut certificates), 3, "the clock may be set forward again");

    // Past the expiry of everything.
    timed.jump(5000);
    assert_eq!(timed.renewed(&installed, &mut certificates), 1);
}
