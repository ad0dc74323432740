//! The vocabulary of verdicts: rules, severities and findings.

use serde::Serialize;

use super::sentence::Sentence;
use super::settings::Action;
use crate::policy::{Difference, Witness};

/// The rule that a finding is about: the `rule` of audit lines, metrics and `auditAnnotations`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// A pod has a capability label that no grant allows.
    UngrantedLabel,
    /// A pod has a granted label with another value.
    LabelValue,
    /// A new pod lacks a granted label.
    MissingLabel,
    /// An update removes a granted label.
    LabelTaken,
    /// An update changes a label that selectors of the canon read.
    IdentityChanged,
    /// Two grants that exclude each other select the pod.
    TwoIdentities,
    /// A pod that a canonical policy selects uses the network of its node.
    HostNetwork,
    /// A pod or binding has an annotation that can open a second network.
    NetworkAnnotation,
    /// A binding has a label or annotation that the API server would copy to the pod.
    Binding,
    /// A requester, a service account or an image that a grant does not list.
    Claim,
    /// A workload's pods would be denied.
    WorkloadTemplate,
    /// A workload's selector reads a capability label.
    WorkloadSelector,
    /// A canonical policy drifts from its spec.
    PolicyDrift,
    /// A canonical policy gets an owner reference that the canon does not list.
    PolicyOwner,
    /// A canonical policy gets a finalizer that the canon does not list.
    PolicyFinalizer,
    /// A canonical policy is deleted.
    PolicyDeleted,
    /// An extra policy allows more than the canon, or extra policies are not admitted.
    ExtraPolicy,
    /// A foreign policy.
    ForeignPolicy,
    /// A namespace becomes a neighbor namespace, or stops being one.
    Neighbor,
    /// The break-glass annotation is used, or a user who is not a member sets it.
    BreakGlass,
    /// A guarded namespace gets the annotation that pauses repair, or another value of it.
    RepairPause,
    /// A policy means what another accepted canon says, or changes to it.
    OtherCanon,
    /// A probe: the dry run of a policy with the probe annotation. It is neither counted nor recorded.
    Probe,
    /// The request cannot be understood (code 400).
    NotUnderstood,
}

/// The severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Admitted without a warning: recorded only if every decision is.
    Info,
    /// Admitted with a warning.
    Warn,
    /// Admitted with a warning and recorded at every level of the audit log: the break-glass annotation is used,
    /// or a denial would only hide what happens.
    Noted,
    /// Denied, unless enforcement is softened.
    Deny,
    /// Denied whatever enforcement is: softened enforcement relies on what the request would switch off.
    AlwaysDeny,
    /// Always denied, and never recorded: the request is a probe.
    Probe,
    /// Always denied: the request cannot be understood.
    Fault,
}

/// One finding about a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The rule.
    pub rule: Rule,
    /// The severity.
    pub severity: Severity,
    /// What is wrong, where, and what to do. It contains keys of labels and values of capability and selector labels,
    /// and no other values.
    pub message: Sentence,
    /// The differences between a policy and the canon; empty for other subjects.
    pub differences: Vec<Difference>,
    /// A connection that would be possible.
    pub witness: Option<Witness>,
}

impl Finding {
    pub(super) fn new(rule: Rule, severity: Severity, message: impl Into<Sentence>) -> Finding {
        Finding { rule, severity, message: message.into(), differences: Vec::new(), witness: None }
    }

    /// Returns the finding that a request cannot be understood.
    pub fn fault(message: impl Into<Sentence>) -> Finding {
        Finding::new(Rule::NotUnderstood, Severity::Fault, message)
    }

    /// Returns the finding that a request lacks a field that its verdict reads.
    pub(super) fn missing(field: &str) -> Finding {
        Finding::fault(format!("cannot understand the request: it has no {field}"))
    }

    /// Returns the finding that a field of a pod that its verdict reads does not have the expected structure.
    pub(super) fn unreadable(field: &str) -> Finding {
        Finding::fault(format!("cannot understand the request: {field} does not have the structure of that of a pod"))
    }
}

impl Action {
    /// Returns the severity of a finding under this flag, or `None` if the flag allows it.
    pub(super) fn severity(self) -> Option<Severity> {
        match self {
            Action::Warn => Some(Severity::Warn),
            Action::Deny => Some(Severity::Deny),
            Action::Allow => None,
        }
    }
}
