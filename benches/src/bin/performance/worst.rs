//! The worst-case NetworkPolicies that a client can send.

use std::time::Duration;

use netpol::verdict::Stage;
use netpol_benches::{bodies, worst};

use super::client::request;
use super::harness::Harness;
use super::process::own_program;
use super::results::{Worst, median};

pub(crate) fn measure(harness: &mut Harness) -> Result<Vec<Worst>, String> {
    let plan = harness.plan(3, 300);
    let mut all = Vec::new();
    for name in worst::NAMES {
        for (question, policy) in [("drift", bodies::LARGEST), ("extra", "extra")] {
            let Some(body) = worst::body(name, policy) else { continue };
            // A new server for each body, so that its memory does not include earlier bodies.
            let server = harness.place.product(&own_program()?, &[])?;
            let request = request(Stage::Validate, &body);
            let before = server.resident();
            harness.window(&server, &request, 1, Duration::ZERO)?;
            let rounds = harness.rounds(&[&server], plan.rounds, |harness, _, server| harness.window(server, &request, 1, plan.window))?;
            let windows: Vec<_> = rounds.iter().flatten().collect();
            #[allow(clippy::cast_precision_loss, reason = "nanoseconds of less than a day")]
            let most = windows.iter().map(|window| window.most).max().unwrap_or_default() as f64 / 1e6;
            let found = Worst {
                body: format!("{question}/{name}"),
                bytes: body.len(),
                median: median(windows.iter().map(|window| window.p50() / 1e3)),
                most,
                grown: server.peak().saturating_sub(before),
            };
            eprintln!("{found:?}");
            all.push(found);
        }
    }
    Ok(all)
}
