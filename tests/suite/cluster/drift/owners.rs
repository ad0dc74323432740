//! A cluster with the admission plugin `OwnerReferencesPermissionEnforcement`: only who may delete an object may change its owners.

use serde_json::{Value, json};

use super::super::harness::guard::{Guard, apply};
use super::super::harness::netpol::netpol;
use super::super::harness::plane::plane;
use super::super::harness::relay::Relay;
use super::super::harness::scene::{create, get};
use super::super::harness::wait::until;
use super::process::{Controller, event};
use super::repairs::drift;

const PLUGIN: &str = "--enable-admission-plugins=OwnerReferencesPermissionEnforcement";

/// Gives a user the rights of an installed controller that repairs.
fn grant(user: &str) {
    let installed = netpol(["render", "install", "--controller-mode", "repair", "--output", "json"]).expect("an installation");
    let installed: Value = serde_json::from_str(&installed).expect("JSON");
    let objects = installed["items"].as_array().expect("a list").iter();
    let own = objects.filter(|object| object["metadata"]["name"].as_str().is_some_and(|name| name.ends_with("-controller")));
    let mut rules: Vec<Value> = own.filter_map(|object| object["rules"].as_array()).flatten().cloned().collect();
    // The Lease has another name here.
    rules.push(json!({"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get", "create", "update"]}));
    let api = "rbac.authorization.k8s.io/v1";
    apply(&json!({"apiVersion": api, "kind": "ClusterRole", "metadata": {"name": user}, "rules": rules}));
    apply(&json!({
        "apiVersion": api, "kind": "ClusterRoleBinding", "metadata": {"name": user},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": user},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
    }));
}

#[test]
fn an_owner_that_only_a_further_right_could_remove_is_told_and_stays() {
    let name = "drift-owners";
    let guard = Guard::start(name, "abcdesktop", &[]);
    guard.scene().given_policies("abcdesktop", &[]);
    grant(name);
    let owner = create(name, &json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "owner"}}));
    let owner = json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}]);
    drift(name, "memcached-permits", &json!([{"op": "add", "path": "/metadata/ownerReferences", "value": owner}]));

    let server = plane().another("drift-owners-server", &[PLUGIN.to_owned()]);
    let relay = Relay::start(&server.api);
    let controller =
        Controller::with(&relay.kubeconfig(Some(name)), "abcdesktop", name, name, &["--mode", "repair", "--probe-interval", "0s"]);
    event(name, "memcached-permits", "RepairFailed");
    let failed = || controller.metric("netpol_repairs_total{kind=\"NetworkPolicy\",outcome=\"failed\"}");
    until("the failure is counted", || (failed() > Some(0.0)).then_some(()));
    let sentence = "only a user who may delete an object may change its owner references";
    assert!(controller.log().contains(sentence), "{}", controller.log());
    // What needs no further right is repaired.
    drift(name, "mongodb-permits", &json!([{"op": "replace", "path": "/spec/egress", "value": [{}]}]));
    until("the other policy is repaired", || {
        (get(name, "networkpolicies", "mongodb-permits")["spec"]["egress"] != json!([{}])).then_some(())
    });
    assert_eq!(get(name, "networkpolicies", "memcached-permits")["metadata"]["ownerReferences"][0]["name"], "owner");
    drop((guard, server));
}
