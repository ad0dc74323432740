//! Policy kinds of other APIs. What they say is not understood; that they can open the network past
//! every `NetworkPolicy` is.

use super::facts::{Change, Metadata, Step};
use super::words::Plain;
use super::{Ctx, Finding, Rule, Severity};
use crate::documents::node::Node;

/// The resource of one such kind.
#[derive(Debug, PartialEq, Eq)]
pub struct ForeignKind {
    /// The API group.
    pub group: &'static str,
    /// The plural.
    pub resource: &'static str,
    /// Whether objects of it live in namespaces.
    pub namespaced: bool,
}

const fn namespaced(group: &'static str, resource: &'static str) -> ForeignKind {
    ForeignKind { group, resource, namespaced: true }
}

const fn cluster(group: &'static str, resource: &'static str) -> ForeignKind {
    ForeignKind { group, resource, namespaced: false }
}

/// The kinds that allow traffic, and those that their rules refer to. Kinds that only log, shape,
/// mark or preview traffic are left out.
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

/// Judges a policy that is made, or whose content changes.
pub(super) fn validate(ctx: Ctx<'_>, change: &Change<Node<'_>>) -> Vec<Finding> {
    let unchanged = match change.step(ctx.request.operation) {
        Ok(Step::Create(_)) => false,
        Ok(Step::Update { old, new }) => is_as_it_was(&ctx.request.resource, old, new),
        Ok(Step::Delete(_) | Step::Other) => return Vec::new(),
        Err(field) => return vec![Finding::missing(field)],
    };
    let Some(severity) = ctx.settings().foreign_policies.severity() else { return Vec::new() };
    let unnamed = Metadata::default();
    let message = format!(
        "{} of {} can open the network past every NetworkPolicy, and what it says is not judged. Use a NetworkPolicy if one can say it",
        ctx.named(&ctx.request.kind, &unnamed),
        Plain(&ctx.request.group)
    );
    vec![Finding::new(Rule::ForeignPolicy, if unchanged { Severity::Warn } else { severity }, message)]
}

/// Kinds that rules of other objects name by their labels.
const NAMED_BY_LABELS: [&str; 3] = ["networksets", "globalnetworksets", "ciliumcidrgroups"];

/// Annotations that such kinds take for a part of their content: the networks that a policy is for, and
/// where Calico keeps the labels of its own API.
const CONTENT: [&str; 2] = ["k8s.v1.cni.cncf.io/policy-for", "projectcalico.org/metadata"];

/// Answers whether nothing changes of what an object says: what an empty list means is for its API to say.
fn is_as_it_was(resource: &str, old: &Node<'_>, new: &Node<'_>) -> bool {
    let of_metadata = |map: &str, key: Option<&str>| {
        let [old, new] = [old, new].map(|object| {
            let map = object.get("metadata").and_then(|metadata| metadata.get(map));
            key.map_or(map, |key| map.and_then(|map| map.get(key)))
        });
        old.zip(new).map_or(old.is_none() && new.is_none(), |(old, new)| old.is_exactly(new, &[]))
    };
    old.is_exactly(new, &["metadata", "status"])
        && (!NAMED_BY_LABELS.contains(&resource) || of_metadata("labels", None))
        && CONTENT.iter().all(|key| of_metadata("annotations", Some(key)))
}
