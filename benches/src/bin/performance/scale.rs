//! The cost by body size, by the number of policies and grants in the canon, and by the number of rules of a policy.

use std::collections::BTreeMap;
use std::sync::Arc;

use netpol::verdict::Stage;
use netpol_benches::{bodies, canons, cases};

use super::client::request;
use super::harness::{Harness, figures};
use super::process::{Server, own_program};
use super::results::Point;

const BODIES: [usize; 8] = [1_000, 5_000, 10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000];
const POLICIES: [usize; 5] = [27, 100, 300, 1_000, 2_000];
const GRANTS: [usize; 5] = [11, 100, 300, 1_000, 2_000];
const RULES: [usize; 6] = [1, 10, 30, 100, 300, 1_000];

type Request = Arc<[u8]>;

pub(crate) fn measure(harness: &mut Harness) -> Result<BTreeMap<String, Vec<Point>>, String> {
    let mut curves = BTreeMap::new();
    curves.insert("body".to_owned(), by_body(harness)?);
    let known = bodies::all(cases::guard().canons.first());
    let body = |name: &str| known.iter().find(|body| body.name == name).map(|body| request(body.stage, &body.bytes));
    let [pod, refused, policy, extra] = ["pod-14k/mutate", "pod-refused/validate", "policy/validate", "policy-extra/validate"].map(body);
    let (Some(pod), Some(refused), Some(policy), Some(extra)) = (pod, refused, policy, extra) else {
        return Err("a body is missing".to_owned());
    };

    let requests = [("pod of 14 kB", &pod), ("canonical policy", &policy), ("extra policy", &extra)];
    curves.insert("policies".to_owned(), by_canon(harness, &POLICIES, &requests, |policies| canons::document(policies, 0))?);
    let requests = [("pod of 14 kB", &pod), ("refused pod", &refused)];
    curves.insert("grants".to_owned(), by_canon(harness, &GRANTS, &requests, |grants| canons::document(0, grants))?);
    curves.insert("rules".to_owned(), by_rules(harness)?);
    Ok(curves)
}

fn by_body(harness: &mut Harness) -> Result<Vec<Point>, String> {
    let product = harness.place.product(&own_program()?, &[])?;
    let floor = harness.place.floor()?;
    let mut points = Vec::new();
    for bytes in BODIES {
        let body = bodies::pod_of(bytes);
        points.extend(point(harness, &[("floor", &floor), ("product", &product)], number(body.len()), &request(Stage::Mutate, &body))?);
    }
    Ok(points)
}

fn by_canon(
    harness: &mut Harness,
    sizes: &[usize],
    requests: &[(&str, &Request)],
    canon: impl Fn(usize) -> String,
) -> Result<Vec<Point>, String> {
    let mut points = Vec::new();
    for size in sizes {
        let path = harness.place.write("canon.yaml", canon(*size).as_bytes())?;
        let product = harness.place.product(&own_program()?, &["--canon", &path.to_string_lossy()])?;
        for (series, request) in requests {
            points.extend(point(harness, &[(*series, &product)], number(*size), request)?);
        }
    }
    Ok(points)
}

fn by_rules(harness: &mut Harness) -> Result<Vec<Point>, String> {
    let mut points = Vec::new();
    for rules in RULES {
        let path = harness.place.write("canon.yaml", canons::with_rules(rules).as_bytes())?;
        let product = harness.place.product(&own_program()?, &["--canon", &path.to_string_lossy()])?;
        let mut spec = canons::many(rules);
        if let Some(rules) = spec["ingress"].as_array_mut() {
            // The same rules in another order.
            rules.reverse();
        }
        let request = request(Stage::Validate, &bodies::policy_review("many", &spec.to_string()));
        points.extend(point(harness, &[("canonical policy", &product)], number(rules), &request)?);
    }
    Ok(points)
}

/// Measures one request over one connection, alternating between the servers.
fn point(harness: &mut Harness, servers: &[(&str, &Server)], x: f64, request: &Request) -> Result<Vec<Point>, String> {
    let plan = harness.plan(3, 400);
    let alone: Vec<&Server> = servers.iter().map(|(_, server)| *server).collect();
    let rounds = harness.rounds(&alone, plan.rounds, |harness, _, server| harness.window(server, request, 1, plan.window))?;
    let points = servers.iter().enumerate().filter_map(|(position, (series, _))| {
        let figures = figures(&rounds, position)?;
        eprintln!("{series} at {x}: {:.1} us of CPU, p50 {:.0} us, p99 {:.0} us", figures.cpu, figures.p50, figures.p99);
        Some(Point { series: (*series).to_owned(), x, cpu: figures.cpu, p50: figures.p50, p99: figures.p99 })
    });
    Ok(points.collect())
}

#[allow(clippy::cast_precision_loss, reason = "a size in a chart")]
fn number(size: usize) -> f64 {
    size as f64
}
