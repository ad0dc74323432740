//! Verdicts: the facts of a request and the canon in, a decision with its reasons out.
//!
//! Pure and total: no I/O, no clock. One file a subject. A judge states what it saw as [`Finding`]s;
//! only [`conclude`] turns them into a decision, so that softening is decided in one place.

pub mod settings;

use std::sync::Arc;

use serde::Serialize;

use crate::canon::Canon;
use crate::policy::{Difference, Witness};
pub use settings::Settings;

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
    /// A namespace becomes or stops being a neighbour that the canon's peers name.
    Neighbour,
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
