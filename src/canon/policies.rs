//! The canonical policies, compiled for one namespace.

use std::collections::BTreeMap;

use super::Labels;
use super::manifest;
use super::objects::StatedPolicy;
use crate::documents::Node;
use crate::documents::problem::Problems;
use crate::policy::{Allowed, Home, Policy};

/// The canonical policies of one namespace.
#[derive(Debug, Default)]
pub struct Policies {
    /// By name.
    pub by_name: BTreeMap<String, CanonicalPolicy>,
    /// What they allow together.
    pub allowed: Allowed,
}

/// One canonical policy in one namespace.
#[derive(Debug)]
pub struct CanonicalPolicy {
    /// What it means.
    pub policy: Policy,
    /// The manifest as `kubectl apply -f -` takes it, with the namespace filled in.
    pub manifest: serde_json::Value,
    /// The owner references that the canon itself gives it (each as JSON): any other is drift.
    pub owner_references: Vec<serde_json::Value>,
    /// The finalizers that the canon itself gives it.
    pub finalizers: Vec<String>,
}

impl Policies {
    /// Compiles policies for a namespace; those that cannot be understood are reported and left out.
    pub(super) fn compile(stated: &[StatedPolicy], home: Home<'_>, problems: &mut Problems) -> Policies {
        let mut by_name = BTreeMap::new();
        for policy in stated {
            match Policy::parse(&Node::from(&policy.spec), home) {
                Ok(parsed) => {
                    by_name.insert(policy.metadata.name.clone(), CanonicalPolicy::new(policy, parsed, home));
                }
                Err(faults) => problems.add_faults(&policy.place, &faults),
            }
        }
        let allowed = Allowed::new(by_name.values().map(|canonical| &canonical.policy));
        Policies { by_name, allowed }
    }

    /// Answers a policy by its name.
    pub fn named(&self, name: &str) -> Option<&CanonicalPolicy> {
        self.by_name.get(name)
    }

    /// The policies that select a pod with these labels, by name and in its order.
    pub fn selecting<'p>(&'p self, labels: &'p (impl Labels + ?Sized)) -> impl Iterator<Item = (&'p str, &'p CanonicalPolicy)> {
        self.by_name
            .iter()
            .filter(move |(_, canonical)| canonical.policy.subject().matches(|key| labels.value(key)))
            .map(|(name, canonical)| (name.as_str(), canonical))
    }
}

impl CanonicalPolicy {
    fn new(stated: &StatedPolicy, policy: Policy, home: Home<'_>) -> CanonicalPolicy {
        CanonicalPolicy {
            policy,
            manifest: manifest::render(stated, home),
            owner_references: stated.metadata.owner_references.clone(),
            finalizers: stated.metadata.finalizers.clone(),
        }
    }
}
