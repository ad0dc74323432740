//! A relay in front of an API server: it records the requests of one client, and fails as an API server or a network can fail.
//!
//! The client speaks HTTP to it, as an administrator or as a user whom its kubeconfig names.

use std::convert::Infallible;
use std::error::Error;
use std::fs;
use std::future::pending;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::api::{Api, RUNTIME};
use super::plane::plane;

type Fault = Box<dyn Error + Send + Sync>;
type Body = BoxBody<Bytes, Fault>;
type Hook = Box<dyn FnOnce() + Send>;

/// What happens to a request instead of an answer of the API server.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Failure {
    /// It gets this status.
    Status(u16),
    /// It succeeds, and the response ends at once.
    Ended,
    /// It is accepted and never answered.
    Hanging,
}

/// A request. It is recorded before it is forwarded, so that what it did cannot be seen before the request itself.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// `PATCH /apis/…?fieldManager=…`
    pub(crate) line: String,
    /// The status of the response; 0 if there is none (yet).
    pub(crate) status: u16,
    /// When the response started; without one, when the request came.
    pub(crate) at: Instant,
}

/// A relay. It runs until the end of the run.
#[derive(Clone)]
pub(crate) struct Relay {
    port: u16,
    state: Arc<State>,
}

struct State {
    target: Mutex<Api>,
    /// A request whose line contains the text fails. The last one wins.
    failures: Mutex<Vec<(String, Failure)>>,
    hooks: Mutex<Vec<(String, Hook)>>,
    seen: Mutex<Vec<Seen>>,
    /// Changes when all connections are cut.
    cuts: watch::Sender<u64>,
}

impl Relay {
    /// Starts a relay to the API server of a client.
    pub(crate) fn start(target: &Api) -> Relay {
        let listener = RUNTIME.block_on(TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))).expect("a port");
        let state = State {
            target: Mutex::new(target.clone()),
            failures: Mutex::default(),
            hooks: Mutex::default(),
            seen: Mutex::default(),
            cuts: watch::Sender::new(0),
        };
        let relay = Relay { port: listener.local_addr().expect("an address").port(), state: Arc::new(state) };
        RUNTIME.spawn(relay.clone().accept(listener));
        relay
    }

    /// Writes a kubeconfig with the relay as the API server, for an administrator or for a user with few rights.
    pub(crate) fn kubeconfig(&self, user: Option<&str>) -> PathBuf {
        let identity = user.map_or_else(|| json!({}), |user| json!({"as": user, "as-groups": ["system:authenticated"]}));
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "run",
            "clusters": [{"name": "run", "cluster": {"server": format!("http://127.0.0.1:{}", self.port)}}],
            "users": [{"name": "run", "user": identity}],
            "contexts": [{"name": "run", "context": {"cluster": "run", "user": "run"}}],
        });
        let path = plane().reaper.folder().join(format!("relay-{}.json", self.port));
        fs::write(&path, config.to_string()).expect("a kubeconfig");
        path
    }

    /// Forwards further requests to another API server.
    pub(crate) fn retarget(&self, target: &Api) {
        *lock(&self.state.target) = target.clone();
    }

    /// Lets further requests fail whose line (`GET /api/v1/…`) contains a text.
    pub(crate) fn fail(&self, line: &str, failure: Failure) {
        lock(&self.state.failures).push((line.to_owned(), failure));
    }

    /// Ends all failures. What hangs continues to hang.
    pub(crate) fn heal(&self) {
        lock(&self.state.failures).clear();
    }

    /// Cuts all connections.
    pub(crate) fn cut(&self) {
        self.state.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Runs something once, before the next request is forwarded whose line contains a text.
    pub(crate) fn before(&self, line: &str, hook: impl FnOnce() + Send + 'static) {
        lock(&self.state.hooks).push((line.to_owned(), Box::new(hook)));
    }

    /// Returns the requests whose line contains all of these texts, in order.
    pub(crate) fn seen(&self, texts: &[&str]) -> Vec<Seen> {
        lock(&self.state.seen).iter().filter(|seen| texts.iter().all(|text| seen.line.contains(text))).cloned().collect()
    }

    /// Returns the requests that write, without those of the Lease and of events.
    pub(crate) fn writes(&self) -> Vec<Seen> {
        let seen = lock(&self.state.seen);
        let is_write = |seen: &&Seen| {
            let is_told = ["/leases", "/events", "dryRun=All"].iter().any(|text| seen.line.contains(text));
            !is_told && !seen.line.starts_with("GET ")
        };
        seen.iter().filter(is_write).cloned().collect()
    }

    async fn accept(self, listener: TcpListener) {
        while let Ok((client, _)) = listener.accept().await {
            let (relay, mut cuts) = (self.clone(), self.state.cuts.subscribe());
            tokio::spawn(async move {
                let _ = client.set_nodelay(true);
                let answer = service_fn(|request| relay.answer(request));
                tokio::select! {
                    _ = http1::Builder::new().serve_connection(TokioIo::new(client), answer) => {}
                    _ = cuts.changed() => {}
                }
            });
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Body>, Fault> {
        let line = format!("{} {}", request.method(), request.uri());
        let hooks: Vec<(String, Hook)> = lock(&self.state.hooks).extract_if(.., |(text, _)| line.contains(text.as_str())).collect();
        for (_, hook) in hooks {
            tokio::task::spawn_blocking(hook).await?;
        }
        let failure = lock(&self.state.failures).iter().rev().find(|(text, _)| line.contains(text)).map(|(_, failure)| *failure);
        let record = self.record(line);
        let answered = match failure {
            Some(Failure::Hanging) => return pending().await,
            Some(Failure::Ended) => response(200, Bytes::new()),
            Some(Failure::Status(code)) => response(code, Bytes::from(status(code).to_string())),
            None => self.forward(request).await,
        };
        if let (Ok(answered), Some(seen)) = (&answered, lock(&self.state.seen).get_mut(record)) {
            (seen.status, seen.at) = (answered.status().as_u16(), Instant::now());
        }
        answered
    }

    /// Records a request, and returns its place in the record.
    fn record(&self, line: String) -> usize {
        let mut seen = lock(&self.state.seen);
        seen.push(Seen { line, status: 0, at: Instant::now() });
        seen.len() - 1
    }

    async fn forward(&self, request: Request<Incoming>) -> Result<Response<Body>, Fault> {
        let (mut head, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        head.headers.insert(HOST, "127.0.0.1".parse()?);
        let target = lock(&self.state.target).clone();
        let mut connection = target.connect().await?;
        let answered = connection.send_request(Request::from_parts(head, Full::new(body))).await?;
        let (head, body) = answered.into_parts();
        // The connection lives as long as the response.
        let body = body.map_frame(move |frame| {
            let _ = &connection;
            frame
        });
        Ok(Response::from_parts(head, body.map_err(Into::into).boxed()))
    }
}

fn response(code: u16, body: Bytes) -> Result<Response<Body>, Fault> {
    let body = Full::new(body).map_err(|never: Infallible| match never {}).boxed();
    Ok(Response::builder().status(code).header(CONTENT_TYPE, "application/json").body(body)?)
}

/// Returns the `Status` of a failed request.
fn status(code: u16) -> Value {
    let reason = match code {
        403 => "Forbidden",
        410 => "Expired",
        _ => "InternalError",
    };
    json!({"apiVersion": "v1", "kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": "the relay fails"})
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
