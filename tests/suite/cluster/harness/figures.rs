//! Figures of a run, written to the file in `NETPOL_FIGURES`, one JSON object per line. No test checks them.

use std::fs::File;
use std::io::Write;
use std::time::Duration;

use serde_json::{Value, json};

/// Writes figures to the file.
pub(crate) fn note(what: &str, mut figures: Value) {
    let Some(path) = std::env::var_os("NETPOL_FIGURES") else { return };
    figures["what"] = json!(what);
    let line = format!("{figures}\n");
    let written = File::options().create(true).append(true).open(path).and_then(|mut file| file.write_all(line.as_bytes()));
    written.expect("the file that NETPOL_FIGURES names can be written");
}

/// Returns the median and the 99th percentile, in milliseconds.
pub(crate) fn percentiles(latencies: &[Duration]) -> Value {
    let mut sorted = latencies.to_vec();
    sorted.sort();
    let at = |share: usize| sorted.get(sorted.len() * share / 100).or(sorted.last()).map_or(0.0, |value| value.as_secs_f64() * 1000.0);
    json!({"count": sorted.len(), "p50_ms": at(50), "p99_ms": at(99)})
}
