//! Network policies: what they mean, what hangs on them, who may delete them, and breaking the glass.

use netpol::verdict::Outcome;
use netpol::verdict::Settings;
use netpol::verdict::settings::ExtraPolicies::{Allow, Deny, NoWider};
use serde_json::{Value, json};

use super::made::{Made, memcached_permits, policy};
use super::{default_guard, guard, passes, refused, warned};

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
fn a_finalizer_on_a_canonical_policy_is_refused_and_its_removal_passes() {
    let add = |policy: &mut Value| policy["metadata"]["finalizers"] = json!(["example.com/hold"]);
    let remove = |policy: &mut Value| policy["metadata"]["finalizers"] = json!(null);
    let nothing = |_: &mut Value| {};
    let answer = refused(&default_guard(), &policy_update(add, nothing), "policy-finalizer");
    assert!(answer.message.contains("example.com/hold"), "{}", answer.message);
    warned(&default_guard(), &policy_update(nothing, add), "policy-finalizer");
    passes(&default_guard(), &policy_update(remove, add));
    let mut new = policy("memcached-permits", memcached_permits(&[]));
    add(&mut new);
    refused(&default_guard(), &Made::policy("memcached-permits", json!({})).object(new), "policy-finalizer");
}

#[test]
fn an_owner_from_before_is_reported_with_its_cure_and_its_removal_passes() {
    let nothing = |_: &mut Value| {};
    let answer = warned(&default_guard(), &policy_update(nothing, owned), "policy-owner");
    assert!(answer.warnings.join(" ").contains("kubectl -n abcdesktop patch networkpolicy memcached-permits"), "{:?}", answer.warnings);
    passes(&default_guard(), &policy_update(|policy| policy["metadata"]["ownerReferences"] = json!([]), owned));
    let swapped = policy_update(|policy| policy["metadata"]["ownerReferences"][0]["uid"] = json!("another"), owned);
    refused(&default_guard(), &swapped, "policy-owner");
    let flagged = policy_update(|policy| policy["metadata"]["ownerReferences"][0]["blockOwnerDeletion"] = json!(true), owned);
    warned(&default_guard(), &flagged, "policy-owner");
    // Nobody but who the canon names owns a policy that is not canonical: that is not its business.
    let mut other = policy("other", memcached_permits(&[]));
    owned(&mut other);
    passes(&default_guard(), &Made::policy("other", json!({})).object(other));
}

/// Each of them against each would be ten thousand million comparisons.
#[test]
fn owners_and_finalizers_by_the_hundred_thousand_are_told_apart_from_those_before() {
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
    refused(&default_guard(), &Made::policy_update(with(0), with(1)), "policy-owner");
}

#[test]
fn old_drift_stays_with_a_warning_and_no_other_drift_comes() {
    let drifted = |ports: &'static [u16]| move |policy: &mut Value| policy["spec"] = memcached_permits(ports);
    let annotate = |policy: &mut Value| policy["metadata"]["annotations"] = json!({"note": "x"});
    let guard = default_guard();
    let answer = warned(&guard, &policy_update(annotate, drifted(&[443])), "policy-drift");
    assert!(answer.warnings[0].starts_with("existing problem: NetworkPolicy \"memcached-permits\" drifts"), "{:?}", answer.warnings);
    // The same meaning in other words.
    let reworded = |policy: &mut Value| policy["spec"]["egress"][0]["ports"].as_array_mut().unwrap().reverse();
    warned(&guard, &policy_update(reworded, drifted(&[443])), "policy-drift");
    refused(&guard, &policy_update(drifted(&[80]), drifted(&[443])), "policy-drift");
    refused(&guard, &policy_update(drifted(&[443, 80]), drifted(&[443])), "policy-drift");
    let narrower = |policy: &mut Value| policy["spec"]["egress"] = json!([]);
    refused(&guard, &policy_update(narrower, drifted(&[443])), "policy-drift");
    passes(&guard, &policy_update(drifted(&[]), drifted(&[443])));
    // An unknown field from before stays; a new one does not come.
    let unknown = |policy: &mut Value| policy["spec"]["future"] = json!({"open": true});
    warned(&guard, &policy_update(annotate, unknown), "policy-drift");
    refused(&guard, &policy_update(unknown, |_| {}), "policy-drift");
}

#[test]
fn a_policy_is_judged_through_its_status_too() {
    let drift = policy_update(|policy| policy["spec"] = memcached_permits(&[443]), |_| {}).subresource("status");
    refused(&default_guard(), &drift, "policy-drift");
}

#[test]
fn a_policy_with_another_name_may_grant_nothing_beyond_the_canon() {
    let guard_of = |extra_policies| guard(Settings { extra_policies, ..Settings::default() });
    let within = Made::policy("copy", memcached_permits(&[]));
    let wider = Made::policy("wider", memcached_permits(&[443]));
    passes(&guard_of(NoWider), &within);
    let answer = refused(&guard_of(NoWider), &wider, "extra-policy");
    assert!(answer.message.contains("wider than the canon: ") && answer.message.contains("on TCP 443"), "{}", answer.message);
    refused(&guard_of(Deny), &within, "extra-policy");
    passes(&guard_of(Allow), &wider);
    let ambiguous = json!({"podSelector": {}, "egress": [{"to": [{"ipBlock": {"cidr": "010.0.0.0/8"}}]}]});
    refused(&guard_of(NoWider), &Made::policy("ambiguous", ambiguous), "extra-policy");
    // As it was: with a warning, whatever the flag says.
    let old = wider.0["request"]["object"].clone();
    let update = wider.with("operation", json!("UPDATE")).old(old);
    warned(&guard_of(NoWider), &update, "extra-policy");
    warned(&guard_of(Deny), &update, "extra-policy");
    let deleted = update.with("operation", json!("DELETE")).object(json!(null));
    passes(&guard_of(Deny), &deleted);
}

#[test]
fn who_the_namespace_controller_is_is_a_flag() {
    let settings = Settings { namespace_controllers: vec!["system:kube-controller-manager".to_owned()], ..Settings::default() };
    let guard = guard(settings);
    let delete = Made::of("DELETE", "networking.k8s.io", "networkpolicies", "NetworkPolicy").name("memcached-permits");
    passes(&guard, &delete.clone().user("system:kube-controller-manager", &[]));
    refused(&guard, &delete.clone().user("system:serviceaccount:kube-system:namespace-controller", &[]), "policy-deleted");
    refused(&guard, &delete, "policy-deleted");
    passes(&guard, &Made::of("DELETE", "networking.k8s.io", "networkpolicies", "NetworkPolicy").name("not-canonical"));
}

// Breaking the glass.

const GLASS: &str = "netpol.abcdesktop.io/break-glass";

fn glass(why: &'static str) -> impl Fn(&mut Value) {
    move |policy: &mut Value| policy["metadata"]["annotations"] = json!({GLASS: why})
}

#[test]
fn a_member_breaks_the_glass_with_a_reason_in_the_request_that_says_so() {
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
    let delete = member(policy_update(|_| {}, glass("incident 7")).with("operation", json!("DELETE")).object(json!(null)));
    warned(&guard, &delete, "break-glass");

    // A routine apply of a file that carries it does not break the glass again.
    let again = policy_update(|policy| policy["spec"] = memcached_permits(&[443]), glass("incident 7"));
    refused(&guard, &member(again), "policy-drift");
    refused(&guard, &member(policy_update(glass(" "), |_| {})), "break-glass");
    refused(&guard, &delete.set("/request/oldObject/metadata/annotations", json!({})), "policy-deleted");
}

#[test]
fn who_is_no_member_may_neither_plant_nor_use_the_annotation() {
    let guard = guard(Settings { break_glass_groups: vec!["sre".to_owned()], ..Settings::default() });
    refused(&guard, &policy_update(glass("planted"), |_| {}), "break-glass");
    refused(&guard, &policy_update(glass("changed"), glass("incident 7")), "break-glass");
    refused(&guard, &policy_update(glass("planted"), |_| {}).subresource("status"), "break-glass");
    let mut created = policy("memcached-permits", memcached_permits(&[]));
    glass("planted")(&mut created);
    refused(&guard, &Made::policy("memcached-permits", json!({})).object(created), "break-glass");
    passes(&guard, &policy_update(|policy| policy["metadata"]["annotations"] = json!({}), glass("incident 7")));
    passes(&guard, &policy_update(|_| {}, glass("incident 7")));
    let delete = policy_update(|_| {}, glass("incident 7")).with("operation", json!("DELETE")).object(json!(null));
    refused(&guard, &delete, "policy-deleted");
    // Without a group there is no way through.
    refused(&default_guard(), &policy_update(glass("please"), |_| {}).user("root", &["system:masters"]), "break-glass");
}
