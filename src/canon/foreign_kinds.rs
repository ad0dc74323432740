//! The policy kinds of other APIs that can allow traffic. `netpol` cannot evaluate them. A canon can hold policies of the
//! kinds that belong to a namespace, which then are compared literally.

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

/// A kind that is known or given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Foreign<'g> {
    /// A kind of [`KINDS`].
    Known(&'static ForeignKind),
    /// A kind that a flag adds.
    Given(&'g GivenKind),
}

impl<'g> Foreign<'g> {
    /// Returns the resource of a kind as manifests state it. The plural follows the rule of the API; of the known kinds, only
    /// `multi-networkpolicies` has a dash that the rule does not give.
    pub fn of(group: &str, kind: &str, given: &'g [GivenKind]) -> Option<Foreign<'g>> {
        let plural = plural(kind);
        let is = |(of, resource): (&str, &str)| of == group && resource.replace('-', "") == plural;
        if let Some(known) = KINDS.iter().find(|known| is((known.group, known.resource))) {
            return Some(Foreign::Known(known));
        }
        given.iter().find(|kind| is((&kind.group, &kind.resource))).map(Foreign::Given)
    }

    /// Returns the plural name of the resource.
    pub fn resource(self) -> &'g str {
        match self {
            Foreign::Known(kind) => kind.resource,
            Foreign::Given(kind) => &kind.resource,
        }
    }
}

/// Returns the plural of a kind in lower case, by the rule of the API.
pub fn plural(kind: &str) -> String {
    let kind = kind.to_lowercase();
    if let Some(stem) = kind.strip_suffix('y').filter(|stem| !stem.ends_with(['a', 'e', 'o', 'u'])) {
        format!("{stem}ies")
    } else if ["s", "x", "ch", "sh"].iter().any(|ending| kind.ends_with(ending)) {
        format!("{kind}es")
    } else {
        format!("{kind}s")
    }
}

/// Kinds that the rules of other objects select by label, so that their labels are a part of their content.
const SELECTED_BY_LABEL: [&str; 3] = ["networksets", "globalnetworksets", "ciliumcidrgroups"];

/// Annotations that are a part of the content of such kinds: the networks of a policy, and the labels of Calico's own API.
pub const CONTENT_ANNOTATIONS: [&str; 2] = ["k8s.v1.cni.cncf.io/policy-for", "projectcalico.org/metadata"];

/// Returns whether the labels of a resource are a part of its content.
pub fn is_selected_by_label(resource: &str) -> bool {
    SELECTED_BY_LABEL.contains(&resource)
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
