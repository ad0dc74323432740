//! The settings that a verdict depends on.

use super::controllers::{WorkloadController, workload_controllers};
use super::foreign::{GivenKind, PLUGIN_WRITERS};

/// The namespace that is guarded by default.
pub(super) const DEFAULT_NAMESPACE: &str = "abcdesktop";

/// The settings that `serve`, `review` and `check` read from their flags. [`Settings::default`] has the
/// defaults of the flags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The guarded namespaces. Requests in other namespaces are admitted unchanged.
    pub namespaces: Vec<String>,
    /// The action for a request that violates a rule.
    pub enforcement: Enforcement,
    /// The action for a `netpol/` label that no grant allows.
    pub ungranted_labels: UngrantedLabels,
    /// The action for a `NetworkPolicy` whose name is not canonical.
    pub extra_policies: ExtraPolicies,
    /// The action for policies of other APIs, whose effect is not evaluated.
    pub foreign_policies: Action,
    /// Kinds of other APIs in addition to the known ones.
    pub foreign_kinds: Vec<GivenKind>,
    /// The user names of the network plugin. The objects and annotations that it writes itself are not judged.
    pub plugin_writers: Vec<String>,
    /// The action when a namespace gains or loses a label that the canon's `namespaceSelector`s match.
    pub neighbors: Action,
    /// The action for annotations that attach a pod to another network.
    pub network_annotations: Action,
    /// Keys of such annotations in addition to the known ones.
    pub network_annotation_keys: Vec<String>,
    /// The action for pods with `hostNetwork` that a canonical policy selects.
    pub host_network: Action,
    /// The action for workloads whose pods would be rejected.
    pub workloads: Workloads,
    /// The action for a requester, a service account or an image that a grant does not list.
    pub claims: Action,
    /// The controllers that create the pods of workloads.
    pub workload_controllers: Vec<WorkloadController>,
    /// The user names of the namespace controller, whose deletions are always allowed.
    pub namespace_controllers: Vec<String>,
    /// The groups whose members may bypass the checks with the break-glass annotation. If empty, the
    /// annotation has no effect.
    pub break_glass_groups: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            namespaces: vec![DEFAULT_NAMESPACE.to_owned()],
            enforcement: Enforcement::Deny,
            ungranted_labels: UngrantedLabels::Deny,
            extra_policies: ExtraPolicies::NoWider,
            foreign_policies: Action::Warn,
            foreign_kinds: Vec::new(),
            plugin_writers: PLUGIN_WRITERS.map(str::to_owned).to_vec(),
            neighbors: Action::Warn,
            network_annotations: Action::Warn,
            network_annotation_keys: Vec::new(),
            host_network: Action::Deny,
            workloads: Workloads::Warn,
            claims: Action::Warn,
            workload_controllers: workload_controllers(),
            namespace_controllers: vec!["system:serviceaccount:kube-system:namespace-controller".to_owned()],
            break_glass_groups: Vec::new(),
        }
    }
}

/// The action for a request that violates a rule: `--enforcement`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enforcement {
    /// Reject the request.
    Deny,
    /// Admit the request and return the violation as a warning.
    Warn,
    /// Admit the request and report the violation only in the audit log.
    Audit,
}

/// The action for a `netpol/` label that no grant allows: `--ungranted-labels`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UngrantedLabels {
    /// Reject the pod.
    Deny,
    /// Remove the label from a new pod; reject a pod that still has it at validation.
    Strip,
    /// Admit the pod with a warning.
    Warn,
}

/// The action for a `NetworkPolicy` whose name is not canonical: `--extra-policies`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExtraPolicies {
    /// Admit a policy that allows nothing beyond the canon.
    NoWider,
    /// Reject every such policy.
    Deny,
    /// Admit every such policy.
    Allow,
}

/// The action of a flag that warns, denies or allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Admit the request with a warning.
    Warn,
    /// Reject the request.
    Deny,
    /// Admit the request without a warning.
    Allow,
}

/// The action for workloads whose pods would be rejected: `--workloads`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Workloads {
    /// Admit the workload with a warning.
    Warn,
    /// Reject the workload.
    Deny,
    /// Admit the workload without a warning.
    Ignore,
}
