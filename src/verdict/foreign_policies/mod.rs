//! Foreign policies. They can allow traffic that every `NetworkPolicy` denies, and `netpol` cannot evaluate them: those of the canon
//! are compared literally (`canonical`), and all others are judged by a flag.

mod canonical;

use super::attachments::Listed;
use super::ctx::Ctx;
use super::deletion;
use super::facts::{DeletedPolicy, Objects, PolicyMetadata, Step};
use super::finding::{Finding, Rule, Severity};
use super::subject::Subject;
use super::words::Plain;
use crate::canon::foreign_kinds::{CONTENT_ANNOTATIONS, is_selected_by_label};
use crate::documents::node::Node;
use canonical::Stored;

/// Judges a policy that is created, or whose content changes.
pub(super) fn validate(ctx: Ctx<'_>, objects: &Objects<Node<'_>>) -> Vec<Finding> {
    let (old, new) = match objects.step(ctx.request.operation) {
        Ok(Step::Create(new)) => (None, new),
        Ok(Step::Update { old, new }) => (Some(old), new),
        Ok(Step::Nothing) => return Vec::new(),
        Err(field) => return vec![Finding::missing(field)],
    };
    let is_unchanged = old.is_some_and(|old| is_unchanged(ctx, old, new));
    if let Some(policies) = ctx.policies() {
        let metadata = |field| new.get("metadata").and_then(|metadata| metadata.get(field)).and_then(Node::as_str).unwrap_or_default();
        let named = ctx.named(&ctx.request.kind, metadata("name"), metadata("generateName"));
        let stored = Stored { ctx, named, policies, old, new, is_unchanged };
        if stored.versions().next().is_some() {
            return stored.judge(|message| by_flag(ctx, is_unchanged, message));
        }
    }
    Vec::from_iter(other(ctx, is_unchanged))
}

/// Judges a policy that is deleted. In a deletecollection only the old object has a name.
pub(super) fn deleted(ctx: Ctx<'_>, old: Option<&DeletedPolicy<'_>>) -> Vec<Finding> {
    let Some(policies) = ctx.policies() else { return Vec::new() };
    let unknown = PolicyMetadata::default();
    let metadata = old.map_or(&unknown, |old| &old.metadata);
    let named = ctx.named(&ctx.request.kind, &metadata.name, &metadata.generate_name);
    if named.name.is_empty() {
        return vec![Finding::missing("name")];
    }
    let (group, resource) = (&*ctx.request.group, &*ctx.request.resource);
    let Some(version) = policies.foreign(group, resource, named.name).next() else { return Vec::new() };
    deletion::judge(ctx, named, version.canon, &Listed::of_foreign(policies, group, resource, named.name), metadata)
}

/// Judges a policy that is not canonical.
fn other(ctx: Ctx<'_>, is_unchanged: bool) -> Option<Finding> {
    let (named, group) = (ctx.named(&ctx.request.kind, "", ""), Plain(&ctx.request.group));
    let message = if is_plugin_written(ctx) {
        // A denial of what the plugin itself writes would cut off pods.
        if ctx.is_by_plugin() {
            return None;
        }
        format!(
            "{named} of {group} is normally written by the network plugin only. If this user is the network plugin, add its name to --plugin-writer"
        )
    } else {
        format!(
            "{named} of {group} can allow traffic that NetworkPolicies deny, and its content is not checked. Use a NetworkPolicy if possible"
        )
    };
    by_flag(ctx, is_unchanged, message)
}

/// Returns the finding about a policy whose content is not checked.
fn by_flag(ctx: Ctx<'_>, is_unchanged: bool, message: String) -> Option<Finding> {
    let severity = ctx.settings().foreign_policies.severity()?;
    Some(Finding::new(Rule::ForeignPolicy, if is_unchanged { Severity::Warn } else { severity }, message))
}

/// Returns whether the network plugin writes the kind itself.
fn is_plugin_written(ctx: Ctx<'_>) -> bool {
    let subject = Subject::of(&ctx.request.group, &ctx.request.resource, &ctx.request.subresource).0;
    matches!(subject, Subject::ForeignPolicy(kind) if kind.plugin_written)
}

/// Returns whether an update keeps the content. Only the API of the policy knows what an empty list means.
fn is_unchanged(ctx: Ctx<'_>, old: &Node<'_>, new: &Node<'_>) -> bool {
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
        && (!is_selected_by_label(&ctx.request.resource) || metadata_is_unchanged("labels", None))
        && CONTENT_ANNOTATIONS.iter().all(|key| metadata_is_unchanged("annotations", Some(key)))
}
