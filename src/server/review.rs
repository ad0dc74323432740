//! The two routes: a request's headers are checked, its body is read, judged, and answered.

use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use axum::routing::post;
use hyper::body::Body as _;
use tokio::time::{Instant, timeout_at};
use tower_http::catch_panic::CatchPanicLayer;

use super::body::{self, Bounds, Held, Room};
use super::budget::Budget;
use super::deadline;
use super::limits::Limits;
use super::metrics::Metrics;
use super::pool::Pool;
use super::refusal::Refusal;
use super::slots::Slots;
use crate::admission::Answer;
use crate::audit::{Entry, Sink};
use crate::verdict::Stage;

/// What judges a body. It neither waits nor calls anybody.
pub type Judge = Arc<dyn Fn(Stage, &[u8]) -> Answer + Send + Sync>;

/// What every review is answered with.
pub(crate) struct Desk {
    pub(crate) judge: Judge,
    pub(crate) audit: Option<Arc<Sink>>,
    pub(crate) budget: Budget,
    pub(crate) pool: Arc<Pool>,
    pub(crate) slots: Arc<Slots>,
    pub(crate) limits: Limits,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) said_unguarded: AtomicBool,
}

/// What is known of whoever sent a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Client {
    /// Whether a certificate of the client CA proved it.
    pub(crate) verified: bool,
}

/// The routes. Everything else is answered with a sentence.
pub(crate) fn routes(desk: Arc<Desk>) -> Router {
    let metrics = Arc::clone(&desk.metrics);
    let elsewhere = Arc::clone(&desk.metrics);
    let otherwise = Arc::clone(&desk.metrics);
    Router::new()
        .route("/mutate", post(|State(desk): State<Arc<Desk>>, request: Request| async move { desk.review(Stage::Mutate, request).await }))
        .route(
            "/validate",
            post(|State(desk): State<Arc<Desk>>, request: Request| async move { desk.review(Stage::Validate, request).await }),
        )
        .method_not_allowed_fallback(move |request: Request| ready(turn_away(&otherwise, Refusal::Method, &request)))
        .fallback(move |request: Request| ready(turn_away(&elsewhere, Refusal::Path, &request)))
        .with_state(desk)
        .layer(CatchPanicLayer::custom(move |_: Box<dyn std::any::Any + Send>| {
            metrics.panics.inc();
            metrics.refused(Refusal::Fault);
            Refusal::Fault.response(false)
        }))
}

/// Refuses a request whose body nobody is going to read.
fn turn_away(metrics: &Metrics, refusal: Refusal, request: &Request) -> Response<Body> {
    metrics.refused(refusal);
    refusal.response(!request.body().is_end_stream())
}

impl Desk {
    async fn review(&self, stage: Stage, request: Request) -> Response<Body> {
        let arrived = Instant::now();
        self.metrics.in_flight.inc();
        let _leaving = Leaving(&self.metrics);
        let deadline = deadline::of(request.uri().query(), arrived);
        let verified = request.extensions().get::<Client>().is_some_and(|client| client.verified);
        let (parts, body) = request.into_parts();
        if let Err(refusal) = check(&parts.headers) {
            self.metrics.refused(refusal);
            return refusal.response(!body.is_end_stream());
        }
        let announced = body::announced(&parts.headers);
        // A head holds up to 32 KiB, and a connection may have many requests: none waits for a slow body.
        drop(parts);
        let held = match body::read(body, announced, self.room(), self.bounds(arrived, deadline)).await {
            Ok(held) => held,
            Err(refusal) => {
                self.metrics.refused(refusal);
                return refusal.response(true);
            }
        };
        match self.judge(stage, held, deadline).await {
            Ok(answer) => self.respond(stage, answer, arrived.elapsed(), verified),
            Err(refusal) => {
                self.metrics.refused(refusal);
                refusal.response(false)
            }
        }
    }

    fn room(&self) -> Room<'_> {
        Room { budget: &self.budget, pool: &self.pool, slots: &self.slots }
    }

    fn bounds(&self, arrived: Instant, deadline: Instant) -> Bounds {
        Bounds { max_body: self.limits.max_body, stall: self.limits.body_stall, pace: self.limits.body_pace, arrived, deadline }
    }

    /// Judges an ordinary body here, since that takes less time than to hand it on; a large one where
    /// others do not wait for it: parsing it takes milliseconds, a policy made to be hard some fifty.
    async fn judge(&self, stage: Stage, held: Held, deadline: Instant) -> Result<Answer, Refusal> {
        if Instant::now() >= deadline {
            return Err(Refusal::Deadline);
        }
        if held.is_ordinary() {
            return Ok((self.judge)(stage, &held.bytes));
        }
        let judge = Arc::clone(&self.judge);
        // What is judged past its deadline still holds its memory until it is done.
        match timeout_at(deadline, tokio::task::spawn_blocking(move || judge(stage, &held.bytes))).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) => {
                self.metrics.panics.inc();
                Err(Refusal::Fault)
            }
            Err(_) => Err(Refusal::Deadline),
        }
    }

    /// Counts a review that nobody should have sent, and says so once: they come as often as pods do.
    fn unguarded(&self, namespace: &str) {
        self.metrics.unguarded.inc();
        if !self.said_unguarded.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                namespace,
                "a review came for a namespace that is not guarded and was admitted untouched: the registration and --namespace disagree (said once; netpol_unguarded_reviews_total counts)"
            );
        }
    }

    fn respond(&self, stage: Stage, answer: Answer, took: Duration, client_verified: bool) -> Response<Body> {
        self.metrics.decided(stage, &answer.tally, took);
        if let Some(namespace) = answer.unguarded {
            self.unguarded(&namespace);
        }
        if let (Some(sink), Some(record)) = (&self.audit, answer.record) {
            sink.offer(Entry { time: jiff::Timestamp::now(), record, latency: took, client_verified });
        }
        let is_review = answer.status == 200;
        if !is_review {
            self.metrics.refused(Refusal::Review);
        }
        let kind = if is_review { "application/json" } else { "text/plain; charset=utf-8" };
        let mut response = Response::new(Body::from(answer.body));
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

/// Counts a request out, however it ends.
struct Leaving<'m>(&'m Metrics);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.0.in_flight.dec();
    }
}

/// Checks what the headers say of the body.
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
    fn only_plain_json_is_read() {
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
