//! A small HTTP port for a process that serves no reviews: its status, its metrics, its pages.
//!
//! It has the limits of the admin port. Only GET is answered, and no request body is read.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, Response, StatusCode, header};

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
    pub body: Vec<u8>,
}

impl Page {
    /// Returns a page of text.
    pub fn text(status: u16, body: impl Into<String>) -> Page {
        Page { status, content_type: TEXT, headers: Vec::new(), body: body.into().into_bytes() }
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
/// the flag with the address in errors. `answer` must not block.
///
/// # Errors
/// The address is not available.
pub fn serve(
    flag: &'static str,
    address: SocketAddr,
    answer: impl Fn(Asked<'_>) -> Page + Clone + Send + Sync + 'static,
) -> Result<SocketAddr, StartError> {
    let failed = |error| StartError::Listen { flag, address, error };
    let listener = bind(address).and_then(listen).map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    let limits = Limits::default();
    let port = Arc::new(Port {
        name: "admin",
        until: Phase::Over,
        tls: None,
        router: Router::new().fallback(move |request: Request| std::future::ready(respond(&request, &answer))),
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

fn respond(request: &Request, answer: &impl Fn(Asked<'_>) -> Page) -> Response<Body> {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).or_else(|| request.uri().host());
    let asked = Asked { path: request.uri().path(), host: host.unwrap_or_default() };
    let page = if request.method() == Method::GET { answer(asked) } else { Page::text(405, "use GET\n") };
    let mut response = Response::new(Body::from(page.body));
    *response.status_mut() = StatusCode::from_u16(page.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(page.content_type));
    for (name, value) in page.headers {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}
