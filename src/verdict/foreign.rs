//! Policy kinds of other APIs. What they say is not understood; that they can open the network past
//! every `NetworkPolicy` is.

use super::facts::{Change, Metadata, Step};
use super::words::Plain;
use super::{Ctx, Finding, Rule, Severity};
use crate::policy::node::Node;

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
        Ok(Step::Update { old, new }) => covers(old, new) && covers(new, old),
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

/// Answers whether one object has everything that another states outside its metadata and status.
fn covers(one: &Node<'_>, other: &Node<'_>) -> bool {
    let Node::Object(entries) = other else { return false };
    entries.iter().filter(|(key, value)| !matches!(&**key, "metadata" | "status") && !matches!(value, Node::Null)).all(|(key, value)| {
        match one.get(key) {
            Some(twin) => value.same_json(twin),
            None => matches!(value, Node::Array(items) if items.is_empty()),
        }
    })
}
