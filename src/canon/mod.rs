//! The canonical spec: which policies a guarded namespace must have, and which pods may wear which
//! `netpol/` labels.
//!
//! [`Documents`] are read (a built-in, a file, a folder), then compiled into a [`Canon`], which is
//! checked whole: a canon is never half right. A server re-reads the documents, compares their
//! hashes, and compiles again only where they differ.

mod builtin;
mod compile;
pub mod documents;
mod error;
mod grants;
mod identity;
mod labels;
mod manifest;
mod metadata;
mod neighbors;
mod objects;
mod policies;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

pub use documents::Documents;
pub use error::CanonError;
pub use grants::Grant;
pub use identity::Identity;
pub use labels::Labels;
pub use metadata::BREAK_GLASS;
pub use neighbors::Neighbor;
pub use policies::{CanonicalPolicy, Policies};

use identity::Index;

/// The prefix of the label keys that are capabilities.
pub const CAPABILITY_PREFIX: &str = "netpol/";

/// The API group of grants and of annotations.
pub const API_GROUP: &str = "netpol.abcdesktop.io";

/// The names of the canons that are built in, the default first.
pub const BUILT_IN: [&str; 2] = ["abcdesktop", "abcdesktop-4.4"];

/// A canon, compiled for the namespaces that are guarded with it.
#[derive(Debug)]
pub struct Canon {
    /// The built-in's name or the path it was read from.
    pub source: String,
    /// SHA-256 of its documents in lower-case hexadecimal: what every audit line names.
    pub hash: String,
    /// The grants, in the order of their documents.
    pub grants: Vec<Grant>,
    /// Per guarded namespace, its policies.
    pub namespaces: BTreeMap<String, Policies>,
    index: Index,
    identity_keys: BTreeSet<String>,
    neighbors: Vec<Neighbor>,
}

impl Canon {
    /// Reads and compiles a canon. `source` is the name of a built-in or the path of a file or
    /// folder; where it could be either, it is the built-in (a path may always be written `./NAME`).
    ///
    /// # Errors
    /// Everything that is wrong with it, each with file, document and field.
    pub fn load(source: &str, namespaces: &[String]) -> Result<Canon, CanonError> {
        Canon::from_documents(&Documents::read(source)?, namespaces)
    }

    /// Compiles documents for the namespaces that are guarded with them.
    ///
    /// # Errors
    /// Everything that is wrong with them, each with file, document and field.
    pub fn from_documents(documents: &Documents, namespaces: &[String]) -> Result<Canon, CanonError> {
        compile::compile(documents, namespaces)
    }

    /// Answers the policies of a namespace; `None` where it is not guarded.
    pub fn policies(&self, namespace: &str) -> Option<&Policies> {
        self.namespaces.get(namespace)
    }

    /// Answers which grants select a pod, by its labels outside `netpol/` (no grant reads another).
    pub fn identify(&self, labels: &(impl Labels + ?Sized)) -> Identity<'_> {
        self.index.identify(&self.grants, labels)
    }

    /// The grants that give a label key, in the order of the canon: for the refusal of a pod that
    /// wears it without one.
    pub fn granters<'c>(&'c self, key: &str) -> impl Iterator<Item = &'c Grant> + Clone + use<'c> {
        self.index.granters(&self.grants, key)
    }

    /// Answers whether a label key says what a pod is: a key outside `netpol/` that a canonical pod
    /// selector (of subjects or peers) or a grant reads.
    pub fn is_identity_key(&self, key: &str) -> bool {
        self.identity_keys.contains(key)
    }

    /// The keys for which [`Canon::is_identity_key`] holds, in order.
    pub fn identity_keys(&self) -> impl Iterator<Item = &str> {
        self.identity_keys.iter().map(String::as_str)
    }

    /// The namespaces that canonical peers name by labels that someone can set: every namespace
    /// selector, once, that reads a key other than `kubernetes.io/metadata.name`.
    pub fn neighbors(&self) -> &[Neighbor] {
        &self.neighbors
    }

    /// The label keys of namespaces that [`Canon::neighbors`] read, in order, each once;
    /// `kubernetes.io/metadata.name` is none of them, since the control plane alone sets it.
    pub fn neighbor_keys(&self) -> impl Iterator<Item = &str> {
        neighbors::keys(&self.neighbors).into_iter()
    }
}
