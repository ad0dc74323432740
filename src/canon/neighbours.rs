//! Neighbours: the other namespaces that canonical peers name by labels.

use std::collections::{BTreeSet, HashMap};

use super::Policies;
use crate::policy::Selector;
use crate::policy::selector::NAMESPACE_NAME_KEY;

/// A namespace selector of canonical peers that reads labels which someone can set: whoever sets
/// them turns a namespace into a peer.
#[derive(Debug, Clone)]
pub struct Neighbour {
    /// The selector.
    pub selector: Selector,
    /// The selector in words: `name=kube-monitor`.
    pub selects: String,
    /// The canonical policies that have such a peer, by name, in order.
    pub policies: BTreeSet<String>,
}

impl Neighbour {
    /// The keys that the selector reads, less the one that nobody can set (rule 19).
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.selector.keys().filter(|key| *key != NAMESPACE_NAME_KEY)
    }
}

/// Collects the neighbours of policies, each selector once, in the order of their words.
pub(super) fn collect<'p>(namespaces: impl Iterator<Item = &'p Policies>) -> Vec<Neighbour> {
    let mut found: HashMap<&Selector, BTreeSet<String>> = HashMap::new();
    for (name, canonical) in namespaces.flat_map(|policies| &policies.by_name) {
        for selector in canonical.policy.namespace_selectors() {
            if selector.keys().any(|key| key != NAMESPACE_NAME_KEY) {
                found.entry(selector).or_default().insert(name.clone());
            }
        }
    }
    let neighbour =
        |(selector, policies): (&Selector, _)| Neighbour { selector: selector.clone(), selects: selector.to_string(), policies };
    let mut neighbours: Vec<Neighbour> = found.into_iter().map(neighbour).collect();
    neighbours.sort_by(|left, right| left.selects.cmp(&right.selects));
    neighbours
}

pub(super) fn keys(neighbours: &[Neighbour]) -> BTreeSet<&str> {
    neighbours.iter().flat_map(Neighbour::keys).collect()
}
