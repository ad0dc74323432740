//! How many reviews the claims add in a churn of desktops.

use serde_json::{Value, json};

use crate::cluster::harness::api::Call;
use crate::cluster::harness::figures::note;
use crate::cluster::harness::guard::Guard;
use crate::cluster::harness::plane::plane;
use crate::cluster::harness::scene::{path, pod};

/// The number of desktops. One in ten lacks its label, so that it is sent to `/mutate`; with its label it is plainly right.
const DESKTOPS: usize = 1000;

/// Returns the number of reviews that a server has answered.
fn reviews(guard: &Guard) -> u64 {
    let metrics = guard.server.lock().expect("the server").metrics();
    let lines = metrics.lines().filter(|line| line.starts_with("netpol_decisions_total{"));
    lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok()).sum()
}

#[test]
fn a_churn_of_desktops_is_sent_as_without_claims() {
    let guard = Guard::registered("claims-churn", &[]);
    let before = reviews(&guard);
    let pyos = format!("system:serviceaccount:{}:pyos-serviceaccount", guard.name);
    let pods = path(&guard.name, "pods");
    let mut expected = 0;
    for number in 0..DESKTOPS {
        let name = format!("desk-{number}");
        let labels: &[(&str, &str)] =
            if number % 10 == 0 { &[("type", "x11server")] } else { &[("type", "x11server"), ("netpol/ocuser", "true")] };
        expected += u64::from(number % 10 == 0);
        let create = Call { body: pod(&name, labels).to_string().into(), ..Call::new(hyper::Method::POST, &pods) };
        let reply = plane().api.call(&create.by(&pyos, &["system:masters"]));
        assert!(reply.ok() && reply.warnings.is_empty(), "{} {:?}", reply.message(), reply.warnings);
        let status: Value = json!({"status": {"phase": "Running", "podIP": "10.0.0.1"}});
        let patch = Call::patch(format!("{pods}/{name}/status"), "application/merge-patch+json", &status);
        plane().api.call(&patch.by("system:node:n1", &["system:masters"])).expect("a status");
        let delete = Call::new(hyper::Method::DELETE, format!("{pods}/{name}"));
        plane().api.call(&delete).expect("a deletion");
    }
    let sent = reviews(&guard) - before;
    note("claims", json!({"desktops": DESKTOPS, "without_claims": expected, "sent": sent}));
    assert!(sent <= expected + expected / 20, "{sent} reviews instead of {expected}");
    assert!(sent >= expected, "{sent} reviews instead of {expected}: a desktop was not sent");
}
