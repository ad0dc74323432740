//! Two replicas and one Lease: one leads, and the other follows.

use std::time::Duration;

use serde_json::Value;

use super::super::harness::figures::note;
use super::super::harness::netpol::Server;
use super::super::harness::plane::plane;
use super::super::harness::wait::{until, within};
use super::fixture::Installed;

/// Shorter than the time until an abandoned Lease expires.
const AT_ONCE: Duration = Duration::from_secs(10);

pub(super) fn leads(server: &Server) -> bool {
    server.metrics().lines().any(|line| line == "netpol_certificates_leader 1")
}

impl Installed {
    fn lease(&self) -> Value {
        let path = format!("/apis/coordination.k8s.io/v1/namespaces/{}/leases/{}", self.system, self.name);
        plane().api.get(&path).expect("a lease")["spec"].clone()
    }
}

#[test]
fn one_of_two_replicas_leads_and_the_other_takes_over() {
    let installed = Installed::new("elected");
    installed.register();
    let (one, other) = (installed.replica(), installed.replica());
    let leaders = || [&one, &other].map(leads).into_iter().filter(|leads| *leads).count();
    until("one of them leads", || (leaders() == 1).then_some(()));
    assert_eq!(installed.lease()["leaseDurationSeconds"], 15);
    let (mut leader, mut follower) = if leads(&one) { (one, other) } else { (other, one) };
    let first = installed.lease()["holderIdentity"].clone();

    // After a kill, the other replica waits until the Lease expires by its own clock.
    leader.process.signal("KILL");
    leader.process.wait();
    installed.forwarder.remove(leader.port);
    let killed = std::time::Instant::now();
    until("the other replica has taken over", || leads(&follower).then_some(()));
    let took = killed.elapsed();
    assert_ne!(installed.lease()["holderIdentity"], first);
    assert!(took > Duration::from_secs(3), "a lease that was not released is not taken at once: {took:?}");
    note("lease taken over from a killed leader", serde_json::json!({"seconds": took.as_secs_f64()}));
    installed.renew("leaf");

    // After SIGTERM, the leader releases the Lease before it has drained.
    let third = installed.replica();
    assert!(!leads(&third));
    follower.process.signal("TERM");
    within(AT_ONCE, || leads(&third).then_some(())).expect("a released lease is taken at once");
    assert!(follower.process.wait().success());
    installed.forwarder.remove(follower.port);
    let log = std::fs::read_to_string(&follower.process.log).expect("a log");
    assert!(log.contains("released the lease"), "{log}");
    installed.renew("ca");
    assert!(third.admin.get("/readyz").ok());
}
