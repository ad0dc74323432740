//! The results of a run, as committed in `docs/performance/run.json`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// All results.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Results {
    pub(crate) about: About,
    #[serde(default)]
    pub(crate) answers: Vec<Answers>,
    #[serde(default)]
    pub(crate) memory: Option<Memory>,
    #[serde(default)]
    pub(crate) start: Option<Start>,
    #[serde(default)]
    pub(crate) handshakes: Vec<Handshakes>,
    #[serde(default)]
    pub(crate) scale: BTreeMap<String, Vec<Point>>,
    #[serde(default)]
    pub(crate) worst: Vec<Worst>,
}

/// The machine and the date of a run.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub(crate) struct About {
    pub(crate) date: String,
    pub(crate) processor: String,
    pub(crate) kernel: String,
    pub(crate) compiler: String,
    /// Whether the run was a short trial, which discards no rounds.
    pub(crate) quick: bool,
    /// The largest share of a core that other processes used in the rounds that count.
    pub(crate) foreign: f64,
    /// How many rounds were discarded because other processes used more.
    pub(crate) thrown_away: usize,
}

/// The results of one body and number of connections.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Answers {
    pub(crate) body: String,
    pub(crate) bytes: usize,
    pub(crate) connections: usize,
    /// `rust` or `go`.
    pub(crate) client: String,
    pub(crate) rounds: usize,
    /// The figures by server: `floor`, `product`, `typical`.
    pub(crate) servers: BTreeMap<String, Figures>,
}

/// The medians of the rounds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Figures {
    /// Microseconds of CPU per review.
    pub(crate) cpu: f64,
    /// The ratio of `cpu` to that of the floor: the median of the rounds, then the minimum and the maximum.
    pub(crate) ratio: f64,
    pub(crate) ratios: (f64, f64),
    pub(crate) reviews_a_second: f64,
    /// The utilization of the server's core.
    pub(crate) busy: f64,
    /// Microseconds from the first byte of the request to the last byte of the response.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    /// The ratios of these to the floor.
    pub(crate) p50_ratio: f64,
    pub(crate) p99_ratio: f64,
}

/// Resident memory in bytes.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Memory {
    pub(crate) at_start: u64,
    /// The number of reviews over 16 connections, and the memory after them.
    pub(crate) reviews: u64,
    pub(crate) after_reviews: u64,
    /// The soak test: the number of reviews of all kinds, and the memory after each tenth of them.
    pub(crate) soak_reviews: u64,
    pub(crate) soak: Vec<u64>,
    /// The number of idle connections, each of which sent a review before, and the memory with them.
    pub(crate) idle_connections: usize,
    pub(crate) idle: u64,
    pub(crate) large: Large,
}

/// The results of many concurrent large bodies.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Large {
    pub(crate) bodies: usize,
    pub(crate) bytes: usize,
    /// The memory that all bodies together may use.
    pub(crate) budget: u64,
    pub(crate) peak: u64,
    pub(crate) after: u64,
    /// Responses with an `AdmissionReview`.
    pub(crate) answered: usize,
    /// Responses with an error message.
    pub(crate) refused: usize,
    /// No response in time.
    pub(crate) lost: usize,
    /// Seconds until the last response. The deadline is 10 s.
    pub(crate) slowest: f64,
}

/// The time from the start of the process until `/readyz` reports ready.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Start {
    /// Milliseconds with an existing certificate.
    pub(crate) ready: f64,
    /// Milliseconds with a certificate to issue.
    pub(crate) ready_issuing: f64,
    /// The size of the binary in bytes.
    pub(crate) size: u64,
}

/// The results of new connections.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Handshakes {
    /// `full` or `resumed`.
    pub(crate) kind: String,
    /// Microseconds of the server's CPU per handshake.
    pub(crate) cpu: f64,
    pub(crate) a_second: f64,
    pub(crate) busy: f64,
}

/// A point of a chart.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Point {
    /// The name of the series.
    pub(crate) series: String,
    pub(crate) x: f64,
    /// Microseconds of CPU per review.
    pub(crate) cpu: f64,
    /// Microseconds over one connection.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

/// The results of a worst-case body.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Worst {
    pub(crate) body: String,
    pub(crate) bytes: usize,
    /// Milliseconds: the median and the maximum.
    pub(crate) median: f64,
    pub(crate) most: f64,
    /// The maximum growth of the resident memory in bytes.
    pub(crate) grown: u64,
}

/// Returns the folder with the data of the page.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/performance")
}

impl Results {
    /// Reads the committed results; empty if there are none.
    pub(crate) fn read() -> Result<Results, String> {
        let path = folder().join("run.json");
        match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| format!("{}: {error}", path.display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Results::default()),
            Err(error) => Err(format!("{}: {error}", path.display())),
        }
    }

    pub(crate) fn write(&self) -> Result<(), String> {
        let mut text = serde_json::to_string_pretty(self).map_err(|error| error.to_string())?;
        text.push('\n');
        write("run.json", &text)
    }
}

/// Writes a file of the page's data.
pub(crate) fn write(name: &str, text: &str) -> Result<(), String> {
    let path = folder().join(name);
    std::fs::create_dir_all(folder()).and_then(|()| std::fs::write(&path, text)).map_err(|error| format!("{}: {error}", path.display()))
}

/// Returns the median.
pub(crate) fn median(numbers: impl IntoIterator<Item = f64>) -> f64 {
    let mut numbers: Vec<f64> = numbers.into_iter().collect();
    numbers.sort_by(f64::total_cmp);
    match numbers.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => numbers[count / 2],
        count => f64::midpoint(numbers[count / 2 - 1], numbers[count / 2]),
    }
}
