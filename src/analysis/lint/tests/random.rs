//! Random policies: what is dead or redundant against the naive model and against every connection.

use std::cell::Cell;
use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::super::{Input, LintRule, lint};
use crate::analysis::tests::{labels, policy};
use crate::analysis::{End, Endpoint, NamedPolicy, Namespace, Pods, Reach};
use crate::policy::tests::model::{OWN, VALUES, allow_the_same};
use crate::policy::tests::random::{run, spec};

/// Returns a spec with explicit types, so that its isolation does not depend on its rules.
fn explicit(spec: &Value) -> Value {
    let mut spec = spec.clone();
    let is_given = spec["policyTypes"].as_array().is_some_and(|types| !types.is_empty());
    if !is_given {
        let has_egress = spec["egress"].as_array().is_some_and(|rules| !rules.is_empty());
        spec["policyTypes"] = if has_egress { json!(["Ingress", "Egress"]) } else { json!(["Ingress"]) };
    }
    spec
}

/// Returns specs without some rules, given by policy, direction and index.
fn without(specs: &[Value], rules: &[(usize, &'static str, usize)]) -> Vec<Value> {
    let mut specs = specs.to_vec();
    for (policy, list, index) in rules {
        specs[*policy][*list][*index] = Value::Null;
    }
    for spec in &mut specs {
        for list in ["ingress", "egress"] {
            if let Some(rules) = spec[list].as_array_mut() {
                rules.retain(|rule| !rule.is_null());
            }
        }
    }
    specs
}

fn named(specs: &[Value]) -> Vec<NamedPolicy> {
    specs.iter().enumerate().map(|(index, spec)| policy(OWN, &index.to_string(), spec)).collect()
}

fn input<'w>(policies: &'w [NamedPolicy], endpoints: &'w [Endpoint], namespaces: &'w BTreeMap<String, Namespace>) -> Input<'w> {
    Input { policies, endpoints, namespaces, canon: None, namespace: OWN, ignores: &[] }
}

#[test]
fn exactly_the_dead_rules_change_nothing_in_the_naive_model() {
    let [dead, alive] = [(); 2].map(|()| Cell::new(0));
    let namespaces = BTreeMap::new();
    run(300, &vec(spec(), 1..4), |specs| {
        let specs: Vec<Value> = specs.iter().map(explicit).collect();
        let policies = named(&specs);
        let found = lint(input(&policies, &[], &namespaces)).findings;
        prop_assert!(found.iter().all(|finding| finding.rule != LintRule::NotEvaluated));
        let rules = dead_rules(&found);
        dead.set(dead.get() + rules.len());
        let left = without(&specs, &rules);
        prop_assert!(allow_the_same(&specs, &left), "{:?} are not dead", rules);
        for (index, spec) in left.iter().enumerate() {
            for (list, kind) in [("ingress", "Ingress"), ("egress", "Egress")] {
                if !spec["policyTypes"].as_array().unwrap().iter().any(|it| it == kind) {
                    continue;
                }
                for rule in 0..spec[list].as_array().map_or(0, Vec::len) {
                    alive.set(alive.get() + 1);
                    prop_assert!(!allow_the_same(&left, &without(&left, &[(index, list, rule)])), "{} {} {} is dead", index, list, rule);
                }
            }
        }
        Ok(())
    });
    println!("{} rules are dead, {} are not", dead.get(), alive.get());
    assert!(dead.get() > 100 && alive.get() > 300, "{} dead, {} alive", dead.get(), alive.get());
}

/// Returns the dead rules: policy, direction and index.
fn dead_rules(found: &[super::Finding]) -> Vec<(usize, &'static str, usize)> {
    let place = |finding: &super::Finding| {
        let list = if finding.place.direction.unwrap() == crate::policy::Direction::Ingress { "ingress" } else { "egress" };
        (finding.policies[0], list, finding.place.rule.unwrap() - 1)
    };
    found.iter().filter(|finding| finding.rule == LintRule::DeadRule).map(place).collect()
}

fn endpoint(index: usize, (a, b): (Option<&'static str>, Option<&'static str>)) -> Endpoint {
    let given: Vec<(&str, &str)> = [("a", a), ("b", b)].into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
    let pods = Pods::labeled(Namespace::new(OWN, BTreeMap::new()), labels(&given));
    Endpoint { id: index.to_string(), kind: "Deployment".to_owned(), object: None, end: End::Pods(pods), outside: false }
}

/// Returns what is open between endpoints, and which are isolated.
fn open(policies: &[NamedPolicy], endpoints: &[Endpoint]) -> Vec<String> {
    let reach = Reach::new(policies, endpoints);
    let all = 0..endpoints.len();
    let pairs = all.clone().flat_map(|from| all.clone().map(move |to| (from, to)));
    pairs.map(|(from, to)| reach.flow(from, to)).map(|flow| format!("{} / {}", flow.allowed, flow.depends)).collect()
}

#[test]
fn exactly_the_redundant_policies_and_unused_rules_change_no_connection() {
    let [redundant, needed, one_sided, unused] = [(); 4].map(|()| Cell::new(0));
    let pods = vec((select(&VALUES[..]), select(&VALUES[..])), 2..5);
    let namespaces = BTreeMap::new();
    run(1_200, &(vec(spec(), 1..5), pods), |(specs, pods)| {
        let specs: Vec<Value> = specs.iter().map(explicit).collect();
        let policies = named(&specs);
        let endpoints: Vec<Endpoint> = pods.into_iter().enumerate().map(|(index, labels)| endpoint(index, labels)).collect();
        let found = lint(input(&policies, &endpoints, &namespaces)).findings;
        let of = |rule| found.iter().filter(|finding| finding.rule == rule).map(|finding| finding.policies[0]).collect::<Vec<_>>();
        let removed = of(LintRule::RedundantPolicy);
        redundant.set(redundant.get() + removed.len());
        let keep = |gone: &[usize]| -> Vec<NamedPolicy> {
            policies.iter().enumerate().filter(|(index, _)| !gone.contains(index)).map(|(_, named)| named.clone()).collect()
        };
        let before = open(&policies, &endpoints);
        prop_assert_eq!(&before, &open(&keep(&removed), &endpoints));
        let rules = dead_rules(&found);
        unused.set(unused.get() + rules.len());
        prop_assert_eq!(&before, &open(&named(&without(&specs, &rules)), &endpoints), "{:?} are used", rules);
        // Dead rules are found first: a policy of nothing else is not said to be redundant.
        if of(LintRule::DeadRule).is_empty() && of(LintRule::SelectsNothing).is_empty() {
            for index in (0..policies.len()).filter(|index| !removed.contains(index)) {
                let gone: Vec<usize> = removed.iter().copied().chain([index]).collect();
                let is_sole = |direction| {
                    endpoints.iter().any(|endpoint| {
                        let by = |set: &[NamedPolicy]| crate::analysis::connection::isolating(set, &endpoint.end, direction).is_empty();
                        by(&keep(&gone)) && !by(&keep(&removed))
                    })
                };
                let sole = crate::policy::Direction::BOTH.into_iter().any(is_sole);
                prop_assert!(sole || before != open(&keep(&gone), &endpoints), "{} is redundant", index);
                needed.set(needed.get() + 1);
            }
        }
        one_sided.set(one_sided.get() + of(LintRule::OneSidedPort).len());
        Ok(())
    });
    println!(
        "{} policies are redundant, {} are not; {} one-sided ports, {} dead rules",
        redundant.get(),
        needed.get(),
        one_sided.get(),
        unused.get()
    );
    assert!(unused.get() > 200 && redundant.get() > 50 && needed.get() > 200 && one_sided.get() > 50);
}
