//! Neighbors: the other namespaces that canonical peers name by labels.

use std::collections::{BTreeSet, HashMap};

use super::Policies;
use crate::policy::Selector;
use crate::policy::selector::NAMESPACE_NAME_KEY;

/// A namespace selector of canonical peers that reads labels which someone can set: whoever sets
/// them turns a namespace into a peer.
#[derive(Debug, Clone)]
pub struct Neighbor {
    /// The selector.
    pub selector: Selector,
    /// The selector in words: `name=kube-monitor`.
    pub selects: String,
    /// The canonical policies that have such a peer, by name, in order.
    pub policies: BTreeSet<String>,
}

impl Neighbor {
    /// The keys that the selector reads, less the one that nobody can set (rule 19).
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.selector.keys().filter(|key| *key != NAMESPACE_NAME_KEY)
    }
}

/// Collects the neighbors of policies, each selector once, in the order of their words.
pub(super) fn collect<'p>(namespaces: impl Iterator<Item = &'p Policies>) -> Vec<Neighbor> {
    let mut found: HashMap<&Selector, BTreeSet<String>> = HashMap::new();
    for (name, canonical) in namespaces.flat_map(|policies| &policies.by_name) {
        for selector in canonical.policy.namespace_selectors() {
            if selector.keys().any(|key| key != NAMESPACE_NAME_KEY) {
                found.entry(selector).or_default().insert(name.clone());
            }
        }
    }
    let neighbor = |(selector, policies): (&Selector, _)| Neighbor { selector: selector.clone(), selects: selector.to_string(), policies };
    let mut neighbors: Vec<Neighbor> = found.into_iter().map(neighbor).collect();
    neighbors.sort_by(|left, right| left.selects.cmp(&right.selects));
    neighbors
}

pub(super) fn keys(neighbors: &[Neighbor]) -> BTreeSet<&str> {
    neighbors.iter().flat_map(Neighbor::keys).collect()
}
