//! The compiled canon.

use std::collections::{BTreeMap, BTreeSet};

use super::grants::Grant;
use super::identity::{Identity, Index};
use super::labels::Labels;
use super::neighbors::{self, NeighborSelector};
use super::policies::Policies;

/// A canon, compiled for the guarded namespaces.
#[derive(Debug)]
pub struct Canon {
    /// The name of the built-in canon, or the path that the canon was read from.
    pub source: String,
    /// The SHA-256 of the documents in lowercase hexadecimal. Every audit line has it.
    pub hash: String,
    /// The grants, in the order of the documents.
    pub grants: Vec<Grant>,
    /// The policies of each guarded namespace.
    pub namespaces: BTreeMap<String, Policies>,
    pub(super) index: Index,
    pub(super) identity_keys: BTreeSet<String>,
    pub(super) neighbors: Vec<NeighborSelector>,
}

impl Canon {
    /// Returns the policies of a namespace, or `None` if the namespace is not guarded.
    pub fn policies(&self, namespace: &str) -> Option<&Policies> {
        self.namespaces.get(namespace)
    }

    /// Returns the identity of a pod: the grants that select it. Grants read only labels outside `netpol/`.
    pub fn identify(&self, labels: &(impl Labels + ?Sized)) -> Identity<'_> {
        self.index.identify(&self.grants, labels)
    }

    /// Returns the grants that give a label key, in the order of the canon. The denial of a pod that has the
    /// label without a grant lists them.
    pub fn granters<'c>(&'c self, key: &str) -> impl Iterator<Item = &'c Grant> + Clone + use<'c> {
        self.index.granters(&self.grants, key)
    }

    /// Returns whether a label key is part of a pod's identity: a key outside `netpol/` that a grant or a pod
    /// selector of a canonical policy or peer reads.
    pub fn is_identity_key(&self, key: &str) -> bool {
        self.identity_keys.contains(key)
    }

    /// Returns the keys for which [`Canon::is_identity_key`] returns true, sorted.
    pub fn identity_keys(&self) -> impl Iterator<Item = &str> {
        self.identity_keys.iter().map(String::as_str)
    }

    /// Returns the selectors of neighbor namespaces: each namespace selector of canonical peers that reads a key
    /// other than `kubernetes.io/metadata.name`, once.
    pub fn neighbors(&self) -> &[NeighborSelector] {
        &self.neighbors
    }

    /// Returns the keys of namespace labels that [`Canon::neighbors`] read, sorted and without duplicates. Only
    /// the control plane sets `kubernetes.io/metadata.name`, so it is not one of them.
    pub fn neighbor_keys(&self) -> impl Iterator<Item = &str> {
        neighbors::keys(&self.neighbors).into_iter()
    }
}
