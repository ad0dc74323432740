//! Clocks that jump, as that of a machine which was suspended does. The server runs in this process, so
//! that its clock is the test's; the API server's own goes on as ever.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use kube::config::{KubeConfigOptions, Kubeconfig};
use netpol::admission;
use netpol::canon::Canon;
use netpol::certificates::plan::Wanted;
use netpol::controller::Timing;
use netpol::controller::{self, Cluster, Controller, Options};
use netpol::server::tls::{CertificateFrom, TlsConfig, TlsMin};
use netpol::server::{self, Clock, Config, Limits, ManagedCertificate, Parts, Running};
use netpol::verdict::{Guard, Settings};

use super::super::harness::api::{Api, RUNTIME};
use super::super::harness::wait::until;
use super::fixture::Installed;

const DAY: i64 = 24 * 3600;

/// A server whose clock is the test's.
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
        let certificate = ManagedCertificate::new();
        let managed = CertificateFrom::Managed(certificate.clone());
        let tls = TlsConfig { certificate: managed, min: TlsMin::Tls13, client_ca: None, client_names: Vec::new() };
        let config = Config { listen: loopback, admin_listen: loopback, tls, limits: Limits::default() };
        let settings = Settings::default();
        let canon = Canon::load("abcdesktop", &settings.namespaces).expect("a canon");
        let guard = Arc::new(ArcSwap::from_pointee(Guard { canon: Arc::new(canon), settings: Arc::new(settings) }));
        let judge: server::Judge = Arc::new(admission::answer);
        let parts = Parts { clock: Arc::clone(&clock), guard, judge, audit_all: false, audit: None };
        let options = Options {
            namespace: installed.system.clone(),
            name: installed.name.to_owned(),
            registrations: vec![installed.name.to_owned()],
            wanted: Wanted {
                names: vec![format!("guard.{}.svc", installed.system)],
                ca_life: Duration::from_secs(365 * DAY.unsigned_abs()),
                leaf_life: Duration::from_secs(30 * DAY.unsigned_abs()),
            },
            identity: "timed".to_owned(),
            every: Duration::from_millis(200),
            timing: Timing::default(),
        };
        let kubeconfig = Kubeconfig::read_from(installed.kubeconfig()).expect("a kubeconfig");
        let (running, controller) = RUNTIME.block_on(async {
            let config_of_cluster = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
            let running = server::start(&config, parts).expect("it starts");
            let cluster = Cluster::of(config_of_cluster.expect("a configuration")).expect("a cluster");
            (running, controller::start(cluster, certificate, options, clock))
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

    /// Waits until it is ready with another certificate than these, and answers how many CAs are trusted.
    fn renewed(&self, installed: &Installed, certificates: &mut Vec<String>) -> usize {
        until("another certificate is served and trusted", || {
            let (cert, bundle) = (installed.kept("tls.crt").filter(|cert| !cert.is_empty())?, installed.kept("ca.crt")?);
            let is_new = !certificates.contains(&cert);
            let is_published = installed.bundles().iter().all(|published| *published == bundle);
            (is_new && is_published && self.readiness().0).then_some(())
        });
        certificates.push(installed.kept("tls.crt").expect("a certificate"));
        installed.kept("ca.crt").expect("a bundle").matches("BEGIN CERTIFICATE").count()
    }
}

#[test]
fn a_machine_that_slept_wakes_to_a_certificate_that_is_renewed() {
    let installed = Installed::new("slept");
    installed.register();
    let timed = Timed::start(&installed);
    let mut certificates = Vec::new();
    assert_eq!(timed.renewed(&installed, &mut certificates), 1);
    let first = installed.kept("ca.crt");

    // Past two thirds of the certificate's life: it is valid all the while.
    timed.jump(21);
    assert!(timed.readiness().0, "{}", timed.readiness().1);
    assert_eq!(timed.renewed(&installed, &mut certificates), 1);
    assert_eq!(installed.kept("ca.crt"), first, "the same CA signed both");

    // Past its end, and past two thirds of the CA's.
    timed.jump(250);
    let (ready, text) = timed.readiness();
    assert!(ready || text.contains("expired") || text.contains("does not trust"), "{text}");
    // The old CA heals it at once, while the new one is made known.
    until("the CA has changed", || (installed.kept("next-ca.key").is_none() && installed.kept("ca.crt") != first).then_some(()));
    assert_eq!(timed.renewed(&installed, &mut certificates), 2);

    // Back behind the beginning of both.
    timed.jump(-100);
    assert_eq!(timed.renewed(&installed, &mut certificates), 3, "the clock may be turned forward again");

    // Past everything.
    timed.jump(5000);
    assert_eq!(timed.renewed(&installed, &mut certificates), 1);
}
