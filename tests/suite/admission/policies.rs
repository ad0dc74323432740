//! NetworkPolicies: their meaning, owner references, finalizers, deletion, and break-glass.

use netpol::verdict::Outcome;
use netpol::verdict::Settings;
use netpol::verdict::settings::ExtraPolicies::{Allow, Deny, NoWider};
use serde_json::{Value, json};

use super::made::{Made, memcached_permits, policy};
use super::{default_guard, denied, guard, passes, warned};

fn policy_update(change: impl Fn(&mut Value), was: impl Fn(&mut Value)) -> Made {
    let (mut old, mut new) = (policy("memcached-permits", memcached_permits(&[])), policy("memcached-permits", memcached_permits(&[])));
    was(&mut old);
    was(&mut new);
    change(&mut new);
    Made::policy_update(old, new)
}

const OWNER: &str = r#"[{"apiVersion":"v1","kind":"ConfigMap","name":"bait","uid":"11111111-2222-3333-4444-555555555555"}]"#;

fn owned(policy: &mut Value) {
    policy["metadata"]["ownerReferences"] = serde_json::from_str(OWNER).unwrap();
}

#[test]
fn a_finalizer_on_a_canonical_policy_is_denied_and_its_removal_is_admitted() {
    let add = |policy: &mut Value| policy["metadata"]["finalizers"] = json!(["example.com/hold"]);
    let remove = |policy: &mut Value| policy["metadata"]["finalizers"] = json!(null);
    let nothing = |_: &mut Value| {};
    let answer = denied(&default_guard(), &policy_update(add, nothing), "policy-finalizer");
    assert!(answer.message.contains("example.com/hold"), "{}", answer.message);
    warned(&default_guard(), &policy_update(nothing, add), "policy-finalizer");
    passes(&default_guard(), &policy_update(remove, add));
    let mut new = policy("memcached-permits", memcached_permits(&[]));
    add(&mut new);
    denied(&default_guard(), &Made::policy("memcached-permits", json!({})).object(new), "policy-finalizer");
}

#[test]
fn an_existing_owner_gives_a_warning_with_the_cure_and_its_removal_is_admitted() {
    let nothing = |_: &mut Value| {};
    let answer = warned(&default_guard(), &policy_update(nothing, owned), "policy-owner");
    assert!(answer.warnings.join(" ").contains("kubectl -n abcdesktop patch networkpolicy memcached-permits"), "{:?}", answer.warnings);
    passes(&default_guard(), &policy_update(|policy| policy["metadata"]["ownerReferences"] = json!([]), owned));
    let swapped = policy_update(|policy| policy["metadata"]["ownerReferences"][0]["uid"] = json!("another"), owned);
    denied(&default_guard(), &swapped, "policy-owner");
    let flagged = policy_update(|policy| policy["metadata"]["ownerReferences"][0]["blockOwnerDeletion"] = json!(true), owned);
    warned(&default_guard(), &flagged, "policy-owner");
    // The owners of an extra policy are not judged.
    let mut other = policy("other", memcached_permits(&[]));
    owned(&mut other);
    passes(&default_guard(), &Made::policy("other", json!({})).object(other));
}

/// Comparing each with each would be 10 billion comparisons.
#[test]
fn a_hundred_thousand_owners_and_finalizers_are_compared_with_the_old_ones() {
    let many = |from: usize| (from..from + 100_000).map(|number| number.to_string());
    let with = |from: usize| {
        let owners: Vec<Value> = many(from).map(|uid| json!({"uid": uid})).collect();
        let finalizers: Vec<String> = many(from).collect();
        let mut policy = policy("memcached-permits", memcached_permits(&[]));
        policy["metadata"]["ownerReferences"] = json!(owners);
        policy["metadata"]["finalizers"] = json!(finalizers);
        policy
    };
    warned(&default_guard(), &Made::policy_update(with(0), with(0)), "policy-owner");
    denied(&default_guard(), &Made::policy_update(with(0), with(1)), "policy-owner");
}

#[test]
fn existing_drift_gives_a_warning_and_other_drift_is_denied() {
    let drifted = |ports: &'static [u16]| move |policy: &mut Value| policy["spec"] = memcached_permits(ports);
    let annotate = |policy: &mut Value| policy["metadata"]["annotations"] = json!({"note": "x"});
    let guard = default_guard();
    let answer = warned(&guard, &policy_update(annotate, drifted(&[443])), "policy-drift");
    assert!(answer.warnings[0].starts_with("existing problem: NetworkPolicy \"memcached-permits\" drifts"), "{:?}", answer.warnings);
    // The same meaning in another order.
    let reworded = |policy: &mut Value| policy["spec"]["egress"][0]["ports"].as_array_mut().unwrap().reverse();
    warned(&guard, &policy_update(reworded, drifted(&[443])), "policy-drift");
    denied(&guard, &policy_update(drifted(&[80]), drifted(&[443])), "policy-drift");
    denied(&guard, &policy_update(drifted(&[443, 80]), drifted(&[443])), "policy-drift");
    let narrower = |policy: &mut Value| policy["spec"]["egress"] = json!([]);
    denied(&guard, &policy_update(narrower, drifted(&[443])), "policy-drift");
    passes(&guard, &policy_update(drifted(&[]), drifted(&[443])));
    // An existing unknown field may stay, and a new one is denied.
    let unknown = |policy: &mut Value| policy["spec"]["future"] = json!({"open": true});
    warned(&guard, &policy_update(annotate, unknown), "policy-drift");
    denied(&guard, &policy_update(unknown, |_| {}), "policy-drift");
}

#[test]
fn an_update_through_status_is_judged() {
    let drift = policy_update(|policy| policy["spec"] = memcached_permits(&[443]), |_| {}).subresource("status");
    denied(&default_guard(), &drift, "policy-drift");
}

#[test]
fn an_extra_policy_must_not_allow_more_than_the_canon() {
    let guard_of = |extra_policies| guard(Settings { extra_policies, ..Settings::default() });
    let within = Made::policy("copy", memcached_permits(&[]));
    let wider = Made::policy("wider", memcached_permits(&[443]));
    passes(&guard_of(NoWider), &within);
    let answer = denied(&guard_of(NoWider), &wider, "extra-policy");
    assert!(answer.message.contains("wider than the canon: ") && answer.message.contains("on TCP 443"), "{}", answer.message);
    denied(&guard_of(Deny), &within, "extra-policy");
    passes(&guard_of(Allow), &wider);
    let ambiguous = json!({"podSelector": {}, "egress": [{"to": [{"ipBlock": {"cidr": "010.0.0.0/8"}}]}]});
    denied(&guard_of(NoWider), &Made::policy("ambiguous", ambiguous), "extra-policy");
    // An unchanged policy gives a warning for each value of the flag.
    let old = wider.0["request"]["object"].clone();
    let update = wider.with("operation", json!("UPDATE")).old(old);
    warned(&guard_of(NoWider), &update, "extra-policy");
    warned(&guard_of(Deny), &update, "extra-policy");
    let deleted = update.with("operation", json!("DELETE")).object(json!(null));
    passes(&guard_of(Deny), &deleted);
}

#[test]
fn the_user_name_of_the_namespace_controller_is_a_flag() {
    let settings = Settings { namespace_controllers: vec!["system:kube-controller-manager".to_owned()], ..Settings::default() };
    let guard = guard(settings);
    let delete = Made::of("DELETE", "networking.k8s.io", "networkpolicies", "NetworkPolicy").name("memcached-permits");
    passes(&guard, &delete.clone().user("system:kube-controller-manager", &[]));
    denied(&guard, &delete.clone().user("system:serviceaccount:kube-system:namespace-controller", &[]), "policy-deleted");
    denied(&guard, &delete, "policy-deleted");
    passes(&guard, &Made::of("DELETE", "networking.k8s.io", "networkpolicies", "NetworkPolicy").name("not-canonical"));
}

// Break-glass.

const GLASS: &str = "netpol.abcdesktop.io/break-glass";

fn glass(why: &'static str) -> impl Fn(&mut Value) {
    move |policy: &mut Value| policy["metadata"]["annotations"] = json!({GLASS: why})
}

#[test]
fn a_member_may_use_break_glass_with_a_reason_in_that_request_only() {
    let guard = guard(Settings { break_glass_groups: vec!["sre".to_owned()], ..Settings::default() });
    let member = |made: Made| made.user("ada", &["sre"]);
    let widen = |policy: &mut Value| {
        policy["spec"] = memcached_permits(&[443]);
        glass("incident 7")(policy);
    };
    let answer = warned(&guard, &member(policy_update(widen, |_| {})), "break-glass");
    assert!(
        answer.warnings.join(" ").contains("ada used the break-glass annotation on NetworkPolicy \"memcached-permits\""),
        "{:?}",
        answer.warnings
    );
    let record = answer.record.expect("on record at every level");
    assert_eq!((record.verdict, record.user.as_str()), (Outcome::Warned, "ada"));
    assert!(record.messages[0].ends_with("incident 7"), "{:?}", record.messages);

    let mut created = policy("debug", json!({"podSelector": {}, "ingress": [{}]}));
    glass("incident 7")(&mut created);
    warned(&guard, &member(Made::policy("debug", json!({})).object(created)), "break-glass");
    let deletion =
        |reason: &'static str| member(policy_update(|_| {}, glass(reason)).with("operation", json!("DELETE")).object(json!(null)));
    let delete = deletion("delete: replaced by another service");
    warned(&guard, &delete, "break-glass");
    // A reason for an earlier change, and none for the deletion.
    for reason in ["incident 7", "delete:", "delete: ", "to delete: x", ""] {
        let message = denied(&guard, &deletion(reason), "policy-deleted").message;
        let way = "A member of a break-glass group (sre) can delete it with a reason: kubectl -n abcdesktop annotate networkpolicy \
            memcached-permits --overwrite netpol.abcdesktop.io/break-glass='delete: REASON' && kubectl -n abcdesktop delete networkpolicy \
            memcached-permits";
        assert!(message.ends_with(way), "{message}");
    }

    // Applying the same file again does not use the annotation again.
    let again = policy_update(|policy| policy["spec"] = memcached_permits(&[443]), glass("incident 7"));
    denied(&guard, &member(again), "policy-drift");
    denied(&guard, &member(policy_update(glass(" "), |_| {})), "break-glass");
    denied(&guard, &delete.set("/request/oldObject/metadata/annotations", json!({})), "policy-deleted");
}

#[test]
fn a_user_who_is_not_a_member_can_neither_set_nor_use_the_annotation() {
    let guard = guard(Settings { break_glass_groups: vec!["sre".to_owned()], ..Settings::default() });
    denied(&guard, &policy_update(glass("planted"), |_| {}), "break-glass");
    denied(&guard, &policy_update(glass("changed"), glass("incident 7")), "break-glass");
    denied(&guard, &policy_update(glass("planted"), |_| {}).subresource("status"), "break-glass");
    let mut created = policy("memcached-permits", memcached_permits(&[]));
    glass("planted")(&mut created);
    denied(&guard, &Made::policy("memcached-permits", json!({})).object(created), "break-glass");
    passes(&guard, &policy_update(|policy| policy["metadata"]["annotations"] = json!({}), glass("incident 7")));
    let left = warned(&guard, &policy_update(|_| {}, glass("incident 7")), "break-glass");
    assert_eq!(
        left.warnings,
        [
            "NetworkPolicy \"memcached-permits\" still has annotation netpol.abcdesktop.io/break-glass of an earlier change, which no longer has \
             an effect. To remove it: kubectl -n abcdesktop annotate networkpolicy memcached-permits netpol.abcdesktop.io/break-glass-"
        ]
    );
    let delete = policy_update(|_| {}, glass("incident 7")).with("operation", json!("DELETE")).object(json!(null));
    denied(&guard, &delete, "policy-deleted");
    // Without a break-glass group the annotation has no effect.
    denied(&default_guard(), &policy_update(glass("please"), |_| {}).user("root", &["system:masters"]), "break-glass");
}

/// The API server ignores the prefix of an object that has a name, so a client can send both.
#[test]
fn a_prefix_beside_a_name_hides_nothing() {
    let with_prefix = |object: &mut Value| {
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        object["metadata"]["generateName"] = json!(name[..name.len() - 5]);
    };
    let create = |name: &str, spec: &Value| {
        let mut object = policy(name, spec.clone());
        with_prefix(&mut object);
        Made::policy(name, json!({})).object(object)
    };
    let lenient = guard(Settings { extra_policies: Allow, ..Settings::default() });
    for guard in [default_guard(), lenient] {
        let answer = denied(&guard, &create("memcached-permits", &memcached_permits(&[443])), "policy-drift");
        assert!(answer.message.starts_with("NetworkPolicy \"memcached-pe…\" drifts"), "{}", answer.message);
        denied(&guard, &create("memcached-permits", &json!({"podSelector": {}, "ingress": [{}]})), "policy-drift");
        passes(&guard, &create("memcached-permits", &memcached_permits(&[])));
    }
    let mut owned = policy("memcached-permits", memcached_permits(&[]));
    owned["metadata"]["ownerReferences"] = json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": "u"}]);
    with_prefix(&mut owned);
    denied(&default_guard(), &Made::policy("memcached-permits", json!({})).object(owned), "policy-owner");
}
