//! While no server responds: what a claim could deny is denied, and nothing else waits.

use serde_json::json;

use super::{GOOD, by_deployer, canon, pyos, workloads};
use crate::cluster::harness::act::{Act, kubectl};
use crate::cluster::harness::guard::Guard;

#[test]
fn what_a_claim_could_deny_is_denied_during_an_outage() {
    let guard = Guard::start("claims-outage", &canon("claims-outage"), &["--claims", "deny"]);
    guard.register();
    let run = |act: &Act| act.run(&guard.name, false);
    let deployment = workloads(GOOD).remove(0);
    for object in [&deployment, &pyos("pyos", GOOD)] {
        let created = run(&by_deployer(kubectl("create -f -").stdin(object)));
        assert!(created.ok, "{}", created.text);
    }
    {
        let mut server = guard.server.lock().expect("the server");
        server.process.signal("KILL");
        server.process.wait();
    }
    let mut other = deployment.clone();
    other["metadata"]["name"] = json!("other");
    for act in [
        kubectl("create -f -").stdin(&other),
        kubectl("create -f -").stdin(&pyos("thief", GOOD)),
        kubectl("set image deployment/deployment c=registry.example/other"),
        kubectl("set image pod/pyos c=registry.example/other"),
        kubectl("debug pyos --image=registry.example/debug --attach=false"),
    ] {
        let result = run(&act);
        assert!(!result.ok && result.text.contains("failed calling webhook"), "{act}: {}", result.text);
    }
    for act in [
        // Plainly right: created by somebody who is listed, with its labels.
        by_deployer(kubectl("create -f -").stdin(&pyos("listed", GOOD))),
        kubectl("scale deployment/deployment --replicas=3"),
        kubectl("annotate pod pyos note=x"),
        kubectl("delete deployment deployment --wait=false"),
        kubectl("delete pod pyos --wait=false"),
    ] {
        let result = run(&act);
        assert!(result.ok, "{act}: {}", result.text);
    }
}
