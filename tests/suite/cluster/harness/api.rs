//! A small JSON client of HTTPS servers such as the API server.
//!
//! It sends requests that `kubectl` cannot send (a PUT without resourceVersion, a binding), and many requests for which one process
//! each would be too slow.

use std::io;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::pki::Pair;

/// Longer than any webhook timeout.
const DEADLINE: Duration = Duration::from_secs(60);

/// The runtime of the harness.
pub(crate) static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("the machine has threads"));

/// A client with a pool of connections, one for each concurrent request.
#[derive(Clone)]
pub(crate) struct Api {
    port: u16,
    tls: Option<TlsConnector>,
    /// The bearer token of every request.
    pub(super) bearer: Option<String>,
    idle: Arc<Mutex<Vec<SendRequest<Full<Bytes>>>>>,
}

/// A response.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) warnings: Vec<String>,
    /// The body; a string if it is not JSON.
    pub(crate) body: Value,
}

impl Reply {
    pub(crate) fn ok(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Returns the message of a `Status`, or the whole body.
    pub(crate) fn message(&self) -> String {
        self.body["message"].as_str().map_or_else(|| self.body.to_string(), str::to_owned)
    }

    /// Returns the body of a successful request.
    ///
    /// # Panics
    /// The request failed.
    #[track_caller]
    pub(crate) fn expect(self, what: &str) -> Value {
        assert!(self.ok(), "{what}: {} {}", self.status, self.message());
        self.body
    }
}

impl Api {
    /// Creates a client that trusts one CA and has an optional client certificate.
    pub(crate) fn new(port: u16, ca: &str, identity: Option<&Pair>) -> Result<Api, String> {
        let fault = |error: &dyn std::fmt::Display| format!("cannot create the client: {error}");
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(ca.as_bytes()).map_err(|error| fault(&error))?).map_err(|error| fault(&error))?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.map_err(|error| fault(&error))?.with_root_certificates(roots);
        let config = match identity {
            None => builder.with_no_client_auth(),
            Some(pair) => {
                let chain = CertificateDer::from_pem_slice(pair.certificate.as_bytes()).map_err(|error| fault(&error))?;
                let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).map_err(|error| fault(&error))?;
                builder.with_client_auth_cert(vec![chain], key).map_err(|error| fault(&error))?
            }
        };
        Ok(Api { port, tls: Some(TlsConnector::from(Arc::new(config))), bearer: None, idle: Arc::default() })
    }

    /// Creates a client of an HTTP port.
    pub(crate) fn plain(port: u16) -> Api {
        Api { port, tls: None, bearer: None, idle: Arc::default() }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Sends a request. An error is an error of the connection.
    pub(crate) fn try_call(&self, call: &Call) -> io::Result<Reply> {
        RUNTIME.block_on(self.send(call))
    }

    /// Sends a request and panics if the connection fails.
    #[track_caller]
    pub(crate) fn call(&self, call: &Call) -> Reply {
        self.try_call(call).unwrap_or_else(|error| panic!("{} {}: {error}", call.method, call.path))
    }

    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Reply {
        self.call(&Call::new(Method::GET, path))
    }

    #[track_caller]
    pub(crate) fn post(&self, path: &str, body: &Value) -> Reply {
        self.call(&Call::new(Method::POST, path).json(body))
    }

    /// Sends a request from async code.
    pub(crate) async fn send(&self, call: &Call) -> io::Result<Reply> {
        timeout(DEADLINE, self.exchange(call)).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }

    async fn exchange(&self, call: &Call) -> io::Result<Reply> {
        let mut connection = self.connection().await?;
        let mut request = Request::builder().method(call.method.clone()).uri(&call.path).header(HOST, "127.0.0.1");
        request = request.header(ACCEPT, "application/json").header(CONTENT_TYPE, call.content_type);
        if let Some(token) = &self.bearer {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        let request = request.body(Full::new(call.body.clone())).map_err(io::Error::other)?;
        let response = connection.send_request(request).await.map_err(io::Error::other)?;
        let (head, body) = response.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        let warnings = head.headers.get_all("warning").iter().filter_map(|value| warning(value.as_bytes())).collect();
        let text = || Value::String(String::from_utf8_lossy(&body).into_owned());
        let body = serde_json::from_slice(&body).unwrap_or_else(|_| text());
        Ok(Reply { status: StatusCode::as_u16(&head.status), warnings, body })
    }

    async fn connection(&self) -> io::Result<SendRequest<Full<Bytes>>> {
        loop {
            let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            match idle {
                None => return self.connect().await,
                Some(mut idle) => {
                    if idle.ready().await.is_ok() {
                        return Ok(idle);
                    }
                }
            }
        }
    }

    /// Opens a connection that is not in the pool.
    pub(super) async fn connect(&self) -> io::Result<SendRequest<Full<Bytes>>> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        stream.set_nodelay(true)?;
        match &self.tls {
            None => handshake(stream).await,
            Some(tls) => {
                let name = ServerName::try_from("127.0.0.1").map_err(io::Error::other)?;
                handshake(tls.connect(name, stream).await?).await
            }
        }
    }
}

async fn handshake<S>(stream: S) -> io::Result<SendRequest<Full<Bytes>>>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    tokio::spawn(connection);
    Ok(sender)
}

/// Returns the certificate that a server presents to a new connection, if this CA signed it.
pub(crate) fn served_certificate(port: u16, ca: &str) -> Option<Vec<u8>> {
    let tls = Api::new(port, ca, None).ok()?.tls?;
    RUNTIME.block_on(async {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
        let stream = timeout(DEADLINE, tls.connect(ServerName::try_from("127.0.0.1").ok()?, stream)).await.ok()?.ok()?;
        Some(stream.get_ref().1.peer_certificates()?.first()?.to_vec())
    })
}

/// Returns the text of a warning header: `299 - "text"`.
fn warning(header: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(header);
    let quoted = text.split_once('"')?.1.rsplit_once('"')?.0;
    Some(quoted.replace("\\\"", "\"").replace("\\\\", "\\"))
}

/// A request.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) content_type: &'static str,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Bytes,
}

impl Call {
    pub(crate) fn new(method: Method, path: impl Into<String>) -> Call {
        Call { method, path: path.into(), content_type: "application/json", headers: Vec::new(), body: Bytes::new() }
    }

    #[must_use]
    pub(crate) fn json(mut self, body: &Value) -> Call {
        self.body = Bytes::from(body.to_string());
        self
    }

    /// Creates a patch request. The content type is `application/merge-patch+json`, `application/json-patch+json` …
    pub(crate) fn patch(path: impl Into<String>, content_type: &'static str, body: &Value) -> Call {
        Call { content_type, ..Call::new(Method::PATCH, path).json(body) }
    }

    /// Impersonates a user who is a member of these groups.
    #[must_use]
    pub(crate) fn by(mut self, user: &str, groups: &[&str]) -> Call {
        self.headers.push(("impersonate-user", user.to_owned()));
        self.headers.extend(groups.iter().map(|group| ("impersonate-group", (*group).to_owned())));
        self
    }
}
