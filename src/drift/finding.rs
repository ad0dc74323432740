//! Findings about a cluster, and what could not be evaluated.

use serde::Serialize;

use crate::policy::{Difference, Witness};

/// A section of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Section {
    /// The accepted canons.
    Canon,
    /// The policies of the guarded namespaces.
    Policies,
    /// The pods of the guarded namespaces.
    Pods,
    /// The webhook configurations.
    Registration,
    /// The certificate of the servers.
    Certificate,
    /// Whether the webhook is called.
    Probe,
    /// The namespaces that canonical peers select.
    Neighbors,
    /// The policies of other APIs.
    ForeignPolicies,
    /// The network plugins.
    Plugins,
}

/// The severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Nothing is wrong, but an operator may want to know it.
    Note,
    /// Something may be wrong.
    Warning,
    /// Something is wrong: the isolation is not what the canon says, or can be changed.
    Error,
}

/// The object that a finding is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Object {
    /// Its kind: `NetworkPolicy`, `Pod`; of a foreign policy `RESOURCE.GROUP`; `NetworkPlugin` for what is no object.
    pub kind: String,
    /// Its namespace; empty if it is in none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// What is wrong, as a stable name: `policy-drift`, `pod-lacks-label`.
    pub id: &'static str,
    /// The section.
    #[serde(skip)]
    pub section: Section,
    /// The severity.
    pub severity: Severity,
    /// The object.
    #[serde(flatten)]
    pub object: Object,
    /// What is wrong: a sentence on one line, without label values that may be secret.
    pub message: String,
    /// The differences between a policy and the canon; empty for other findings.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<Difference>,
    /// A connection that would be possible.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub witness: Option<Witness>,
    /// A shell command that ends the finding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// The resource version of the object, if it exists. A finding about an object that is newer than the first list of a
    /// snapshot may be about a change that the snapshot has only in part.
    #[serde(skip)]
    pub version: Option<u64>,
}

/// A part of a section that could not be evaluated. It never counts as passed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NotEvaluated {
    /// The section.
    pub section: Section,
    /// Why: a sentence.
    pub reason: String,
}

impl Section {
    /// All sections, in the order in which they are shown.
    pub const ALL: [Section; 9] = [
        Section::Canon,
        Section::Policies,
        Section::Pods,
        Section::Registration,
        Section::Certificate,
        Section::Probe,
        Section::Neighbors,
        Section::ForeignPolicies,
        Section::Plugins,
    ];

    /// Returns the name of the section in outputs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Section::Canon => "canon",
            Section::Policies => "policies",
            Section::Pods => "pods",
            Section::Registration => "registration",
            Section::Certificate => "certificate",
            Section::Plugins => "plugins",
            Section::Probe => "probe",
            Section::Neighbors => "neighbors",
            Section::ForeignPolicies => "foreign-policies",
        }
    }
}

impl Object {
    /// Returns an object of a namespace, or of none if `namespace` is empty.
    pub fn new(kind: &str, namespace: &str, name: &str) -> Object {
        Object { kind: kind.to_owned(), namespace: namespace.to_owned(), name: name.to_owned() }
    }
}

impl Finding {
    /// Returns a finding without evidence and without a command.
    pub fn new(section: Section, severity: Severity, id: &'static str, object: Object, message: String) -> Finding {
        Finding { id, section, severity, object, message, differences: Vec::new(), witness: None, command: None, version: None }
    }

    /// Adds the command that ends the finding.
    #[must_use]
    pub fn with_command(mut self, command: impl Into<String>) -> Finding {
        self.command = Some(command.into());
        self
    }

    /// Adds the resource version of the object.
    #[must_use]
    pub fn at(mut self, version: &str) -> Finding {
        self.version = version.parse().ok();
        self
    }
}
