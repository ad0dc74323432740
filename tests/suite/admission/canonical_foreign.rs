//! Canonical policies of other APIs: created, changed and deleted.

#![allow(clippy::needless_pass_by_value, reason = "`json!` hands its values over by reference; a caller hands over what it made")]

use std::sync::Arc;

use netpol::canon::{Canons, Documents};
use netpol::verdict::settings::Action;
use netpol::verdict::{Guard, Settings};
use serde_json::{Value, json};

use super::made::Made;
use super::{denied, passes, warned};

const BASE: &str = "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: all}, spec: {podSelector: {}}}";
const GROUP: &str = "operators";

/// Returns the documents of a canon with a policy for pods of a directory group.
fn documents(name: &str, metadata: &str, spec: &Value) -> Documents {
    let policy = format!("{{apiVersion: cilium.io/v2, kind: CiliumNetworkPolicy, metadata: {{name: crew{metadata}}}, spec: {spec}}}");
    Documents::from_text(name, &format!("{BASE}\n---\n{policy}\n"))
}

fn spec(port: &str) -> Value {
    json!({
        "endpointSelector": {"matchLabels": {"shipcrew": "true"}},
        "egress": [{"toPorts": [{"ports": [{"port": port, "protocol": "TCP"}]}]}],
    })
}

fn guard_of(documents: &[Documents], foreign_policies: Action) -> Guard {
    let settings = Settings { foreign_policies, break_glass_groups: vec![GROUP.to_owned()], ..Settings::default() };
    Guard::new(Arc::new(Canons::from_documents(documents, &settings.namespaces).unwrap()), Arc::new(settings))
}

fn guard() -> Guard {
    guard_of(&[documents("own", "", &spec("80"))], Action::Warn)
}

fn policy(metadata: Value, spec: &Value) -> Value {
    let mut policy = json!({"apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy", "metadata": {"name": "crew"}, "spec": spec});
    json_patch::merge(&mut policy["metadata"], &metadata);
    policy
}

fn made(operation: &str) -> Made {
    Made::of(operation, "cilium.io", "ciliumnetworkpolicies", "CiliumNetworkPolicy").name("crew")
}

fn create(object: Value) -> Made {
    made("CREATE").object(object)
}

fn update(old: Value, new: Value) -> Made {
    made("UPDATE").object(new).old(old)
}

fn delete(object: Value) -> Made {
    made("DELETE").old(object)
}

#[test]
fn the_canonical_policy_passes_and_another_one_is_denied() {
    passes(&guard(), &create(policy(json!({"labels": {"a": "b"}}), &spec("80"))));
    let answer = denied(&guard(), &create(policy(json!({}), &spec("443"))), "policy-drift");
    assert_eq!(
        answer.message,
        "CiliumNetworkPolicy \"crew\" drifts from the canonical spec: spec.egress[0].toPorts[0].ports[0].port is not \"80\". \
         To restore it: netpol render policies --canon own --only crew | kubectl apply -f -"
    );
    // The name counts, not the resource alone; the rest is judged by the flag.
    let other = create(policy(json!({"name": "other"}), &spec("443"))).name("other");
    warned(&guard(), &other, "foreign-policy");
    // A new policy without a name in the request has it in its metadata.
    denied(&guard(), &create(policy(json!({}), &spec("443"))).name(""), "policy-drift");
    // Another namespace is not guarded.
    passes(&guard(), &create(policy(json!({}), &spec("443"))).namespace("elsewhere"));
}

/// What the flag allows is still compared with the canon.
#[test]
fn the_flag_does_not_matter_for_a_canonical_policy() {
    for action in [Action::Allow, Action::Warn, Action::Deny] {
        let guard = guard_of(&[documents("own", "", &spec("80"))], action);
        passes(&guard, &create(policy(json!({}), &spec("80"))));
        denied(&guard, &create(policy(json!({}), &spec("443"))), "policy-drift");
        denied(&guard, &delete(policy(json!({}), &spec("443"))), "policy-deleted");
    }
}

#[test]
fn a_problem_from_before_does_not_block_other_changes() {
    let drifted = policy(json!({}), &spec("443"));
    let annotated = policy(json!({"annotations": {"a": "b"}}), &spec("443"));
    let answer = warned(&guard(), &update(drifted.clone(), annotated), "policy-drift");
    assert!(answer.warnings[0].contains("existing problem: CiliumNetworkPolicy \"crew\" drifts"), "{:?}", answer.warnings);
    passes(&guard(), &update(drifted.clone(), policy(json!({}), &spec("80"))));
    denied(&guard(), &update(drifted.clone(), policy(json!({}), &spec("8443"))), "policy-drift");
    denied(&guard(), &update(policy(json!({}), &spec("80")), drifted), "policy-drift");
}

#[test]
fn a_field_beside_the_spec_is_a_difference() {
    let mut object = policy(json!({}), &spec("80"));
    object["specs"] = json!([{"endpointSelector": {}, "egress": [{}]}]);
    assert!(denied(&guard(), &create(object.clone()), "policy-drift").message.contains("specs is not in the canon"));
    object.as_object_mut().unwrap().remove("specs");
    object["status"] = json!({"conditions": []});
    passes(&guard(), &create(object));
}

#[test]
fn a_canonical_policy_is_deleted_only_with_its_namespace() {
    let object = policy(json!({}), &spec("80"));
    let answer = denied(&guard(), &delete(object.clone()), "policy-deleted");
    assert!(
        answer.message.contains("CiliumNetworkPolicy \"crew\" is canonical and can be deleted only with its namespace"),
        "{}",
        answer.message
    );
    assert!(answer.message.contains("delete ciliumnetworkpolicies.cilium.io crew"), "{}", answer.message);
    // In a deletecollection only the old object has a name.
    denied(&guard(), &delete(object.clone()).name(""), "policy-deleted");
    passes(&guard(), &delete(object.clone()).user("system:serviceaccount:kube-system:namespace-controller", &[]));
    let mut other = object;
    other["metadata"]["name"] = json!("other");
    passes(&guard(), &delete(other).name("other"));
    let without_a_name = made("DELETE").name("").old(json!({"metadata": {}}));
    assert!(!super::put(&guard(), netpol::verdict::Stage::Validate, &without_a_name).allowed);
}

#[test]
fn owners_and_finalizers_are_those_of_the_canon() {
    let listed = guard_of(&[documents("own", ", finalizers: [example.org/own]", &spec("80"))], Action::Warn);
    passes(&listed, &create(policy(json!({"finalizers": ["example.org/own"]}), &spec("80"))));
    let owner = json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "bait", "uid": "1"}]);
    let owned = policy(json!({"ownerReferences": owner}), &spec("80"));
    let plain = policy(json!({}), &spec("80"));
    denied(&guard(), &create(owned.clone()), "policy-owner");
    denied(&guard(), &update(plain.clone(), owned.clone()), "policy-owner");
    let answer = warned(
        &guard(),
        &update(owned.clone(), policy(json!({"ownerReferences": owner, "labels": {"a": "b"}}), &spec("80"))),
        "policy-owner",
    );
    assert!(answer.warnings[0].contains("patch ciliumnetworkpolicies.cilium.io crew --type=json"), "{:?}", answer.warnings);
    passes(&guard(), &update(owned, plain.clone()));
    let finalized = policy(json!({"finalizers": ["example.org/hold"]}), &spec("80"));
    denied(&guard(), &update(plain, finalized), "policy-finalizer");
    // Metadata that cannot be understood is never passed.
    for metadata in [json!({"ownerReferences": "x"}), json!({"finalizers": [1]}), json!({"ownerReferences": [1]})] {
        denied(&guard(), &create(policy(metadata, &spec("80"))), "not-understood");
    }
}

#[test]
fn break_glass_is_for_members_of_the_group() {
    let reason = json!({"annotations": {"netpol.abcdesktop.io/break-glass": "incident 7"}});
    let change = update(policy(json!({}), &spec("80")), policy(reason, &spec("443")));
    warned(&guard(), &change.clone().user("alice", &[GROUP]), "break-glass");
    let answer = denied(&guard(), &change.user("bob", &[]), "break-glass");
    assert!(answer.message.contains("CiliumNetworkPolicy \"crew\" has annotation"), "{}", answer.message);
    let reason = json!({"annotations": {"netpol.abcdesktop.io/break-glass": "delete: moved"}});
    let deletion = delete(policy(reason, &spec("80")));
    warned(&guard(), &deletion.clone().user("alice", &[GROUP]), "break-glass");
    denied(&guard(), &deletion.user("bob", &[]), "policy-deleted");
}

#[test]
fn another_version_of_the_api_is_judged_by_the_flag() {
    let mut object = policy(json!({}), &spec("443"));
    object["apiVersion"] = json!("cilium.io/v2alpha1");
    let of = |action| guard_of(&[documents("own", "", &spec("80"))], action);
    let answer = warned(&of(Action::Warn), &create(object.clone()), "foreign-policy");
    assert!(
        answer.warnings[0].contains("is canonical in cilium.io/v2, and this is cilium.io/v2alpha1, which cannot be compared with it"),
        "{:?}",
        answer.warnings
    );
    denied(&of(Action::Deny), &create(object.clone()), "foreign-policy");
    passes(&of(Action::Allow), &create(object.clone()));
    // Its deletion and its owners are the same in every version.
    denied(&of(Action::Allow), &delete(object.clone()), "policy-deleted");
    object["metadata"]["ownerReferences"] = json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "bait", "uid": "1"}]);
    denied(&of(Action::Allow), &create(object), "policy-owner");
}

#[test]
fn a_policy_may_be_that_of_any_accepted_canon() {
    let both = guard_of(&[documents("one", "", &spec("80")), documents("two", "", &spec("443"))], Action::Warn);
    passes(&both, &create(policy(json!({}), &spec("80"))));
    let second = super::put(&both, netpol::verdict::Stage::Validate, &create(policy(json!({}), &spec("443"))));
    assert!(second.allowed && second.rule.as_deref() == Some("other-canon"), "{second:?}");
    warned(&both, &update(policy(json!({}), &spec("80")), policy(json!({}), &spec("443"))), "other-canon");
    let answer = denied(&both, &create(policy(json!({}), &spec("22"))), "policy-drift");
    assert!(
        answer.message.contains("The accepted canons differ in it: choose that of the canon \"one\" or the canon \"two\""),
        "{}",
        answer.message
    );
    let answer = denied(&both, &update(policy(json!({}), &spec("443")), policy(json!({}), &spec("22"))), "policy-drift");
    assert!(answer.message.contains("is not \"443\"") && answer.message.contains("--canon two"), "{}", answer.message);
    // Only the first canon's policies must exist.
    let first = guard_of(&[Documents::from_text("one", BASE), documents("two", "", &spec("443"))], Action::Warn);
    warned(&first, &delete(policy(json!({}), &spec("443"))), "other-canon");
}

/// A message has no value of the request, which may be a secret.
#[test]
fn a_message_has_no_value_of_the_request() {
    let mut drifted = spec("80");
    drifted["endpointSelector"]["matchLabels"] = json!({"shipcrew": "s3cr3t", "more": "s3cr3t"});
    let answer = denied(&guard(), &create(policy(json!({"labels": {"x": "s3cr3t"}}), &drifted)), "policy-drift");
    assert!(!answer.response.to_string().contains("s3cr3t"), "{}", answer.response);
}

/// A tree that is larger than what is read is never equal, in an update that keeps it neither.
#[test]
fn a_policy_of_any_size_is_never_passed_unread() {
    let large = json!({"endpointSelector": {}, "egress": vec![json!({}); 60_000]});
    let object = policy(json!({}), &large);
    denied(&guard(), &create(object.clone()), "policy-drift");
    denied(&guard(), &update(object.clone(), object), "policy-drift");
}
