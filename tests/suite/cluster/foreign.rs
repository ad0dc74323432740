//! Canonical policies of other APIs: a `CiliumNetworkPolicy` for the pods of a directory group, a `MultiNetworkPolicy` for a second network,
//! and a `NetworkPolicy` of Calico with a set of addresses.

use std::fs;
use std::process::Command;
use std::sync::PoisonError;

use hyper::Method;
use serde_json::{Value, json};

use super::harness::act::{Act, call, kubectl};
use super::harness::api::Call;
use super::harness::crds::{calico, cilium, multi};
use super::harness::guard::{Guard, create_namespace, shared};
use super::harness::netpol::{NETPOL, netpol};
use super::harness::plane::plane;
use super::harness::wait::until;

const WEBHOOK: &str = "canonical-foreign-policies.validate.netpol.abcdesktop.io";
const CNP: &str = "ciliumnetworkpolicies.cilium.io";

/// Returns the policy as its author writes it: without the family of the ICMP type, which the API server adds.
pub(super) fn crew() -> Value {
    json!({
        "apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy", "metadata": {"name": "crew"},
        "spec": {
            "endpointSelector": {"matchLabels": {"shipcrew": "true"}},
            "egress": [
                {"toFQDNs": [{"matchName": "intranet.example.org"}], "toPorts": [{"ports": [{"port": "443", "protocol": "TCP"}]}]},
                {"toEntities": ["cluster"], "icmps": [{"fields": [{"type": 8}]}]},
            ],
        },
    })
}

pub(super) fn lan() -> Value {
    json!({
        "apiVersion": "k8s.cni.cncf.io/v1beta1", "kind": "MultiNetworkPolicy",
        "metadata": {"name": "lan", "annotations": {"k8s.v1.cni.cncf.io/policy-for": "lan"}},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": []},
    })
}

/// Returns a policy of Calico, whose kind and plural are those of Kubernetes.
pub(super) fn gate() -> Value {
    json!({
        "apiVersion": "crd.projectcalico.org/v1", "kind": "NetworkPolicy", "metadata": {"name": "gate"},
        "spec": {
            "selector": "shipcrew == 'true'", "order": 100, "types": ["Egress"],
            "egress": [{"action": "Allow", "protocol": "TCP", "destination": {"selector": "role == 'intranet'", "ports": [443, "8000:8080"]}}],
        },
    })
}

/// Returns the addresses of the intranet. Policies select them by their labels.
pub(super) fn intranet() -> Value {
    json!({
        "apiVersion": "crd.projectcalico.org/v1", "kind": "NetworkSet", "metadata": {"name": "intranet", "labels": {"role": "intranet"}},
        "spec": {"nets": ["10.20.0.0/16"]},
    })
}

/// Returns what the API server would store, by the command of the documents.
fn as_stored(manifest: &Value) -> String {
    let documents = include_str!("../../../docs/canon.md");
    let command = documents.lines().find(|line| line.contains("--dry-run=server")).expect("a command");
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("crew.yaml"), manifest.to_string()).expect("a file");
    fs::create_dir(folder.path().join("canon")).expect("a folder");
    plane().kubectl.script(folder.path(), command, &[]).expect(command);
    fs::read_to_string(folder.path().join("canon/crew.yaml")).expect("what is stored")
}

/// Writes a canon of the built-in one and policies of other APIs as the API server stores them, and returns its path.
pub(super) fn canon(name: &str, policies: &[Value]) -> String {
    let mut text = netpol(["render", "canon", "abcdesktop"]).expect("a canon");
    for policy in policies {
        text.push_str("\n---\n");
        text.push_str(&as_stored(policy));
    }
    let path = plane().reaper.folder().join(format!("{name}-canon.yaml"));
    fs::write(&path, text).expect("a file");
    path.display().to_string()
}

/// Returns a policy with one value changed or added.
fn with(mut policy: Value, pointer: &str, value: Value) -> Value {
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
    policy.pointer_mut(parent).expect("a parent")[key] = value;
    policy
}

fn merge(words: &str, patch: &Value) -> Act {
    kubectl(&format!("patch {words} --type=merge -p")).word(patch.to_string())
}

/// Definitions with any content would accept each of these policies.
#[test]
fn the_api_server_knows_what_a_policy_of_cilium_can_say() {
    cilium();
    multi();
    let name = "foreign-schema";
    create_namespace(name);
    let documents = include_str!("../../../docs/canon.md");
    let section = documents.split_once("\n## Policies of other APIs\n").and_then(|(_, text)| text.split_once("```yaml\n"));
    let example = section.and_then(|(_, text)| text.split_once("```")).expect("an example").0;
    plane().kubectl.run(["-n", name, "create", "-f", "-"], example).expect("the example of the documents");

    let create = |policy: &Value| plane().api.post(&format!("/apis/cilium.io/v2/namespaces/{name}/ciliumnetworkpolicies"), policy);
    for (pointer, value, words) in [
        ("/spec/egress/1/toEntities", json!(["everyone"]), "Unsupported value: \"everyone\""),
        ("/spec/egress/1/icmps/0/fields/0/family", json!("IPv5"), "Unsupported value: \"IPv5\""),
        ("/spec/egress/0/toPorts/0/ports/0/protocol", json!("HTTP"), "Unsupported value: \"HTTP\""),
        ("/spec/endpointSelector", json!("shipcrew"), "spec.endpointSelector in body must be of type object"),
        ("/spec", Value::Null, "spec or specs must be provided"),
    ] {
        let reply = create(&with(crew(), pointer, value));
        assert!(reply.status == 422 && reply.message().contains(words), "{pointer}: {} {}", reply.status, reply.message());
    }
    let reply = create(&with(crew(), "/spec/ports", json!([443])));
    assert!(reply.ok() && reply.body["spec"]["ports"].is_null(), "{reply:?}");
    assert!(reply.warnings.iter().any(|warning| warning == "unknown field \"spec.ports\""), "{:?}", reply.warnings);
}

/// The definition is our own, so the test says that it is not one of any content.
#[test]
fn the_api_server_knows_the_fields_of_a_policy_for_a_second_network() {
    multi();
    let name = "foreign-multi-schema";
    create_namespace(name);
    let create =
        |policy: &Value| plane().api.post(&format!("/apis/k8s.cni.cncf.io/v1beta1/namespaces/{name}/multi-networkpolicies"), policy);
    let rule = json!([{"from": [{"ipBlock": {"cidr": "10.20.0.0/16"}}], "ports": [{"protocol": "TCP", "port": "https"}, {"port": 22}]}]);
    let reply = create(&with(with(lan(), "/spec/ingress", rule.clone()), "/spec/selector", json!({"app": "x"})));
    assert!(reply.ok() && reply.body["spec"]["ingress"] == rule && reply.body["spec"]["selector"].is_null(), "{reply:?}");
    for (pointer, value) in [("/spec/policyTypes", json!("Ingress")), ("/spec/ingress", json!([{"from": [{"ipBlock": {}}]}]))] {
        let reply = create(&with(lan(), pointer, value));
        assert_eq!(reply.status, 422, "{pointer}: {}", reply.message());
    }
}

#[test]
fn the_registration_names_kinds_of_cilium_with_their_scopes() {
    cilium();
    let registration = shared().registration();
    let webhooks = registration.iter().flat_map(|manifest| manifest["webhooks"].as_array().expect("webhooks"));
    let rules = webhooks.flat_map(|webhook| webhook["rules"].as_array().expect("rules"));
    let mut registered = 0;
    for rule in rules.filter(|rule| rule["apiGroups"] == json!(["cilium.io"])) {
        for resource in rule["resources"].as_array().expect("resources") {
            let name = format!("{}.cilium.io", resource.as_str().expect("a name"));
            let definition = plane().api.get(&format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}")).expect(&name);
            assert!(rule["scope"] == "*" || rule["scope"] == definition["spec"]["scope"], "{rule}");
            registered += 1;
        }
    }
    assert!(registered > 0);
}

#[test]
fn a_canonical_policy_of_cilium_cannot_be_changed_or_deleted() {
    cilium();
    let path = canon("foreign-cilium", &[crew()]);
    // What the flag allows is compared all the same.
    let guard = Guard::start("foreign-cilium", &path, &["--foreign-policies", "allow", "--break-glass-group", "operators"]);
    guard.register();
    let scene = guard.scene();
    let first = with(crew(), "/spec/egress", json!([{"toEntities": ["all"]}]));
    scene.denied(&kubectl("create -f -").stdin(&first), &[WEBHOOK, "spec.egress[0].toEntities is not in the canon"]);
    plane().kubectl.run(["-n", &scene.open, "delete", CNP, "crew"], "").expect("the control is deleted");

    scene.admitted_without_warnings(&kubectl("apply -f -").stdin(&crew()));
    scene.admitted_without_warnings(&kubectl(&format!("label {CNP} crew note=x")));
    scene.admitted_without_warnings(&kubectl("apply -f -").stdin(&crew()));
    let drift = |words: &str, patch: &Value, path: &str| {
        scene.denied(&merge(&format!("{CNP} crew {words}"), patch), &[WEBHOOK, "CiliumNetworkPolicy \"crew\" drifts", path]);
    };
    drift("", &json!({"spec": {"egress": [{"toEntities": ["all"]}]}}), "spec.egress[0].toEntities");
    drift("", &json!({"specs": [{"endpointSelector": {}, "egress": [{}]}]}), "specs is not in the canon");
    drift(
        "",
        &json!({"spec": {"endpointSelector": {"matchLabels": {"shipcrew": "no"}}}}),
        "spec.endpointSelector.matchLabels.shipcrew is not \"true\"",
    );
    let family = with(crew(), "/spec/egress/1/icmps", json!([{"fields": [{"type": 8, "family": "IPv6"}]}]));
    scene.denied(&kubectl("replace -f -").stdin(&family), &[WEBHOOK, "spec.egress[1].icmps[0].fields[0].family is not \"IPv4\""]);
    scene.denied(&kubectl("apply --server-side --force-conflicts -f -").stdin(&first), &[WEBHOOK, "spec.egress[0]"]);

    let bait = |namespace: &str| {
        let made = plane().api.post(&format!("/api/v1/namespaces/{namespace}/configmaps"), &json!({"metadata": {"name": "bait"}}));
        made.expect("an owner")["metadata"]["uid"].clone()
    };
    let owners = |namespace: &str| json!({"metadata": {"ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "bait", "uid": bait(namespace)}]}});
    let owned = merge(&format!("{CNP} crew"), &owners(&scene.guarded)).run(&scene.guarded, false);
    assert!(!owned.ok && owned.text.contains("gets owner ConfigMap"), "{owned:?}");
    let held = json!({"metadata": {"finalizers": ["example.org/hold"]}});
    let result = merge(&format!("{CNP} crew"), &held).run(&scene.guarded, false);
    assert!(!result.ok && result.text.contains("gets finalizer example.org/hold"), "{result:?}");

    // The rest is as the flag says.
    scene.admitted_without_warnings(&kubectl("create -f -").stdin(&with(crew(), "/metadata/name", json!("other"))));
    scene.denied(&kubectl(&format!("delete {CNP} crew")), &[WEBHOOK, "is canonical and can be deleted only with its namespace"]);
    plane().kubectl.run(["-n", &scene.open, "create", "-f", "-"], &crew().to_string()).expect("the control is created again");
    scene.denied(&kubectl(&format!("delete {CNP} --all")).without_dry_run(), &[WEBHOOK, "is canonical"]);

    let reason = json!({"metadata": {"annotations": {"netpol.abcdesktop.io/break-glass": "incident"}}, "spec": {"egress": [{}]}});
    let used = merge(&format!("{CNP} crew"), &reason).by("alice", &["operators"]).run(&scene.guarded, false);
    assert!(used.ok && used.warned().contains("used the break-glass annotation on CiliumNetworkPolicy \"crew\""), "{used:?}");
    // A namespace is deleted with its policies.
    plane().kubectl.run(["delete", "namespace", &scene.guarded, "--wait=false"], "").expect("a deletion");
    until("the namespace is gone", || (!plane().api.get(&format!("/api/v1/namespaces/{}", scene.guarded)).ok()).then_some(()));
}

#[test]
fn a_request_in_another_version_is_converted_and_judged() {
    multi();
    let path = canon("foreign-multi", &[lan()]);
    let guard = Guard::start("foreign-multi", &path, &["--foreign-policies", "allow"]);
    guard.register();
    let scene = guard.scene();
    let beta2 = |policy: Value| with(policy, "/apiVersion", json!("k8s.cni.cncf.io/v1beta2"));
    scene.denied(
        &kubectl("create -f -").stdin(&beta2(with(lan(), "/spec/ingress", json!([{}])))),
        &[WEBHOOK, "spec.ingress[0] is not in the canon"],
    );
    plane().kubectl.run(["-n", &scene.open, "delete", "multi-networkpolicies", "lan"], "").expect("the control is deleted");
    scene.admitted_without_warnings(&kubectl("create -f -").stdin(&beta2(lan())));
    for version in ["v1beta1", "v1beta2"] {
        let path = format!("/apis/k8s.cni.cncf.io/{version}/namespaces/{{ns}}/multi-networkpolicies/lan");
        let patch = |patch: &Value| call(Call::patch(path.clone(), "application/merge-patch+json", patch));
        scene.denied(&patch(&json!({"spec": {"ingress": [{}]}})), &[WEBHOOK, "spec.ingress[0] is not in the canon"]);
        let policy_for = json!({"metadata": {"annotations": {"k8s.v1.cni.cncf.io/policy-for": "none"}}});
        scene.denied(&patch(&policy_for), &[WEBHOOK, "policy-for\"] is not \"lan\""]);
        let result = call(Call::new(Method::DELETE, path.clone())).run(&scene.guarded, false);
        assert!(!result.ok && result.text.contains("is canonical and can be deleted only with its namespace"), "{version}: {result:?}");
    }
}

#[test]
fn canonical_policies_of_calico_cannot_be_changed_or_deleted() {
    calico();
    let path = canon("foreign-calico", &[gate(), intranet()]);
    let guard = Guard::start("foreign-calico", &path, &["--foreign-policies", "allow"]);
    guard.register();
    let scene = guard.scene();
    let (np, set) = ("networkpolicies.crd.projectcalico.org", "networksets.crd.projectcalico.org");
    for manifest in [gate(), intranet()] {
        scene.admitted_without_warnings(&kubectl("create -f -").stdin(&manifest));
    }
    let drift = |words: &str, patch: &Value, path: &str| scene.denied(&merge(words, patch), &[WEBHOOK, "drifts", path]);
    drift(&format!("{np} gate"), &json!({"spec": {"order": 1}}), "spec.order is not 100");
    drift(&format!("{np} gate"), &json!({"spec": {"egress": [{"action": "Allow"}]}}), "spec.egress[0].destination is missing");
    drift(&format!("{set} intranet"), &json!({"spec": {"nets": ["0.0.0.0/0"]}}), "spec.nets[0] is not");
    drift(&format!("{set} intranet"), &json!({"metadata": {"labels": {"role": "other"}}}), "metadata.labels.role is not");
    // The name of a NetworkPolicy of Kubernetes is another one's: it is extra, and selects pods that the canon's policies select.
    let like = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "gate"},
        "spec": {"podSelector": {"matchLabels": {"run": "mongodb-od"}}, "ingress": [{}]},
    });
    scene.denied(&kubectl("create -f -").stdin(&like), &["policies.validate.netpol.abcdesktop.io", "\"gate\" is wider than the canon"]);
    for (resource, name) in [(np, "gate"), (set, "intranet")] {
        scene.denied(&kubectl(&format!("delete {resource} {name}")), &[WEBHOOK, "is canonical and can be deleted only with its namespace"]);
    }
}

/// Only requests about canonical policies depend on the servers, and the end of a deletion does not.
#[test]
fn what_is_canonical_is_denied_during_an_outage() {
    cilium();
    let kept = with(crew(), "/metadata/finalizers", json!(["example.org/kept"]));
    let path = canon("foreign-outage", std::slice::from_ref(&kept));
    let guard = Guard::start("foreign-outage", &path, &[]);
    guard.register();
    let name = guard.name.clone();
    plane().kubectl.run(["-n", &name, "create", "-f", "-"], &kept.to_string()).expect("the canonical policy");
    {
        let mut server = guard.server.lock().unwrap_or_else(PoisonError::into_inner);
        server.process.signal("KILL");
        server.process.wait();
    }
    for act in [merge(&format!("{CNP} crew"), &json!({"spec": {"egress": [{}]}})), kubectl(&format!("delete {CNP} crew"))] {
        let result = act.run(&name, false);
        assert!(!result.ok && result.text.contains(&format!("failed calling webhook \"{WEBHOOK}\"")), "{act}: {}", result.text);
    }
    let other = kubectl("create -f -").stdin(&with(crew(), "/metadata/name", json!("other"))).run(&name, false);
    assert!(other.ok, "{other:?}");
    plane().kubectl.run(["delete", "namespace", &name, "--wait=false"], "").expect("a deletion");
    let object = format!("/apis/cilium.io/v2/namespaces/{name}/ciliumnetworkpolicies/crew");
    until("its deletion waits for the finalizer", || {
        plane().api.get(&object).body["metadata"]["deletionTimestamp"].is_string().then_some(())
    });
    let freed = merge(&format!("{CNP} crew"), &json!({"metadata": {"finalizers": null}})).run(&name, false);
    assert!(freed.ok, "{freed:?}");
    until("the namespace is gone", || (!plane().api.get(&format!("/api/v1/namespaces/{name}")).ok()).then_some(()));
}

#[test]
fn a_check_finds_what_is_not_canonical_and_its_commands_mend_it() {
    cilium();
    multi();
    calico();
    let name = "foreign-check";
    create_namespace(name);
    let path = canon(name, &[crew(), with(crew(), "/metadata/name", json!("admins")), lan(), gate(), intranet()]);
    let relabeled = with(intranet(), "/metadata/labels", json!({"role": "other"}));
    for drifted in [with(crew(), "/spec/egress", json!([{}])), with(gate(), "/spec/order", json!(1)), relabeled] {
        plane().kubectl.run(["-n", name, "create", "-f", "-"], &drifted.to_string()).expect("a drifted policy");
    }
    let check = || {
        let output = Command::new(NETPOL)
            .args(["check", "--canon", &path, "--namespace", name, "--section", "foreign-policies", "--output", "json"])
            .env_clear()
            .env("KUBECONFIG", plane().reaper.folder().join("admin.json"))
            .output()
            .expect("netpol starts");
        let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
        (output.status.code(), report["sections"][0]["findings"].as_array().expect("findings").clone())
    };
    let (code, findings) = check();
    let text = |finding: &Value, field: &str| finding[field].as_str().unwrap_or_default().to_owned();
    let mut found: Vec<(String, String)> = findings.iter().map(|finding| (text(finding, "id"), text(finding, "name"))).collect();
    let missing = ["admins", "lan"].map(|name| ("policy-missing", name));
    let drifted = ["crew", "gate", "intranet"].map(|name| ("policy-drift", name));
    let mut expected = [&missing[..], &drifted].concat();
    expected.sort_by_key(|(_, name)| *name);
    let expected: Vec<(String, String)> = expected.into_iter().map(|(id, name)| (id.to_owned(), name.to_owned())).collect();
    found.sort_by(|(_, one), (_, other)| one.cmp(other));
    assert_eq!((code, found), (Some(1), expected));
    for finding in &findings {
        let command = text(finding, "command").replace("netpol render", &format!("{NETPOL} render"));
        plane().kubectl.script(plane().reaper.folder(), &command, &[]).expect(&command);
    }
    assert_eq!(check(), (Some(0), Vec::new()));
}
