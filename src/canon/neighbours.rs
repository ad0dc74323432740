//! Neighbours: the other namespaces that canonical peers name by labels.

use std::collections::BTreeSet;

use crate::policy::Selector;

/// The one namespace label that the control plane sets and nobody else can (rule 19).
pub(crate) const NAMESPACE_NAME_KEY: &str = "kubernetes.io/metadata.name";

/// A namespace selector of canonical peers that reads labels which someone can set: whoever sets
/// them turns a namespace into a peer.
#[derive(Debug, Clone)]
pub struct Neighbour {
    /// The selector.
    pub selector: Selector,
    /// The selector in words: `name=kube-monitor`.
    pub selects: String,
    /// The canonical policies that have such a peer, by name, in order.
    pub policies: Vec<String>,
}

impl Neighbour {
    /// The keys that the selector reads, less the one that nobody can set.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.selector.keys().filter(|key| *key != NAMESPACE_NAME_KEY)
    }
}

pub(super) fn keys(neighbours: &[Neighbour]) -> BTreeSet<&str> {
    neighbours.iter().flat_map(Neighbour::keys).collect()
}
