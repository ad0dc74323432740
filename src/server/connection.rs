//! One connection: its handshake, its protocol by ALPN, and its end.

use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Request, Response, header};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::Service;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;
use tower::Service as _;

use super::http1::Http1;
use super::lifecycle::{Lifecycle, Stage};
use super::limits::Limits;
use super::link::Link;
use super::metrics::{Metrics, handshake_cause};
use super::refusal::Refusal;
use super::review::Client;
use super::slots::Slots;
use super::supervisor::supervise;
use super::tls::Tls;
use super::wire::Wire;

/// The most that a connection buffers of what it reads, in bytes, and so the largest head of a request.
pub(crate) const READ_BUFFER: u32 = 32 << 10;

/// What is asked of the system at once, in bytes: a TLS record of the largest size, or about. rustls asks for
/// 4 KiB each time.
const SOCKET_BUFFER: usize = 16 << 10;

/// What an HTTP/2 client may send before anybody has asked for it, in bytes.
const WINDOW: u32 = 64 << 10;

/// Requests that one HTTP/2 connection may have under way.
const STREAMS: u32 = 64;

/// What the connections of one port share.
#[derive(Debug)]
pub(crate) struct Port {
    pub(crate) name: &'static str,
    /// The stage in which it takes no more connections.
    pub(crate) until: Stage,
    /// None on the admin port.
    pub(crate) tls: Option<Arc<Tls>>,
    pub(crate) asks_clients: bool,
    pub(crate) router: Router,
    pub(crate) slots: Arc<Slots>,
    pub(crate) limits: Limits,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) lifecycle: Arc<Lifecycle>,
}

impl Port {
    /// Serves a connection to its end.
    pub(crate) async fn serve(self: Arc<Self>, stream: TcpStream) {
        // Answers are small: waiting for more of them would only delay them.
        let _ = stream.set_nodelay(true);
        let ended = match &self.tls {
            None => self.http1(stream, Arc::new(Link::new(true, false))).await,
            Some(tls) => {
                // What only some connections need, or only for a while, has memory of its own.
                let Some(stream) = Box::pin(self.handshake(tls, stream)).await else { return };
                let session = stream.get_ref().1;
                let http2 = session.alpn_protocol() == Some(b"h2");
                let link = Arc::new(Link::new(!http2, self.asks_clients && session.peer_certificates().is_some()));
                if http2 { Box::pin(self.http2(stream, link)).await } else { self.http1(stream, link).await }
            }
        };
        if self.tls.is_some() {
            self.metrics.connection_closed(ended);
        }
    }

    /// Shakes hands, in this connection's own task: whoever is slow delays nobody else.
    async fn handshake(&self, tls: &Tls, stream: TcpStream) -> Option<TlsStream<BufReader<TcpStream>>> {
        let stream = BufReader::with_capacity(SOCKET_BUFFER, stream);
        let shaking = timeout(self.limits.handshake_timeout, tls.acceptor().accept(stream));
        let failure = tokio::select! {
            shaken = shaking => match shaken {
                Ok(Ok(stream)) => return Some(stream),
                Ok(Err(error)) => handshake_cause(&error),
                Err(_) => "timeout",
            },
            () = self.lifecycle.reached(Stage::Over) => "shutdown",
            () = self.make_way() => "displaced",
        };
        tracing::debug!(cause = failure, "a TLS handshake failed");
        self.metrics.handshake_failed(failure);
        None
    }

    /// Waits until this handshake has taken a while and its slot is wanted.
    async fn make_way(&self) {
        tokio::time::sleep(self.limits.idle_settle).await;
        loop {
            self.slots.wanted().await;
            if self.slots.is_full() {
                return;
            }
        }
    }

    async fn http1<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(&self, stream: S, link: Arc<Link>) -> &'static str {
        let wire = Wire::new(stream, Arc::clone(&link), self.limits.linger);
        let connection = Http1::new(wire, self.answers(Arc::clone(&link)), self);
        supervise(pin!(connection), self, &link).await
    }

    async fn http2<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(&self, stream: S, link: Arc<Link>) -> &'static str {
        let io = TokioIo::new(Wire::new(stream, Arc::clone(&link), self.limits.linger));
        let answers = self.answers(Arc::clone(&link));
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(WINDOW)
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(READ_BUFFER)
            .auto_date_header(false)
            .serve_connection(io, answers);
        supervise(pin!(connection), self, &link).await
    }

    pub(super) fn answers(&self, link: Arc<Link>) -> Answers {
        let (router, lifecycle, metrics) = (self.router.clone(), Arc::clone(&self.lifecycle), Arc::clone(&self.metrics));
        Answers(Arc::new(Shared { router, lifecycle, metrics, link }))
    }
}

/// Answers the requests of one connection.
#[derive(Clone)]
pub(crate) struct Answers(Arc<Shared>);

struct Shared {
    router: Router,
    lifecycle: Arc<Lifecycle>,
    metrics: Arc<Metrics>,
    link: Arc<Link>,
}

impl Answers {
    pub(crate) fn link(&self) -> &Link {
        &self.0.link
    }
}

impl Service<Request<Incoming>> for Answers {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let shared = Arc::clone(&self.0);
        Box::pin(async move {
            let Shared { router, lifecycle, metrics, link } = &*shared;
            Ok(answer(router, lifecycle, metrics, link, request).await)
        })
    }
}

/// Answers one request, and says so where the connection ends with it.
async fn answer(router: &Router, lifecycle: &Lifecycle, metrics: &Metrics, link: &Link, mut request: Request<Incoming>) -> Response<Body> {
    let _busy = link.begin();
    // Only the message that has two lengths is refused, not one before it that is still being answered.
    if link.has_two_lengths() && request.headers().contains_key(header::TRANSFER_ENCODING) {
        metrics.refused(Refusal::Framing);
        return Refusal::Framing.response(true);
    }
    request.extensions_mut().insert(Client { verified: link.client_verified });
    let Ok(mut response) = router.clone().call(request).await;
    if !link.http1 {
        response.headers_mut().remove(header::CONNECTION);
    } else if link.is_last() || lifecycle.is(Stage::Farewell) {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
