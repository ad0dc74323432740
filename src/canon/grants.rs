//! Grants: which pods may wear which `netpol/` labels.

use std::collections::BTreeMap;

use crate::policy::Selector;

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
