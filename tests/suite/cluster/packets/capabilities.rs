//! Each capability label alone: where nobody guards, a pod that has it opens its connections. With a guard, no such pod exists.

use hyper::Method;
use serde_json::Value;

use super::canonical::{capability, ports_of};
use super::host::Port;
use super::place::on_a_network;
use super::site::Site;
use crate::cluster::harness::act::call;
use crate::cluster::harness::api::Call;
use crate::cluster::harness::guard::scene;
use crate::cluster::harness::scene::{list, pod};

/// The servers of the canon.
const SERVERS: [(&str, &str, &str); 9] = [
    ("router", "run", "router-od"),
    ("pyos", "run", "pyos-od"),
    ("mongodb", "run", "mongodb-od"),
    ("openldap", "run", "openldap-od"),
    ("memcached", "run", "memcached-od"),
    ("nginx", "run", "nginx-od"),
    ("speedtest", "run", "speedtest-od"),
    ("console", "run", "console-od"),
    ("desktop", "type", "x11server"),
];

/// A label that opens nothing: a policy allows its connections to desktops, and no policy lets a desktop accept them.
const OPENS_NOTHING: &str = "netpol/ocapplication";

#[test]
fn a_forged_label_opens_connections_only_where_nobody_guards() {
    on_a_network(|| {
        let scene = scene();
        scene.given_policies("abcdesktop", &[]);
        let policies = list(&scene.guarded, "networkpolicies");
        let labels: Vec<String> = policies.iter().filter_map(capability).collect();
        assert!(labels.len() >= 15, "{labels:?}");
        // One server of each port is enough, and a port that no policy names.
        let mut ports: Vec<Port> = ports_of(&policies).into_iter().collect();
        ports.push(super::host::tcp(22));
        let mut guarded = Site::new(&ports);
        let mut open = Site::new(&ports);
        for (site, namespace) in [(&mut guarded, &scene.guarded), (&mut open, &scene.open)] {
            for (name, key, value) in SERVERS {
                site.create(namespace, &pod(name, &[(key, value)]));
            }
            let system = super::canonical::neighbor(site, "kube-system");
            let monitor = super::canonical::neighbor(site, "kube-monitor");
            site.create("kube-system", &pod(&format!("dns-{}", site.name), &[("k8s-app", "kube-dns")]));
            site.create(&system, &pod("dns", &[("k8s-app", "kube-dns")]));
            site.create(&monitor, &pod("graylog", &[("k8s-app", "graylog")]));
            site.outside(&["203.0.113.10", "10.96.0.1"]);
        }
        let names: Vec<String> = labels.iter().map(|label| label.replace("netpol/", "forger-")).collect();
        for (label, name) in labels.iter().zip(&names) {
            let manifest = pod(name, &[("app", "forger"), (label, "true")]);
            scene.denied(&call(Call::new(Method::POST, "/api/v1/namespaces/{ns}/pods").json(&manifest)), &[label]);
            open.run(&scene.open, name);
            // Without the label, it may exist.
            guarded.create(&scene.guarded, &pod(name, &[("app", "forger")]));
        }
        guarded.settle();
        open.settle();
        for (site, is_guarded) in [(&guarded, true), (&open, false)] {
            // Only what forgers open, because the other pods are those of the canonical matrix.
            let of_forgers = |prediction: &super::prediction::Prediction| {
                let is_forger = |end: usize| prediction.ends[end].name.contains("/forger-");
                prediction.pairs().into_iter().filter(|(from, to)| is_forger(*from) && !is_forger(*to)).collect()
            };
            let (prediction, measured) = site.agree_between(&of_forgers, if is_guarded { "capabilities" } else { "forged labels" });
            for (label, name) in labels.iter().zip(&names) {
                let opens = measured.iter().any(|((from, ..), open)| *open && prediction.ends[*from].name.ends_with(&format!("/{name}")));
                assert_eq!(opens, !is_guarded && label != OPENS_NOTHING, "{name} opens a connection, guarded: {is_guarded}");
            }
        }
        assert!(guarded.hosts.len() == open.hosts.len() && list(&scene.guarded, "pods").iter().all(|pod| !has_forged(pod)));
    });
}

/// Returns whether a pod of this test has a capability label that it chose.
fn has_forged(pod: &Value) -> bool {
    let labels = pod["metadata"]["labels"].as_object().into_iter().flatten();
    pod["metadata"]["labels"]["app"] == "forger" && labels.into_iter().any(|(key, _)| key.starts_with("netpol/"))
}
