//! The endpoints of a canon: its identities, and what else its policies tell apart.

use std::collections::{BTreeMap, BTreeSet};

use super::connection::NamedPolicy;
use super::endpoint::{End, Endpoint, Namespace, Pods};
use super::reach::addresses;
use crate::canon::{Canon, Canons, Grant};
use crate::policy::selector::NAMESPACE_NAME_KEY;
use crate::policy::traffic::PeerSet;
use crate::policy::{Policy, Selector};

/// The most combinations of labels of one grant that are compared. With more, its pods have one of them.
const MAX_VARIANTS: usize = 256;

/// Returns the policies of the first canon for a guarded namespace, and the endpoints that they tell apart:
///
/// - for each grant, the pods that have only the labels that its selector requires, with the labels that they are granted;
/// - for each selector of a policy that selects none of these, pods with labels that it selects;
/// - a pod of the namespace and a pod of another namespace without labels, `NAMESPACE/*` and `*/*`;
/// - the parts of all addresses.
pub fn of_canon(canons: &Canons, namespace: &str) -> (Vec<NamedPolicy>, Vec<Endpoint>) {
    of_accepted(canons, canons.first(), namespace)
}

/// Returns the same of another accepted canon.
pub fn of_accepted(canons: &Canons, canon: &Canon, namespace: &str) -> (Vec<NamedPolicy>, Vec<Endpoint>) {
    let canonical = canon.policies(namespace).into_iter().flat_map(|policies| &policies.by_name);
    let policies: Vec<NamedPolicy> =
        canonical.map(|(name, canonical)| NamedPolicy { name: name.clone(), policy: canonical.policy.clone() }).collect();
    let mut endpoints = of_grants(canons, &canon.grants, namespace, &policies);
    endpoints.extend(addresses(&policies));
    (policies, endpoints)
}

/// Returns the endpoints of the first canon that policies tell apart, without addresses. The policies can be others than those of
/// the canon.
pub fn told_apart(canons: &Canons, namespace: &str, policies: &[NamedPolicy]) -> Vec<Endpoint> {
    of_grants(canons, &canons.first().grants, namespace, policies)
}

fn of_grants(canons: &Canons, grants: &[Grant], namespace: &str, policies: &[NamedPolicy]) -> Vec<Endpoint> {
    let place = Place { canons, own: Namespace::new(namespace, BTreeMap::new()), values: Values::of(canons, grants, policies) };
    let mut endpoints: Vec<Endpoint> = grants.iter().flat_map(|grant| place.identities(grant, policies)).collect();
    let unlabeled = [
        (format!("{namespace}/*"), "AnyPod", place.own.clone()),
        ("*/*".to_owned(), "OtherNamespaces", Namespace::new(&place.values.fresh_namespace(), BTreeMap::new())),
    ];
    let unlabeled = unlabeled.map(|(id, kind, namespace)| {
        let labels = if namespace == place.own { place.granted(BTreeMap::new()) } else { BTreeMap::new() };
        endpoint(id, kind, Pods::labeled(namespace, labels), &place.own)
    });
    let mut others = Vec::new();
    for policy in policies.iter().map(|named| &named.policy) {
        let own = Selector::label(NAMESPACE_NAME_KEY, namespace);
        let of_peers = policy.peers().filter_map(|peer| match peer {
            PeerSet::Pods { namespaces, pods } => Some((namespaces, pods)),
            PeerSet::Addresses(..) | PeerSet::Others => None,
        });
        for (namespaces, pods) in std::iter::once((&own, policy.subject())).chain(of_peers) {
            let known = endpoints.iter().chain(&unlabeled).chain(&others);
            let found = place.selected(namespaces, pods, known);
            others.extend(found);
        }
    }
    others.sort_by(|left, right| left.id.cmp(&right.id));
    endpoints.extend(others);
    endpoints.extend(unlabeled);
    endpoints
}

/// Returns an endpoint. `own` is the namespace whose policies are known.
fn endpoint(id: String, kind: &str, pods: Pods, own: &Namespace) -> Endpoint {
    let outside = pods.namespace.name != own.name;
    Endpoint { id, kind: kind.to_owned(), object: None, end: End::Pods(pods), outside }
}

/// Returns labels as text: `run=web,tier=x`, or `*` if there are none.
pub fn text(labels: &BTreeMap<String, String>) -> String {
    let pairs: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    if pairs.is_empty() { "*".to_owned() } else { pairs.join(",") }
}

/// The namespace of a canon, and the values that its selectors list.
struct Place<'c> {
    canons: &'c Canons,
    own: Namespace,
    values: Values,
}

impl Place<'_> {
    /// Returns one endpoint for each combination of labels of a grant that policies tell apart.
    fn identities(&self, grant: &Grant, policies: &[NamedPolicy]) -> Vec<Endpoint> {
        let mut variants: Vec<BTreeMap<String, String>> = vec![BTreeMap::new()];
        for key in grant.selector.keys() {
            let values = self.values.accepted(&grant.selector, key);
            if variants.len().saturating_mul(values.len()) > MAX_VARIANTS {
                variants = vec![example(&grant.selector)];
                break;
            }
            let with = |labels: &BTreeMap<String, String>| {
                let with = |value: &Option<String>| {
                    let mut labels = labels.clone();
                    labels.extend(value.clone().map(|value| (key.to_owned(), value)));
                    labels
                };
                values.iter().map(with).collect::<Vec<_>>()
            };
            variants = variants.iter().flat_map(with).collect();
        }
        let mut seen: BTreeSet<Vec<bool>> = BTreeSet::new();
        let mut distinct: Vec<(String, Pods)> = Vec::new();
        for labels in variants {
            let own = text(&labels);
            let labels = self.granted(labels);
            let selectors = policies.iter().flat_map(|named| named.policy.pod_selectors());
            let matched = selectors.map(|selector| selector.matches(|key| labels.get(key).map(String::as_str))).collect();
            if seen.insert(matched) {
                distinct.push((own, Pods::labeled(self.own.clone(), labels)));
            }
        }
        let is_one = distinct.len() == 1;
        let id = |own: String| if is_one { grant.name.clone() } else { format!("{}[{own}]", grant.name) };
        distinct.into_iter().map(|(own, pods)| endpoint(id(own), "Identity", pods, &self.own)).collect()
    }

    /// Returns labels of a pod with those that it is granted.
    fn granted(&self, mut labels: BTreeMap<String, String>) -> BTreeMap<String, String> {
        let granted: Vec<_> = self.canons.identify(&labels).labels().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        labels.extend(granted);
        labels
    }

    /// Returns pods that selectors select, unless they select a known endpoint.
    fn selected<'e>(&self, namespaces: &Selector, pods: &Selector, known: impl Iterator<Item = &'e Endpoint>) -> Option<Endpoint> {
        if namespaces.is_empty() || pods.is_empty() {
            return None;
        }
        let labels = example(namespaces);
        let name = labels.get(NAMESPACE_NAME_KEY).cloned();
        let name = name.unwrap_or_else(|| self.values.fresh_namespace());
        let is_own = *name == *self.own.name;
        // The peers of a selector that also selects other namespaces are to be seen there.
        let mut known = known.filter_map(|endpoint| match &endpoint.end {
            End::Pods(pods) => Some(pods).filter(|pods| (*pods.namespace.name == *self.own.name) == is_own),
            End::Addresses(_) => None,
        });
        let is_selected = |end: &Pods| {
            pods.matches(|key| end.labels.get(key).map(String::as_str))
                && namespaces.matches(|key| end.namespace.labels.get(key).map(String::as_str))
        };
        if known.any(is_selected) {
            return None;
        }
        let of_pods = example(pods);
        let id = match (is_own, labels.is_empty()) {
            (true, _) if labels.len() == 1 => text(&of_pods),
            (_, true) => format!("*/{}", text(&of_pods)),
            _ => format!("{}@{}", text(&of_pods), text(&labels)),
        };
        Some(endpoint(id, "Labels", Pods::labeled(Namespace::new(&name, labels), of_pods), &self.own))
    }
}

/// Returns labels that a selector accepts.
pub(crate) fn example(selector: &Selector) -> BTreeMap<String, String> {
    let entries = selector.entries().iter();
    entries.filter_map(|(key, values)| Some((key.to_string(), values.example()?.to_string()))).collect()
}

/// The values that selectors list for each label key of pods, and the names of namespaces that they list.
struct Values {
    of_pods: BTreeMap<String, BTreeSet<String>>,
    namespaces: BTreeSet<String>,
}

impl Values {
    fn of(canons: &Canons, grants: &[Grant], policies: &[NamedPolicy]) -> Values {
        let mut values = Values { of_pods: BTreeMap::new(), namespaces: canons.namespaces().map(str::to_owned).collect() };
        let all = || policies.iter().map(|named| &named.policy);
        let grants = grants.iter().map(|grant| &grant.selector);
        for (key, listed) in all().flat_map(Policy::pod_selectors).chain(grants).flat_map(Selector::entries) {
            let known = values.of_pods.entry(key.to_string()).or_default();
            known.extend(listed.listed().iter().map(ToString::to_string));
        }
        for (key, listed) in all().flat_map(Policy::namespace_selectors).flat_map(Selector::entries) {
            if **key == *NAMESPACE_NAME_KEY {
                values.namespaces.extend(listed.listed().iter().map(ToString::to_string));
            }
        }
        values
    }

    /// Returns the values of a key that a selector accepts and that other selectors may tell apart; `None` is absence.
    fn accepted(&self, selector: &Selector, key: &str) -> Vec<Option<String>> {
        let listed = self.of_pods.get(key).into_iter().flatten().cloned();
        let other = fresh("other", |name| self.of_pods.get(key).is_some_and(|listed| listed.contains(name)));
        let all = listed.map(Some).chain([Some(other), None]);
        all.filter(|value| selector.accepts(key, value.as_deref())).collect()
    }

    /// Returns the name of a namespace that no selector lists.
    fn fresh_namespace(&self) -> String {
        fresh("other", |name| self.namespaces.contains(name))
    }
}

/// Returns a word that is not taken.
fn fresh(word: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let numbered = (2..).map(|number: u32| format!("{word}-{number}"));
    std::iter::once(word.to_owned()).chain(numbered).find(|word| !is_taken(word)).unwrap_or_default()
}
