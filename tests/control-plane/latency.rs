//! The latency that the webhooks add to the creation of a pod: `cargo bench --bench latency`.
//!
//! 32 clients create 1,000 desktops in a guarded namespace and 1,000 in an unguarded one, in alternating rounds, on one
//! API server. The results depend on the machine, so there are no assertions about them.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark that fails panics with the reason; it uses a part of the harness of the tests"
)]

#[path = "../suite/cluster/harness/mod.rs"]
mod harness;

use std::time::Duration;

use harness::figures::{note, percentiles};
use harness::guard::Guard;
use harness::load::{Outcome, burst};
use harness::plane::plane;
use serde_json::{Value, json};

const CLIENTS: usize = 32;
const ROUNDS: usize = 4;
const PODS_A_ROUND: usize = 256;

fn main() {
    let guard = Guard::registered("latency", &[]);
    let scene = guard.scene();
    // Establishes connections and fills caches; these requests are not measured.
    for namespace in [&scene.guarded, &scene.open] {
        burst(namespace, "warm", CLIENTS, CLIENTS * 2);
    }
    let mut with = Vec::new();
    let mut without = Vec::new();
    for round in 0..ROUNDS {
        for (namespace, latencies) in [(&scene.guarded, &mut with), (&scene.open, &mut without)] {
            let Outcome { latencies: new, failures, .. } = burst(namespace, &format!("round-{round}"), CLIENTS, PODS_A_ROUND);
            assert!(failures.is_empty(), "{} creations failed: {:?}", failures.len(), failures.first());
            latencies.extend(new);
        }
    }
    println!("Kubernetes {}, {CLIENTS} clients, {} pods each way", plane().version, ROUNDS * PODS_A_ROUND);
    let (with, without) = (report("with the webhooks", &with), report("without", &without));
    let added = |field: &str| with[field].as_f64().unwrap_or_default() - without[field].as_f64().unwrap_or_default();
    println!("{:<18} p50 {:>8.2} ms   p99 {:>8.2} ms", "added", added("p50_ms"), added("p99_ms"));
    note("latency", json!({"with": with, "without": without}));
}

fn report(what: &str, latencies: &[Duration]) -> Value {
    let figures = percentiles(latencies);
    let at = |field: &str| figures[field].as_f64().unwrap_or_default();
    println!("{what:<18} p50 {:>8.2} ms   p99 {:>8.2} ms", at("p50_ms"), at("p99_ms"));
    figures
}
