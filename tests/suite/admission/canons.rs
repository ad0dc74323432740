//! Several accepted canons.

use std::sync::Arc;

use netpol::canon::{Canon, Canons, DEFAULT, Documents};
use netpol::verdict::{Guard, Settings};
use serde_json::{Value, json};

use super::made::{Made, policy};
use super::{denied, passes, warned};

const NAME: &str = "ocuser-rights";

fn guard_of(names: &[&str]) -> Guard {
    let settings = Settings::default();
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    Guard::new(Arc::new(Canons::load(&names, &settings.namespaces).unwrap()), Arc::new(settings))
}

fn spec(canon: &str) -> Value {
    let canon = Canon::load(canon, &Settings::default().namespaces).unwrap();
    canon.policies("abcdesktop").unwrap().named(NAME).unwrap().manifest["spec"].clone()
}

/// Returns the spec with one more port, in another spelling.
fn drifted(canon: &str) -> Value {
    let mut spec = spec(canon);
    spec["ingress"].as_array_mut().unwrap().push(json!({"ports": [{"protocol": "TCP", "port": 22}]}));
    spec
}

#[test]
fn a_policy_may_mean_what_any_accepted_canon_says() {
    let both = guard_of(&DEFAULT);
    passes(&both, &Made::policy(NAME, spec(DEFAULT[0])));
    let other = Made::policy(NAME, spec(DEFAULT[1]));
    let answer = super::put(&both, netpol::verdict::Stage::Validate, &other);
    assert!(answer.allowed && answer.warnings.is_empty() && answer.record.is_none(), "{answer:?}");
    assert_eq!(answer.rule.as_deref(), Some("other-canon"));
    let refused = denied(&guard_of(&DEFAULT[..1]), &other, "policy-drift");
    assert!(refused.message.contains(". It is the policy of the built-in canon abcdesktop-4.4. To restore it: "), "{}", refused.message);
    let neither = denied(&both, &Made::policy(NAME, drifted(DEFAULT[0])), "policy-drift");
    assert!(!neither.message.contains("built-in canon"), "{}", neither.message);
}

#[test]
fn a_change_from_one_canon_to_another_is_a_warning() {
    let both = guard_of(&DEFAULT);
    let update = |old: Value, new: Value| Made::policy_update(policy(NAME, old), policy(NAME, new));
    for (from, to) in [(0, 1), (1, 0)] {
        let answer = warned(&both, &update(spec(DEFAULT[from]), spec(DEFAULT[to])), "other-canon");
        let expected = format!("changes from the canon \"{}\" to the canon \"{}\"", DEFAULT[from], DEFAULT[to]);
        assert!(answer.warnings.join(" ").contains(&expected), "{:?}", answer.warnings);
    }
    passes(&both, &update(spec(DEFAULT[0]), spec(DEFAULT[0])));
}

#[test]
fn a_drifted_update_is_compared_with_the_canon_of_the_old_policy() {
    let both = guard_of(&DEFAULT);
    for canon in DEFAULT {
        let update = Made::policy_update(policy(NAME, spec(canon)), policy(NAME, drifted(canon)));
        let message = denied(&both, &update, "policy-drift").message;
        assert!(message.contains("also allows TCP 22 from anyone"), "{message}");
        assert!(!message.contains("TCP 6000"), "compared with another canon: {message}");
        let flag = if canon == DEFAULT[0] { "" } else { "--canon abcdesktop-4.4 " };
        assert!(message.ends_with(&format!("netpol render policies {flag}--only {NAME} | kubectl apply -f -")), "{message}");
    }
}

#[test]
fn only_a_policy_of_the_first_canon_must_stay() {
    let isolating = "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: all}, spec: {podSelector: {}}}\n";
    let more = isolating.to_owned()
        + "---\n{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: old}, spec: {podSelector: {matchLabels: {run: x}}}}\n";
    let settings = Settings::default();
    let documents = [Documents::from_text("new.yaml", isolating), Documents::from_text("old.yaml", &more)];
    let canons = Canons::from_documents(&documents, &settings.namespaces).unwrap();
    let guard = Guard::new(Arc::new(canons), Arc::new(settings));
    let delete = |name: &str| Made::of("DELETE", "networking.k8s.io", "networkpolicies", "NetworkPolicy").name(name);
    denied(&guard, &delete("all"), "policy-deleted");
    let answer = warned(&guard, &delete("old"), "other-canon");
    assert!(answer.warnings.join(" ").contains("canonical only in \"old.yaml\", so it may be missing"), "{:?}", answer.warnings);
    passes(&guard, &delete("other"));
}

#[test]
fn an_extra_policy_may_allow_what_any_canon_allows() {
    let from_4_4 = json!({"podSelector": {"matchLabels": {"type": "x11server"}}, "policyTypes": ["Ingress"],
        "ingress": [{"from": [{"podSelector": {"matchLabels": {"netpol/ocapplication": "true"}}}], "ports": [{"protocol": "TCP", "port": 6000}]}]});
    passes(&guard_of(&DEFAULT), &Made::policy("extra", from_4_4.clone()));
    denied(&guard_of(&DEFAULT[..1]), &Made::policy("extra", from_4_4), "extra-policy");
}
