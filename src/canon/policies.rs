//! The canonical policies, compiled for one namespace.

use std::collections::BTreeMap;

use super::labels::Labels;
use super::manifest;
use super::objects::PolicyDocument;
use crate::documents::Node;
use crate::documents::problem::Problems;
use crate::policy::{Allowed, Home, Policy};

/// The canonical policies of one namespace.
#[derive(Debug, Default)]
pub struct Policies {
    /// The policies by name.
    pub by_name: BTreeMap<String, CanonicalPolicy>,
    /// What the policies allow together.
    pub allowed: Allowed,
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
    pub(super) fn compile(documents: &[PolicyDocument], home: Home<'_>, problems: &mut Problems) -> Policies {
        let mut by_name = BTreeMap::new();
        for document in documents {
            match Policy::parse(&Node::from(&document.spec), home) {
                Ok(policy) => {
                    by_name.insert(document.metadata.name.clone(), CanonicalPolicy::new(document, policy, home));
                }
                Err(faults) => problems.add_faults(&document.place, &faults),
            }
        }
        let allowed = Allowed::new(by_name.values().map(|canonical| &canonical.policy));
        Policies { by_name, allowed }
    }

    /// Returns the policy with a name.
    pub fn named(&self, name: &str) -> Option<&CanonicalPolicy> {
        self.by_name.get(name)
    }

    /// Returns the names and policies that select a pod with these labels, sorted by name.
    pub fn selecting<'p>(&'p self, labels: &'p (impl Labels + ?Sized)) -> impl Iterator<Item = (&'p str, &'p CanonicalPolicy)> {
        self.by_name
            .iter()
            .filter(move |(_, canonical)| canonical.policy.subject().matches(|key| labels.value(key)))
            .map(|(name, canonical)| (name.as_str(), canonical))
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
