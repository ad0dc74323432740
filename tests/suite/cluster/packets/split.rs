//! The canon with one policy for each direction, which `netpol render canon --split-directions` prints: packets do the same, also with
//! kube-router, which confuses the directions of a policy.

use std::collections::BTreeMap;

use netpol::canon::Canons;

use super::canonical::{Labels, all_ports, inhabit};
use super::place::on_a_network;
use super::plugin::Plugin;
use super::site::Site;
use crate::cluster::harness::guard::create_namespace;
use crate::cluster::harness::netpol::netpol;
use crate::cluster::harness::plane::plane;
use crate::cluster::harness::scene::list;

#[test]
fn packets_and_reach_agree_on_one_policy_for_each_direction() {
    on_a_network(|| {
        // No guard: its canon has other policies. So the pods get the labels of their grants here.
        let namespace = "packets-split";
        create_namespace(namespace);
        let canon = plane().reaper.folder().join("split-canon.yaml").display().to_string();
        let documents = netpol(["render", "canon", "abcdesktop", "--split-directions"]).expect("render canon");
        std::fs::write(&canon, documents).expect("a canon");
        let manifests = netpol(["render", "policies", "--canon", &canon, "--namespace", namespace]).expect("render policies");
        plane().kubectl.run(["apply", "-f", "-"], &manifests).expect("the policies");
        let policies = list(namespace, "networkpolicies");
        let both = |list: &str| policies.iter().filter(|policy| !policy["spec"][list].is_null()).count();
        assert!(both("ingress") + both("egress") <= policies.len(), "a policy has both directions");

        let canons = Canons::load(&[canon], &[namespace.to_owned()]).expect("a canon");
        let granted = |labels: Labels<'_>| {
            let own: BTreeMap<String, String> = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            let granted: Vec<(String, String)> =
                canons.identify(&own).labels().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
            own.into_iter().chain(granted).collect()
        };
        let mut site = Site::with(Plugin::chosen(), &all_ports(&policies));
        inhabit(&mut site, namespace, &policies, &granted);
        site.agrees("one policy for each direction");
    });
}
