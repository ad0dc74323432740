//! The registration: the `MutatingWebhookConfiguration` and `ValidatingWebhookConfiguration` by which
//! an API server asks this guard, and asks it nothing that it need not answer.
//!
//! Pure: a canon and flags in, two manifests out. What is Fail and what is Ignore, and which requests
//! never leave the API server, is said in `entries.rs`; the expressions are in `conditions.rs`.
//!
//! The manifests depend on the canon (the keys that its selectors read): a changed canon may want
//! them rendered again.

mod conditions;
mod endpoint;
mod entries;

use serde_json::{Value, json};

use crate::canon::Canon;
pub use endpoint::{Authorities, Endpoint, EndpointError};

/// What both configurations are called where no name is given.
pub const DEFAULT_NAME: &str = "abcdesktop-netpol";

/// The namespace that the guard is installed into where none is given.
pub const DEFAULT_NAMESPACE: &str = "netpol-system";

/// Everything that a registration states.
#[derive(Debug)]
pub struct Registration<'a> {
    /// The canon, for the keys that it reads.
    pub canon: &'a Canon,
    /// The guarded namespaces.
    pub namespaces: &'a [String],
    /// The user names under which the namespace controller deletes.
    pub namespace_controllers: &'a [String],
    /// The name of both configurations.
    pub name: &'a str,
    /// Where the API server finds the guard.
    pub endpoint: &'a Endpoint,
    /// Whom it trusts there; none: whom the machine trusts, or whom somebody fills in later.
    pub authorities: Option<&'a Authorities>,
}

impl Registration<'_> {
    /// Renders both configurations, the mutating one first.
    pub fn manifests(&self) -> [Value; 2] {
        let mutating = entries::mutating(self);
        let validating = entries::validating(self);
        [self.manifest("MutatingWebhookConfiguration", &mutating), self.manifest("ValidatingWebhookConfiguration", &validating)]
    }

    fn manifest(&self, kind: &str, webhooks: &[Value]) -> Value {
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": kind,
            "metadata": {"name": self.name, "labels": {"app.kubernetes.io/name": "abcdesktop-netpol"}},
            "webhooks": webhooks,
        })
    }
}

#[cfg(test)]
mod tests;
