//! Canons with one direction per policy.

use serde_json::Value;

use super::policy;
use crate::canon::{BUILT_IN, Canon, CanonError, Documents, split_directions};
use crate::documents::reading;
use crate::policy::{Allowed, Beyond, Direction, Isolation, Policy, isolation};

fn split(documents: &Documents) -> Result<(Canon, Vec<Value>), CanonError> {
    let objects = split_directions(documents)?;
    let text: Vec<String> = objects.iter().map(|object| reading::write(object).unwrap()).collect();
    let canon = Canon::from_documents(&Documents::from_text("split.yaml", &text.join("---\n")), &["home".to_owned()])?;
    Ok((canon, objects))
}

/// Returns whether two sets of policies allow the same and isolate the same pods.
fn mean_the_same(left: &[&Policy], right: &[&Policy]) -> bool {
    let within = |one: &[&Policy], other: &[&Policy]| {
        let allowed = Allowed::new(one.iter().copied());
        let isolated = isolation(&[other.to_vec()], one) == Isolation::Common;
        isolated && other.iter().all(|policy| allowed.beyond(policy) == Beyond::Nothing)
    };
    within(left, right) && within(right, left)
}

fn policies(canon: &Canon) -> Vec<&Policy> {
    canon.namespaces["home"].by_name.values().map(|canonical| &canonical.policy).collect()
}

#[test]
fn a_split_canon_means_the_same_and_has_one_direction_per_policy() {
    for name in BUILT_IN {
        let documents = Documents::read(name).unwrap();
        let whole = Canon::from_documents(&documents, &["home".to_owned()]).unwrap();
        let (split, _) = split(&documents).unwrap();
        assert!(mean_the_same(&policies(&whole), &policies(&split)), "{name}");
        let names = |canon: &Canon| canon.namespaces["home"].by_name.keys().cloned().collect::<Vec<_>>();
        let mut expected = names(&whole);
        expected.extend(["ocuser-rights-egress", "pyos-rights-egress"].map(str::to_owned));
        expected.sort();
        assert_eq!(names(&split), expected, "{name}");
        for (policy, canonical) in &split.namespaces["home"].by_name {
            let directions = Direction::BOTH.into_iter().filter(|direction| canonical.policy.rules(*direction).is_some()).count();
            assert!(directions == 1 || policy == "abcdesktop-rights", "{policy} of {name}");
        }
        let grants = |canon: &Canon| canon.grants.iter().map(|grant| format!("{grant:?}")).collect::<Vec<_>>();
        assert_eq!(grants(&whole), grants(&split), "{name}");
        // Without one half, it does not mean the same.
        for missing in ["ocuser-rights", "pyos-rights-egress"] {
            let rest = split.namespaces["home"].by_name.iter().filter(|(name, _)| *name != missing).map(|(_, canonical)| &canonical.policy);
            assert!(!mean_the_same(&policies(&whole), &rest.collect::<Vec<_>>()), "{name} without {missing}");
        }
    }
}

#[test]
fn the_directions_of_a_policy_without_types_are_those_that_it_has() {
    let both = policy("{name: a, labels: {k: v}}", "{podSelector: {}, egress: [{}]}");
    let (_, objects) = split(&Documents::from_text("canon.yaml", &both)).unwrap();
    let specs: Vec<String> =
        objects.iter().filter(|object| object["kind"] == "NetworkPolicy").map(|object| object["spec"].to_string()).collect();
    assert!(specs.contains(&r#"{"podSelector":{},"policyTypes":["Ingress"]}"#.to_owned()), "{specs:?}");
    assert!(specs.contains(&r#"{"egress":[{}],"podSelector":{},"policyTypes":["Egress"]}"#.to_owned()), "{specs:?}");
    let of_a: Vec<&Value> =
        objects.iter().filter(|object| object["metadata"]["name"].as_str().is_some_and(|name| name.starts_with('a'))).collect();
    assert!(of_a.iter().all(|object| object["metadata"]["labels"]["k"] == "v"));
    // One direction, or no rule in two of them: nothing to split.
    for spec in ["{podSelector: {}, ingress: [{}]}", "{podSelector: {}, policyTypes: [Ingress, Egress]}"] {
        let (canon, _) = split(&Documents::from_text("canon.yaml", &policy("{name: a}", spec))).unwrap();
        assert!(!canon.namespaces["home"].by_name.contains_key("a-egress"), "{spec}");
    }
}

#[test]
fn a_name_that_is_taken_or_too_long_is_reported() {
    let both = "{podSelector: {}, egress: [{}]}";
    let taken = format!("{}\n---\n{}", policy("{name: a}", both), policy("{name: a-egress}", "{podSelector: {}}"));
    let error = split(&Documents::from_text("canon.yaml", &taken)).unwrap_err().to_string();
    assert!(error.contains("NetworkPolicy \"a\"") && error.contains("is taken; rename a policy"), "{error}");
    let long = "a".repeat(250);
    let error = split(&Documents::from_text("canon.yaml", &policy(&format!("{{name: {long}}}"), both))).unwrap_err().to_string();
    assert!(error.contains("is not valid; rename a policy"), "{error}");
    assert!(split_directions(&Documents::from_text("canon.yaml", "{kind: Pod}")).is_err());
}
