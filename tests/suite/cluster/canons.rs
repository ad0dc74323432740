//! Two accepted canons: the policies of a release can replace those of another without a gap.

use serde_json::Value;

use super::harness::act::kubectl;
use super::harness::guard::Guard;
use super::harness::netpol::netpol;

fn policies(canon: &str, namespace: &str) -> Value {
    let printed = netpol(["render", "policies", "--canon", canon, "--namespace", namespace, "--output", "json"]).expect("render policies");
    serde_json::from_str(&printed).expect("it is JSON")
}

/// Returns one policy of a canon, without its namespace, so that it can be applied to either namespace of a scene.
fn policy(canon: &str, name: &str) -> Value {
    let list = policies(canon, "any");
    let mut policy = list["items"].as_array().unwrap().iter().find(|policy| policy["metadata"]["name"] == name).expect("it exists").clone();
    policy["metadata"].as_object_mut().unwrap().remove("namespace");
    policy
}

#[test]
fn a_release_can_be_upgraded_while_both_canons_are_accepted() {
    let guard = Guard::start("upgraded", "abcdesktop-4.4,abcdesktop", &[]);
    guard.register();
    let scene = guard.scene();
    for name in ["ocuser-rights", "ocuser-permits"] {
        scene.admitted_without_warnings(&kubectl("apply -f -").stdin(&policy("abcdesktop", name)));
        let upgraded = scene.admitted(&kubectl("apply -f -").stdin(&policy("abcdesktop-4.4", name)));
        assert!(upgraded.warned().contains("changes from the canon \"abcdesktop\" to the canon \"abcdesktop-4.4\""), "{upgraded:?}");
    }
    let mut open = policy("abcdesktop-4.4", "ocuser-rights");
    open["spec"]["ingress"] = policy("abcdesktop", "ocuser-rights")["spec"]["ingress"].clone();
    scene.denied(
        &kubectl("apply -f -").stdin(&open),
        &["policies.validate.netpol.abcdesktop.io", "ocuser-rights", "netpol render policies"],
    );
}

#[test]
fn with_one_accepted_canon_the_policies_of_the_other_are_denied() {
    let guard = Guard::registered("not-upgraded", &[]);
    let scene = guard.scene();
    let release = policy("abcdesktop-4.4", "ocuser-rights");
    scene.denied(&kubectl("apply -f -").stdin(&release), &["It is the policy of the built-in canon abcdesktop-4.4"]);
}
