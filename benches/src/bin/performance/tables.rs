//! The tables of the page.

use std::fmt::Write as _;

use netpol_benches::figures::{Figure, Figures as Counted};

use super::results::{Answers, Figures, Results};

/// The names of the tables, in the order of the page.
pub(crate) const NAMES: [&str; 8] = ["about", "targets", "answers", "typical", "memory", "start", "worst", "instructions"];

/// All tables, as they are printed.
pub(crate) fn all(results: &Results) -> Result<String, String> {
    let mut text = String::new();
    for name in NAMES {
        let _ = writeln!(text, "{}", table(name, results)?);
    }
    Ok(text)
}

/// One table.
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
    let kind = if about.quick { "A trial, too short to be relied on, of" } else { "Measured on" };
    format!(
        "{kind} {}: {}, two cores, Linux {}, {}. In what was kept, others used at most {:.1} % of a core. Rounds thrown away because they used more: {}.\n",
        about.date,
        about.processor,
        about.kernel,
        about.compiler,
        about.foreign * 100.0,
        about.thrown_away
    )
}

/// The figures of a server for one line of `answers`.
fn find<'r>(results: &'r Results, body: &str, connections: usize, client: &str, server: &str) -> Option<&'r Figures> {
    let is_it = |answers: &&Answers| answers.body == body && answers.connections == connections && answers.client == client;
    results.answers.iter().find(is_it)?.servers.get(server)
}

/// Lines of the table of targets.
struct Targets(String);

impl Targets {
    fn line(&mut self, what: &str, target: &str, measured: &str, is_met: bool) {
        let _ = writeln!(self.0, "| {what} | {target} | {measured} | {} |", if is_met { "yes" } else { "**no**" });
    }

    /// A ratio to the floor that is at most `most`.
    fn ratio(&mut self, what: &str, most: f64, measured: Option<f64>) {
        if let Some(measured) = measured {
            self.line(what, &format!("≤ {most}"), &format!("{measured:.2}"), measured <= most);
        }
    }

    /// A figure with a unit that is at most `most`.
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
    targets.ratio("CPU a review, pod of 14 kB at `/mutate`, × the floor", 1.9, ratio("pod-14k/mutate"));
    targets.ratio("the same, 107 kB", 2.2, ratio("pod-107k/mutate"));
    targets.ratio("a refused pod, audited", 2.1, ratio("pod-refused/validate"));
    targets.ratio("a canonical NetworkPolicy at `/validate`", 3.0, ratio("policy/validate"));
    let counted = counted()?;
    let count = |case: &str| counted.cases.get(case).copied();
    for (case, what, most) in [("review/pod-14k/mutate", "14 kB", 250_000), ("review/pod-107k/mutate", "107 kB", 1_850_000)] {
        if let Some(figure) = count(case) {
            targets.count(&format!("instructions, {what}"), most, figure.instructions);
        }
    }
    let pods: Vec<Figure> = counted.cases.iter().filter(|(case, _)| case.starts_with("review/pod-")).map(|(_, figure)| *figure).collect();
    targets.count("allocations, any pod", 32, pods.iter().map(|figure| figure.allocations).max().unwrap_or_default());
    targets.count("heap bytes beside the body, any pod", 8_192, pods.iter().map(|figure| figure.heap).max().unwrap_or_default());
    let unloaded = product("pod-14k/mutate", 1);
    targets.ratio("p50 unloaded, 14 kB, × the floor", 1.4, unloaded.map(|figures| figures.p50_ratio));
    targets.ratio("p99 unloaded, 14 kB, × the floor", 1.8, unloaded.map(|figures| figures.p99_ratio));
    if let Some(figures) = product("pod-14k/mutate", 16) {
        let measured = figures.reviews_a_second;
        targets.line("reviews a second on one core, 14 kB", "≥ 30,000", &thousands(round(measured)), measured >= 30_000.0);
    }
    if let Some(memory) = &results.memory {
        targets.most("resident with 16 connections", 16.0, "MiB", mebibytes(memory.after_reviews));
        targets.most("resident with 1,000 idle connections", 48.0, "MiB", mebibytes(memory.idle));
        let large = &memory.large;
        targets.most("resident with 64 bodies of 16 MiB at once", mebibytes(large.budget) + 32.0, "MiB", mebibytes(large.peak));
        let fates = format!("{} answered, {} refused, {} neither", large.answered, large.refused, large.lost);
        targets.line("each of them", "answered in time or refused", &fates, large.lost == 0);
    }
    if let Some(start) = &results.start {
        targets.most("start to ready", 50.0, "ms", start.ready);
    }
    if let (Some(large), Some(built_in)) = (count("large-canon/pod-14k/mutate"), count("review/pod-14k/mutate")) {
        let ratio = fraction(large.instructions, built_in.instructions);
        targets.line(
            "canon of 2,000 policies and 2,000 grants, a pod, × the built-in canon",
            "≤ 1.3",
            &format!("{ratio:.2}"),
            ratio <= 1.3,
        );
    }
    if let Some(most) = results.worst.iter().map(|worst| worst.most).max_by(f64::total_cmp) {
        targets.most("bounded worst case", 50.0, "ms", most);
        targets.most("the same", 64.0, "MiB", mebibytes(results.worst.iter().map(|worst| worst.grown).max().unwrap_or_default()));
    }
    Ok(targets.0)
}

fn answers(results: &Results) -> String {
    let head = "| body | bytes | connections | client | floor, µs | product, µs | × floor (least–most) | reviews/s | server busy | p50, µs | × | p99, µs | × |\n|---|--:|--:|---|--:|--:|---|--:|--:|--:|--:|--:|--:|\n";
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
    let mut text = "| | resident |\n|---|--:|\n".to_owned();
    let mut line = |what: &str, bytes: u64| {
        let _ = writeln!(text, "| {what} | {:.1} MiB |", mebibytes(bytes));
    };
    line("at start", memory.at_start);
    line(&format!("after {} reviews over 16 connections", thousands(memory.reviews)), memory.after_reviews);
    line(
        &format!("soak: after a tenth of {} reviews of every kind", thousands(memory.soak_reviews)),
        memory.soak.first().copied().unwrap_or(0),
    );
    line("soak: after all of them", memory.soak.last().copied().unwrap_or(0));
    line(&format!("with {} idle connections", thousands(memory.idle_connections as u64)), memory.idle);
    line(&format!("at most, under {} bodies of {} MiB at once", large.bodies, large.bytes >> 20), large.peak);
    line("after them", large.after);
    let _ = writeln!(
        text,
        "\nOf the {} large bodies {} were answered and {} refused with a sentence, the last after {:.1} s.",
        large.bodies, large.answered, large.refused, large.slowest
    );
    text
}

fn start(results: &Results) -> String {
    let mut text = "| | |\n|---|--:|\n".to_owned();
    if let Some(start) = &results.start {
        let _ = writeln!(text, "| start to ready, with a certificate that is there | {:.1} ms |", start.ready);
        let _ = writeln!(text, "| start to ready, with a CA and a certificate to issue | {:.1} ms |", start.ready_issuing);
        let _ = writeln!(text, "| the program | {:.1} MiB |", mebibytes(start.size));
    }
    for shaken in &results.handshakes {
        let _ = writeln!(
            text,
            "| TLS handshakes, {}: CPU of the server | {:.0} µs, so {} a second on one core |",
            shaken.kind,
            shaken.cpu,
            thousands(round(1e6 / shaken.cpu))
        );
    }
    text
}

fn worst(results: &Results) -> String {
    let mut text = "| body | bytes | median | most | memory |\n|---|--:|--:|--:|--:|\n".to_owned();
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
    let mut text = "| one call | instructions | allocations | heap bytes |\n|---|--:|--:|--:|\n".to_owned();
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

/// The committed figures of the gate.
fn counted() -> Result<Counted, String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/figures.json");
    let text = std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    serde_json::from_str(&text).map_err(|error| format!("{path}: {error}"))
}

#[allow(clippy::cast_precision_loss, reason = "a figure for the eye")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / 1_048_576.0
}

#[allow(clippy::cast_precision_loss, reason = "a figure for the eye")]
fn fraction(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
fn round(number: f64) -> u64 {
    number.round() as u64
}

/// Writes a number with its thousands apart.
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
