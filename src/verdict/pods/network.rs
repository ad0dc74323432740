//! Ways out of a pod that network policies do not govern.

use crate::canon::Identity;
use crate::verdict::annotations::NETWORK;
use crate::verdict::facts::{Annotations, Pod};
use crate::verdict::words::{List, Named};
use crate::verdict::{Ctx, Finding, Rule, Severity};

/// Judges a pod in its node's network: where a canonical policy selects it by the labels that it
/// wears or is granted, that policy does not reach it. `before` says that it was there already.
pub(super) fn host_network(ctx: Ctx<'_>, named: Named<'_>, pod: &Pod<'_>, identity: &Identity<'_>, before: bool) -> Option<Finding> {
    if !pod.host_network {
        return None;
    }
    let severity = ctx.settings().host_network.severity()?;
    let label = |key: &str| pod.metadata.labels.get(key).or_else(|| identity.value(key));
    let policies = &ctx.policies()?.by_name;
    let selecting: Vec<&String> =
        policies.iter().filter(|(_, canonical)| canonical.policy.subject().matches(label)).map(|(name, _)| name).collect();
    if selecting.is_empty() {
        return None;
    }
    let message = format!(
        "{named} lives in its node's network, where network policies do not reach it, but the canon isolates it by {}. Take hostNetwork off",
        List { items: selecting.iter(), most: 4 }
    );
    Some(Finding::new(Rule::HostNetwork, if before { Severity::Warn } else { severity }, message))
}

/// Judges annotations that can open a second network; on an update, those that it adds or changes.
/// Says their keys only.
pub(in crate::verdict) fn annotations(
    ctx: Ctx<'_>,
    named: Named<'_>,
    new: &Annotations<'_>,
    old: Option<&Annotations<'_>>,
) -> Option<Finding> {
    let is_new = |key: &&str| new.get(key).is_some_and(|value| old.and_then(|old| old.get(key)) != Some(value));
    let mut keys = NETWORK.iter().copied().filter(is_new).peekable();
    keys.peek()?;
    let severity = ctx.settings().network_annotations.severity()?;
    let message = format!(
        "{named} is annotated {}: that can open a way past network policies. Remove the annotation unless that is meant",
        List { items: keys, most: 20 }
    );
    Some(Finding::new(Rule::NetworkAnnotation, severity, message))
}
