//! The policy kinds of other APIs, and the users that write some of them.

pub use crate::canon::foreign_kinds::{ForeignKind, GivenKind, KINDS};

/// The user names of the network plugins that write the kinds with [`ForeignKind::plugin_written`], or annotations of
/// pods and namespaces, from their installation manifests: Cilium's agent and operator, the controller of Amazon's VPC CNI
/// (managed by EKS and self-managed) and its agent, Kube-OVN's controller and agents.
pub const PLUGIN_WRITERS: [&str; 8] = [
    "system:serviceaccount:kube-system:cilium",
    "system:serviceaccount:kube-system:cilium-operator",
    "eks:network-policy-controller",
    "system:serviceaccount:kube-system:amazon-network-policy-controller-k8s",
    "system:serviceaccount:kube-system:aws-node",
    "system:serviceaccount:kube-system:ovn",
    "system:serviceaccount:kube-system:kube-ovn-cni",
    "system:serviceaccount:kube-system:kube-ovn-app",
];
