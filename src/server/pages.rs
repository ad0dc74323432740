//! A small HTTP port for a process that serves no reviews: its status, its metrics, its pages.
//!
//! It has the limits of the admin port. Only GET and HEAD are answered, and no request body is read.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, Response, StatusCode, header};
use bytes::Bytes;

use super::connection::{Connections, Port, accept, bind, listen};
use super::lifecycle::{Lifecycle, Phase};
use super::limits::Limits;
use super::metrics::Metrics;
pub use super::metrics::OPEN_METRICS;
use super::start::StartError;

/// The content type of text.
pub const TEXT: &str = "text/plain; charset=utf-8";

/// A response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The status code.
    pub status: u16,
    /// The content type.
    pub content_type: &'static str,
    /// Further headers.
    pub headers: Vec<(&'static str, &'static str)>,
    /// The body.
    pub body: Bytes,
}

impl Page {
    /// Returns a page of text.
    pub fn text(status: u16, body: impl Into<String>) -> Page {
        Page { status, content_type: TEXT, headers: Vec::new(), body: Bytes::from(body.into()) }
    }
}

/// A request: its path and its Host header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked<'r> {
    /// The path, without the query.
    pub path: &'r str,
    /// The Host header; empty if there is none.
    pub host: &'r str,
}

/// Listens on an address and answers requests in tasks of the current runtime, until the process ends. Returns the address. `flag` names
/// the flag with the address in errors. `answer` and its future must not block.
///
/// # Errors
/// The address is not available.
pub fn serve<F: Future<Output = Page> + Send + 'static>(
    flag: &'static str,
    address: SocketAddr,
    answer: impl Fn(Asked<'_>) -> F + Clone + Send + Sync + 'static,
) -> Result<SocketAddr, StartError> {
    let failed = |error| StartError::Listen { flag, address, error };
    let listener = bind(address).and_then(listen).map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    let limits = Limits::default();
    let port = Arc::new(Port {
        name: "admin",
        until: Phase::Over,
        tls: None,
        router: Router::new().fallback(move |request: Request| {
            let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
            let answered = is_read.then(|| answer(asked(&request)));
            async move { respond(if let Some(answered) = answered { answered.await } else { only_reads() }) }
        }),
        connections: Arc::new(Connections::new(limits.max_admin_connections)),
        limits,
        // The process that uses this port has metrics of its own.
        metrics: Arc::new(Metrics::new(SystemTime::UNIX_EPOCH, None)),
        lifecycle: Arc::new(Lifecycle::new()),
    });
    tokio::spawn(accept(listener, Arc::clone(&port)));
    tokio::spawn(async move { port.close_expired().await });
    Ok(bound)
}

fn asked(request: &Request) -> Asked<'_> {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).or_else(|| request.uri().host());
    Asked { path: request.uri().path(), host: host.unwrap_or_default() }
}

fn only_reads() -> Page {
    Page { headers: vec![("allow", "GET, HEAD")], ..Page::text(405, "use GET\n") }
}

fn respond(page: Page) -> Response<Body> {
    let mut response = Response::new(Body::from(page.body));
    *response.status_mut() = StatusCode::from_u16(page.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(page.content_type));
    for (name, value) in page.headers {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    use super::*;

    fn port() -> SocketAddr {
        let answer = |asked: Asked<'_>| std::future::ready(Page::text(200, format!("{} of {}\n", asked.path, asked.host)));
        serve("--listen", ([127, 0, 0, 1], 0).into(), answer).unwrap()
    }

    async fn sent(address: SocketAddr, request: &str) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }

    async fn answered(address: SocketAddr, method: &str) -> String {
        let request = format!("{method} /page?x HTTP/1.1\r\nHost: here:1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
        let mut text = String::new();
        sent(address, &request).await.read_to_string(&mut text).await.unwrap();
        text
    }

    #[tokio::test]
    async fn only_get_and_head_are_answered() {
        let address = port();
        let get = answered(address, "GET").await;
        assert!(get.starts_with("HTTP/1.1 200 OK\r\n") && get.ends_with("\r\n\r\n/page of here:1\n"), "{get}");
        let head = answered(address, "HEAD").await;
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.ends_with("\r\n\r\n") && head.contains("content-length: 16\r\n"), "{head}");
        for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "QUERY"] {
            let refused = answered(address, method).await;
            let is_refused = refused.starts_with("HTTP/1.1 405 ") && refused.contains("allow: GET, HEAD\r\n");
            // There is no proxy here, so the target of CONNECT is not valid.
            assert!(is_refused || (method == "CONNECT" && refused.starts_with("HTTP/1.1 400 ")), "{method}: {refused}");
        }
    }

    #[tokio::test]
    async fn more_connections_than_the_limit_close_the_oldest() {
        let address = port();
        let most = usize::try_from(Limits::default().max_admin_connections).unwrap();
        let request = "GET /page HTTP/1.1\r\nHost: here\r\n\r\n";
        let mut open = Vec::new();
        let mut buffer = [0; 512];
        for _ in 0..=most {
            let mut stream = sent(address, request).await;
            assert!(stream.read(&mut buffer).await.unwrap() > 0, "it is answered");
            open.push(stream);
        }
        assert_eq!(open[0].read(&mut buffer).await.unwrap_or_default(), 0, "the oldest is closed");
    }
}
