//! Several accepted canons: what makes them unusable together, and what a mix of their policies isolates.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{canon, with_grants};
use crate::canon::{BUILT_IN, Canon, Canons};

fn together(texts: &[&str]) -> Result<Canons, String> {
    let mut canons = texts.iter().map(|text| canon(text));
    Canons::new(canons.next().unwrap(), canons.collect()).map_err(|error| error.to_string())
}

#[test]
fn all_built_in_canons_can_be_accepted_together() {
    let names: Vec<String> = BUILT_IN.map(str::to_owned).to_vec();
    let canons = Canons::load(&names, &["home".to_owned()]).unwrap();
    assert_eq!(canons.source, "abcdesktop,abcdesktop-4.4,abcdesktop-4.0,abcdesktop-3.3");
    assert_eq!(canons.all().map(|canon| canon.source.as_str()).collect::<Vec<_>>(), BUILT_IN);
    let identity = canons.identify(&[("type", "x11server")][..]);
    assert_eq!(identity.grants().count(), 1, "equal grants are merged");
    assert!(canons.identify(&[("type", "x11server"), ("run", "pyos-od")][..]).is_conflict());
    assert!(canons.unaccepted().is_empty());
    let alone = Canons::load(&names[..1], &["home".to_owned()]).unwrap();
    assert_eq!(alone.unaccepted().iter().map(|canon| canon.source.as_str()).collect::<Vec<_>>(), &BUILT_IN[1..]);
}

#[test]
fn one_canon_has_its_own_hash_and_several_have_a_hash_of_their_order() {
    let [first, second] = [BUILT_IN[0], BUILT_IN[1]].map(str::to_owned);
    let namespaces = ["home".to_owned()];
    let hash = |names: &[String]| Canons::load(names, &namespaces).unwrap().hash;
    assert_eq!(hash(std::slice::from_ref(&first)), Canon::load(&first, &namespaces).unwrap().hash);
    assert_ne!(hash(&[first.clone(), second.clone()]), hash(&[second, first]));
}

#[test]
fn grants_that_disagree_about_a_pod_are_rejected() {
    let web = |labels: &str| with_grants(&format!("[{{name: web, podSelector: {{matchLabels: {{run: web}}}}, labels: {labels}}}]"));
    let front = with_grants("[{name: front, podSelector: {matchExpressions: [{key: run, operator: Exists}]}, labels: {}}]");
    let with = web("{netpol/db: 'true'}");
    assert!(together(&[&with, &with]).is_ok());
    assert!(together(&[&with, &with_grants("[{name: other, podSelector: {matchLabels: {run: other}}, labels: {}}]")]).is_ok());
    for (other, name) in [(web("{}"), "web"), (front, "front")] {
        let error = together(&[&with, &other]).unwrap_err();
        assert!(error.contains(&format!("grant \"web\" of canon \"canon.yaml\" and grant \"{name}\"")), "{error}");
        assert!(error.contains("disagree about the label netpol/db"), "{error}");
        assert!(together(&[&other, &with]).is_err());
    }
}

#[test]
fn grants_agree_if_other_grants_of_the_canon_give_the_label() {
    let web = "{name: web, podSelector: {matchLabels: {run: web}}, labels: {netpol/db: 'true'}}";
    let shared = |labels: &str| format!("{{name: all, podSelector: {{}}, shared: true, labels: {labels}}}");
    let alone = with_grants(&format!("[{web}]"));
    let both = with_grants(&format!("[{web}, {}]", shared("{}")));
    // Both canons give the label to the same pods, although the shared grant does not give it.
    assert!(together(&[&both, &alone]).is_ok() && together(&[&alone, &both]).is_ok() && together(&[&both, &both]).is_ok());
    // A shared grant that gives the label to more pods than the other canon.
    let more = with_grants(&format!("[{web}, {}]", shared("{netpol/db: 'true'}")));
    let narrow = with_grants(&format!("[{web}, {{name: rest, podSelector: {{matchLabels: {{run: rest}}}}, labels: {{}}}}]"));
    for order in [[&more, &narrow], [&narrow, &more]] {
        let error = together(&[order[0], order[1]]).unwrap_err();
        assert!(error.contains("disagree about the label netpol/db"), "{error}");
    }
}

#[test]
fn a_label_that_no_policy_of_the_other_canon_reads_is_no_disagreement() {
    let policy = |name: &str, selector: &str| {
        format!(
            "{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{name: {name}}}, spec: {{podSelector: {selector}}}}}\n---\n"
        )
    };
    let grant = |labels: &str| {
        format!(
            "{{apiVersion: netpol.abcdesktop.io/v1alpha1, kind: Grants, metadata: {{name: g}}, grants: [{{name: web, podSelector: {{matchLabels: {{run: web}}}}, labels: {labels}}}]}}\n"
        )
    };
    let new = [policy("all", "{}"), policy("x", "{matchLabels: {netpol/x: 'true'}}"), grant("{netpol/x: 'true'}")].concat();
    let old = [policy("all", "{}"), grant("{}")].concat();
    let canons = together(&[&new, &old]).unwrap();
    let identity = canons.identify(&[("run", "web")][..]);
    assert!(!identity.is_conflict());
    assert_eq!(identity.labels().collect::<Vec<_>>(), [("netpol/x", "true")]);
}

#[test]
fn canons_that_isolate_the_same_pods_by_different_policies_are_rejected() {
    let set = |isolating: &str, other: &str| {
        format!(
            "{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{name: {isolating}}}, spec: {{podSelector: {{}}, policyTypes: [Ingress]}}}}\n---\n\
             {{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{name: {other}}}, spec: {{podSelector: {{matchLabels: {{run: db}}}}, policyTypes: [Ingress]}}}}\n"
        )
    };
    let error = together(&[&set("a", "b"), &set("b", "a")]).unwrap_err();
    assert!(error.contains("would not isolate pods run=db for ingress: \"canon.yaml\" (policy a)"), "{error}");
    // The cure at the end is never cut, however much the policies exclude.
    let values = (0..20).map(|number| format!("a-long-value-{number}")).collect::<Vec<_>>().join(", ");
    let long = |policies: String| {
        let excluding = format!("podSelector: {{matchExpressions: [{{key: run, operator: NotIn, values: [{values}]}}]}}");
        policies.replace("podSelector: {}", &excluding)
    };
    let error = together(&[&long(set("a", "b")), &long(set("b", "a"))]).unwrap_err();
    assert!(error.contains("give these the same name, podSelector and policyTypes in all canons"), "{error}");
    assert!(together(&[&set("a", "b"), &set("a", "b")]).is_ok());
    assert!(together(&[&set("a", "b"), &set("a", "c")]).is_ok());
}

/// The labels of the pods of a small universe.
const PODS: [&[(&str, &str)]; 4] = [&[], &[("run", "a")], &[("run", "b")], &[("run", "a"), ("type", "x")]];

fn selector() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        json!({}),
        json!({"matchLabels": {"run": "a"}}),
        json!({"matchLabels": {"run": "b"}}),
        json!({"matchLabels": {"type": "x"}}),
        json!({"matchExpressions": [{"key": "run", "operator": "DoesNotExist"}]}),
        json!({"matchExpressions": [{"key": "run", "operator": "NotIn", "values": ["b"]}]}),
    ])
}

/// The policies of a canon: from name to pod selector and types.
fn policies() -> impl Strategy<Value = BTreeMap<&'static str, (Value, Vec<&'static str>)>> {
    let types = prop::sample::select(vec![vec!["Ingress"], vec!["Egress"], vec!["Ingress", "Egress"]]);
    prop::collection::btree_map(prop::sample::select(vec!["p", "q", "r"]), (selector(), types), 1..4)
}

fn text(policies: &BTreeMap<&str, (Value, Vec<&str>)>) -> String {
    let document = |(name, (selector, types)): (&&str, &(Value, Vec<&str>))| {
        json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": name},
            "spec": {"podSelector": selector, "policyTypes": types}})
        .to_string()
    };
    policies.iter().map(document).collect::<Vec<_>>().join("\n---\n")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Tries every mix: for each name one canon's policy, or none if the first canon lacks the name.
    #[test]
    fn a_pod_that_every_canon_isolates_is_isolated_in_every_mix(left in policies(), right in policies()) {
        let (left_canon, right_canon) = (canon(&text(&left)), canon(&text(&right)));
        let (home_left, home_right) = (&left_canon.namespaces["home"].by_name, &right_canon.namespaces["home"].by_name);
        let isolates = |policy: &crate::canon::CanonicalPolicy, types: &[&str], pod: &[(&str, &str)], direction: &str| {
            let label = |key: &str| pod.iter().find(|(name, _)| *name == key).map(|(_, value)| *value);
            types.contains(&direction) && policy.policy.subject().matches(label)
        };
        let mut names: Vec<&str> = left.keys().chain(right.keys()).copied().collect();
        names.sort_unstable();
        names.dedup();
        let mut exceeds = false;
        for pod in PODS {
            for direction in ["Ingress", "Egress"] {
                let by_left = |name: &str| left.get(name).is_some_and(|(_, types)| isolates(&home_left[name], types, pod, direction));
                let by_right = |name: &str| right.get(name).is_some_and(|(_, types)| isolates(&home_right[name], types, pod, direction));
                if !(names.iter().any(|name| by_left(name)) && names.iter().any(|name| by_right(name))) {
                    continue;
                }
                // The pod is exposed in some mix if, for each name, some choice does not isolate it.
                exceeds |= names.iter().all(|name| {
                    let may_be_missing = !left.contains_key(name);
                    may_be_missing || !by_left(name) || right.contains_key(name) && !by_right(name)
                });
            }
        }
        let accepted = Canons::new(left_canon, vec![right_canon]).is_ok();
        prop_assert!(!(accepted && exceeds), "a mix exposes a pod");
        // Canons with equal policies are accepted.
        prop_assert!(accepted || left != right);
    }
}
