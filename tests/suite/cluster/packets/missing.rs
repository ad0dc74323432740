//! Controls of the comparison: a policy that is missing in the cluster changes exactly its connections.

use hyper::Method;

use super::canonical::IDENTITIES;
use super::host::{Port, tcp, udp};
use super::matrix::{Matrix, first};
use super::place::on_a_network;
use super::prediction::Prediction;
use super::site::Site;
use crate::cluster::harness::api::Call;
use crate::cluster::harness::guard::create_namespace;
use crate::cluster::harness::netpol::netpol;
use crate::cluster::harness::plane::plane;
use crate::cluster::harness::scene::{path, pod};

/// Policies that each allow a connection that no other one allows, or refuse one.
const POLICIES: [&str; 5] = ["memcached-permits", "router-rights", "ocuser-rights", "smtp-permits", "abcdesktop-rights"];

/// Ports of these policies, and one that no policy names.
const PORTS: [Port; 9] = [tcp(22), tcp(25), tcp(80), tcp(443), tcp(587), tcp(6081), tcp(8000), tcp(11211), udp(88)];

#[test]
fn a_missing_policy_changes_exactly_its_connections() {
    on_a_network(|| {
        // No guard: the pods get the labels of their grants here, and the policies are deleted.
        let namespace = "packets-missing";
        create_namespace(namespace);
        let manifests = netpol(["render", "policies", "--canon", "abcdesktop", "--namespace", namespace]).expect("render policies");
        plane().kubectl.run(["apply", "-f", "-"], &manifests).expect("the policies");
        let mut site = Site::new(&PORTS);
        for (name, labels) in IDENTITIES {
            let granted: &[&str] = match name {
                "router" => &["netpol/nginx", "netpol/ocuser", "netpol/pyos"],
                "pyos-a" => &["netpol/memcached", "netpol/mongodb", "netpol/nginx"],
                "desktop-a" => &["netpol/ocuser"],
                "stray" => &["netpol/smtp"],
                _ => &[],
            };
            let labels: Vec<(&str, &str)> = labels.iter().copied().chain(granted.iter().map(|label| (*label, "true"))).collect();
            site.create(namespace, &pod(name, &labels));
        }
        site.outside(&["203.0.113.10"]);
        for name in POLICIES {
            let place = format!("{}/{name}", path(namespace, "networkpolicies"));
            let mut policy = plane().api.get(&place).expect("a policy");
            let whole = Prediction::of(&site);
            let with = whole.matrix(&whole.pairs(), &site.ports);
            let without = Prediction::of(&site).without(name).matrix(&whole.pairs(), &site.ports);
            let its: Matrix = with.iter().filter(|(probe, open)| without[*probe] != **open).map(|(probe, open)| (*probe, *open)).collect();
            assert!(!its.is_empty(), "{name} changes no connection");
            plane().api.call(&Call::new(Method::DELETE, &place)).expect("the policy is deleted");
            site.settle();
            let (_, measured) = site.agrees(name);
            // Against what the whole canon says, the connections of this policy differ, and no other.
            let differing: Vec<String> =
                with.iter().filter(|(probe, open)| measured[*probe] != **open).map(|(probe, _)| whole.text(probe)).collect();
            let expected: Vec<String> = its.keys().map(|probe| whole.text(probe)).collect();
            assert!(differing == expected, "without {name}, these connections differ:\n{}", first(&differing));
            policy["metadata"].as_object_mut().expect("metadata").remove("resourceVersion");
            plane().api.post(&path(namespace, "networkpolicies"), &policy).expect("the policy is back");
        }
    });
}
