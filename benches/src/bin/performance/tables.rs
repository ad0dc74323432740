//! The tables of docs/performance.md.

use std::fmt::Write as _;

use netpol_benches::figures::{Figure, Figures as Counted};

use super::results::{Answers, Figures, Results};

/// The names of the tables, in the order of the page.
pub(crate) const NAMES: [&str; 8] = ["about", "targets", "answers", "typical", "memory", "start", "worst", "instructions"];

/// Returns all tables as text.
pub(crate) fn all(results: &Results) -> Result<String, String> {
    let mut text = String::new();
    for name in NAMES {
        let _ = writeln!(text, "{}", table(name, results)?);
    }
    Ok(text)
}

/// Returns one table as Markdown.
pub(crate) fn table(name: &str, results: &Results) -> Result<String, String> {
    Ok(match name {
        "about" => about(results),
        "targets" => targets(results)?,
        "answers" => answers(results),
        "typical" => typical(results),
        "memory" => memory(results),
        "start" => start(results),
        "worst" => worst(results),
        "instructions" => instructions()?,
        other => return Err(format!("there is no table {other}")),
    })
}

fn about(results: &Results) -> String {
    let about = &results.about;
    let kind = if about.quick { "A short trial, not reliable, on" } else { "Measured on" };
    format!(
        "{kind} {}: {}, two cores, Linux {}, {}. In the rounds that count, other processes used at most {:.1} % of a core. Rounds discarded because of a higher load: {}.\n",
        about.date,
        about.processor,
        about.kernel,
        about.compiler,
        about.foreign * 100.0,
        about.thrown_away
    )
}

/// Returns the figures of a server for one line of `answers`.
fn find<'r>(results: &'r Results, body: &str, connections: usize, client: &str, server: &str) -> Option<&'r Figures> {
    let is_it = |answers: &&Answers| answers.body == body && answers.connections == connections && answers.client == client;
    results.answers.iter().find(is_it)?.servers.get(server)
}

/// The lines of the table of targets.
struct Targets(String);

impl Targets {
    fn line(&mut self, what: &str, target: &str, measured: &str, is_met: bool) {
        let _ = writeln!(self.0, "| {what} | {target} | {measured} | {} |", if is_met { "yes" } else { "**no**" });
    }

    /// Adds a ratio to the floor with the maximum `most`.
    fn ratio(&mut self, what: &str, most: f64, measured: Option<f64>) {
        if let Some(measured) = measured {
            self.line(what, &format!("≤ {most}"), &format!("{measured:.2}"), measured <= most);
        }
    }

    /// Adds a figure with a unit and the maximum `most`.
    fn most(&mut self, what: &str, most: f64, unit: &str, measured: f64) {
        self.line(what, &format!("≤ {most} {unit}"), &format!("{measured:.1} {unit}"), measured <= most);
    }

    fn count(&mut self, what: &str, most: u64, measured: u64) {
        self.line(what, &format!("≤ {}", thousands(most)), &thousands(measured), measured <= most);
    }
}

fn targets(results: &Results) -> Result<String, String> {
    let mut targets = Targets("| | target | measured | met |\n|---|---|---|---|\n".to_owned());
    let product = |body: &str, connections| find(results, body, connections, "rust", "product");
    let ratio = |body: &str| product(body, 16).map(|figures| figures.ratio);
    targets.ratio("CPU per review, pod of 14 kB at `/mutate`, × the floor", 1.9, ratio("pod-14k/mutate"));
    targets.ratio("CPU per review, pod of 107 kB, × the floor", 2.4, ratio("pod-107k/mutate"));
    targets.ratio("CPU per review, denied and audited pod, × the floor", 2.2, ratio("pod-refused/validate"));
    targets.ratio("CPU per review, canonical NetworkPolicy at `/validate`, × the floor", 3.0, ratio("policy/validate"));
    let counted = counted()?;
    let count = |case: &str| counted.cases.get(case).copied();
    for (case, what, most) in [("review/pod-14k/mutate", "14 kB", 170_000), ("review/pod-107k/mutate", "107 kB", 1_850_000)] {
        if let Some(figure) = count(case) {
            targets.count(&format!("instructions per review, {what}"), most, figure.instructions);
        }
    }
    let pods: Vec<Figure> = counted.cases.iter().filter(|(case, _)| case.starts_with("review/pod-")).map(|(_, figure)| *figure).collect();
    targets.count("allocations per review, any pod", 32, pods.iter().map(|figure| figure.allocations).max().unwrap_or_default());
    targets.count("heap bytes besides the body, any pod", 8_192, pods.iter().map(|figure| figure.heap).max().unwrap_or_default());
    let unloaded = product("pod-14k/mutate", 1);
    targets.ratio("p50 without load, 14 kB, × the floor", 1.4, unloaded.map(|figures| figures.p50_ratio));
    targets.ratio("p99 without load, 14 kB, × the floor", 1.8, unloaded.map(|figures| figures.p99_ratio));
    if let Some(figures) = product("pod-14k/mutate", 16) {
        let measured = figures.reviews_a_second;
        targets.line("reviews per second on one core, 14 kB", "≥ 30,000", &thousands(round(measured)), measured >= 30_000.0);
    }
    if let Some(memory) = &results.memory {
        targets.most("resident memory with 16 connections", 16.0, "MiB", mebibytes(memory.after_reviews));
        targets.most("resident memory with 512 idle connections", 48.0, "MiB", mebibytes(memory.idle));
        let large = &memory.large;
        targets.most("resident memory with 64 concurrent bodies of 16 MiB", mebibytes(large.budget) + 32.0, "MiB", mebibytes(large.peak));
        let results = format!("{} answered, {} rejected, {} neither", large.answered, large.refused, large.lost);
        targets.line("each of these bodies", "answered in time or rejected", &results, large.lost == 0);
    }
    if let Some(start) = &results.start {
        targets.most("start to ready", 50.0, "ms", start.ready);
    }
    if let (Some(large), Some(built_in)) = (count("large-canon/pod-14k/mutate"), count("review/pod-14k/mutate")) {
        let ratio = fraction(large.instructions, built_in.instructions);
        targets.line(
            "instructions for a pod with a canon of 2,000 policies and 2,000 grants, × the built-in canon",
            "≤ 1.3",
            &format!("{ratio:.2}"),
            ratio <= 1.3,
        );
    }
    if let Some(most) = results.worst.iter().map(|worst| worst.most).max_by(f64::total_cmp) {
        targets.most("time of the worst case", 50.0, "ms", most);
        targets.most(
            "memory of the worst case",
            64.0,
            "MiB",
            mebibytes(results.worst.iter().map(|worst| worst.grown).max().unwrap_or_default()),
        );
    }
    Ok(targets.0)
}

fn answers(results: &Results) -> String {
    let head = "| body | bytes | connections | client | floor, µs | product, µs | × floor (min–max) | reviews/s | server busy | p50, µs | × | p99, µs | × |\n|---|--:|--:|---|--:|--:|---|--:|--:|--:|--:|--:|--:|\n";
    let mut text = head.to_owned();
    for line in &results.answers {
        let (Some(floor), Some(product)) = (line.servers.get("floor"), line.servers.get("product")) else { continue };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {:.1} | {:.1} | {:.2} ({:.2}–{:.2}) | {} | {:.0} % | {:.0} | {:.2} | {:.0} | {:.2} |",
            line.body,
            thousands(line.bytes as u64),
            line.connections,
            if line.client == "go" { "Go" } else { "Rust" },
            floor.cpu,
            product.cpu,
            product.ratio,
            product.ratios.0,
            product.ratios.1,
            thousands(round(product.reviews_a_second)),
            product.busy * 100.0,
            product.p50,
            product.p50_ratio,
            product.p99,
            product.p99_ratio
        );
    }
    text
}

fn typical(results: &Results) -> String {
    let mut text =
        "| body | connections | client | floor | `netpol` | usual webhook | usual ÷ `netpol` |\n|---|--:|---|--:|--:|--:|--:|\n".to_owned();
    for line in &results.answers {
        let (Some(floor), Some(product), Some(typical)) =
            (line.servers.get("floor"), line.servers.get("product"), line.servers.get("typical"))
        else {
            continue;
        };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {:.1} µs | {:.1} µs ({:.2}×) | {:.1} µs ({:.2}×) | {:.1} |",
            line.body,
            line.connections,
            if line.client == "go" { "Go" } else { "Rust" },
            floor.cpu,
            product.cpu,
            product.ratio,
            typical.cpu,
            typical.ratio,
            typical.cpu / product.cpu
        );
    }
    text
}

fn memory(results: &Results) -> String {
    let Some(memory) = &results.memory else { return String::new() };
    let large = &memory.large;
    let mut text = "| | resident memory |\n|---|--:|\n".to_owned();
    let mut line = |what: &str, bytes: u64| {
        let _ = writeln!(text, "| {what} | {:.1} MiB |", mebibytes(bytes));
    };
    line("at start", memory.at_start);
    line(&format!("after {} reviews over 16 connections", thousands(memory.reviews)), memory.after_reviews);
    line(
        &format!("soak test: after a tenth of {} reviews of all kinds", thousands(memory.soak_reviews)),
        memory.soak.first().copied().unwrap_or(0),
    );
    line("soak test: after all reviews", memory.soak.last().copied().unwrap_or(0));
    line(&format!("with {} idle connections", thousands(memory.idle_connections as u64)), memory.idle);
    line(&format!("peak, with {} concurrent bodies of {} MiB", large.bodies, large.bytes >> 20), large.peak);
    line("after these bodies", large.after);
    let _ = writeln!(
        text,
        "\nOf the {} large bodies, {} were answered and {} were rejected with a message, the last one after {:.1} s.",
        large.bodies, large.answered, large.refused, large.slowest
    );
    text
}

fn start(results: &Results) -> String {
    let mut text = "| | |\n|---|--:|\n".to_owned();
    if let Some(start) = &results.start {
        let _ = writeln!(text, "| start to ready, with an existing certificate | {:.1} ms |", start.ready);
        let _ = writeln!(text, "| start to ready, with a new CA and certificate | {:.1} ms |", start.ready_issuing);
        let _ = writeln!(text, "| size of the binary | {:.1} MiB |", mebibytes(start.size));
    }
    for shaken in &results.handshakes {
        let _ = writeln!(
            text,
            "| TLS handshakes, {}: CPU of the server | {:.0} µs, or {} per second on one core |",
            shaken.kind,
            shaken.cpu,
            thousands(round(1e6 / shaken.cpu))
        );
    }
    text
}

fn worst(results: &Results) -> String {
    let mut text = "| body | bytes | median | maximum | memory |\n|---|--:|--:|--:|--:|\n".to_owned();
    for worst in &results.worst {
        let _ = writeln!(
            text,
            "| {} | {} | {:.1} ms | {:.1} ms | {:.1} MiB |",
            worst.body,
            thousands(worst.bytes as u64),
            worst.median,
            worst.most,
            mebibytes(worst.grown)
        );
    }
    text
}

fn instructions() -> Result<String, String> {
    let mut text = "| call | instructions | allocations | heap bytes |\n|---|--:|--:|--:|\n".to_owned();
    for (case, figure) in counted()?.cases.iter().filter(|(case, _)| !case.starts_with("compare/") && !case.starts_with("beyond/")) {
        let _ = writeln!(
            text,
            "| {case} | {} | {} | {} |",
            thousands(figure.instructions),
            thousands(figure.allocations),
            thousands(figure.heap)
        );
    }
    Ok(text)
}

/// Reads the committed figures.
fn counted() -> Result<Counted, String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/figures.json");
    let text = std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    serde_json::from_str(&text).map_err(|error| format!("{path}: {error}"))
}

#[allow(clippy::cast_precision_loss, reason = "a rounded figure")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / 1_048_576.0
}

#[allow(clippy::cast_precision_loss, reason = "a rounded figure")]
fn fraction(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
fn round(number: f64) -> u64 {
    number.round() as u64
}

/// Formats a number with thousands separators.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
