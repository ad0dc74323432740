//! A TCP forwarder that acts as a Service: it sends each new connection to the next ready backend.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::Method;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use super::api::{Api, Call, RUNTIME};

/// The interval of readiness probes.
const PROBE_EVERY: Duration = Duration::from_millis(100);

/// A forwarder. It runs until the end of the run.
#[derive(Clone)]
pub(crate) struct Forwarder {
    pub(crate) port: u16,
    backends: Arc<Mutex<Vec<Backend>>>,
}

#[derive(Clone)]
struct Backend {
    port: u16,
    admin: Api,
    ready: bool,
}

impl Forwarder {
    pub(crate) fn start() -> io::Result<Forwarder> {
        let listener = RUNTIME.block_on(TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))))?;
        let forwarder = Forwarder { port: listener.local_addr()?.port(), backends: Arc::default() };
        RUNTIME.spawn(forwarder.clone().probe());
        RUNTIME.spawn(forwarder.clone().accept(listener));
        Ok(forwarder)
    }

    /// Adds a backend. It gets connections when it is ready.
    pub(crate) fn add(&self, port: u16, admin: &Api) {
        self.lock().push(Backend { port, admin: admin.clone(), ready: false });
    }

    /// Removes a backend.
    pub(crate) fn remove(&self, port: u16) {
        self.lock().retain(|backend| backend.port != port);
    }

    /// Returns the number of ready backends.
    pub(crate) fn ready(&self) -> usize {
        self.lock().iter().filter(|backend| backend.ready).count()
    }

    /// Returns the metrics of all backends.
    pub(crate) fn metrics(&self) -> Vec<String> {
        let backends = self.lock().clone();
        backends.iter().filter_map(|backend| backend.admin.get("/metrics").body.as_str().map(str::to_owned)).collect()
    }

    async fn probe(self) {
        loop {
            let backends = self.lock().clone();
            for backend in backends {
                let answer = backend.admin.send(&Call::new(Method::GET, "/readyz")).await;
                let ready = answer.is_ok_and(|reply| reply.ok());
                for known in self.lock().iter_mut().filter(|known| known.port == backend.port) {
                    known.ready = ready;
                }
            }
            sleep(PROBE_EVERY).await;
        }
    }

    async fn accept(self, listener: TcpListener) {
        let turn = AtomicUsize::new(0);
        while let Ok((client, _)) = listener.accept().await {
            let ready: Vec<u16> = self.lock().iter().filter(|backend| backend.ready).map(|backend| backend.port).collect();
            // Without a ready backend, the connection is closed.
            let Some(port) = ready.get(turn.fetch_add(1, Ordering::Relaxed) % ready.len().max(1)).copied() else { continue };
            tokio::spawn(forward(client, port));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Backend>> {
        self.backends.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forwards a connection to a port on loopback.
pub(crate) async fn forward(mut client: TcpStream, port: u16) -> io::Result<()> {
    let mut backend = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    client.set_nodelay(true)?;
    backend.set_nodelay(true)?;
    tokio::io::copy_bidirectional(&mut client, &mut backend).await?;
    Ok(())
}
