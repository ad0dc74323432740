//! The HTTPS server: from a socket to a body that is judged, and back; its admin port; its life from
//! the first connection to the last.
//!
//! ```text
//! listener ─► slots ─► connection: TLS ─► HTTP (wire, framing, link; supervisor) ─► review: headers ─► body (budget, lanes)
//!                                                                                     ─► judge ─► answer, metrics, audit
//! reload: certificate, client CA, canon ─► swapped behind a pointer      admin: livez, readyz (health), metrics
//! ```
//!
//! The way of a request waits for nothing but its own bytes, their share of memory, and the socket. What
//! every request shares is behind atomics, or behind a lock that is held for a few instructions (the
//! places in a lane, the map of a metric's labels), never across I/O or a verdict.

mod admin;
mod body;
mod budget;
mod buffer;
mod connection;
pub mod deadline;
pub mod duration;
mod framing;
mod health;
mod http1;
mod keeper;
mod lane;
mod lifecycle;
mod limits;
mod link;
mod listener;
mod metrics;
mod pool;
mod refusal;
mod reload;
mod review;
mod slots;
mod supervisor;
pub mod tls;
mod turns;
mod wire;

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use tokio::net::TcpSocket;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use crate::audit::Sink;
use crate::verdict::Guard;
pub use budget::{ORDINARY, TooSmall};
pub use health::Standing;
pub use keeper::Keeper;
pub use limits::Limits;
pub use review::Judge;
use tls::{ClientCa, Source, Tls, TlsConfig, TlsError};

use admin::Admin;
use budget::Budget;
use connection::Port;
use health::{Degraded, Health};
use lifecycle::{Lifecycle, Stage};
use metrics::Metrics;
use pool::Pool;
use reload::Reloader;
use review::Desk;
use slots::Slots;

/// How long the audit log is waited for at the end.
const AUDIT_FLUSH: Duration = Duration::from_secs(5);

/// The memory of how many ordinary bodies is kept for the next ones: 2 MiB at most. As many as one thread has
/// half read at a time when sixteen connections are busy.
const KEPT: usize = 8;

/// How long to wait where somebody else has come to listen at the server's address.
const LISTEN_AGAIN: Duration = Duration::from_secs(1);

/// What a server is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where reviews come in: `--listen`.
    pub listen: SocketAddr,
    /// The admin port: `--admin-listen`.
    pub admin_listen: SocketAddr,
    /// TLS.
    pub tls: TlsConfig,
    /// Limits.
    pub limits: Limits,
}

/// Tells the time of day.
pub type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// What a server works with.
pub struct Parts {
    /// By which certificates are valid.
    pub clock: Clock,
    /// The canon and the settings in force: swapped when the canon is read again.
    pub guard: Arc<ArcSwap<Guard>>,
    /// What judges a body, by that guard.
    pub judge: Judge,
    /// Where audit lines go.
    pub audit: Option<Arc<Sink>>,
}

/// Why a server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The certificate, the key, the CA.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The limits.
    #[error(transparent)]
    Budget(#[from] TooSmall),
    /// An address.
    #[error("cannot listen at {address}: {error}")]
    Listen {
        /// Which one.
        address: SocketAddr,
        /// Why.
        error: io::Error,
    },
}

impl StartError {
    /// Whether what the caller said is wrong, rather than the machine.
    pub fn is_input(&self) -> bool {
        !matches!(self, StartError::Listen { .. })
    }
}

/// A server that serves.
#[derive(Debug)]
pub struct Running {
    /// Where reviews come in.
    pub listen: SocketAddr,
    /// Where the admin port is.
    pub admin: SocketAddr,
    /// Its controls.
    pub handle: Handle,
    /// Whoever has it puts the certificate there, where the server was told to wait for one.
    pub keeper: Option<Keeper>,
    conductor: JoinHandle<()>,
}

/// The controls of a server.
#[derive(Debug, Clone)]
pub struct Handle {
    drain: Arc<Notify>,
    lifecycle: Arc<Lifecycle>,
    reload: mpsc::Sender<oneshot::Sender<()>>,
    listening: watch::Receiver<bool>,
}

impl Running {
    /// Waits until the server has ended.
    pub async fn ended(self) {
        // A conductor that panicked has ended too.
        let _ = self.conductor.await;
    }
}

impl Handle {
    /// Tells the server to end: it says that it is not ready, waits, tells its clients, finishes, ends.
    pub fn drain(&self) {
        self.drain.notify_one();
    }

    /// Drops every connection at once.
    pub fn abort(&self) {
        self.lifecycle.advance(Stage::Over);
    }

    /// Waits until reviews can come in: at once, unless a certificate is waited for.
    pub async fn listening(&self) {
        let _ = self.listening.clone().wait_for(|listening| *listening).await;
    }

    /// Reads certificates and canon again now, and answers when that is done.
    pub async fn reload(&self) {
        let (done, wait) = oneshot::channel();
        if self.reload.send(done).await.is_ok() {
            let _ = wait.await;
        }
    }
}

/// Checks everything, listens, and serves in tasks of the runtime that it must be called in.
///
/// # Errors
/// What is wrong with certificates or limits, before anything listens; an address that cannot be had.
pub fn start(config: &Config, parts: Parts) -> Result<Running, StartError> {
    // Libraries that are not told which cryptography to use look here. Somebody may have been first.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let Parts { clock, guard, judge, audit } = parts;
    let now = clock();
    let limits = config.limits;
    let budget = Budget::new(limits.body_budget, limits.max_body, limits.max_reviews)?;
    let (certificate, pair) = Source::open(&config.tls.certificate, now)?;
    let client_ca = config.tls.client_ca.as_deref().map(|path| ClientCa::open(path, &config.tls.client_names)).transpose()?;
    if let Some(pair) = &pair {
        certificate.announce(pair, now);
    }
    let waits = pair.is_none();
    let tls = Arc::new(Tls::new(pair, config.tls.min, client_ca.as_ref())?);

    let at = |address: SocketAddr| move |error| StartError::Listen { address, error };
    let socket = listener::bind(config.listen).map_err(at(config.listen))?;
    let admin_listener = listener::bind(config.admin_listen).and_then(listener::listen).map_err(at(config.admin_listen))?;
    let listen = socket.local_addr().map_err(at(config.listen))?;
    let admin = admin_listener.local_addr().map_err(at(config.admin_listen))?;

    let metrics = Metrics::new(now);
    let metrics = Arc::new(if waits { metrics.with_keeper() } else { metrics });
    let lifecycle = Arc::new(Lifecycle::new());
    let health = Arc::new(Health {
        lifecycle: Arc::clone(&lifecycle),
        tls: Arc::clone(&tls),
        guard,
        audit: audit.clone(),
        degraded: Degraded::default(),
        standing: Mutex::default(),
    });
    let slots = Arc::new(Slots::new(limits.max_connections));
    let desk = Arc::new(Desk {
        judge,
        audit: audit.clone(),
        budget,
        pool: Arc::new(Pool::new(KEPT)),
        slots: Arc::clone(&slots),
        limits,
        metrics: Arc::clone(&metrics),
        said_unguarded: AtomicBool::new(false),
    });
    let port = Arc::new(Port {
        name: "reviews",
        until: Stage::Closing,
        asks_clients: client_ca.is_some(),
        tls: Some(Arc::clone(&tls)),
        router: review::routes(Arc::clone(&desk)),
        slots,
        limits,
        metrics: Arc::clone(&metrics),
        lifecycle: Arc::clone(&lifecycle),
    });
    let admin_port = Arc::new(Port {
        name: "admin",
        // It tells of the server until its very end.
        until: Stage::Over,
        asks_clients: false,
        tls: None,
        router: admin::routes(Admin {
            health: Arc::clone(&health),
            metrics: Arc::clone(&metrics),
            desk,
            port: Arc::clone(&port),
            clock: Arc::clone(&clock),
        }),
        slots: Arc::new(Slots::new(limits.max_admin_connections)),
        limits,
        metrics: Arc::clone(&metrics),
        lifecycle: Arc::clone(&lifecycle),
    });
    let (is_listening, listening) = watch::channel(!waits);
    if waits {
        tokio::spawn(listen_with_certificate(socket, listen, tls, Arc::clone(&port), is_listening));
    } else {
        tokio::spawn(listener::accept(listener::listen(socket).map_err(at(config.listen))?, Arc::clone(&port)));
    }
    tokio::spawn(listener::accept(admin_listener, admin_port));
    let keeper = waits.then(|| Keeper::new(Arc::clone(&health), Arc::clone(&metrics)));
    let (reload, asked) = mpsc::channel(1);
    tokio::spawn(keep_reloading(Reloader { certificate, client_ca, health, metrics }, clock, limits.reload_every, asked));

    let drain = Arc::new(Notify::new());
    let handle = Handle { drain: Arc::clone(&drain), lifecycle: Arc::clone(&lifecycle), reload, listening };
    let conductor = tokio::spawn(async move {
        tokio::select! {
            () = conduct(&drain, &lifecycle, &port) => {}
            () = lifecycle.reached(Stage::Over) => {}
        }
        lifecycle.advance(Stage::Over);
        if let Some(sink) = audit {
            // Waits for a disk, so not here.
            let _ = tokio::task::spawn_blocking(move || sink.close(AUDIT_FLUSH)).await;
        }
    });
    Ok(Running { listen, admin, handle, keeper, conductor })
}

/// Leads a server through the end of its life, once it is told to.
async fn conduct(drain: &Notify, lifecycle: &Lifecycle, port: &Port) {
    drain.notified().await;
    let limits = &port.limits;
    tracing::info!(
        seconds = limits.drain_delay.as_secs_f64(),
        "draining: not ready from now on, serving until endpoints have forgotten this server"
    );
    lifecycle.advance(Stage::Draining);
    sleep(limits.drain_delay).await;
    lifecycle.advance(Stage::Farewell);
    let _ = timeout(limits.farewell, port.slots.all_free()).await;
    lifecycle.advance(Stage::Closing);
    if timeout(limits.grace, port.slots.all_free()).await.is_err() {
        tracing::warn!(connections = port.slots.used(), "connections are dropped that did not end in time");
    }
}

/// Listens as soon as there is a certificate to show: until then whoever connects is refused.
async fn listen_with_certificate(
    socket: TcpSocket,
    address: SocketAddr,
    tls: Arc<Tls>,
    port: Arc<Port>,
    is_listening: watch::Sender<bool>,
) {
    tokio::select! {
        () = tls.has_certificate() => {}
        () = port.lifecycle.reached(Stage::Closing) => return,
    }
    let mut listener = listener::listen(socket);
    let listener = loop {
        match listener {
            Ok(listener) => break listener,
            Err(error) => {
                tracing::error!(%address, %error, "there is a certificate now, but the address cannot be listened at: trying again");
            }
        }
        sleep(LISTEN_AGAIN).await;
        listener = listener::bind(address).and_then(listener::listen);
    };
    is_listening.send_replace(true);
    listener::accept(listener, port).await;
}

async fn keep_reloading(mut reloader: Reloader, clock: Clock, every: Duration, mut asked: mpsc::Receiver<oneshot::Sender<()>>) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let done = tokio::select! {
            _ = ticks.tick() => None,
            asked = asked.recv() => match asked {
                Some(done) => Some(done),
                None => return,
            },
        };
        let now = clock();
        let polled = tokio::task::spawn_blocking(move || {
            reloader.poll(now);
            reloader
        });
        let Ok(back) = polled.await else {
            tracing::error!("reading certificates and canon again met a fault: what is in force stays until this server is started again");
            return;
        };
        reloader = back;
        if let Some(done) = done {
            // Whoever asked may have left.
            let _ = done.send(());
        }
    }
}
