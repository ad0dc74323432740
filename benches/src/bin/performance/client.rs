//! The load generator: a minimal HTTP/1.1 client with persistent connections, so that it costs less than the server.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use netpol::verdict::Stage;
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead as _, AsyncReadExt as _, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Returns the bytes of a request: head and body.
pub(crate) fn request(stage: Stage, body: &[u8]) -> Arc<[u8]> {
    let path = match stage {
        Stage::Mutate => "/mutate",
        Stage::Validate => "/validate",
    };
    // The same head as the API server sends.
    let mut request = format!(
        "POST {path}?timeout=10s HTTP/1.1\r\nHost: localhost\r\nUser-Agent: kube-apiserver-admission\r\nContent-Length: {}\r\nAccept: application/json, */*\r\nContent-Type: application/json\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    request.into()
}

/// A TLS client.
#[derive(Clone)]
pub(crate) struct Client {
    connector: TlsConnector,
}

/// A connection.
pub(crate) struct Connection {
    stream: TlsStream<TcpStream>,
    buffer: Vec<u8>,
}

/// The end of a load.
#[derive(Clone)]
pub(crate) enum End {
    /// At this time.
    At(Instant),
    /// After this number of reviews.
    After(Arc<AtomicI64>),
}

impl End {
    pub(crate) fn after(reviews: i64) -> End {
        End::After(Arc::new(AtomicI64::new(reviews)))
    }

    fn continues(&self) -> bool {
        match self {
            End::At(time) => Instant::now() < *time,
            End::After(left) => left.fetch_sub(1, Ordering::Relaxed) > 0,
        }
    }
}

impl Client {
    /// Creates a client that trusts the CA in a file. With `resumes` it resumes TLS sessions.
    pub(crate) fn new(ca: &Path, resumes: bool) -> Result<Client, String> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(ca).map_err(|error| error.to_string())? {
            roots.add(certificate.map_err(|error| error.to_string())?).map_err(|error| error.to_string())?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        if !resumes {
            config.resumption = Resumption::disabled();
        }
        Ok(Client { connector: TlsConnector::from(Arc::new(config)) })
    }

    pub(crate) async fn connect(&self, address: SocketAddr) -> io::Result<Connection> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
        let stream = self.connector.connect(name, stream).await?;
        Ok(Connection { stream, buffer: vec![0; 64 << 10] })
    }

    pub(crate) async fn connect_all(&self, address: SocketAddr, count: usize) -> io::Result<Vec<Connection>> {
        let mut connections = Vec::with_capacity(count);
        for _ in 0..count {
            connections.push(self.connect(address).await?);
        }
        Ok(connections)
    }

    /// Connects, completes the TLS handshake and disconnects. Returns whether the session was resumed. A client that resumes sessions
    /// must wait for a ticket.
    pub(crate) async fn handshake(&self, address: SocketAddr, waits_for_ticket: bool) -> io::Result<bool> {
        let mut connection = self.connect(address).await?;
        if waits_for_ticket {
            connection.ticket().await?;
        }
        let resumed = connection.stream.get_ref().1.handshake_kind() == Some(rustls::HandshakeKind::Resumed);
        connection.stream.shutdown().await?;
        Ok(resumed)
    }
}

impl Connection {
    /// Sends a request and returns the status and the body of the response.
    pub(crate) async fn send(&mut self, request: &[u8]) -> io::Result<(u16, &[u8])> {
        self.stream.write_all(request).await?;
        self.stream.flush().await?;
        let mut read = 0;
        let (status, head, length) = loop {
            read += self.more(read).await?;
            if let Some(found) = self.buffer.get(..read).and_then(head) {
                break found;
            }
        };
        if self.buffer.len() < head + length {
            self.buffer.resize(head + length, 0);
        }
        while read < head + length {
            read += self.more(read).await?;
        }
        Ok((status, self.buffer.get(head..head + length).unwrap_or_default()))
    }

    async fn more(&mut self, at: usize) -> io::Result<usize> {
        match self.stream.read(self.buffer.get_mut(at..).unwrap_or_default()).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            count => Ok(count),
        }
    }

    /// Waits for a session ticket.
    async fn ticket(&mut self) -> io::Result<()> {
        std::future::poll_fn(|ctx| {
            let mut bytes = [0; 1];
            let polled = Pin::new(&mut self.stream).poll_read(ctx, &mut ReadBuf::new(&mut bytes));
            if self.stream.get_ref().1.tls13_tickets_received() > 0 { Poll::Ready(Ok(())) } else { polled }
        })
        .await
    }
}

/// Parses a head. Returns the status, the offset of the body, and the length of the body.
fn head(bytes: &[u8]) -> Option<(u16, usize, usize)> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(bytes.get(..end)?).ok()?;
    let status = text.get(9..12)?.parse().ok()?;
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    Some((status, end, length.unwrap_or(0)))
}

/// Keeps this thread from sleeping. To wake a thread on an idle core, the waking thread sends an interrupt to that core. A server
/// whose client sleeps would pay for these interrupts, but the floor, whose client is always busy, would not. Across a network no
/// server pays for them.
struct Awake(JoinHandle<()>);

impl Awake {
    fn stay() -> Awake {
        Awake(tokio::spawn(async {
            loop {
                tokio::task::yield_now().await;
            }
        }))
    }
}

impl Drop for Awake {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Sends the same request over all connections until the end. Returns the duration of each review in nanoseconds. With one
/// connection, each side sleeps while the other one works, as on a server with little load.
pub(crate) async fn load(connections: &mut Vec<Connection>, request: &Arc<[u8]>, end: End) -> Result<Vec<u64>, String> {
    let _awake = (connections.len() > 1).then(Awake::stay);
    let tasks: Vec<_> = connections
        .drain(..)
        .map(|mut connection| {
            let (request, end) = (Arc::clone(request), end.clone());
            tokio::spawn(async move {
                let mut latencies = Vec::new();
                while end.continues() {
                    let start = Instant::now();
                    let (status, body) = connection.send(&request).await.map_err(|error| format!("no response: {error}"))?;
                    if status != 200 {
                        return Err(format!("unexpected status {status}: {}", String::from_utf8_lossy(body)));
                    }
                    latencies.push(nanoseconds(start.elapsed()));
                }
                Ok((connection, latencies))
            })
        })
        .collect();
    let mut all = Vec::new();
    for task in tasks {
        let (connection, latencies) = task.await.map_err(|error| error.to_string())??;
        connections.push(connection);
        all.extend(latencies);
    }
    Ok(all)
}

pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
