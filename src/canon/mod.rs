//! The canonical spec: which policies a guarded namespace must have, and which pods may wear which
//! `netpol/` labels. Documents are checked whole when they are loaded; a [`Canon`] is never half right.

use std::collections::BTreeMap;

use crate::policy::{Allowed, Policy, Selector};

/// The prefix of the label keys that are capabilities.
pub const CAPABILITY_PREFIX: &str = "netpol/";

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
}

/// One identity and the labels that it is granted.
#[derive(Debug, Clone)]
pub struct Grant {
    /// Its name, unique in a canon.
    pub name: String,
    /// The selector of the pods that have this identity: never reads a `netpol/` key.
    pub selector: Selector,
    /// The selector in words, for refusals: `run=mongodb-od`.
    pub selects: String,
    /// The labels they may wear: keys under `netpol/`.
    pub labels: BTreeMap<String, String>,
    /// Whether a pod may have this one beside another.
    pub shared: bool,
}

/// The canonical policies of one namespace.
#[derive(Debug)]
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
