//! Neighbor namespaces: the namespaces that canonical peers select by label.

use std::collections::{BTreeSet, HashMap};

use super::policies::Policies;
use crate::policy::Selector;
use crate::policy::selector::NAMESPACE_NAME_KEY;

/// A namespace selector of canonical peers that reads labels that users can set. Setting these labels turns a
/// namespace into a peer.
#[derive(Debug, Clone)]
pub struct NeighborSelector {
    /// The selector.
    pub selector: Selector,
    /// The selector as text: `name=kube-monitor`.
    pub selects: String,
    /// The names of the canonical policies that have such a peer, sorted.
    pub policies: BTreeSet<String>,
}

impl NeighborSelector {
    /// Returns whether a namespace without labels of users does not match, so that a label makes it match.
    pub fn needs_a_label(&self) -> bool {
        self.selector.keys().any(|key| key != NAMESPACE_NAME_KEY && !self.selector.accepts(key, None))
    }
}

/// Returns the selectors of neighbor namespaces in policies: each once, sorted by its text.
pub(super) fn collect<'p>(namespaces: impl Iterator<Item = &'p Policies>) -> Vec<NeighborSelector> {
    let mut found: HashMap<&Selector, BTreeSet<String>> = HashMap::new();
    for (name, canonical) in namespaces.flat_map(|policies| &policies.by_name) {
        for selector in canonical.policy.namespace_selectors() {
            if selector.keys().any(|key| key != NAMESPACE_NAME_KEY) {
                found.entry(selector).or_default().insert(name.clone());
            }
        }
    }
    let neighbor =
        |(selector, policies): (&Selector, _)| NeighborSelector { selector: selector.clone(), selects: selector.to_string(), policies };
    let mut neighbors: Vec<NeighborSelector> = found.into_iter().map(neighbor).collect();
    neighbors.sort_by(|left, right| left.selects.cmp(&right.selects));
    neighbors
}
