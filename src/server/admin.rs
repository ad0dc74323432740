//! The admin port: plain HTTP for the kubelet and for Prometheus.

use std::future::ready;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::routing::get;

use super::Clock;
use super::connection::Port;
use super::health::Health;
use super::metrics::{Metrics, unix_seconds};
use super::refusal::text;
use super::review::Desk;

/// The content type of OpenMetrics.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What the admin port tells of.
#[derive(Clone)]
pub(crate) struct Admin {
    pub(crate) health: Arc<Health>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) desk: Arc<Desk>,
    pub(crate) port: Arc<Port>,
    pub(crate) clock: Clock,
}

/// The routes: nothing here waits for anything.
pub(crate) fn routes(admin: Admin) -> Router {
    let (readiness, metrics) = (admin.clone(), admin);
    Router::new()
        // Whoever can answer this is alive: the same threads answer reviews.
        .route("/livez", get(|| ready(text(StatusCode::OK, "alive"))))
        .route("/readyz", get(move || ready(readiness.readiness())))
        .route("/metrics", get(move || ready(metrics.measured())))
        .fallback(|| ready(text(StatusCode::NOT_FOUND, "there is nothing at this path: there are /livez, /readyz and /metrics")))
        .method_not_allowed_fallback(|| ready(text(StatusCode::METHOD_NOT_ALLOWED, "this is read with GET")))
}

impl Admin {
    fn readiness(&self) -> Response<Body> {
        let report = self.health.report((self.clock)());
        let status = if report.unready.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        let report = report.to_string();
        text(status, report.trim_end())
    }

    fn measured(&self) -> Response<Body> {
        let ready = self.health.report((self.clock)()).unready.is_empty();
        self.metrics.ready.set(i64::from(ready));
        self.metrics.certificate_expiry.set(self.health.tls.served().map_or(0, |pair| unix_seconds(pair.not_after)));
        self.metrics.set_connections(self.port.name, self.port.slots.used());
        let [ordinary, large] = self.desk.budget.used();
        let capacities = self.desk.budget.capacities();
        self.metrics.set_bodies("ordinary", ordinary, capacities[0]);
        self.metrics.set_bodies("large", large, capacities[1]);
        if let Some(sink) = &self.health.audit {
            self.metrics.set_audit(sink.written(), sink.dropped());
        }
        let mut response = Response::new(Body::from(self.metrics.text()));
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(OPEN_METRICS));
        response
    }
}
