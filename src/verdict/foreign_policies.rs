//! Foreign policies. They can allow traffic that every `NetworkPolicy` denies, and `netpol` cannot evaluate them.

use super::ctx::Ctx;
use super::facts::{Objects, Step};
use super::finding::{Finding, Rule, Severity};
use super::subject::Subject;
use super::words::Plain;
use crate::documents::node::Node;

/// Judges a policy that is created, or whose content changes.
pub(super) fn validate(ctx: Ctx<'_>, objects: &Objects<Node<'_>>) -> Vec<Finding> {
    let unchanged = match objects.step(ctx.request.operation) {
        Ok(Step::Create(_)) => false,
        Ok(Step::Update { old, new }) => is_unchanged(ctx, old, new),
        Ok(Step::Nothing) => return Vec::new(),
        Err(field) => return vec![Finding::missing(field)],
    };
    let Some(severity) = ctx.settings().foreign_policies.severity() else { return Vec::new() };
    let (named, group) = (ctx.named(&ctx.request.kind, "", ""), Plain(&ctx.request.group));
    let message = if is_plugin_written(ctx) {
        // A denial of what the plugin itself writes would cut off pods.
        if ctx.is_by_plugin() {
            return Vec::new();
        }
        format!(
            "{named} of {group} is normally written by the network plugin only. If this user is the network plugin, add its name to --plugin-writer"
        )
    } else {
        format!(
            "{named} of {group} can allow traffic that NetworkPolicies deny, and its content is not checked. Use a NetworkPolicy if possible"
        )
    };
    vec![Finding::new(Rule::ForeignPolicy, if unchanged { Severity::Warn } else { severity }, message)]
}

/// Returns whether the network plugin writes the kind itself.
fn is_plugin_written(ctx: Ctx<'_>) -> bool {
    let subject = Subject::of(&ctx.request.group, &ctx.request.resource, &ctx.request.subresource).0;
    matches!(subject, Subject::ForeignPolicy(kind) if kind.plugin_written)
}

/// Kinds that the rules of other objects select by label.
const SELECTED_BY_LABEL: [&str; 3] = ["networksets", "globalnetworksets", "ciliumcidrgroups"];

/// Annotations that are part of the content of such kinds: the networks of a policy, and the labels of Calico's own
/// API.
const CONTENT: [&str; 2] = ["k8s.v1.cni.cncf.io/policy-for", "projectcalico.org/metadata"];

/// Returns whether an update keeps the content. Only the API of the policy knows what an empty list means.
fn is_unchanged(ctx: Ctx<'_>, old: &Node<'_>, new: &Node<'_>) -> bool {
    let resource = &*ctx.request.resource;
    let metadata_is_unchanged = |map: &str, key: Option<&str>| {
        let [old, new] = [old, new].map(|object| {
            let map = object.get("metadata").and_then(|metadata| metadata.get(map));
            key.map_or(map, |key| map.and_then(|map| map.get(key)))
        });
        old.zip(new).map_or(old.is_none() && new.is_none(), |(old, new)| old.is_exactly(new, &[]))
    };
    // The plugin stores the identity and the addresses of a pod in the status.
    let ignored: &[&str] = if is_plugin_written(ctx) { &["metadata"] } else { &["metadata", "status"] };
    old.is_exactly(new, ignored)
        && (!SELECTED_BY_LABEL.contains(&resource) || metadata_is_unchanged("labels", None))
        && CONTENT.iter().all(|key| metadata_is_unchanged("annotations", Some(key)))
}
