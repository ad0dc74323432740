//! The registration: the `MutatingWebhookConfiguration` and `ValidatingWebhookConfiguration` that
//! `netpol render registration` prints.
//!
//! Pure: the inputs are a canon and flags, the outputs are two manifests. `webhooks` has the rules, the failure
//! policy and the timeout of each webhook, `conditions` has the CEL expressions, `claim_conditions` those
//! about claims, `pod_condition` has the one that is generated from the grants, `selected`, `named` and `entry` its part about the
//! grants of a pod, and `endpoint` has the address of the server and the CA bundle. `compare` finds how a registration in a cluster is weaker
//! than the one that these make.
//!
//! The manifests depend on the grants of the canon and the keys that its selectors read, so they must be rendered again after
//! the canon changes.

mod claim_conditions;
mod compare;
mod conditions;
mod endpoint;
mod entry;
mod named;
mod pod_condition;
mod selected;
mod webhooks;

#[cfg(test)]
mod tests;

pub use compare::{Found, Kind, Weakness, found_endpoint, weaknesses};
pub use conditions::NeighborTerm;
pub use conditions::{by_namespace_controller, in_namespaces};
pub use endpoint::{Authorities, DEFAULT_NAME, DEFAULT_NAMESPACE, Endpoint, EndpointError};
pub use pod_condition::{MAX_POD_CONDITION, NoPodCondition, Send, pod_condition};
pub use webhooks::Registration;
