//! New connections, and how long a server takes until it is ready.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::client::Client;
use super::harness::{Harness, Window, figures};
use super::process::{Place, beside, own_program};
use super::results::{Handshakes, Start, median};

/// How many shake hands at a time.
const AT_A_TIME: usize = 8;

pub(crate) fn measure(harness: &mut Harness) -> Result<Vec<Handshakes>, String> {
    let server = harness.place.product(&own_program()?, &[])?;
    let plan = harness.plan(5, 1_000);
    let mut all = Vec::new();
    for (kind, resumes) in [("full", false), ("resumed", true)] {
        let client = Client::new(&harness.place.ca(), resumes)?;
        let rounds = harness.rounds(&[&server], plan.rounds, |harness, _, server| {
            let (client, address) = (client.clone(), server.address);
            harness.runtime.block_on(async move {
                // The ticket of the first session.
                client.shake(address, resumes).await.map_err(|error| error.to_string())?;
                let shaken = Arc::new(AtomicU64::new(0));
                let (cpu, start) = (server.cpu(), Instant::now());
                let tasks: Vec<_> = (0..AT_A_TIME)
                    .map(|_| {
                        let (client, shaken) = (client.clone(), Arc::clone(&shaken));
                        tokio::spawn(async move {
                            while start.elapsed() < plan.window {
                                let resumed = client.shake(address, resumes).await.map_err(|error| error.to_string())?;
                                if resumed != resumes {
                                    return Err(format!("a session was {}resumed", if resumed { "" } else { "not " }));
                                }
                                shaken.fetch_add(1, Ordering::Relaxed);
                            }
                            Ok(())
                        })
                    })
                    .collect();
                for task in tasks {
                    task.await.map_err(|error| error.to_string())??;
                }
                let count = usize::try_from(shaken.load(Ordering::Relaxed)).unwrap_or_default();
                Ok(Window::of(count, server.cpu().saturating_sub(cpu), start.elapsed(), 0, 0))
            })
        })?;
        let Some(measured) = figures(&rounds, 0) else { continue };
        eprintln!("{kind} handshakes: {:.1} us, {:.0}/s, {:.0} % busy", measured.cpu, measured.reviews_a_second, measured.busy * 100.0);
        all.push(Handshakes { kind: kind.to_owned(), cpu: measured.cpu, a_second: measured.reviews_a_second, busy: measured.busy });
    }
    Ok(all)
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
