//! The canonical policies, compiled for one namespace.

use std::collections::BTreeMap;

use super::foreign::{ForeignDocument, ForeignPolicy};
use super::manifest;
use super::objects::PolicyDocument;
use crate::documents::Node;
use crate::documents::problem::Problems;
use crate::policy::{Home, Policy};

/// The canonical policies of one namespace.
#[derive(Debug, Default)]
pub struct Policies {
    /// The policies by name.
    pub by_name: BTreeMap<String, CanonicalPolicy>,
    /// The canonical policies of other APIs, sorted by group, resource and name.
    pub foreign: Vec<ForeignPolicy>,
}

/// One canonical policy in one namespace.
#[derive(Debug)]
pub struct CanonicalPolicy {
    /// The parsed policy.
    pub policy: Policy,
    /// The manifest for `kubectl apply -f -`, with the namespace.
    pub manifest: serde_json::Value,
    /// The owner references in the canon, as JSON. Any other owner reference is drift.
    pub owner_references: Vec<serde_json::Value>,
    /// The finalizers in the canon.
    pub finalizers: Vec<String>,
}

impl Policies {
    /// Compiles policies for a namespace. Reports invalid policies and omits them.
    pub(super) fn compile(documents: &[PolicyDocument], foreign: &[ForeignDocument], home: Home<'_>, problems: &mut Problems) -> Policies {
        let mut by_name = BTreeMap::new();
        for document in documents {
            match Policy::parse(&Node::from(&document.spec), home) {
                Ok(policy) => {
                    by_name.insert(document.metadata.name.clone(), CanonicalPolicy::new(document, policy, home));
                }
                Err(faults) => problems.add_faults(&document.place, &faults),
            }
        }
        Policies { by_name, foreign: ForeignPolicy::compile(foreign, home.namespace) }
    }

    /// Returns the policy with a name.
    pub fn named(&self, name: &str) -> Option<&CanonicalPolicy> {
        self.by_name.get(name)
    }

    /// Returns the canonical policy of another API with a name.
    pub fn foreign(&self, group: &str, resource: &str, name: &str) -> Option<&ForeignPolicy> {
        let position = self.foreign.binary_search_by(|policy| policy.compare(group, resource, name)).ok()?;
        self.foreign.get(position)
    }

    /// Returns the number of policies.
    pub fn count(&self) -> usize {
        self.by_name.len() + self.foreign.len()
    }

    /// Returns the names of all policies, those of other APIs last.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str).chain(self.foreign.iter().map(|policy| policy.name.as_str()))
    }

    /// Returns the names of the policies that select a pod with these labels, sorted.
    pub fn selecting<'p, 'l>(&'p self, label: impl Fn(&str) -> Option<&'l str> + Copy) -> impl Iterator<Item = &'p str> {
        self.by_name.iter().filter(move |(_, canonical)| canonical.policy.subject().matches(label)).map(|(name, _)| name.as_str())
    }
}

impl CanonicalPolicy {
    fn new(document: &PolicyDocument, policy: Policy, home: Home<'_>) -> CanonicalPolicy {
        CanonicalPolicy {
            policy,
            manifest: manifest::render(document, home),
            owner_references: document.metadata.owner_references.clone(),
            finalizers: document.metadata.finalizers.clone(),
        }
    }
}
