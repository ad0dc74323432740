//! While no server responds.

use hyper::Method;
use serde_json::{Value, json};

use crate::cluster::harness::api::{Call, Reply};
use crate::cluster::harness::guard::Guard;
use crate::cluster::harness::load::burst_of;
use crate::cluster::harness::plane::plane;
use crate::cluster::harness::scene::{path, pod};

const DESKTOP: [(&str, &str); 2] = [("type", "x11server"), ("netpol/ocuser", "true")];

/// A desktop that claims a connection of another pod.
const THIEF: [(&str, &str); 3] = [DESKTOP[0], DESKTOP[1], ("netpol/mongodb", "true")];

#[test]
fn without_a_server_many_desktops_are_created_and_no_thief() {
    let guard = Guard::registered("unsent-many", &[]);
    {
        let mut server = guard.server.lock().expect("the server");
        server.process.signal("KILL");
        server.process.wait();
    }
    burst_of(&guard.name, "desktop", 10, 500, &DESKTOP).assert_clean(500);
    let thieves = burst_of(&guard.name, "thief", 10, 50, &THIEF);
    assert_eq!((thieves.latencies.len(), thieves.failures.len()), (0, 50), "{:?}", thieves.failures.first());
}

#[test]
fn without_a_server_a_desktop_with_its_labels_is_created_and_a_thief_is_not() {
    let guard = Guard::registered("unsent-killed", &[]);
    {
        let mut server = guard.server.lock().expect("the server");
        server.process.signal("KILL");
        server.process.wait();
    }
    let create = |name: &str, labels: &[(&str, &str)]| plane().api.post(&path(&guard.name, "pods"), &pod(name, labels));
    let refused = |reply: &Reply| !reply.ok() && reply.message().contains("failed calling webhook");

    let created = create("desktop", &DESKTOP);
    assert!(created.ok() && created.warnings.is_empty(), "{}", created.message());
    let mut thief = DESKTOP.to_vec();
    thief.push(("netpol/mongodb", "true"));
    assert!(refused(&create("thief", &thief)));
    assert!(refused(&create("wrong-value", &[("type", "x11server"), ("netpol/ocuser", "yes")])));
    assert!(refused(&create("unlabeled", &[("type", "x11server")])), "it lacks its label");
    assert!(refused(&create("two", &[DESKTOP[0], DESKTOP[1], ("run", "nginx-od")])), "it has two identities");
    assert!(refused(&create("unknown", &[("app", "any")])), "no grant selects it");
    for (pointer, value) in [
        ("/spec/hostNetwork", json!(true)),
        ("/metadata/annotations", json!({"k8s.v1.cni.cncf.io/networks": "other"})),
        ("/metadata/annotations", json!({"kubernetes.io/config.mirror": "x"})),
    ] {
        let mut other: Value = pod("other", &DESKTOP);
        // A mirror pod is valid only on a node.
        other["spec"]["nodeName"] = json!("n1");
        let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
        other.pointer_mut(parent).expect("a map")[key] = value;
        let reply = plane().api.post(&path(&guard.name, "pods"), &other);
        assert!(refused(&reply), "{pointer}: {}", reply.message());
    }
    // Updates are sent as before.
    let label = json!({"metadata": {"labels": {"netpol/mongodb": "true"}}});
    let update = Call::patch(format!("{}/desktop", path(&guard.name, "pods")), "application/merge-patch+json", &label);
    assert!(refused(&plane().api.call(&update)));
    let delete = Call::new(Method::DELETE, format!("{}/desktop", path(&guard.name, "pods")));
    plane().api.call(&delete).expect("a deletion is not sent");
}
