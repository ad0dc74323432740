//! A server in the process of the test, on free loopback ports, with short time limits.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use netpol::admission;
use netpol::audit::{self, Destination, Level, Sink};
use netpol::canon::Canons;
use netpol::server::tls::{CertificateFrom, TlsConfig, TlsMin};
use netpol::server::{self, Config, Handle, Judge, Limits, Parts, Reloaded, StartError};
use netpol::verdict::{Guard, Settings};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use super::client::{self, Client, Reply};

/// The maximum time that a test waits for something that happens at once.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// The configuration of a server. Tests change what they need.
pub(crate) struct Setup {
    pub(crate) config: Config,
    pub(crate) judge: Option<Judge>,
    pub(crate) canon: String,
    pub(crate) audit: audit::Options,
    /// The folder of the certificate and of the audit log.
    pub(crate) dir: TempDir,
}

/// A server. Dropping it closes its connections.
pub(crate) struct Server {
    pub(crate) listen: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) handle: Handle,
    pub(crate) dir: TempDir,
    runtime: Option<Runtime>,
    ended: oneshot::Receiver<()>,
}

impl Setup {
    pub(crate) fn new() -> Setup {
        let dir = tempfile::tempdir().unwrap();
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let config = Config {
            listen: loopback,
            admin_listen: loopback,
            tls: TlsConfig {
                certificate: CertificateFrom::Itself { dir: Some(dir.path().join("tls")), names: Vec::new() },
                min: TlsMin::Tls13,
                client_ca: None,
                client_names: Vec::new(),
            },
            limits: Limits {
                drain_delay: Duration::from_millis(200),
                farewell: Duration::from_millis(500),
                // Tests reload when they want to.
                reload_every: Duration::from_secs(3600),
                ..Limits::default()
            },
        };
        let audit = audit::Options::new(Destination::File(dir.path().join("audit.log")), [7; 8]);
        Setup { config, judge: None, canon: "abcdesktop".to_owned(), audit, dir }
    }

    pub(crate) fn limits(change: impl FnOnce(&mut Limits)) -> Setup {
        let mut setup = Setup::new();
        change(&mut setup.config.limits);
        setup
    }

    pub(crate) fn judge(mut self, judge: impl Fn(netpol::verdict::Stage, &[u8]) -> admission::Answer + Send + Sync + 'static) -> Setup {
        self.judge = Some(Arc::new(move |_: &Guard, stage, body: &[u8], _| judge(stage, body)));
        self
    }

    pub(crate) fn start(self) -> Server {
        self.try_start().unwrap_or_else(|error| panic!("the server does not start: {error}"))
    }

    pub(crate) fn try_start(self) -> Result<Server, StartError> {
        let settings = Settings::default();
        let canon = Canons::load(std::slice::from_ref(&self.canon), &settings.namespaces).unwrap();
        let guard = Arc::new(ArcSwap::from_pointee(Guard::new(Arc::new(canon), Arc::new(settings))));
        let judge: Judge = self.judge.unwrap_or_else(|| Arc::new(admission::answer));
        let sink = Arc::new(Sink::open(self.audit).unwrap());
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let parts = Parts { clock: Arc::new(std::time::SystemTime::now), guard, judge, audit_level: Level::All, audit: Some(sink) };
        let running = runtime.block_on(async { server::start(&self.config, parts) })?;
        let (listen, admin, handle) = (running.listen, running.admin, running.handle.clone());
        let (end, ended) = oneshot::channel();
        runtime.spawn(async move {
            running.ended().await;
            let _ = end.send(());
        });
        Ok(Server { listen, admin, handle, dir: self.dir, runtime: Some(runtime), ended })
    }
}

impl Server {
    /// Returns the CA of the self-signed certificate.
    pub(crate) fn roots(&self) -> RootCertStore {
        roots(&self.dir.path().join("tls/ca.crt"))
    }

    /// Connects a client that uses HTTP/1.1.
    pub(crate) fn client(&self) -> Client {
        Client::connect(self.listen, client::config(self.roots(), &[b"http/1.1"])).unwrap()
    }

    /// Sends a request to the admin port.
    pub(crate) fn admin(&self, path: &str) -> Reply {
        client::get(self.admin, path)
    }

    /// Returns the value of a metric, by its name with labels; 0 if it does not exist yet.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let text = self.admin("/metrics").text();
        let line = text.lines().find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')));
        line.map_or(0, |line| line.rsplit_once(' ').unwrap().1.parse().unwrap())
    }

    /// Waits until a metric has exactly this value.
    pub(crate) fn until_metric(&self, name: &str, value: u64) {
        let mut found = 0;
        let reached = until(|| {
            found = self.metric(name);
            found == value
        });
        assert!(reached, "{name} is {found}, not {value}");
    }

    /// Reloads the certificates and the canon.
    pub(crate) fn reload(&self) -> Reloaded {
        self.runtime.as_ref().unwrap().block_on(self.handle.reload()).expect("the server has not ended")
    }

    /// Returns whether the server ends in time.
    pub(crate) fn ends(&mut self) -> bool {
        let (runtime, ended) = (self.runtime.as_ref().unwrap(), &mut self.ended);
        runtime.block_on(async { tokio::time::timeout(SOON, ended).await.is_ok() })
    }

    /// Waits until the audit log has `count` lines and returns its lines.
    pub(crate) fn audit_lines(&self, count: usize) -> Vec<serde_json::Value> {
        let path = self.dir.path().join("audit.log");
        let lines = || std::fs::read_to_string(&path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<_>>();
        assert!(until(|| lines().len() >= count), "the audit log has {} lines", lines().len());
        lines()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.handle.abort();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Returns the certificates of a PEM file as roots.
pub(crate) fn roots(path: &Path) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).unwrap() {
        roots.add(certificate.unwrap()).unwrap();
    }
    roots
}

/// Waits until a condition holds, and returns whether it did in time.
pub(crate) fn until(mut holds: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + SOON;
    while Instant::now() < end {
        if holds() {
            return true;
        }
        // Not a delay that a test depends on: the next check follows.
        std::thread::park_timeout(Duration::from_millis(2));
    }
    false
}
