//! Figures of a run: written where `NETPOL_FIGURES` says, one JSON object a line; nobody asserts them.

use std::fs::File;
use std::io::Write;
use std::time::Duration;

use serde_json::{Value, json};

/// Writes figures down.
pub(crate) fn note(what: &str, mut figures: Value) {
    let Some(path) = std::env::var_os("NETPOL_FIGURES") else { return };
    figures["what"] = json!(what);
    let line = format!("{figures}\n");
    let written = File::options().create(true).append(true).open(path).and_then(|mut file| file.write_all(line.as_bytes()));
    written.expect("the file that NETPOL_FIGURES names can be written");
}

/// The median and the 99th percentile, in milliseconds.
pub(crate) fn percentiles(latencies: &[Duration]) -> Value {
    let mut sorted = latencies.to_vec();
    sorted.sort();
    let at = |share: usize| sorted.get(sorted.len() * share / 100).or(sorted.last()).map_or(0.0, |value| value.as_secs_f64() * 1000.0);
    json!({"count": sorted.len(), "p50_ms": at(50), "p99_ms": at(99)})
}
