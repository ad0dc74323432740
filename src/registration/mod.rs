//! The registration: the `MutatingWebhookConfiguration` and `ValidatingWebhookConfiguration` that
//! `netpol render registration` prints.
//!
//! Pure: the inputs are a canon and flags, the outputs are two manifests. `webhooks` has the rules, the failure
//! policy and the timeout of each webhook, `conditions` has the CEL expressions, and `endpoint` has the address
//! of the server and the CA bundle.
//!
//! The manifests depend on the keys that the selectors of the canon read, so they must be rendered again after
//! the canon changes.

mod conditions;
mod endpoint;
mod webhooks;

#[cfg(test)]
mod tests;

pub use conditions::NeighborTerm;
pub use conditions::by_namespace_controller;
pub use endpoint::{Authorities, DEFAULT_NAME, DEFAULT_NAMESPACE, Endpoint, EndpointError};
pub use webhooks::Registration;
