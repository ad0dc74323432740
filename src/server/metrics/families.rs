//! Metrics with labels, and conversions of their values.

use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Metric, Registry, Unit};

/// The content type of OpenMetrics.
pub const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The value of a label.
pub(crate) type Word = &'static str;

/// Labels with their values.
pub(super) type Labels<const N: usize> = [(Word, Word); N];

/// Counters with labels.
pub(super) type Counters<const N: usize> = Family<Labels<N>, Counter>;

/// Gauges with labels.
pub(super) type Gauges<const N: usize> = Family<Labels<N>, Gauge>;

/// Registers a metric and returns it.
pub(super) fn add<M: Metric + Clone + Default>(to: &mut Registry, name: &str, help: &str) -> M {
    add_metric(to, name, help, M::default())
}

/// Registers a metric that has a constructor, and returns it.
pub(super) fn add_metric<M: Metric + Clone>(to: &mut Registry, name: &str, help: &str, metric: M) -> M {
    to.register(name, help, metric.clone());
    metric
}

/// Registers a metric with a unit and returns it.
pub(super) fn add_unit<M: Metric + Clone + Default>(to: &mut Registry, name: &str, help: &str, unit: Unit) -> M {
    let metric = M::default();
    to.register_with_unit(name, help, unit, metric.clone());
    metric
}

/// Creates a counter at the start, because a rate needs a first value.
pub(super) fn show<const N: usize>(counters: &Counters<N>, labels: Labels<N>) {
    let _ = counters.get_or_create(&labels);
}

/// Returns Unix time in seconds.
pub(crate) fn unix_seconds(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_secs()).map_or(i64::MIN, |seconds| -seconds),
    }
}

/// Returns a number as the value of a gauge.
pub(super) fn gauge(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
