//! The policy kinds of other APIs that can allow traffic. `netpol` cannot evaluate them.

use std::fmt;
use std::str::FromStr;

use crate::documents::names::dns_subdomain_fault;

/// The resource of a foreign policy kind.
#[derive(Debug, PartialEq, Eq)]
pub struct ForeignKind {
    /// The API group.
    pub group: &'static str,
    /// The plural name of the resource.
    pub resource: &'static str,
    /// Whether objects of this kind belong to a namespace.
    pub namespaced: bool,
    /// Whether the network plugin writes objects of this kind itself, from the policies and pods that it reads.
    pub plugin_written: bool,
}

const fn namespaced(group: &'static str, resource: &'static str) -> ForeignKind {
    ForeignKind { group, resource, namespaced: true, plugin_written: false }
}

const fn cluster(group: &'static str, resource: &'static str) -> ForeignKind {
    ForeignKind { group, resource, namespaced: false, plugin_written: false }
}

const fn plugin_written(kind: &ForeignKind) -> ForeignKind {
    ForeignKind { group: kind.group, resource: kind.resource, namespaced: kind.namespaced, plugin_written: true }
}

/// The kinds that allow traffic, and the kinds that their rules refer to. Kinds that only log, shape, mark or
/// preview traffic are not in this list.
pub const KINDS: &[ForeignKind] = &[
    namespaced("cilium.io", "ciliumnetworkpolicies"),
    cluster("cilium.io", "ciliumclusterwidenetworkpolicies"),
    cluster("cilium.io", "ciliumcidrgroups"),
    namespaced("cilium.io", "ciliumlocalredirectpolicies"),
    cluster("cilium.io", "ciliumegressgatewaypolicies"),
    namespaced("crd.projectcalico.org", "networkpolicies"),
    cluster("crd.projectcalico.org", "globalnetworkpolicies"),
    namespaced("crd.projectcalico.org", "networksets"),
    cluster("crd.projectcalico.org", "globalnetworksets"),
    cluster("crd.projectcalico.org", "tiers"),
    namespaced("projectcalico.org", "networkpolicies"),
    cluster("projectcalico.org", "globalnetworkpolicies"),
    namespaced("projectcalico.org", "networksets"),
    cluster("projectcalico.org", "globalnetworksets"),
    cluster("projectcalico.org", "tiers"),
    cluster("projectcalico.org", "profiles"),
    cluster("policy.networking.k8s.io", "adminnetworkpolicies"),
    cluster("policy.networking.k8s.io", "baselineadminnetworkpolicies"),
    cluster("policy.networking.k8s.io", "clusternetworkpolicies"),
    namespaced("k8s.cni.cncf.io", "multi-networkpolicies"),
    namespaced("crd.antrea.io", "networkpolicies"),
    cluster("crd.antrea.io", "clusternetworkpolicies"),
    namespaced("crd.antrea.io", "groups"),
    cluster("crd.antrea.io", "clustergroups"),
    cluster("crd.antrea.io", "tiers"),
    cluster("crd.antrea.io", "trafficcontrols"),
    namespaced("k8s.ovn.org", "egressfirewalls"),
    cluster("k8s.ovn.org", "adminpolicybasedexternalroutes"),
    namespaced("networking.k8s.aws", "applicationnetworkpolicies"),
    cluster("networking.k8s.aws", "clusternetworkpolicies"),
    namespaced("networking.gke.io", "fqdnnetworkpolicies"),
    cluster("kubeovn.io", "security-groups"),
    // What the data plane enforces: the identity and the addresses of each pod, and the addresses that policies allow.
    plugin_written(&namespaced("cilium.io", "ciliumendpoints")),
    plugin_written(&cluster("cilium.io", "ciliumendpointslices")),
    plugin_written(&cluster("cilium.io", "ciliumidentities")),
    // Any configuration of Envoy, which connects to pods itself: a policy then sees the proxy instead of the client. The
    // operator writes them for Ingresses and Gateways.
    plugin_written(&namespaced("cilium.io", "ciliumenvoyconfigs")),
    plugin_written(&cluster("cilium.io", "ciliumclusterwideenvoyconfigs")),
    plugin_written(&namespaced("networking.k8s.aws", "policyendpoints")),
    plugin_written(&cluster("networking.k8s.aws", "clusterpolicyendpoints")),
    // The ACLs of a subnet, which can have a higher priority than those of policies; further addresses of pods.
    plugin_written(&cluster("kubeovn.io", "subnets")),
    plugin_written(&cluster("kubeovn.io", "vips")),
];

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

/// A foreign policy kind that a flag adds: `GROUP/PLURAL`. Its scope is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenKind {
    /// The API group.
    pub group: String,
    /// The plural name of the resource.
    pub resource: String,
}

impl FromStr for GivenKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || "write GROUP/PLURAL in lower case, for example example.org/flowpolicies".to_owned();
        let (group, resource) = text.split_once('/').ok_or_else(wrong)?;
        if [group, resource].into_iter().any(|name| dns_subdomain_fault(name).is_some()) || resource.contains('.') {
            return Err(wrong());
        }
        Ok(GivenKind { group: group.to_owned(), resource: resource.to_owned() })
    }
}

impl fmt::Display for GivenKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.group, self.resource)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_given_kind_is_a_group_and_a_plural() {
        let kind: GivenKind = "example.org/flowpolicies".parse().unwrap();
        assert_eq!(
            (kind.group.as_str(), kind.resource.as_str(), kind.to_string()),
            ("example.org", "flowpolicies", "example.org/flowpolicies".to_owned())
        );
        for wrong in
            ["", "subnets", "/subnets", "kubeovn.io/", "kubeovn.io/Subnets", "example.org/flowpolicies/status", "a/b.c", "*/*", "a/*"]
        {
            assert!(wrong.parse::<GivenKind>().is_err(), "{wrong:?}");
        }
    }
}
