//! What a run found out, as it is committed in `docs/performance/run.json`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Everything.
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

/// Where and when.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub(crate) struct About {
    pub(crate) date: String,
    pub(crate) processor: String,
    pub(crate) kernel: String,
    pub(crate) compiler: String,
    /// Whether this was a trial: short, and not thrown away where others used the machine.
    pub(crate) quick: bool,
    /// The largest share of a core that others used in what was kept.
    pub(crate) foreign: f64,
    /// How many rounds were thrown away because others used more.
    pub(crate) thrown_away: usize,
}

/// One body over so many connections.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Answers {
    pub(crate) body: String,
    pub(crate) bytes: usize,
    pub(crate) connections: usize,
    /// `rust` or `go`.
    pub(crate) client: String,
    pub(crate) rounds: usize,
    /// By server: `floor`, `product`, `typical`.
    pub(crate) servers: BTreeMap<String, Figures>,
}

/// Medians of the rounds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Figures {
    /// Microseconds of CPU a review.
    pub(crate) cpu: f64,
    /// The median of the rounds' ratios of that to the floor's, and the least and the most of them.
    pub(crate) ratio: f64,
    pub(crate) ratios: (f64, f64),
    pub(crate) reviews_a_second: f64,
    /// The share of its core that the server was busy.
    pub(crate) busy: f64,
    /// Microseconds from a request's first byte to an answer's last.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    /// The same as ratios to the floor.
    pub(crate) p50_ratio: f64,
    pub(crate) p99_ratio: f64,
}

/// Resident memory in bytes.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Memory {
    pub(crate) at_start: u64,
    /// With 16 connections, after so many reviews.
    pub(crate) reviews: u64,
    pub(crate) after_reviews: u64,
    /// The soak: so many reviews of every kind, and what was resident after each tenth of them.
    pub(crate) soak_reviews: u64,
    pub(crate) soak: Vec<u64>,
    /// With so many idle connections, each of which had a review.
    pub(crate) idle_connections: usize,
    pub(crate) idle: u64,
    pub(crate) large: Large,
}

/// Many large bodies at once.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Large {
    pub(crate) bodies: usize,
    pub(crate) bytes: usize,
    /// What all bodies may hold together.
    pub(crate) budget: u64,
    pub(crate) peak: u64,
    pub(crate) after: u64,
    /// Answers with a review.
    pub(crate) answered: usize,
    /// Answers with a sentence.
    pub(crate) refused: usize,
    /// Without one.
    pub(crate) lost: usize,
    /// Seconds until the last answer; each had 10.
    pub(crate) slowest: f64,
}

/// From the start of the process to `/readyz`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Start {
    /// Milliseconds, with a certificate that is there.
    pub(crate) ready: f64,
    /// With one to issue.
    pub(crate) ready_issuing: f64,
    /// Bytes of the program.
    pub(crate) size: u64,
}

/// New connections.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Handshakes {
    /// `full` or `resumed`.
    pub(crate) kind: String,
    /// Microseconds of the server's CPU for each.
    pub(crate) cpu: f64,
    pub(crate) a_second: f64,
    pub(crate) busy: f64,
}

/// One point of a curve.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Point {
    /// What is measured.
    pub(crate) series: String,
    pub(crate) x: f64,
    /// Microseconds of CPU a review.
    pub(crate) cpu: f64,
    /// Microseconds, over one connection.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

/// The worst that a body can do.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Worst {
    pub(crate) body: String,
    pub(crate) bytes: usize,
    /// Milliseconds: the median and the most.
    pub(crate) median: f64,
    pub(crate) most: f64,
    /// By how many bytes what is resident grew at most.
    pub(crate) grown: u64,
}

/// The folder of the page's data.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/performance")
}

impl Results {
    /// Reads the committed run; an empty one where there is none.
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

/// The middle of some numbers.
pub(crate) fn median(numbers: impl IntoIterator<Item = f64>) -> f64 {
    let mut numbers: Vec<f64> = numbers.into_iter().collect();
    numbers.sort_by(f64::total_cmp);
    match numbers.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => numbers[count / 2],
        count => f64::midpoint(numbers[count / 2 - 1], numbers[count / 2]),
    }
}
