//! The match condition for new pods: a pod that is plainly right is not sent.
//!
//! A pod is plainly right if an exclusive grant selects it, at most one of each canon, its labels under `netpol/` are
//! exactly those that the selecting grants give, it keeps the limits of all of these grants, its requester may run pods as its
//! account, and it has no host network, no network annotation and no mirror annotation. Then `/mutate` has nothing to add and `/validate` has no finding, whatever the flags of the server say.
//! Every other pod is sent, also one that would be allowed: the condition may only be stricter than the verdict.

use std::collections::{BTreeMap, BTreeSet};

use super::claim_conditions::keeps_limits;
use super::conditions::{Condition, list, literal, matches, network_keys};
use crate::canon::{CAPABILITY_PREFIX, Canon, Canons, Grant};
use crate::verdict::{Settings, annotations};

/// The length of the longest condition in bytes. CEL rejects expressions of more than 100,000 characters, and the API
/// server stops an evaluation at a cost of 1,000,000. A test with a real API server evaluates a condition of this length.
pub const MAX_POD_CONDITION: usize = 64 * 1024;

/// The most labels of a pod that is not sent, so that the cost of the condition has a limit for every pod.
const MAX_LABELS: usize = 100;

/// The most annotations of a pod that is not sent.
const MAX_ANNOTATIONS: usize = 100;

/// The name of the condition.
pub(super) const NOT_PLAINLY_RIGHT: &str = "not-plainly-right";

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

/// Returns the expression that matches all requests except the creation of a pod that is plainly right.
///
/// # Errors
/// There can be no such condition.
pub fn pod_condition(canons: &Canons, settings: &Settings) -> Result<String, NoPodCondition> {
    let canons: Vec<&Canon> = canons.all().collect();
    let selects = Selects::new(&canons);
    if selects.exclusive.is_empty() {
        return Err(NoPodCondition::NoExclusiveGrant);
    }
    let annotated = network_keys(&[annotations::NETWORK, &[annotations::MIRROR]].concat(), &settings.network_annotation_keys);
    let grants = canons.iter().flat_map(|canon| &canon.grants);
    let limits = keeps_limits(grants, |grant| selects.of(grant), &settings.workload_controllers);
    // A list of one item binds a name: match conditions have no variables.
    let expression = format!(
        "request.operation != 'CREATE' || !(!object.spec.?hostNetwork.orValue(false) \
         && size(object.metadata.?annotations.orValue({{}})) <= {MAX_ANNOTATIONS} \
         && !object.metadata.?annotations.orValue({{}}).exists(key, key in {annotated}) \
         && [object.metadata.?labels.orValue({{}})].exists(labels, size(labels) <= {MAX_LABELS} \
         && [[{}]].exists(selects, {} && {}{})))",
        selects.expressions.join(", "),
        selects.one_identity(),
        selects.exactly_the_granted(),
        limits.map(|limits| format!(" && {limits}")).unwrap_or_default(),
    );
    if expression.len() > MAX_POD_CONDITION { Err(NoPodCondition::TooLong(expression.len())) } else { Ok(expression) }
}

/// Excludes new pods that are plainly right.
pub(super) fn not_plainly_right(canons: &Canons, settings: &Settings) -> Option<Condition> {
    Some(Condition::new(NOT_PLAINLY_RIGHT, pod_condition(canons, settings).ok()?))
}

/// The selectors of the grants, each once. In the condition, `selects` is the list of their values for a pod, and a position
/// is an index in it.
struct Selects<'c> {
    expressions: Vec<String>,
    /// The positions of the exclusive grants of each canon that has some.
    exclusive: BTreeSet<Vec<usize>>,
    /// From label key and value to the positions of the grants that give it.
    given: BTreeMap<&'c str, BTreeMap<&'c str, BTreeSet<usize>>>,
}

impl<'c> Selects<'c> {
    fn new(canons: &[&'c Canon]) -> Selects<'c> {
        let grants = || canons.iter().flat_map(|canon| &canon.grants);
        // Sorted, so that the order of the canons does not matter.
        let sorted: BTreeSet<String> = grants().map(|grant| matches(&grant.selector, "labels")).collect();
        let expressions: Vec<String> = sorted.into_iter().collect();
        let position = |grant: &Grant| expressions.binary_search(&matches(&grant.selector, "labels")).unwrap_or_default();
        let mut given: BTreeMap<&str, BTreeMap<&str, BTreeSet<usize>>> = BTreeMap::new();
        for grant in grants() {
            for (key, value) in &grant.labels {
                given.entry(key).or_default().entry(value).or_default().insert(position(grant));
            }
        }
        let exclusive = canons.iter().map(|canon| {
            // Two grants with the same selector count twice.
            let mut positions: Vec<usize> = canon.grants.iter().filter(|grant| !grant.shared).map(position).collect();
            positions.sort_unstable();
            positions
        });
        let exclusive = exclusive.filter(|positions| !positions.is_empty()).collect();
        Selects { expressions, exclusive, given }
    }

    /// The grant selects the pod.
    fn of(&self, grant: &Grant) -> String {
        selects(self.expressions.binary_search(&matches(&grant.selector, "labels")).unwrap_or_default())
    }

    /// An exclusive grant selects the pod, and at most one of each canon.
    fn one_identity(&self) -> String {
        let any: BTreeSet<usize> = self.exclusive.iter().flatten().copied().collect();
        let mut terms = vec![any_of(&any)];
        terms.extend(self.exclusive.iter().map(|positions| {
            let items: Vec<String> = positions.iter().copied().map(selects).collect();
            format!("[{}].filter(is, is).size() <= 1", items.join(", "))
        }));
        terms.join(" && ")
    }

    /// The labels under `netpol/` are those that the selecting grants give.
    fn exactly_the_granted(&self) -> String {
        let mut terms: Vec<String> = self.given.iter().map(|(key, values)| granted(key, values)).collect();
        let (prefix, keys) = (literal(CAPABILITY_PREFIX), list(self.given.keys().copied()));
        terms.push(format!("labels.all(key, !key.startsWith({prefix}) || key in {keys})"));
        terms.join(" && ")
    }
}

/// The pod has a label under `netpol/` if and only if a grant gives it, and with the value that every such grant gives.
fn granted(key: &str, values: &BTreeMap<&str, BTreeSet<usize>>) -> String {
    let key = literal(key);
    let all: BTreeSet<usize> = values.values().flatten().copied().collect();
    let mut terms = vec![format!("({key} in labels) == {}", any_of(&all))];
    for (value, positions) in values {
        let value = literal(value);
        let is_value = format!("labels[?{key}].orValue({value}) == {value}");
        terms.push(if values.len() == 1 { is_value } else { format!("(!{} || {is_value})", any_of(positions)) });
    }
    terms.join(" && ")
}

fn selects(position: usize) -> String {
    format!("selects[{position}]")
}

fn any_of(positions: &BTreeSet<usize>) -> String {
    let terms: Vec<String> = positions.iter().copied().map(selects).collect();
    format!("({})", terms.join(" || "))
}

#[cfg(test)]
mod tests {
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
            "request.operation != 'CREATE' || !(!object.spec.?hostNetwork.orValue(false) && size(object.metadata.?annotations.orValue({})) <= 100 \
             && !object.metadata.?annotations.orValue({})"
        );
        let (keys, rest) = rest.split_once("])").unwrap();
        assert!(keys.starts_with(r#""k8s.v1.cni.cncf.io/networks", "#), "{keys}");
        assert!(keys.ends_with(r#", "kubernetes.io/config.mirror", "example.org/pool""#), "{keys}");
        assert_eq!(
            rest,
            r#" && [object.metadata.?labels.orValue({})].exists(labels, size(labels) <= 100 && [[labels[?"app"].optMap(value, !(value in [])).orValue(false) && labels[?"run"].optMap(value, !(value in ["a"])).orValue(true), labels[?"run"].optMap(value, value in ["a"]).orValue(false), true]].exists(selects, (selects[0] || selects[1]) && [selects[0], selects[1]].filter(is, is).size() <= 1 && ("netpol/x" in labels) == (selects[0] || selects[1]) && labels[?"netpol/x"].orValue("1") == "1" && ("netpol/y" in labels) == (selects[2]) && labels[?"netpol/y"].orValue("true") == "true" && labels.all(key, !key.startsWith("netpol/") || key in ["netpol/x", "netpol/y"]))))"#
        );
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
        let expected = r#"("netpol/x" in labels) == (selects[0] || selects[1]) && (!(selects[1]) || labels[?"netpol/x"].orValue("") == "") && (!(selects[0]) || labels[?"netpol/x"].orValue("1") == "1")"#;
        assert!(condition.contains(expected), "{condition}");
        assert!(condition.contains("[selects[0]].filter(is, is).size() <= 1 && [selects[1]].filter(is, is).size() <= 1"), "{condition}");
    }

    #[test]
    fn the_order_of_canons_does_not_matter() {
        let of =
            |names: [&str; 2]| pod_condition(&Canons::load(&names.map(str::to_owned), &["any".to_owned()]).unwrap(), &Settings::default());
        let condition = of(["abcdesktop", "abcdesktop-4.4"]).unwrap();
        assert_eq!(of(["abcdesktop-4.4", "abcdesktop"]).unwrap(), condition);
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
