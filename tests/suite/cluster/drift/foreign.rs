//! Canonical policies of other APIs are restored.

use serde_json::{Value, json};

use super::super::foreign::{canon, crew, gate, intranet, lan};
use super::super::harness::crds::{calico, cilium, multi};
use super::super::harness::guard::create_namespace;
use super::super::harness::plane::plane;
use super::super::harness::wait::until;
use super::process::Controller;

#[test]
fn canonical_policies_of_another_api_are_restored() {
    cilium();
    let name = "drift-foreign";
    create_namespace(name);
    let named = |name: &str| {
        let mut policy = crew();
        policy["metadata"]["name"] = json!(name);
        policy
    };
    let path = canon(name, &[named("crew"), named("admins")]);
    let mut drifted = named("crew");
    drifted["spec"]["egress"] = json!([{"toEntities": ["all"]}]);
    drifted["specs"] = json!([{"endpointSelector": {}, "egress": [{}]}]);
    drifted["metadata"]["finalizers"] = json!(["example.org/hold"]);
    plane().kubectl.run(["-n", name, "create", "-f", "-"], &drifted.to_string()).expect("a drifted policy");
    let live =
        |policy: &str| -> Value { plane().api.get(&format!("/apis/cilium.io/v2/namespaces/{name}/ciliumnetworkpolicies/{policy}")).body };
    let flags = ["--canon", &path, "--neighbors", "allow", "--probe-interval", "0s"];
    {
        // In report mode, nothing is written.
        let controller = Controller::start(name, &flags);
        let line = "CiliumNetworkPolicy \\\"crew\\\" is not what the canon says: spec.egress[0].toEntities is not in the canon";
        until("it is told", || controller.log().contains(line).then_some(()));
        assert_eq!(live("crew")["spec"]["egress"], drifted["spec"]["egress"]);
    }
    let controller = Controller::start(name, &[&flags[..], &["--mode", "repair"]].concat());
    until("both are as the canon says", || {
        let (one, other) = (live("crew"), live("admins"));
        let is_right = one["spec"] == other["spec"] && one["spec"]["egress"][1]["icmps"][0]["fields"][0]["family"] == "IPv4";
        (is_right && one["specs"].is_null() && one["metadata"]["finalizers"].is_null()).then_some(())
    });
    // The lists are read again after a repair, so that it is not tried again.
    until("nothing is found", || (controller.metric("netpol_findings{section=\"foreign-policies\"}") == Some(0.0)).then_some(()));
    let done = controller.metric("netpol_repairs_total{kind=\"ForeignPolicy\",outcome=\"done\"}");
    assert_eq!(done, Some(2.0), "{}", controller.metrics());
}

/// A policy, a list of addresses that is selected by its labels, and an annotation that is content.
#[test]
fn canonical_policies_of_calico_and_of_a_second_network_are_restored() {
    calico();
    multi();
    let name = "drift-calico";
    create_namespace(name);
    let path = canon(name, &[gate(), intranet(), lan()]);
    let mut drifted = [gate(), intranet(), lan()];
    drifted[0]["spec"] = json!({"egress": [{"action": "Allow"}], "ingress": [{"action": "Allow"}]});
    drifted[1]["metadata"]["labels"] = json!({"role": "other"});
    drifted[2]["metadata"]["annotations"] = json!({"k8s.v1.cni.cncf.io/policy-for": "none"});
    for manifest in &drifted {
        plane().kubectl.run(["-n", name, "create", "-f", "-"], &manifest.to_string()).expect("a drifted policy");
    }
    let flags = ["--canon", &path, "--neighbors", "allow", "--probe-interval", "0s", "--mode", "repair"];
    let controller = Controller::start(name, &flags);
    let done = || controller.metric("netpol_repairs_total{kind=\"ForeignPolicy\",outcome=\"done\"}");
    until("all are repaired", || (done() == Some(3.0)).then_some(()));
    until("nothing is found", || (controller.metric("netpol_findings{section=\"foreign-policies\"}") == Some(0.0)).then_some(()));
    let live = |group: &str, object: &str| plane().api.get(&format!("/apis/{group}/namespaces/{name}/{object}")).body;
    let (gate_now, set) =
        (live("crd.projectcalico.org/v1", "networkpolicies/gate"), live("crd.projectcalico.org/v1", "networksets/intranet"));
    assert_eq!((&gate_now["spec"], &set["metadata"]["labels"]), (&gate()["spec"], &intranet()["metadata"]["labels"]));
    let lan_now = live("k8s.cni.cncf.io/v1beta1", "multi-networkpolicies/lan");
    assert_eq!(lan_now["metadata"]["annotations"], lan()["metadata"]["annotations"]);
    assert_eq!(done(), Some(3.0), "{}", controller.metrics());
}
