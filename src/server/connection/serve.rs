//! Serves one connection: its handshake, HTTP/1.1 or HTTP/2 as negotiated by ALPN, and its end.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, Request, Response, header};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use tokio::io::{AsyncRead, AsyncWrite, BufReader};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_rustls::server::TlsStream;
use tower::Service as _;

use super::handshake::handshake;
use super::link::Link;
use super::port::Port;
use super::stream::Stream;
use super::tickets::{Order, Ticket};

/// The maximum number of bytes that HTTP/1.1 buffers for a connection.
const READ_BUFFER: usize = 16 << 10;

/// The maximum size of the headers of a request, in bytes. For HTTP/2, it limits the header list.
const MAX_HEAD: u32 = 8 << 10;

/// The maximum number of headers of an HTTP/1.1 request.
const MAX_HEADERS: usize = 64;

/// Bytes that an HTTP/2 client can send before the server reads them.
const WINDOW: u32 = 64 << 10;

/// Requests in flight on one HTTP/2 connection. The library cannot change it while the connection is open.
const STREAMS: u32 = 16;

/// The time for an idle connection to close when the server ends or the connection was idle for too long.
const CLOSE_TIME: Duration = Duration::from_secs(2);

/// The same, if another connection waits for the slot.
const MAKE_WAY_TIME: Duration = Duration::from_millis(250);

impl Port {
    /// Serves a connection to its end.
    pub(super) async fn serve(self: Arc<Self>, stream: TcpStream, ticket: Ticket) {
        // Responses are small: a delay to collect more of them only costs time.
        let _ = stream.set_nodelay(true);
        let mut orders = ticket.orders();
        let opened = tokio::select! {
            biased;
            opened = self.open(stream, &ticket) => opened,
            order = leave(&mut orders) => Err(match order {
                Order::Expire => "timeout",
                Order::Drop => "shutdown",
                _ => "displaced",
            }),
        };
        let cause = match opened {
            // State that only some connections need is boxed, so that a silent connection is small.
            Ok(Opened::Plain(stream)) => Box::pin(self.http1(stream, Link::new(ticket, true, false))).await,
            Ok(Opened::Tls(stream)) => {
                let session = stream.get_ref().1;
                let is_http1 = session.alpn_protocol() != Some(b"h2");
                // A session has a client certificate only if one was required and the client CA signed it.
                let link = Link::new(ticket, is_http1, session.peer_certificates().is_some());
                if is_http1 { Box::pin(self.http1(stream, link)).await } else { Box::pin(self.http2(stream, link)).await }
            }
            Err(cause) => {
                if self.tls.is_some() {
                    tracing::debug!(cause, "a TLS handshake failed");
                    self.metrics.handshake_failed(cause);
                }
                return;
            }
        };
        if self.tls.is_some() {
            self.metrics.connection_closed(cause);
        }
    }

    /// Waits for the first bytes, and with TLS for the handshake and a slot.
    async fn open(&self, stream: TcpStream, ticket: &Ticket) -> Result<Opened, &'static str> {
        // Until its first bytes arrive, a connection has no buffers.
        if stream.peek(&mut [0]).await.unwrap_or(0) == 0 {
            return Err("vanished");
        }
        ticket.start_handshake();
        let Some(tls) = &self.tls else { return Ok(Opened::Plain(stream)) };
        let stream = Box::pin(handshake(tls, stream)).await?;
        ticket.establish().await;
        Ok(Opened::Tls(Box::new(stream)))
    }

    async fn http1<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(self: &Arc<Self>, stream: S, link: Link) -> &'static str {
        let link = Arc::new(link);
        let io = TokioIo::new(Stream::new(stream, Arc::clone(&link), self.limits.linger));
        let connection = http1::Builder::new()
            .max_buf_size(READ_BUFFER)
            .max_header_size(MAX_HEAD as usize)
            .max_headers(MAX_HEADERS)
            .auto_date_header(false)
            // The registry closes connections that are idle or slow.
            .header_read_timeout(None::<Duration>)
            .serve_connection(io, service_fn(|request| answer(Arc::clone(self), Arc::clone(&link), request)));
        drive(connection, &link).await
    }

    async fn http2<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(self: &Arc<Self>, stream: S, link: Link) -> &'static str {
        let link = Arc::new(link);
        let io = TokioIo::new(Stream::new(stream, Arc::clone(&link), self.limits.linger));
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(WINDOW)
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(MAX_HEAD)
            .auto_date_header(false)
            .serve_connection(io, service_fn(|request| answer(Arc::clone(self), Arc::clone(&link), request)));
        drive(connection, &link).await
    }
}

/// A connection that can be served.
enum Opened {
    Plain(TcpStream),
    Tls(Box<TlsStream<BufReader<TcpStream>>>),
}

/// Waits until the connection must leave, whatever it does; returns the order.
async fn leave(orders: &mut watch::Receiver<Order>) -> Order {
    // The sender is in the registry as long as the ticket lives.
    orders.wait_for(|order| *order >= Order::MakeWay).await.map_or(Order::Drop, |order| *order)
}

/// Serves requests until the connection ends; returns the cause of the end for the metrics.
async fn drive<C: GracefulConnection<Error = hyper::Error>>(connection: C, link: &Link) -> &'static str {
    let mut connection = pin!(connection);
    let mut orders = link.ticket.orders();
    orders.mark_changed();
    let mut ending: Option<(&'static str, Instant)> = None;
    loop {
        let order = tokio::select! {
            biased;
            result = poll_fn(|ctx| link.poll(connection.as_mut(), ctx)) => return ending.map_or_else(|| end_of(&result, link), |(cause, _)| cause),
            _ = orders.changed() => *orders.borrow_and_update(),
            () = sleep_until(ending.map_or_else(Instant::now, |(_, by)| by)), if ending.is_some() => {
                match ending {
                    // A request is finished first; its own deadline limits it.
                    Some((cause, _)) if link.ticket.activity().is_busy => ending = Some((cause, Instant::now() + MAKE_WAY_TIME)),
                    Some((cause, _)) => return cause,
                    None => {}
                }
                continue;
            }
        };
        let activity = link.ticket.activity();
        let (cause, time) = match order {
            Order::Serve => continue,
            Order::Drop => return "shutdown",
            // HTTP/2 can tell a client at any time which of its requests will be answered; HTTP/1.1 only in a response.
            Order::SayFarewell if link.is_http1 => continue,
            // The next response closes the connection. A client that has just connected gets its first response.
            Order::Close if link.is_http1 && (activity.is_busy || !activity.has_sent) => continue,
            Order::SayFarewell | Order::Close => ("shutdown", CLOSE_TIME),
            // Nothing was answered, so nothing can be lost.
            Order::MakeWay if !activity.is_proven && !activity.is_busy => return "displaced",
            Order::MakeWay => ("displaced", MAKE_WAY_TIME),
            Order::Expire => ("idle", CLOSE_TIME),
        };
        if ending.is_none() {
            connection.as_mut().graceful_shutdown();
        }
        ending = Some((ending.map_or(cause, |(first, _)| first), Instant::now() + time));
    }
}

/// Returns the response to one request.
async fn answer(port: Arc<Port>, link: Arc<Link>, mut request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    // With TLS the connection has its slot already.
    if port.tls.is_none() {
        link.ticket.establish().await;
    }
    let _in_flight = link.begin();
    request.extensions_mut().insert(Arc::clone(&link));
    let mut response = port.router.clone().call(request).await?;
    if !link.is_http1 {
        response.headers_mut().remove(header::CONNECTION);
    } else if response.headers().contains_key(header::CONNECTION) {
        link.leave_body_unread();
    } else if link.ticket.order() >= Order::SayFarewell {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}

/// Returns the cause of the end of a connection that was not told to end.
fn end_of(result: &hyper::Result<()>, link: &Link) -> &'static str {
    match result {
        Ok(()) => "done",
        Err(_) if link.is_excessive() => "excess",
        Err(error) if error.is_parse() || error.is_parse_too_large() => "malformed",
        Err(_) => "broken",
    }
}
