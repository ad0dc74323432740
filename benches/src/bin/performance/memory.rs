//! Resident memory: at start, after many reviews, with idle connections, with large bodies, and in a soak test.

use std::sync::Arc;
use std::time::{Duration, Instant};

use netpol::verdict::Stage;
use netpol_benches::{bodies, cases};

use super::client::{End, load, request};
use super::harness::Harness;
use super::process::{Server, beside};
use super::results::{Large, Memory};

/// The number of reviews over 16 connections.
const REVIEWS: u64 = 100_000;
/// The reviews of one hour at 100 per second.
const SOAK: u64 = 360_000;
const TENTHS: u64 = 10;
/// As many connections as the server allows by default.
const IDLE: usize = 512;
const LARGE: usize = 64;
const LARGE_BYTES: usize = 16 << 20;
/// The default of `--body-budget`.
const BUDGET: u64 = 32 << 20;
/// The deadline of a large body: the timeout in its request.
const DEADLINE: Duration = Duration::from_secs(10);

pub(crate) fn measure(harness: &Harness) -> Result<Memory, String> {
    let share = if harness.about.quick { 20 } else { 1 };
    let program = beside("netpol")?;
    let server = harness.place.product(&program, &[])?;
    let at_start = server.resident();
    let all = bodies::all(cases::guard().canons.first());
    let requests: Vec<Arc<[u8]>> = all.iter().map(|body| request(body.stage, &body.bytes)).collect();
    let pod = requests.first().ok_or("there is no body")?;

    let reviews = REVIEWS / share;
    let after_reviews = send(harness, &server, std::slice::from_ref(pod), reviews)?;
    let soak_reviews = SOAK / share;
    let mut soak = Vec::new();
    for _ in 0..TENTHS {
        soak.push(send(harness, &server, &requests, soak_reviews / TENTHS)?);
    }
    eprintln!("resident: {at_start} at start, {after_reviews} after {reviews}, soak {soak:?}");
    drop(server);

    let server = harness.place.product(&program, &[])?;
    let idle = harness.runtime.block_on(async {
        let connected = harness.client.connect_all(server.address, IDLE).await.map_err(|error| format!("cannot connect: {error}"))?;
        let mut connections = connected;
        let reviews = i64::try_from(IDLE).unwrap_or(i64::MAX);
        load(&mut connections, pod, End::after(reviews)).await?;
        let idle = server.resident();
        drop(connections);
        Ok::<u64, String>(idle)
    })?;
    eprintln!("resident with {IDLE} idle connections: {idle}");
    drop(server);

    Ok(Memory {
        at_start,
        reviews,
        after_reviews,
        soak_reviews,
        soak,
        idle_connections: IDLE,
        idle,
        large: large(harness, &harness.place.product(&program, &[])?)?,
    })
}

/// Sends reviews over 16 connections, the same number of each kind. Returns the resident memory after them.
fn send(harness: &Harness, server: &Server, requests: &[Arc<[u8]>], reviews: u64) -> Result<u64, String> {
    let each = i64::try_from(reviews / requests.len().max(1) as u64).unwrap_or(i64::MAX);
    harness.runtime.block_on(async {
        let mut connections = harness.client.connect_all(server.address, 16).await.map_err(|error| format!("cannot connect: {error}"))?;
        for request in requests {
            load(&mut connections, request, End::after(each)).await?;
        }
        Ok(server.resident())
    })
}

fn large(harness: &Harness, server: &Server) -> Result<Large, String> {
    // The size of generated pods is approximate. The margin is filled with white space.
    let mut body = bodies::pod_of(LARGE_BYTES / 10 * 9);
    if body.len() > LARGE_BYTES {
        return Err("a large body is too large".to_owned());
    }
    // Trailing white space is valid JSON: the body has exactly the default maximum size.
    body.resize(LARGE_BYTES, b' ');
    let request = request(Stage::Mutate, &body);
    let asked = harness.runtime.block_on(async {
        let connections = harness.client.connect_all(server.address, LARGE).await.map_err(|error| format!("cannot connect: {error}"))?;
        let start = Instant::now();
        let tasks: Vec<_> = connections
            .into_iter()
            .map(|mut connection| {
                let request = Arc::clone(&request);
                tokio::spawn(async move {
                    let status = connection.send(&request).await.map(|(status, _)| status);
                    (status.ok(), start.elapsed())
                })
            })
            .collect();
        let mut asked = Vec::new();
        for task in tasks {
            asked.push(task.await.map_err(|error| error.to_string())?);
        }
        Ok::<_, String>(asked)
    })?;
    let slowest = asked.iter().map(|(_, took)| *took).max().unwrap_or_default();
    let answered = asked.iter().filter(|(status, _)| *status == Some(200)).count();
    let lost = asked.iter().filter(|(status, took)| status.is_none() || *took > DEADLINE).count();
    let large = Large {
        bodies: LARGE,
        bytes: LARGE_BYTES,
        budget: BUDGET,
        peak: server.peak(),
        after: server.resident(),
        answered,
        refused: LARGE - answered - lost,
        lost,
        slowest: slowest.as_secs_f64(),
    };
    eprintln!("{large:?}");
    Ok(large)
}
