//! The endpoints of the admin port. None of them blocks.

use std::future::ready;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::routing::get;

use super::readiness::Health;
use crate::server::config::Clock;
use crate::server::connection::Port;
use crate::server::metrics::{Metrics, OPEN_METRICS, unix_seconds};
use crate::server::refusal::text;
use crate::server::review::Desk;

/// What the admin port reports on.
#[derive(Clone)]
pub(crate) struct Admin {
    pub(crate) health: Arc<Health>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) desk: Arc<Desk>,
    pub(crate) port: Arc<Port>,
    pub(crate) clock: Clock,
}

/// Returns the routes.
pub(crate) fn routes(admin: Admin) -> Router {
    let (readiness, metrics) = (admin.clone(), admin);
    Router::new()
        // The threads that answer this also answer reviews.
        .route("/livez", get(|| ready(text(StatusCode::OK, "alive"))))
        .route("/readyz", get(move || ready(readiness.readiness())))
        .route("/metrics", get(move || ready(metrics.metrics())))
        .fallback(|| ready(text(StatusCode::NOT_FOUND, "unknown path: use /livez, /readyz or /metrics")))
        .method_not_allowed_fallback(|| ready(text(StatusCode::METHOD_NOT_ALLOWED, "use GET")))
}

impl Admin {
    fn readiness(&self) -> Response<Body> {
        let readiness = self.health.readiness((self.clock)());
        let status = if readiness.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        text(status, readiness.to_string().trim_end())
    }

    fn metrics(&self) -> Response<Body> {
        let Admin { health, metrics, desk, port, clock } = self;
        metrics.ready.set(i64::from(health.readiness(clock()).is_ready()));
        metrics.certificate_expiry.set(health.certificate.get().map_or(0, |pair| unix_seconds(pair.not_after)));
        metrics.set_connections(port.name, port.connections.count());
        for (name, lane) in [("ordinary", &desk.budget.ordinary), ("large", &desk.budget.large)] {
            metrics.set_bodies(name, lane.bodies(), lane.used(), lane.capacity());
        }
        if let Some(sink) = &health.audit {
            metrics.set_audit(sink.written(), sink.dropped());
        }
        let mut response = Response::new(Body::from(metrics.text()));
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(OPEN_METRICS));
        response
    }
}
