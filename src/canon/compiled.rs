//! One compiled canon.

use std::collections::{BTreeMap, BTreeSet};

use super::foreign::ForeignResource;
use super::grants::Grant;
use super::policies::Policies;

/// One canon, compiled for the guarded namespaces.
#[derive(Debug)]
pub struct Canon {
    /// The name of the built-in canon, or the path that the canon was read from.
    pub source: String,
    /// The SHA-256 of the documents in lowercase hexadecimal.
    pub hash: String,
    /// The grants, in the order of the documents.
    pub grants: Vec<Grant>,
    /// The keys of labels that are fixed once a pod is created, besides those that selectors read.
    pub protected_labels: BTreeSet<String>,
    /// The policies of each guarded namespace.
    pub namespaces: BTreeMap<String, Policies>,
}

impl Canon {
    /// Returns the policies of a namespace, or `None` if the namespace is not guarded.
    pub fn policies(&self, namespace: &str) -> Option<&Policies> {
        self.namespaces.get(namespace)
    }

    /// Returns the resources of the canonical policies of other APIs, sorted. They are the same in every namespace.
    pub fn foreign_resources(&self) -> BTreeSet<&ForeignResource> {
        self.namespaces.values().take(1).flat_map(|policies| &policies.foreign).map(|policy| &policy.resource).collect()
    }
}
