//! Starts a server and shuts it down.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio::net::TcpSocket;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::admin::{self, Admin, Health};
use super::body::{Budget, TooSmall};
use super::config::{Clock, Config, Parts};
use super::connection::{Connections, Port, accept, bind, has_no_ipv6, listen, raise_file_limit};
use super::lifecycle::{Lifecycle, Phase};
use super::metrics::Metrics;
use super::reload::{Reloaded, Reloader};
use super::review::{self, Desk};
use super::tls::{ClientCa, CurrentCertificate, ManagedCertificate, Source, Tls, TlsError};
use super::unanswered::{self, Quota};
use crate::audit::Sink;

/// Time for the audit log to write its last records.
const AUDIT_FLUSH: Duration = Duration::from_secs(5);

/// Time in addition to that, for a thread to start and to report.
const SCHEDULING: Duration = Duration::from_secs(1);

/// Time until the next attempt to listen on an address that is in use.
const LISTEN_AGAIN: Duration = Duration::from_secs(1);

/// Why a server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The certificate, its key, or the client CA.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The limits.
    #[error(transparent)]
    Budget(#[from] TooSmall),
    /// An address.
    #[error("cannot listen on {address} ({flag}): {error}{}", instead(flag, *address, error))]
    Listen {
        /// The flag with the address.
        flag: &'static str,
        /// The address.
        address: SocketAddr,
        /// The error of the system.
        error: io::Error,
    },
}

impl StartError {
    /// Returns whether the configuration is wrong, rather than the system.
    pub fn is_input(&self) -> bool {
        !matches!(self, StartError::Listen { .. })
    }
}

/// Returns what to pass instead of an IPv6 address that the system does not have.
fn instead(flag: &str, address: SocketAddr, error: &io::Error) -> String {
    if address.is_ipv4() || !has_no_ipv6(error) {
        return String::new();
    }
    let host = if address.ip().is_loopback() { Ipv4Addr::LOCALHOST } else { Ipv4Addr::UNSPECIFIED };
    format!("; this system has no IPv6, or not this address: use {flag} {host}:{}", address.port())
}

/// A server that was started.
#[derive(Debug)]
pub struct Running {
    /// The address for reviews.
    pub listen: SocketAddr,
    /// The address of the admin port.
    pub admin: SocketAddr,
    /// The controls of the server.
    pub handle: Handle,
    conductor: JoinHandle<()>,
}

/// The controls of a server.
#[derive(Debug, Clone)]
pub struct Handle {
    drain: Arc<Notify>,
    lifecycle: Arc<Lifecycle>,
    reload: mpsc::Sender<oneshot::Sender<Reloaded>>,
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
    /// Starts the shutdown: the server reports not ready, waits, asks its clients to close, finishes requests, and ends.
    pub fn drain(&self) {
        self.drain.notify_one();
    }

    /// Drops every connection immediately. The server ends when the audit log is written.
    pub fn abort(&self) {
        self.lifecycle.advance(Phase::Over);
    }

    /// Waits until the server accepts reviews. Returns immediately, unless the server waits for a managed certificate.
    pub async fn wait_until_listening(&self) {
        let _ = self.listening.clone().wait_for(|listening| *listening).await;
    }

    /// Reloads certificates and canon now. Returns the result when that is done; `None` if the server has ended.
    pub async fn reload(&self) -> Option<Reloaded> {
        let (done, wait) = oneshot::channel();
        self.reload.send(done).await.ok()?;
        wait.await.ok()
    }
}

/// Checks the configuration, listens, and serves in tasks of the current runtime.
///
/// # Errors
/// Certificates or limits are wrong, before anything listens; an address is not available.
pub fn start(config: &Config, parts: Parts) -> Result<Running, StartError> {
    // Libraries without an explicit provider use this one. An error means that it is already set.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let Parts { clock, guard, judge, audit_level, audit } = parts;
    let now = clock();
    let limits = config.limits;
    let budget = Budget::new(limits.body_budget, limits.max_body, limits.max_reviews)?;
    let (certificate, pair) = Source::open(&config.tls.certificate, now)?;
    let client_ca = config.tls.client_ca.as_deref().map(|path| ClientCa::open(path, &config.tls.client_names)).transpose()?;
    let current = certificate.current();
    if let Some(pair) = pair {
        certificate.announce(&pair, now);
        current.set(pair);
    }
    let managed = certificate.managed().cloned();
    let tls = Arc::new(Tls::new(&certificate, current.clone(), config.tls.min, client_ca.as_ref())?);

    raise_file_limit();
    let of_listen = |error| StartError::Listen { flag: "--listen", address: config.listen, error };
    let of_admin = |error| StartError::Listen { flag: "--admin-listen", address: config.admin_listen, error };
    let socket = bind(config.listen).map_err(of_listen)?;
    let admin_listener = bind(config.admin_listen).and_then(listen).map_err(of_admin)?;
    let address = socket.local_addr().map_err(of_listen)?;
    let admin_address = admin_listener.local_addr().map_err(of_admin)?;

    let metrics = Arc::new(Metrics::new(now, managed.as_ref().map(ManagedCertificate::metrics)));
    let lifecycle = Arc::new(Lifecycle::new());
    let connections = Arc::new(Connections::new(limits.max_connections));
    let health = Arc::new(Health {
        lifecycle: Arc::clone(&lifecycle),
        certificate: current.clone(),
        managed: managed.clone(),
        guard: Arc::clone(&guard),
        audit: audit.clone(),
        degraded: admin::Degraded::default(),
    });
    let desk = Arc::new(Desk {
        guard,
        judge,
        audit_level,
        audit: audit.clone(),
        budget,
        connections: Arc::clone(&connections),
        limits,
        metrics: Arc::clone(&metrics),
        quota: Quota::default(),
        unguarded_is_logged: AtomicBool::new(false),
    });
    let port = Arc::new(Port {
        name: "reviews",
        until: Phase::Closing,
        tls: Some(Arc::clone(&tls)),
        router: review::routes(Arc::clone(&desk)),
        connections,
        limits,
        metrics: Arc::clone(&metrics),
        lifecycle: Arc::clone(&lifecycle),
    });
    let last = Arc::clone(&desk);
    let admin =
        Admin { health: Arc::clone(&health), metrics: Arc::clone(&metrics), desk, port: Arc::clone(&port), clock: Arc::clone(&clock) };
    let admin_port = Arc::new(Port {
        name: "admin",
        // It stays available until the server ends.
        until: Phase::Over,
        tls: None,
        router: admin::routes(admin),
        connections: Arc::new(Connections::new(limits.max_admin_connections)),
        limits,
        metrics: Arc::clone(&metrics),
        lifecycle: Arc::clone(&lifecycle),
    });
    let (is_listening, listening) = watch::channel(managed.is_none());
    if managed.is_some() {
        tokio::spawn(listen_with_certificate(socket, address, current, Arc::clone(&port), is_listening));
    } else {
        tokio::spawn(accept(listen(socket).map_err(of_listen)?, Arc::clone(&port)));
    }
    tokio::spawn(accept(admin_listener, Arc::clone(&admin_port)));
    for port in [Arc::clone(&port), admin_port] {
        tokio::spawn(async move {
            tokio::select! {
                () = port.follow_lifecycle() => {}
                () = port.close_expired() => {}
            }
        });
    }
    let (reload, requests) = mpsc::channel(1);
    let expiry = certificate.expiry_watch();
    let reloader = Reloader { certificate, client_ca, tls, health, metrics, expiry };
    tokio::spawn(keep_reloading(reloader, clock, limits.reload_every, requests));

    let drain = Arc::new(Notify::new());
    let handle = Handle { drain: Arc::clone(&drain), lifecycle: Arc::clone(&lifecycle), reload, listening };
    let conductor = tokio::spawn(async move {
        tokio::select! {
            () = conduct(&drain, &lifecycle, &port) => {}
            () = lifecycle.reached(Phase::Over) => {}
        }
        lifecycle.advance(Phase::Over);
        if let Some(sink) = audit {
            unanswered::note_last(&sink, &last.quota);
            flush(sink).await;
        }
    });
    Ok(Running { listen: address, admin: admin_address, handle, conductor })
}

/// Writes the last records of the audit log, for at most [`AUDIT_FLUSH`].
async fn flush(sink: Arc<Sink>) {
    // Blocks on the disk.
    let closed = tokio::task::spawn_blocking(move || sink.close(AUDIT_FLUSH));
    // The limit also holds if no thread for blocking work is free.
    if !matches!(timeout(AUDIT_FLUSH + SCHEDULING, closed).await, Ok(Ok(true))) {
        tracing::error!(seconds = AUDIT_FLUSH.as_secs(), "the audit log could not be written in time: its last records are lost");
    }
}

/// Runs the shutdown phases once a drain is requested.
async fn conduct(drain: &Notify, lifecycle: &Lifecycle, port: &Port) {
    drain.notified().await;
    let limits = &port.limits;
    tracing::info!(seconds = limits.drain_delay.as_secs_f64(), "draining: not ready; still serving while traffic moves away");
    lifecycle.advance(Phase::Draining);
    sleep(limits.drain_delay).await;
    lifecycle.advance(Phase::Farewell);
    let _ = timeout(limits.farewell, port.connections.all_closed()).await;
    lifecycle.advance(Phase::Closing);
    if timeout(limits.grace, port.connections.all_closed()).await.is_err() {
        tracing::warn!(connections = port.connections.count(), "dropping connections that did not close in time");
    }
}

/// Listens as soon as there is a certificate; until then the system refuses connections.
async fn listen_with_certificate(
    socket: TcpSocket,
    address: SocketAddr,
    certificate: CurrentCertificate,
    port: Arc<Port>,
    is_listening: watch::Sender<bool>,
) {
    tokio::select! {
        () = certificate.wait_until_set() => {}
        () = port.lifecycle.reached(Phase::Closing) => return,
    }
    let mut listener = listen(socket);
    let listener = loop {
        match listener {
            Ok(listener) => break listener,
            Err(error) => tracing::error!(%address, %error, "cannot listen on {address}; retrying"),
        }
        sleep(LISTEN_AGAIN).await;
        listener = bind(address).and_then(listen);
    };
    is_listening.send_replace(true);
    accept(listener, port).await;
}

async fn keep_reloading(mut reloader: Reloader, clock: Clock, every: Duration, mut requests: mpsc::Receiver<oneshot::Sender<Reloaded>>) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let done = tokio::select! {
            _ = ticks.tick() => None,
            request = requests.recv() => match request {
                Some(done) => Some(done),
                None => return,
            },
        };
        let now = clock();
        let polled = tokio::task::spawn_blocking(move || {
            let reloaded = reloader.poll(now);
            (reloader, reloaded)
        });
        let Ok((back, reloaded)) = polled.await else {
            tracing::error!("internal error while reloading certificates and canon: changes are ignored until the server is restarted");
            return;
        };
        reloader = back;
        if let Some(done) = done {
            // The caller may have stopped waiting.
            let _ = done.send(reloaded);
        }
    }
}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;

    use super::*;

    #[test]
    fn an_error_names_the_flag_and_without_ipv6_what_to_use_instead() {
        let of = |flag: &'static str, address: &str, error: Errno| {
            StartError::Listen { flag, address: address.parse().unwrap(), error: error.into() }.to_string()
        };
        let end = "this system has no IPv6, or not this address: use";
        let without = of("--listen", "[2001:db8::1]:8443", Errno::AFNOSUPPORT);
        assert!(without.starts_with("cannot listen on [2001:db8::1]:8443 (--listen): Address family not supported"), "{without}");
        assert!(without.ends_with(&format!("; {end} --listen 0.0.0.0:8443")), "{without}");
        let loopback = of("--admin-listen", "[::1]:8080", Errno::ADDRNOTAVAIL);
        assert!(loopback.ends_with(&format!("; {end} --admin-listen 127.0.0.1:8080")), "{loopback}");
        for other in [of("--listen", "10.0.0.1:8443", Errno::ADDRNOTAVAIL), of("--listen", "[::]:8443", Errno::ADDRINUSE)] {
            assert!(other.contains("(--listen): ") && !other.contains("IPv6"), "{other}");
        }
    }
}
