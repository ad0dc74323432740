//! Reviews: checks the headers of a request, reads its body, calls the judge, and responds.

use std::any::Any;
use std::future::ready;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Context;

use arc_swap::ArcSwap;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use axum::routing::post;
use hyper::body::Body as _;
use tokio::time::{Instant, timeout_at};
use tower_http::catch_panic::CatchPanicLayer;

use super::body::{self, Body, Bounds, Budget};
use super::connection::{Connections, Link};
use super::deadline;
use super::limits::Limits;
use super::metrics::Metrics;
use super::refusal::Refusal;
use super::unanswered::{self, Circumstances, Failed, Quota};
use crate::admission::Answer;
use crate::audit::{Entry, Level, Sink};
use crate::verdict::{Guard, Stage};

/// Reviews the bytes of a body with a guard. The last argument selects the decisions that get an audit record
/// too. It does no I/O and never waits.
pub type Judge = Arc<dyn Fn(&Guard, Stage, &[u8], Level) -> Answer + Send + Sync>;

/// What every review needs.
pub(crate) struct Desk {
    pub(crate) guard: Arc<ArcSwap<Guard>>,
    pub(crate) judge: Judge,
    pub(crate) audit_level: Level,
    pub(crate) audit: Option<Arc<Sink>>,
    pub(crate) budget: Budget,
    pub(crate) connections: Arc<Connections>,
    pub(crate) limits: Limits,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) quota: Quota,
    pub(crate) unguarded_is_logged: AtomicBool,
}

/// Returns the routes. Requests to other paths, or with other methods, get an error message.
pub(crate) fn routes(desk: Arc<Desk>) -> Router {
    let review = |stage| post(move |State(desk): State<Arc<Desk>>, request: Request| async move { desk.review(stage, request).await });
    let [panicked, unknown_path, wrong_method] = [(); 3].map(|()| Arc::clone(&desk.metrics));
    Router::new()
        .route("/mutate", review(Stage::Mutate))
        .route("/validate", review(Stage::Validate))
        .method_not_allowed_fallback(move |request: Request| ready(turn_away(&wrong_method, Refusal::Method, &request)))
        .fallback(move |request: Request| ready(turn_away(&unknown_path, Refusal::Path, &request)))
        .with_state(desk)
        .layer(CatchPanicLayer::custom(move |_: Box<dyn Any + Send>| {
            panicked.panics.inc();
            panicked.refused(Refusal::Panic);
            Refusal::Panic.response(false)
        }))
}

/// Refuses a request without reading its body.
fn turn_away(metrics: &Metrics, refusal: Refusal, request: &Request) -> Response<axum::body::Body> {
    metrics.refused(refusal);
    refusal.response(!request.body().is_end_stream())
}

impl Desk {
    async fn review(self: Arc<Self>, stage: Stage, request: Request) -> Response<axum::body::Body> {
        let arrived = Instant::now();
        self.metrics.in_flight.inc();
        let _in_flight = InFlight(&self.metrics);
        if let Some(sink) = &self.audit {
            unanswered::note_omitted(arrived, sink, &self.quota);
        }
        let deadline = deadline::of(request.uri().query(), arrived);
        let (mut parts, body) = request.into_parts();
        let link = parts.extensions.remove::<Arc<Link>>();
        let of = |took| Circumstances { stage, latency: took, client_verified: link.as_ref().is_some_and(|link| link.client_verified) };
        if let Err(refusal) = check(&parts.headers) {
            return self.refuse(refusal.into(), of(arrived.elapsed()), !body.is_end_stream());
        }
        let announced = body::announced(&parts.headers);
        // The headers are no longer needed, and a connection can have many requests that wait for their bodies.
        drop(parts);
        let Limits { max_body, body_stall, body_pace, .. } = self.limits;
        let bounds = Bounds { max_body, stall: body_stall, pace: body_pace, deadline };
        let sender = ReviewSender { connections: &self.connections, link: link.as_deref() };
        let body = match body::read(body, announced, &self.budget, bounds, &sender).await {
            Ok(body) => body,
            Err(failed) => return self.refuse(failed, of(arrived.elapsed()), true),
        };
        match self.judge(stage, body, deadline).await {
            Ok(answer) => self.respond(answer, of(arrived.elapsed()), link.as_deref()),
            Err(failed) => self.refuse(failed, of(arrived.elapsed()), false),
        }
    }

    /// Returns an error instead of a review. `close` must be set if the rest of the request is not read.
    fn refuse(&self, failed: Failed, of: Circumstances, close: bool) -> Response<axum::body::Body> {
        let response = failed.refusal.response(close);
        self.note_failure(failed, of);
        response
    }

    /// Counts a request without a verdict, and notes it in the audit log.
    fn note_failure(&self, failed: Failed, of: Circumstances) {
        self.metrics.refused(failed.refusal);
        if let Some(sink) = &self.audit {
            unanswered::note(failed, of, sink, &self.quota);
        }
    }

    /// Reviews an ordinary body on this thread, because that is faster than passing it to another one. A large body is
    /// reviewed on a thread where nothing waits for it: it takes milliseconds, or about 50 ms for a policy that is
    /// designed to be hard to compare.
    async fn judge(self: &Arc<Self>, stage: Stage, body: Body, deadline: Instant) -> Result<Answer, Failed> {
        if Instant::now() >= deadline {
            return Err(Failed::with_body(Refusal::Deadline, &body.bytes));
        }
        if body.is_ordinary() {
            let judged = catch_unwind(AssertUnwindSafe(|| self.judge_now(stage, &body)));
            return judged.map_err(|_| self.panicked(&body.bytes));
        }
        let desk = Arc::clone(self);
        let bytes = body.bytes.clone();
        // A review that is not complete at its deadline holds its memory until it is.
        match timeout_at(deadline, tokio::task::spawn_blocking(move || desk.judge_now(stage, &body))).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) => Err(self.panicked(&bytes)),
            Err(_) => Err(Failed::with_body(Refusal::Deadline, &bytes)),
        }
    }

    fn panicked(&self, body: &[u8]) -> Failed {
        self.metrics.panics.inc();
        Failed::with_body(Refusal::Panic, body)
    }

    fn judge_now(&self, stage: Stage, body: &Body) -> Answer {
        (self.judge)(&self.guard.load(), stage, &body.bytes, self.audit_level)
    }

    /// Counts a review for a namespace that is not guarded, and logs the first one.
    fn count_unguarded(&self, namespace: &str) {
        self.metrics.unguarded.inc();
        if !self.unguarded_is_logged.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                namespace,
                "received a review for a namespace that is not guarded and allowed it without checks: the webhook registration and --namespace disagree (logged once; netpol_unguarded_reviews_total counts all of them)"
            );
        }
    }

    fn respond(&self, answer: Answer, of: Circumstances, link: Option<&Link>) -> Response<axum::body::Body> {
        let Circumstances { stage, latency, client_verified } = of;
        if !answer.tally.is_probe() {
            self.metrics.decided(stage, &answer.tally, latency);
        }
        if let Some(namespace) = answer.unguarded {
            self.count_unguarded(&namespace);
        }
        if let (Some(sink), Some(record)) = (&self.audit, answer.record) {
            sink.offer(Entry { time: jiff::Timestamp::now(), record, latency, client_verified });
        }
        let is_review = answer.status == 200;
        if !is_review {
            self.note_failure(Refusal::Review.into(), of);
        } else if let Some(link) = link {
            link.prove();
        }
        let kind = if is_review { "application/json" } else { "text/plain; charset=utf-8" };
        let mut response = Response::new(axum::body::Body::from(answer.body));
        *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        response
    }
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Desk").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// The connection that a review arrives on.
struct ReviewSender<'r> {
    connections: &'r Connections,
    link: Option<&'r Link>,
}

impl body::Sender for ReviewSender<'_> {
    fn is_awaited(&self) -> bool {
        self.connections.are_awaited()
    }

    fn count(&self, bytes: usize) {
        if let Some(link) = self.link {
            link.count_body_bytes(bytes);
        }
    }

    fn poll_again(&self, ctx: &Context<'_>) {
        match self.link {
            Some(link) => link.poll_again(ctx),
            None => ctx.waker().wake_by_ref(),
        }
    }
}

/// Counts a request in flight until it is dropped.
struct InFlight<'m>(&'m Metrics);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.dec();
    }
}

/// Checks what the headers say about the body.
fn check(headers: &HeaderMap) -> Result<(), Refusal> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        return Err(Refusal::ContentType);
    }
    let plain = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    if headers.get_all(header::CONTENT_ENCODING).iter().all(plain) { Ok(()) } else { Err(Refusal::Encoding) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(header::HeaderName, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn only_uncompressed_json_is_accepted() {
        for good in ["application/json", "Application/JSON", "application/json; charset=utf-8", "application/json;"] {
            assert_eq!(check(&headers(&[(header::CONTENT_TYPE, good)])), Ok(()), "{good}");
        }
        for bad in ["", "text/json", "application/yaml", "application/jsonx", "application/json, text/plain"] {
            assert_eq!(check(&headers(&[(header::CONTENT_TYPE, bad)])), Err(Refusal::ContentType), "{bad}");
        }
        assert_eq!(check(&HeaderMap::new()), Err(Refusal::ContentType));
        let encoded = |encoding| check(&headers(&[(header::CONTENT_TYPE, "application/json"), (header::CONTENT_ENCODING, encoding)]));
        assert_eq!(encoded("identity"), Ok(()));
        assert_eq!(encoded("gzip"), Err(Refusal::Encoding));
        assert_eq!(encoded("gzip, identity"), Err(Refusal::Encoding));
    }
}
