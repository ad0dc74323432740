//! Sends the facts of a request to the file that judges their subject.

use super::ctx::Ctx;
use super::facts::Facts;
use super::finding::Finding;
use super::guard::Guard;
use super::judgment::Judgment;
use super::request::Request;
use super::{bindings, foreign_policies, namespaces, network_policies, pods, workloads};

/// Judges a request by the facts that [`wanted`](super::wanted::wanted) selects.
pub fn judge<'r>(guard: &'r Guard, request: &'r Request<'_>, facts: &'r Facts<'_>) -> Judgment<'r> {
    let ctx = Ctx { guard, request };
    match facts {
        Facts::Nothing => Judgment::default(),
        Facts::Missing(field) => vec![Finding::missing(field)].into(),
        Facts::Pod(pod) => pods::validate(ctx, pod).into(),
        Facts::PodMetadata(pod) => pods::mutate(ctx, pod),
        Facts::Binding(binding) => bindings::validate(ctx, binding).into(),
        Facts::Workload(kind, workload) => workloads::validate(ctx, *kind, workload).into(),
        Facts::NetworkPolicy(policy) => network_policies::validate(ctx, policy).into(),
        Facts::DeletedPolicy(policy) => network_policies::deleted(ctx, policy.as_ref()).into(),
        Facts::ForeignPolicy(policy) => foreign_policies::validate(ctx, policy).into(),
        Facts::DeletedForeignPolicy(policy) => foreign_policies::deleted(ctx, policy.as_ref()).into(),
        Facts::Namespace(namespace) => namespaces::validate(ctx, namespace).into(),
    }
}
