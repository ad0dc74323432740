//! The cost of a response for each kind of body: of the floor, the product, and a typical webhook.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use netpol::verdict::Stage;
use netpol_benches::bodies::{self, Body};
use netpol_benches::cases;
use serde::Deserialize;

use super::client::request;
use super::harness::{Harness, Window, figures};
use super::process::{Server, beside, own_program};
use super::results::Answers;

/// The body, the number of connections and the client of each line of the table.
const CASES: [(&str, usize, &str); 13] = [
    ("pod-14k/mutate", 16, "rust"),
    ("pod-107k/mutate", 16, "rust"),
    ("pod-14k/validate", 16, "rust"),
    ("pod-refused/validate", 16, "rust"),
    ("pod-status/validate", 16, "rust"),
    ("policy/validate", 16, "rust"),
    ("policy-extra/validate", 16, "rust"),
    ("pod-14k/mutate", 1, "rust"),
    ("pod-107k/mutate", 1, "rust"),
    ("pod-14k/mutate", 64, "rust"),
    ("pod-107k/mutate", 64, "rust"),
    ("pod-14k/mutate", 16, "go"),
    ("pod-107k/mutate", 16, "go"),
];

pub(crate) fn measure(harness: &mut Harness) -> Result<Vec<Answers>, String> {
    let product = harness.place.product(&own_program()?, &[])?;
    let floor = harness.place.floor()?;
    let typical = harness.place.typical()?;
    let bodies = bodies::all(cases::guard().canons.first());
    let mut all = Vec::new();
    for (name, connections, client) in CASES {
        let body = bodies.iter().find(|body| body.name == name).ok_or_else(|| format!("there is no body {name}"))?;
        // The typical webhook only mutates pods.
        let servers: &[(&str, &Server)] = if body.stage == Stage::Mutate {
            &[("floor", &floor), ("product", &product), ("typical", &typical)]
        } else {
            &[("floor", &floor), ("product", &product)]
        };
        all.push(case(harness, servers, body, connections, client)?);
    }
    let (written, dropped) = (product.metric("netpol_audit_written_total"), product.metric("netpol_audit_dropped_total"));
    eprintln!("audit lines: {written} written, {dropped} dropped");
    Ok(all)
}

fn case(harness: &mut Harness, servers: &[(&str, &Server)], body: &Body, connections: usize, client: &str) -> Result<Answers, String> {
    let plan = harness.plan(7, 700);
    let request = request(body.stage, &body.bytes);
    let go = if client == "go" { Some(harness.place.write("body.json", &body.bytes)?) } else { None };
    let alone: Vec<&Server> = servers.iter().map(|(_, server)| *server).collect();
    let rounds = harness.rounds(&alone, plan.rounds, |harness, _, server| {
        if go.is_some() {
            by_go(harness, server, body, connections, plan.window)
        } else {
            harness.window(server, &Arc::clone(&request), connections, plan.window)
        }
    })?;
    let named = servers.iter().enumerate().filter_map(|(position, (name, _))| Some(((*name).to_owned(), figures(&rounds, position)?)));
    let answers = Answers {
        body: body.name.to_owned(),
        bytes: body.bytes.len(),
        connections,
        client: client.to_owned(),
        rounds: rounds.len(),
        servers: named.collect(),
    };
    for (name, figures) in &answers.servers {
        eprintln!(
            "{:<24} {connections:>3} {client:<5} {name:<8} {:>7.1} us {:>6.2}x {:>8.0}/s {:>4.0} % p50 {:>6.0} us p99 {:>6.0} us",
            body.name,
            figures.cpu,
            figures.ratio,
            figures.reviews_a_second,
            figures.busy * 100.0,
            figures.p50,
            figures.p99
        );
    }
    Ok(answers)
}

/// The output of the Go client.
#[derive(Deserialize)]
struct Measured {
    reviews: f64,
    seconds: f64,
    p50: f64,
    p99: f64,
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts and microseconds")]
fn by_go(harness: &Harness, server: &Server, body: &Body, connections: usize, length: Duration) -> Result<Window, String> {
    let path = match body.stage {
        Stage::Mutate => "mutate",
        Stage::Validate => "validate",
    };
    let program = beside("goclient")?;
    let wrong = |error: std::io::Error| format!("the Go client: {error}");
    let mut child = Command::new(&program)
        .env("GOMAXPROCS", "1")
        .arg(format!("-url=https://localhost:{}/{path}?timeout=10s", server.address.port()))
        .arg(format!("-ca={}", harness.place.ca().display()))
        .arg(format!("-body={}", harness.place.path("body.json").display()))
        .arg(format!("-connections={connections}"))
        .arg(format!("-seconds={}", length.as_secs_f64()))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(wrong)?;
    let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
        return Err("the Go client has no pipes".to_owned());
    };
    let mut lines = BufReader::new(stdout).lines();
    let ready = lines.next().transpose().map_err(wrong)?;
    if ready.as_deref() != Some("ready") {
        return Err("the Go client did not become ready".to_owned());
    }
    let (cpu, start) = (server.cpu(), Instant::now());
    writeln!(stdin, "go").map_err(wrong)?;
    let line = lines.next().transpose().map_err(wrong)?.ok_or("the Go client printed no result")?;
    let (cpu, waited) = (server.cpu().saturating_sub(cpu), start.elapsed());
    child.wait().map_err(wrong)?;
    let measured: Measured = serde_json::from_str(&line).map_err(|error| error.to_string())?;
    let took = Duration::from_secs_f64(measured.seconds).min(waited);
    Ok(Window::of(measured.reviews as usize, cpu, took, (measured.p50 * 1e3) as u64, (measured.p99 * 1e3) as u64))
}
