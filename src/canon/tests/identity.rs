//! Identities: the index finds the same grants as trying every grant.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{alone, with_grants};
use crate::canon::identity::{Index, Origins};
use crate::canon::{Canons, Grant, Identity, Labels, Limits};
use crate::documents::Node;
use crate::policy::Selector;

fn names(identity: &Identity<'_>) -> Vec<String> {
    identity.grants().map(|grant| grant.name.clone()).collect()
}

fn three() -> Canons {
    alone(&with_grants(
        "[{name: web, podSelector: {matchLabels: {run: web}}, labels: {netpol/db: 'true'}},\
          {name: db, podSelector: {matchLabels: {run: db}}, labels: {}},\
          {name: desk, podSelector: {matchLabels: {type: desk}}, labels: {netpol/db: 'true'}},\
          {name: every, podSelector: {matchExpressions: [{key: opted-out, operator: DoesNotExist}]}, labels: {netpol/db: 'true'}, shared: true}]",
    ))
}

#[test]
fn a_pod_has_the_identity_of_the_grants_that_select_it() {
    let canon = three();
    let identity = canon.identify(&[("run", "web"), ("app", "x"), ("opted-out", "")][..]);
    assert_eq!((names(&identity), identity.is_conflict(), identity.is_unknown()), (vec!["web".to_owned()], false, false));
    assert_eq!(identity.labels().collect::<Vec<_>>(), [("netpol/db", "true")]);
    assert_eq!((identity.value("netpol/db"), identity.value("netpol/x")), (Some("true"), None));
}

#[test]
fn a_pod_that_no_grant_selects_is_granted_nothing() {
    let canon = three();
    let identity = canon.identify(&[("app", "x"), ("opted-out", "yes")][..]);
    assert!(identity.is_unknown() && !identity.is_conflict());
    assert_eq!((identity.labels().count(), identity.value("netpol/db")), (0, None));
}

#[test]
fn a_grant_without_labels_is_an_identity() {
    let canon = three();
    let identity = canon.identify(&[("run", "db"), ("type", "desk"), ("opted-out", "")][..]);
    assert_eq!((names(&identity), identity.is_conflict()), (vec!["db".to_owned(), "desk".to_owned()], true));
    assert_eq!((identity.labels().count(), identity.value("netpol/db")), (0, None), "two identities are granted nothing");
    assert_eq!(identity.exclusive().count(), 2);
}

#[test]
fn a_shared_grant_causes_no_conflict_and_no_duplicate_labels() {
    let canon = three();
    let identity = canon.identify(&[("run", "web")][..]);
    assert_eq!((names(&identity), identity.is_conflict()), (vec!["web".to_owned(), "every".to_owned()], false));
    assert_eq!(identity.labels().collect::<Vec<_>>(), [("netpol/db", "true")]);
    assert_eq!(identity.exclusive().map(|grant| grant.name.as_str()).collect::<Vec<_>>(), ["web"]);
}

#[test]
fn capability_labels_are_not_part_of_an_identity() {
    let canon = three();
    let labeled = canon.identify(&[("netpol/db", "true"), ("netpol/run", "web"), ("opted-out", "")][..]);
    assert!(labeled.is_unknown());
}

#[test]
fn granters_of_a_key_are_in_order() {
    let canon = three();
    let granters = |key| canon.granters(key).map(|grant| format!("{} for {}", grant.name, grant.selects)).collect::<Vec<_>>();
    assert_eq!(granters("netpol/db"), ["web for run=web", "desk for type=desk", "every for !opted-out"]);
    assert!(granters("netpol/x").is_empty());
}

#[test]
fn identity_keys_are_those_that_pod_selectors_and_grants_read() {
    let canon = three();
    assert_eq!(canon.identity_keys().collect::<Vec<_>>(), ["opted-out", "run", "type"]);
    assert!(canon.is_identity_key("run") && !canon.is_identity_key("netpol/db") && !canon.is_identity_key("app"));
}

#[test]
fn a_slice_and_a_map_of_labels_are_equivalent() {
    let map: BTreeMap<String, String> = [("run", "web"), ("app", "x")].map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    assert_eq!(map.value("run"), [("app", "x"), ("run", "web")][..].value("run"));
    assert_eq!(map.pairs().collect::<Vec<_>>(), [("app", "x"), ("run", "web")]);
    assert_eq!(names(&three().identify(&map)), ["web", "every"]);
}

/// A requirement on one of few keys with few values, so that grants often select pods.
fn requirement() -> impl Strategy<Value = serde_json::Value> {
    let key = prop::sample::select(vec!["run", "type", "name", "app"]);
    let values = prop::collection::vec(prop::sample::select(vec!["a", "b", "c", ""]), 1..3);
    (key, 0..4_u8, values).prop_map(|(key, operator, values)| match operator {
        0 => serde_json::json!({"key": key, "operator": "In", "values": values}),
        1 => serde_json::json!({"key": key, "operator": "NotIn", "values": values}),
        2 => serde_json::json!({"key": key, "operator": "Exists"}),
        _ => serde_json::json!({"key": key, "operator": "DoesNotExist"}),
    })
}

fn grant() -> impl Strategy<Value = Grant> {
    (prop::collection::vec(requirement(), 0..4), any::<bool>(), 0..3_u8).prop_map(|(requirements, shared, gives)| {
        let selector = serde_json::json!({"matchExpressions": requirements});
        let selector = Selector::parse(&Node::from(&selector), "podSelector").unwrap();
        let labels = (0..gives).map(|number| (format!("netpol/{number}"), "true".to_owned())).collect();
        Grant { name: String::new(), selects: selector.to_string(), selector, labels, shared, limits: Limits::default() }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_index_finds_the_same_grants_as_trying_every_grant(
        grants_and_canons in prop::collection::vec((grant(), 0..3_usize), 0..12),
        pod in prop::collection::btree_map(
            prop::sample::select(vec!["run", "type", "name", "app", "netpol/0"]).prop_map(str::to_owned),
            prop::sample::select(vec!["a", "b", "c", ""]).prop_map(str::to_owned),
            0..5,
        ),
    ) {
        let (grants, canons): (Vec<Grant>, Vec<usize>) = grants_and_canons.into_iter().unzip();
        let index = Index::new(&grants, canons.iter().copied().map(Origins::of).collect());
        let naive: Vec<&Grant> = grants.iter().filter(|grant| grant.selector.matches(|key| pod.value(key))).collect();
        let identity = index.identify(&grants, &pod);
        let found: Vec<&Grant> = identity.grants().collect();
        prop_assert!(found.iter().map(|grant| std::ptr::from_ref(*grant)).eq(naive.iter().map(|grant| std::ptr::from_ref(*grant))));
        let exclusive = |canon: usize| {
            let of_canon = grants.iter().zip(&canons).filter(move |(_, of)| **of == canon).map(|(grant, _)| grant);
            of_canon.filter(|grant| !grant.shared && grant.selector.matches(|key| pod.value(key))).count()
        };
        let conflict = (0..3).any(|canon| exclusive(canon) > 1);
        prop_assert_eq!(identity.is_conflict(), conflict);
        let granted: BTreeMap<&str, &str> = naive
            .iter()
            .filter(|_| !conflict)
            .flat_map(|grant| &grant.labels)
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect();
        let labels: Vec<(&str, &str)> = identity.labels().collect();
        prop_assert_eq!(labels.len(), granted.len(), "each key once");
        prop_assert_eq!(labels.into_iter().collect::<BTreeMap<_, _>>(), granted);
    }

    #[test]
    fn granters_are_the_grants_that_give_a_key(grants in prop::collection::vec(grant(), 0..12)) {
        let index = Index::new(&grants, Vec::new());
        for key in ["netpol/0", "netpol/1", "netpol/2"] {
            let naive = grants.iter().filter(|grant| grant.labels.contains_key(key)).map(std::ptr::from_ref);
            prop_assert!(index.granters(&grants, key).map(std::ptr::from_ref).eq(naive));
        }
    }
}
