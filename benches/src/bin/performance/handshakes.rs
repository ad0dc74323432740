//! The cost of new connections, and the time from start to ready.

use std::fs;
use std::time::{Duration, Instant};

use super::client::Client;
use super::harness::{Harness, Window, figures};
use super::process::{Place, Server, beside, own_program};
use super::results::{Handshakes, Start, median};

/// The number of concurrent handshakes.
const CONCURRENT: usize = 8;

pub(crate) fn measure(harness: &mut Harness) -> Result<Vec<Handshakes>, String> {
    let server = harness.place.product(&own_program()?, &[])?;
    let plan = harness.plan(5, 1_000);
    let ca = harness.place.ca();
    let mut all = Vec::new();
    for (kind, resumes) in [("full", false), ("resumed", true)] {
        let rounds = harness.rounds(&[&server], plan.rounds, |harness, _, server| {
            let clients = (0..CONCURRENT).map(|_| Client::new(&ca, resumes)).collect::<Result<Vec<_>, _>>()?;
            harness.runtime.block_on(handshakes(&clients, server, resumes, plan.window))
        })?;
        let Some(measured) = figures(&rounds, 0) else { continue };
        eprintln!("{kind} handshakes: {:.1} us, {:.0}/s, {:.0} % busy", measured.cpu, measured.reviews_a_second, measured.busy * 100.0);
        all.push(Handshakes { kind: kind.to_owned(), cpu: measured.cpu, a_second: measured.reviews_a_second, busy: measured.busy });
    }
    Ok(all)
}

/// Performs handshakes with all clients. Each client has its own sessions, because a ticket can be used once.
async fn handshakes(clients: &[Client], server: &Server, resumes: bool, length: Duration) -> Result<Window, String> {
    let address = server.address;
    for client in clients {
        // The first session provides the first ticket.
        client.handshake(address, resumes).await.map_err(|error| error.to_string())?;
    }
    let (cpu, start) = (server.cpu(), Instant::now());
    let tasks: Vec<_> = clients
        .iter()
        .map(|client| {
            let client = client.clone();
            tokio::spawn(async move {
                let mut count = 0;
                while start.elapsed() < length {
                    let was_resumed = client.handshake(address, resumes).await.map_err(|error| error.to_string())?;
                    if was_resumed != resumes {
                        return Err(format!("a session was {}resumed", if was_resumed { "" } else { "not " }));
                    }
                    count += 1;
                }
                Ok(count)
            })
        })
        .collect();
    let mut count = 0;
    for task in tasks {
        count += task.await.map_err(|error| error.to_string())??;
    }
    Ok(Window::of(count, server.cpu().saturating_sub(cpu), start.elapsed(), 0, 0))
}

pub(crate) fn start(harness: &Harness) -> Result<Start, String> {
    let program = beside("netpol")?;
    let size = fs::metadata(&program).map_err(|error| error.to_string())?.len();
    let times = harness.plan(11, 0).rounds;
    let mut ready = Vec::new();
    let mut ready_issuing = Vec::new();
    for _ in 0..times {
        ready.push(harness.place.product(&program, &[])?.ready_after.as_secs_f64() * 1e3);
        ready_issuing.push(Place::new()?.product(&program, &[])?.ready_after.as_secs_f64() * 1e3);
    }
    let start = Start { ready: median(ready), ready_issuing: median(ready_issuing), size };
    eprintln!("{start:?}");
    Ok(start)
}
