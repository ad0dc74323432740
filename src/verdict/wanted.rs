//! Decides which facts of a request its verdict reads.

use super::guard::Guard;
use super::request::{Operation, Request, Stage};
use super::subject::{Subject, WorkloadKind};

/// The facts that a verdict reads of a request's objects.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum FactKind {
    /// None: the request is admitted unchanged.
    #[default]
    Nothing,
    /// Unknown, because the request lacks this field.
    Missing(&'static str),
    /// The pods.
    Pod,
    /// The metadata of the pods.
    PodMetadata,
    /// The bindings.
    Binding,
    /// The workloads.
    Workload(WorkloadKind),
    /// The `NetworkPolicies`.
    NetworkPolicy,
    /// The metadata of a `NetworkPolicy` that is deleted.
    DeletedPolicy,
    /// The whole foreign policies.
    ForeignPolicy,
    /// The metadata of a foreign policy that is deleted.
    DeletedForeignPolicy,
    /// The namespaces.
    Namespace,
}

/// What to read from a request, and how to count it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// The facts to read.
    pub facts: FactKind,
    /// The name of the resource in metrics.
    pub label: &'static str,
    /// Whether the request is about a namespace that is not guarded.
    pub unguarded: bool,
}

impl Default for Wanted {
    /// Returns what is wanted from a request that cannot be read.
    fn default() -> Self {
        Wanted { facts: FactKind::Nothing, label: "other", unguarded: false }
    }
}

/// Returns the facts to read of a request: the resource decides first, then the namespace. `/mutate` reads only
/// pods.
pub fn wanted(guard: &Guard, stage: Stage, request: &Request<'_>) -> Wanted {
    let (subject, label) = Subject::with(&guard.settings.foreign_kinds, &request.group, &request.resource, &request.subresource);
    let namespaced = match subject {
        Subject::Other | Subject::Namespace => false,
        Subject::ForeignPolicy(kind) => kind.namespaced,
        Subject::GivenPolicy => !request.namespace.is_empty(),
        Subject::Pod | Subject::PodStatus | Subject::PodContainers | Subject::Binding | Subject::Workload(_) | Subject::NetworkPolicy => {
            true
        }
    };
    let unguarded = namespaced && !request.namespace.is_empty() && guard.canons.policies(&request.namespace).is_none();
    let facts = match () {
        () if request.resource.is_empty() => FactKind::Missing("resource"),
        () if unguarded || !is_judged(guard, stage, subject, request) => FactKind::Nothing,
        () if namespaced && request.namespace.is_empty() => FactKind::Missing("namespace"),
        () => of_subject(stage, subject, request.operation),
    };
    Wanted { facts, label, unguarded }
}

fn of_subject(stage: Stage, subject: Subject, operation: Operation) -> FactKind {
    match subject {
        Subject::Other => FactKind::Nothing,
        // A patch changes only labels.
        Subject::Pod if stage == Stage::Mutate => FactKind::PodMetadata,
        Subject::Pod | Subject::PodStatus | Subject::PodContainers => FactKind::Pod,
        Subject::Binding => FactKind::Binding,
        Subject::Workload(kind) => FactKind::Workload(kind),
        Subject::NetworkPolicy if operation == Operation::Delete => FactKind::DeletedPolicy,
        Subject::NetworkPolicy => FactKind::NetworkPolicy,
        Subject::ForeignPolicy(_) | Subject::GivenPolicy if operation == Operation::Delete => FactKind::DeletedForeignPolicy,
        Subject::ForeignPolicy(_) | Subject::GivenPolicy => FactKind::ForeignPolicy,
        Subject::Namespace => FactKind::Namespace,
    }
}

/// Returns whether an operation on a subject is judged. An operation that is unknown or not stated is judged too. Of foreign
/// policies, the deletion matters only if the canon has any of the kind.
fn is_judged(guard: &Guard, stage: Stage, subject: Subject, request: &Request<'_>) -> bool {
    match (stage, request.operation) {
        (_, Operation::Connect) | (Stage::Mutate, Operation::Delete) => false,
        (Stage::Mutate, _) => subject == Subject::Pod,
        (Stage::Validate, Operation::Delete) if matches!(subject, Subject::ForeignPolicy(_) | Subject::GivenPolicy) => {
            guard.canons.policies(&request.namespace).is_some_and(|policies| policies.has_foreign(&request.group, &request.resource))
        }
        (Stage::Validate, Operation::Delete) => subject == Subject::NetworkPolicy,
        (Stage::Validate, _) => true,
    }
}
