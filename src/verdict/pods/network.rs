//! Traffic of a pod that `NetworkPolicies` do not control.

use crate::canon::Identity;
use crate::verdict::annotations::{NAMESPACE_NETWORK, NETWORK};
use crate::verdict::ctx::Ctx;
use crate::verdict::facts::{Annotations, Pod};
use crate::verdict::finding::{Finding, Rule, Severity};
use crate::verdict::sentence::Sentence;
use crate::verdict::words::{List, Named};

/// Judges a pod on the host network. `NetworkPolicies` do not apply to it, although a canonical one selects its labels
/// or the labels that it is granted. `existing` states whether the old pod also used the host network.
pub(super) fn host_network(ctx: Ctx<'_>, named: Named<'_>, pod: &Pod<'_>, identity: &Identity<'_>, existing: bool) -> Option<Finding> {
    if !pod.spec.host_network {
        return None;
    }
    let severity = ctx.settings().host_network.severity()?;
    let label = |key: &str| pod.metadata.labels.get(key).or_else(|| identity.value(key));
    let selecting = ctx.policies()?.selecting(label);
    if selecting.is_empty() {
        return None;
    }
    let message = Sentence::listing(
        format_args!("{named} uses hostNetwork, so NetworkPolicies do not apply to it, but the canon isolates it with "),
        &List { items: selecting.iter(), most: 4 },
        format_args!(". Remove hostNetwork"),
    );
    Some(Finding::new(Rule::HostNetwork, if existing { Severity::Warn } else { severity }, message))
}

/// Judges annotations of a pod or binding that can open a second network. On an update it judges those that the update
/// adds or changes. The finding contains only their keys.
pub(crate) fn annotations(ctx: Ctx<'_>, named: Named<'_>, new: &Annotations<'_>, old: Option<&Annotations<'_>>) -> Option<Finding> {
    among(NETWORK, ctx, named, new, old)
}

/// Judges such annotations of a guarded namespace.
pub(crate) fn namespace_annotations(
    ctx: Ctx<'_>,
    named: Named<'_>,
    new: &Annotations<'_>,
    old: Option<&Annotations<'_>>,
) -> Option<Finding> {
    among(NAMESPACE_NETWORK, ctx, named, new, old)
}

fn among(known: &[&str], ctx: Ctx<'_>, named: Named<'_>, new: &Annotations<'_>, old: Option<&Annotations<'_>>) -> Option<Finding> {
    let is_new = |key: &&str| new.get(key).is_some_and(|value| old.and_then(|old| old.get(key)) != Some(value));
    let given = ctx.settings().network_annotation_keys.iter().map(String::as_str).filter(|key| !known.contains(key));
    let is_new_given = |key: &&str| new.get_given(key).is_some_and(|value| old.and_then(|old| old.get_given(key)) != Some(value));
    let mut keys = known.iter().copied().filter(is_new).chain(given.filter(is_new_given)).peekable();
    keys.peek()?;
    // The plugin writes the addresses of a pod into the same annotations that users set.
    if ctx.is_by_plugin() {
        return None;
    }
    let severity = ctx.settings().network_annotations.severity()?;
    let message = Sentence::listing(
        format_args!("{named} has annotation "),
        &List { items: keys, most: 20 },
        format_args!(", which can allow traffic that NetworkPolicies do not control. Remove the annotation unless it is intended"),
    );
    Some(Finding::new(Rule::NetworkAnnotation, severity, message))
}
