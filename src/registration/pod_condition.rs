//! The match conditions for new pods: a pod that is plainly right is not sent, and one that lacks no label is not sent to `/mutate`.
//!
//! A pod is plainly right if an exclusive grant selects it, at most one of each canon, its labels under `netpol/` are
//! exactly those that the selecting grants give, it keeps the limits of all of these grants, its requester may run pods as its
//! account, and it has no host network, no network annotation and no mirror annotation. Then `/mutate` has nothing to add and
//! `/validate` has no finding, whatever the flags of the server say.
//! Every other pod is sent, also one that would be allowed: the condition may only be stricter than the verdict.

use std::collections::BTreeMap;

use super::claim_conditions::LimitTerms;
use super::conditions::{Condition, matches, network_keys};
use super::entry::LABELS;
use super::selected::Selected;
use crate::canon::{Canon, Canons, Grant};
use crate::verdict::settings::UngrantedLabels;
use crate::verdict::{Settings, annotations};

/// The length of the longest condition in bytes. CEL rejects expressions of more than 100,000 characters, and the API
/// server stops an evaluation at a cost of 1,000,000. A test with a real API server evaluates a condition of this length.
pub const MAX_POD_CONDITION: usize = 64 * 1024;

/// The most labels of a pod that is not sent, so that the cost of the condition has a limit for every pod.
const MAX_LABELS: usize = 100;

/// The most annotations of a pod that is not sent.
const MAX_ANNOTATIONS: usize = 100;

/// The name of the condition of `/validate`.
pub(super) const NOT_PLAINLY_RIGHT: &str = "not-plainly-right";

/// The name of the condition of `/mutate`.
pub(super) const LACKS_LABELS: &str = "lacks-labels";

/// Which new pods the API server sends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Send {
    /// Those that are not plainly right.
    #[default]
    Needed,
    /// All.
    All,
}

/// Why there is no condition, so that all pods are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoPodCondition {
    /// No pod is plainly right.
    #[error("no grant of the canon is exclusive, so every new pod is sent")]
    NoExclusiveGrant,
    /// The API server might reject the condition or its evaluation.
    #[error(
        "the condition for pods that need no review would have {0} bytes (at most {MAX_POD_CONDITION}), so every new pod is sent; use fewer grants to avoid that"
    )]
    TooLong(usize),
}

/// Returns the expression that matches all new pods except those that are plainly right.
///
/// # Errors
/// There can be no such condition.
pub fn pod_condition(canons: &Canons, settings: &Settings) -> Result<String, NoPodCondition> {
    let grants = || canons.all().flat_map(|canon| &canon.grants);
    if grants().all(|grant| grant.shared) {
        return Err(NoPodCondition::NoExclusiveGrant);
    }
    let limits = LimitTerms::new(grants());
    let (selected, sets) = selected(canons, &limits);
    let annotated = network_keys(&[annotations::NETWORK, &[annotations::MIRROR]].concat(), &settings.network_annotation_keys);
    let selected = selected.plainly_right(sets, |has| limits.expression(&settings.workload_controllers, has));
    let expression = format!(
        "!(!has(object.spec.hostNetwork) \
         && (!has(object.metadata.annotations) || (size(object.metadata.annotations) <= {MAX_ANNOTATIONS} \
         && !object.metadata.annotations.exists(key, key in {annotated}))) \
         && has({LABELS}) && size({LABELS}) <= {MAX_LABELS} && {selected})"
    );
    if expression.len() > MAX_POD_CONDITION { Err(NoPodCondition::TooLong(expression.len())) } else { Ok(expression) }
}

/// Returns what selects a pod, and the number of sets of exclusive grants.
fn selected<'c>(canons: &'c Canons, limits: &LimitTerms<'_>) -> (Selected<'c>, usize) {
    let sets = exclusive_sets(canons.all());
    let mut selected = Selected::default();
    for (number, grants) in sets.iter().enumerate() {
        for grant in grants {
            selected.add(grant, Some(number), limits.of(grant));
        }
    }
    for grant in canons.all().flat_map(|canon| &canon.grants).filter(|grant| grant.shared) {
        selected.add(grant, None, limits.of(grant));
    }
    (selected, sets.len())
}

/// Excludes new pods that are plainly right.
pub(super) fn not_plainly_right(canons: &Canons, settings: &Settings) -> Option<Condition> {
    Some(Condition::new(NOT_PLAINLY_RIGHT, pod_condition(canons, settings).ok()?))
}

/// Excludes new pods to which `/mutate` adds no label: a grant selects them, and they have all labels that grants give. It depends on the
/// labels alone. Where `/mutate` also removes labels, only a pod that is plainly right needs none of it.
pub(super) fn lacks_labels(canons: &Canons, settings: &Settings) -> Option<Condition> {
    let plainly_right = not_plainly_right(canons, settings)?;
    let strips = settings.ungranted_labels == UngrantedLabels::Strip;
    let (selected, _) = selected(canons, &LimitTerms::new(std::iter::empty()));
    let lacks = (!strips).then(|| selected.lacks_labels()).flatten();
    Some(lacks.map_or(plainly_right, |lacks| Condition::new(LACKS_LABELS, format!("!has({LABELS}) || {lacks}"))))
}

/// Returns the exclusive grants of each canon that has some. Canons with the same ones are one, and their order does not matter.
fn exclusive_sets<'c>(canons: impl Iterator<Item = &'c Canon>) -> Vec<Vec<&'c Grant>> {
    let sets = canons.map(|canon| canon.grants.iter().filter(|grant| !grant.shared).collect::<Vec<_>>());
    let described = sets.filter(|grants| !grants.is_empty()).map(|grants| {
        // Not the text of the selector for messages, which leaves out most of a long list.
        let whole = |grant: &&Grant| format!("{} {:?} {:?}", matches(&grant.selector, LABELS), grant.labels, grant.limits);
        let mut text: Vec<String> = grants.iter().map(whole).collect();
        text.sort_unstable();
        (text, grants)
    });
    described.collect::<BTreeMap<_, _>>().into_values().collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};

    use super::*;
    use crate::canon::Documents;

    const GRANTS: &str = r#"{"apiVersion": "netpol.abcdesktop.io/v1alpha1", "kind": "Grants", "metadata": {"name": "own"}, "grants": [
        {"name": "a", "podSelector": {"matchLabels": {"run": "a"}}, "labels": {"netpol/x": "1"}},
        {"name": "b", "podSelector": {"matchExpressions": [{"key": "run", "operator": "NotIn", "values": ["a"]}, {"key": "app", "operator": "Exists"}]},
         "labels": {"netpol/x": "1"}},
        {"name": "c", "podSelector": {}, "labels": {"netpol/y": "true"}, "shared": true}]}"#;

    /// Returns a canon with these grants, and policies that read their labels.
    fn canon(grants: &str) -> Canon {
        let grants: Value = serde_json::from_str(grants).unwrap();
        let keys: BTreeSet<&String> =
            grants["grants"].as_array().unwrap().iter().flat_map(|grant| grant["labels"].as_object().unwrap().keys()).collect();
        let reads: Vec<Value> =
            keys.iter().map(|key| json!({"podSelector": {"matchExpressions": [{"key": key, "operator": "Exists"}]}})).collect();
        let policy = json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "reads"},
            "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"], "ingress": [{"from": reads}]},
        });
        Canon::from_documents(&Documents::from_text("own", &format!("{grants}\n---\n{policy}")), &["any".to_owned()]).unwrap()
    }

    fn canons(grants: &str) -> Canons {
        Canons::new(canon(grants), Vec::new()).unwrap()
    }

    #[test]
    fn the_condition_names_every_selector_label_and_value() {
        let condition = pod_condition(
            &canons(GRANTS),
            &Settings { network_annotation_keys: vec!["example.org/pool".to_owned()], ..Settings::default() },
        )
        .unwrap();
        let (head, rest) = condition.split_once(".exists(key, key in [").unwrap();
        assert_eq!(
            head,
            "!(!has(object.spec.hostNetwork) && (!has(object.metadata.annotations) || (size(object.metadata.annotations) <= 100 \
             && !object.metadata.annotations"
        );
        let (keys, rest) = rest.split_once("])").unwrap();
        assert!(keys.starts_with(r#""k8s.v1.cni.cncf.io/networks", "#), "{keys}");
        assert!(keys.ends_with(r#", "kubernetes.io/config.mirror", "example.org/pool""#), "{keys}");
        assert_eq!(
            rest,
            r#")) && has(LABELS) && size(LABELS) <= 100 && [[?{"a": {"labels": {"netpol/x": "1"}, "is": {"identity 0": ""}}}[?LABELS[?"run"].orValue("")], ?(LABELS[?"app"].optMap(value, !(value in [])).orValue(false) && LABELS[?"run"].optMap(value, !(value in ["a"])).orValue(true) ? optional.of({"labels": {"netpol/x": "1"}, "is": {"identity 0": ""}}) : optional.none()), ?(true ? optional.of({"labels": {"netpol/y": "true"}, "is": {}}) : optional.none())]].exists(selected, selected.exists_one(each, "identity 0" in each.is) && selected.all(each, each.labels.all(key, key in LABELS && LABELS[key] == each.labels[key])) && LABELS.all(key, !key.startsWith("netpol/") || selected.exists(each, key in each.labels))))"#
                .replace("LABELS", LABELS)
        );
    }

    const EXCLUSIVE: &str = r#"{"apiVersion": "netpol.abcdesktop.io/v1alpha1", "kind": "Grants", "metadata": {"name": "own"}, "grants": [
        {"name": "a", "podSelector": {"matchLabels": {"run": "a"}}, "labels": {"netpol/x": "1", "netpol/y": ""}},
        {"name": "b", "podSelector": {"matchExpressions": [{"key": "run", "operator": "In", "values": ["b", "c"]}]}, "labels": {}, "claims": {"users": ["u"]}},
        {"name": "d", "podSelector": {"matchExpressions": [{"key": "app", "operator": "Exists"}]}, "labels": {"netpol/x": "1"}}]}"#;

    #[test]
    fn without_shared_grants_each_grant_is_named_with_its_labels() {
        let condition = pod_condition(&canons(EXCLUSIVE), &Settings::default()).unwrap();
        let (_, named) = condition.split_once("size(object.metadata.labels) <= 100 && ").unwrap();
        let run = r#"LABELS[?"run"].orValue("") in "#;
        let app = r#"(LABELS[?"app"].optMap(value, !(value in [])).orValue(false))"#;
        let of_app = format!(
            r#"({app} && !({run}["a", "b", "c"]) && (LABELS[?"netpol/x"].orValue("") == "1" && LABELS.all(key, !key.startsWith("netpol/") || key in ["netpol/x"])))"#
        );
        let of_run = format!(
            r#"({run}["a", "b", "c"] && !({app}) && ({run}["a"] && LABELS[?"netpol/x"].orValue("") == "1" && LABELS[?"netpol/y"].orValue("-") == "" && LABELS.all(key, !key.startsWith("netpol/") || key in ["netpol/x", "netpol/y"]) || {run}["b", "c"] && LABELS.all(key, !key.startsWith("netpol/"))))"#
        );
        let claimed = format!(r#"((((request.userInfo.username in ["u"]) || (!({run}["b", "c"])))) || "#);
        let expected = format!("({of_app} || {of_run}) && {claimed}").replace("LABELS", LABELS);
        assert!(named.starts_with(&expected), "{named}\n{expected}");
    }

    #[test]
    fn a_pod_is_sent_for_its_labels_if_no_grant_selects_it_or_one_lacks() {
        let condition = |settings: &Settings| lacks_labels(&canons(EXCLUSIVE), settings).unwrap().manifest();
        let run = r#"LABELS[?"run"].orValue("") in "#;
        let app = r#"(LABELS[?"app"].optMap(value, !(value in [])).orValue(false))"#;
        let expected = format!(
            r#"!has(LABELS) || !({app} || {run}["a", "b", "c"]) || ({app} && !("netpol/x" in LABELS)) || ({run}["a"] && !("netpol/x" in LABELS && "netpol/y" in LABELS))"#
        );
        assert_eq!(condition(&Settings::default()), json!({"name": "lacks-labels", "expression": expected.replace("LABELS", LABELS)}));
        let strip = Settings { ungranted_labels: UngrantedLabels::Strip, ..Settings::default() };
        assert_eq!(condition(&strip), not_plainly_right(&canons(EXCLUSIVE), &strip).unwrap().manifest());
    }

    #[test]
    fn many_grants_are_in_a_table() {
        let grant = |n: usize| json!({"name": format!("g{n}"), "podSelector": {"matchLabels": {"run": format!("r{n}")}}, "labels": {format!("netpol/x{n}"): "1"}});
        let of = |count: usize| {
            let grants: Vec<Value> = (0..count).map(grant).collect();
            json!({"apiVersion": "netpol.abcdesktop.io/v1alpha1", "kind": "Grants", "metadata": {"name": "own"}, "grants": grants})
                .to_string()
        };
        let (few, many) = (canons(&of(20)), canons(&of(200)));
        let settings = Settings::default();
        assert!(!pod_condition(&few, &settings).unwrap().contains("selected"));
        assert!(pod_condition(&many, &settings).unwrap().contains("selected.exists_one"));
        assert_eq!(lacks_labels(&few, &settings).unwrap().manifest()["name"], "lacks-labels");
        assert_eq!(lacks_labels(&many, &settings).unwrap().manifest()["name"], "not-plainly-right");
    }

    #[test]
    fn a_label_with_two_values_has_that_of_its_grant() {
        let one = |run: &str, value: &str| {
            let grant = json!({"name": "a", "podSelector": {"matchLabels": {"run": run}}, "labels": {"netpol/x": value}});
            let set =
                json!({"apiVersion": "netpol.abcdesktop.io/v1alpha1", "kind": "Grants", "metadata": {"name": "own"}, "grants": [grant]});
            canon(&set.to_string())
        };
        let condition = pod_condition(&Canons::new(one("a", "1"), vec![one("z", "")]).unwrap(), &Settings::default()).unwrap();
        let tables = r#"{"a": {"labels": {"netpol/x": "1"}, "is": {"identity 0": ""}}, "z": {"labels": {"netpol/x": ""}, "is": {"identity 1": ""}}}[?object.metadata.labels[?"run"]"#;
        assert!(condition.contains(tables), "{condition}");
        let terms = r#"selected.exists(each, "identity 0" in each.is || "identity 1" in each.is) && selected.filter(each, "identity 0" in each.is).size() <= 1 && selected.filter(each, "identity 1" in each.is).size() <= 1"#;
        assert!(condition.contains(terms), "{condition}");
    }

    #[test]
    fn grants_that_cannot_be_one_entry_are_in_tables_of_their_own() {
        let grants = GRANTS.replace(
            "\"NotIn\", \"values\": [\"a\"]}, {\"key\": \"app\", \"operator\": \"Exists\"}",
            "\"In\", \"values\": [\"a\", \"b\"]}",
        );
        let condition = pod_condition(&canons(&grants), &Settings::default()).unwrap();
        let entry = r#"{"labels": {"netpol/x": "1"}, "is": {"identity 0": ""}}"#;
        let lookup = r#"[?object.metadata.labels[?"run"].orValue("")]"#;
        assert!(condition.contains(&format!(r#"[[?{{"a": {entry}, "b": {entry}}}{lookup}, ?{{"a": {entry}}}{lookup}, "#)), "{condition}");
        // Two canons that say the same are one.
        let twice = Canons::new(canon(GRANTS), vec![canon(GRANTS)]).unwrap();
        assert_eq!(pod_condition(&twice, &Settings::default()), pod_condition(&canons(GRANTS), &Settings::default()));
    }

    #[test]
    fn the_order_of_canons_does_not_matter() {
        let of =
            |names: [&str; 2]| pod_condition(&Canons::load(&names.map(str::to_owned), &["any".to_owned()]).unwrap(), &Settings::default());
        let condition = of(["abcdesktop", "abcdesktop-4.4"]).unwrap();
        assert_eq!(of(["abcdesktop-4.4", "abcdesktop"]).unwrap(), condition);
    }

    #[test]
    fn canons_whose_selectors_differ_only_in_long_lists_are_two() {
        let one = |last: &str| {
            let values: Vec<String> = (0..50).map(|number| format!("r{number:02}")).chain([last.to_owned()]).collect();
            let selector = json!({"matchExpressions": [{"key": "run", "operator": "In", "values": values}]});
            let grant = json!({"name": "a", "podSelector": selector, "labels": {"netpol/x": "1"}});
            let set =
                json!({"apiVersion": "netpol.abcdesktop.io/v1alpha1", "kind": "Grants", "metadata": {"name": "own"}, "grants": [grant]});
            canon(&set.to_string())
        };
        assert_eq!(one("x").grants[0].selects, one("y").grants[0].selects, "as text, they are equal");
        let condition = pod_condition(&Canons::new(one("x"), vec![one("y")]).unwrap(), &Settings::default()).unwrap();
        for entry in [r#""x": {"labels": {"netpol/x": "1"}, "is": {"identity "#, r#""y": {"labels": {"netpol/x": "1"}, "is": {"identity "#]
        {
            assert!(condition.contains(entry), "{condition}");
        }
    }

    #[test]
    fn without_an_exclusive_grant_or_with_too_many_there_is_no_condition() {
        let shared = GRANTS.replace(r#""labels""#, r#""shared": true, "labels""#).replace(r#", "shared": true}]}"#, "}]}");
        assert_eq!(pod_condition(&canons(&shared), &Settings::default()), Err(NoPodCondition::NoExclusiveGrant));
        let many: Vec<String> = (0..2000)
            .map(|n| {
                format!(r#"{{"name": "g{n}", "podSelector": {{"matchLabels": {{"run": "r{n}"}}}}, "labels": {{"netpol/x{n}": "1"}}}}"#)
            })
            .collect();
        let (start, _) = GRANTS.split_once(r#"{"name": "a""#).unwrap();
        let many = canons(&format!("{start}{}]}}", many.join(",")));
        let Err(NoPodCondition::TooLong(length)) = pod_condition(&many, &Settings::default()) else { panic!("it is too long") };
        assert!(length > MAX_POD_CONDITION);
    }
}
