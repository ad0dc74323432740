//! The policy kinds of other APIs that can allow traffic. `netpol` cannot evaluate them.

/// The resource of a foreign policy kind.
#[derive(Debug, PartialEq, Eq)]
pub struct ForeignKind {
    /// The API group.
    pub group: &'static str,
    /// The plural name of the resource.
    pub resource: &'static str,
    /// Whether objects of this kind belong to a namespace.
    pub namespaced: bool,
}

const fn namespaced(group: &'static str, resource: &'static str) -> ForeignKind {
    ForeignKind { group, resource, namespaced: true }
}

const fn cluster(group: &'static str, resource: &'static str) -> ForeignKind {
    ForeignKind { group, resource, namespaced: false }
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
];
