//! Verdicts: the facts of a request and the canon in, a decision with its reasons out.
//!
//! Pure and total: no I/O, no clock. One file a subject. A judge states what it saw as [`Finding`]s;
//! only [`conclude`] turns them into a decision, so that softening is decided in one place.

pub mod annotations;
mod bindings;
mod conclude;
pub mod facts;
pub mod foreign;
mod namespaces;
mod network_policies;
mod pods;
pub mod settings;
mod subject;
mod words;
mod workloads;

use std::sync::Arc;

use serde::Serialize;

use crate::canon::{Canon, Policies};
use crate::policy::{Difference, Witness};
pub use conclude::{Outcome, Refusal, Verdict, conclude};
use facts::{Facts, Request};
pub use pods::Edit;
use settings::Response;
pub use settings::Settings;
pub use subject::{Subject, Workload};
use words::Named;

/// What every verdict is judged by: swapped whole when the canon is re-read.
#[derive(Debug, Clone)]
pub struct Guard {
    /// The canonical spec.
    pub canon: Arc<Canon>,
    /// The flags that a verdict depends on.
    pub settings: Arc<Settings>,
}

/// The two endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// `POST /mutate`: patches pods, refuses only what it cannot understand.
    Mutate,
    /// `POST /validate`: decides on the final state.
    Validate,
}

/// The rules that a finding can rest on: the `rule` of audit lines, metrics and `auditAnnotations`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// A pod wears a `netpol/` label that no grant gives it.
    UngrantedLabel,
    /// A pod wears a granted label with another value.
    LabelValue,
    /// A created pod lacks a label that it is granted.
    MissingLabel,
    /// An update takes a granted label away.
    LabelTaken,
    /// An update changes a label that selectors of the canon read.
    IdentityChanged,
    /// Two grants that exclude each other select the pod.
    TwoIdentities,
    /// A pod of the host's network that a canonical policy selects.
    HostNetwork,
    /// A network annotation that can open a second way out.
    NetworkAnnotation,
    /// A binding carries a label or an annotation that would be copied onto the pod.
    Binding,
    /// A workload's template could not pass.
    WorkloadTemplate,
    /// A workload's selector reads a `netpol/` key.
    WorkloadSelector,
    /// A canonical policy drifts from its spec.
    PolicyDrift,
    /// A canonical policy gets a foreign owner reference.
    PolicyOwner,
    /// A canonical policy gets a finalizer.
    PolicyFinalizer,
    /// A canonical policy is deleted.
    PolicyDeleted,
    /// A policy with another name grants more than the canon, or is not wanted at all.
    ExtraPolicy,
    /// A policy of a kind that cannot be judged.
    ForeignPolicy,
    /// A namespace becomes or stops being a neighbor that the canon's peers name.
    Neighbor,
    /// The break-glass annotation: used, or set by someone who may not.
    BreakGlass,
    /// The request cannot be understood (code 400).
    NotUnderstood,
}

/// How grave a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Admitted, and the caller is told.
    Warn,
    /// The same, and it is on record whatever the level of the audit log: the glass was broken, or
    /// refusing would only have hidden what happens.
    Noted,
    /// Refused, unless enforcement is softened.
    Deny,
    /// Refused always: it cannot be understood.
    Fault,
}

/// One thing that a judge saw.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The rule it rests on.
    pub rule: Rule,
    /// How grave it is.
    pub severity: Severity,
    /// The sentence for the person at the keyboard: what is wrong, where, and what to do. Holds keys
    /// of labels and values of `netpol/` and selector labels, never other values.
    pub message: String,
    /// How a policy differs: empty for other subjects.
    pub differences: Vec<Difference>,
    /// A connection that would be possible.
    pub witness: Option<Witness>,
}

impl Finding {
    fn new(rule: Rule, severity: Severity, message: String) -> Finding {
        Finding { rule, severity, message, differences: Vec::new(), witness: None }
    }

    /// A request that cannot be understood.
    pub fn fault(message: String) -> Finding {
        Finding::new(Rule::NotUnderstood, Severity::Fault, message)
    }

    /// A request that lacks a part which its verdict reads.
    fn missing(field: &str) -> Finding {
        Finding::fault(format!("cannot understand the request: it has no {field} that could be judged"))
    }
}

impl Response {
    /// How grave a flag makes a finding; `None` where it admits without a word.
    fn severity(self) -> Option<Severity> {
        match self {
            Response::Warn => Some(Severity::Warn),
            Response::Deny => Some(Severity::Deny),
            Response::Allow => None,
        }
    }
}

/// What a judge is told besides the objects.
#[derive(Clone, Copy)]
struct Ctx<'r> {
    guard: &'r Guard,
    request: &'r Request<'r>,
}

impl<'r> Ctx<'r> {
    fn canon(self) -> &'r Canon {
        &self.guard.canon
    }

    fn settings(self) -> &'r Settings {
        &self.guard.settings
    }

    /// The canonical policies of the request's namespace.
    fn policies(self) -> Option<&'r Policies> {
        self.canon().policies(&self.request.namespace)
    }

    /// The object of the request in a sentence.
    fn named<'n>(self, kind: &'n str, metadata: &'n facts::Metadata<'_>) -> Named<'n>
    where
        'r: 'n,
    {
        let name = if self.request.name.is_empty() { &metadata.name } else { &self.request.name };
        Named { kind, name, generate_name: &metadata.generate_name }
    }
}

/// What the judges say of one request.
#[derive(Debug, Default)]
pub struct Judgment<'r> {
    /// What they saw.
    pub findings: Vec<Finding>,
    /// What is to be changed in the labels of the object: only in [`Stage::Mutate`], only of pods.
    pub edits: Vec<Edit<'r>>,
}

/// Judges a request by its facts, which are those that [`Facts::wanted`] asked for.
pub fn judge<'r>(guard: &'r Guard, stage: Stage, request: &'r Request<'_>, facts: &'r Facts<'_>) -> Judgment<'r> {
    let ctx = Ctx { guard, request };
    let findings = match facts {
        Facts::Nothing => Vec::new(),
        Facts::Unknown(field) => vec![Finding::missing(field)],
        Facts::Pod(pod) => match stage {
            Stage::Mutate => return pods::mutate(ctx, pod),
            Stage::Validate => pods::validate(ctx, pod),
        },
        Facts::Binding(binding) => bindings::validate(ctx, binding),
        Facts::Workload(kind, workload) => workloads::validate(ctx, *kind, workload),
        Facts::NetworkPolicy(policy) => network_policies::validate(ctx, policy),
        Facts::ForeignPolicy(policy) => foreign::validate(ctx, policy),
        Facts::Namespace(namespace) => namespaces::validate(ctx, namespace),
    };
    Judgment { findings, edits: Vec::new() }
}
