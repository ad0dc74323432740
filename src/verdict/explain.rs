//! The command that explains what a label opens.

use super::ctx::Ctx;
use super::guard::{Hints, is_built_in};
use super::settings::DEFAULT_NAMESPACE;
use crate::canon::DEFAULT;
use crate::documents::text::quoted;
use crate::policy::rule::Rule;
use crate::policy::selector::NAMESPACE_NAME_KEY;
use crate::policy::traffic::PeerSet;
use crate::policy::{Direction, Selector};

/// Returns the command that explains a connection which a capability label opens under the first canon. `None` if the label opens no
/// connection to pods of the namespace with labels, or if the reader of the message may not have the canon.
pub(super) fn opened_by(ctx: Ctx<'_>, key: &str) -> Option<String> {
    let canon = ctx.canons().first();
    if matches!(ctx.guard.hints, Hints::Remote(_)) && !is_built_in(canon) {
        return None;
    }
    let namespace = ctx.request.namespace.as_ref();
    let value = ctx.canons().granters(key).find_map(|grant| grant.labels.get(key))?;
    let has_label = |of: &str| (of == key).then_some(value.as_str());
    let policies = canon.policies(namespace)?.by_name.values().map(|canonical| &canonical.policy);
    let opening = policies.filter(|policy| policy.subject().matches(has_label) && policy.subject().required_values(key).is_some());
    let rules = opening.filter_map(|policy| policy.rules(Direction::Egress)).flat_map(|rules| &rules.written);
    let peer = rules.flat_map(Rule::peer_sets).find_map(|peer| labels_of(peer, namespace))?;
    let is_default = DEFAULT.first().is_some_and(|default| canon.source == *default);
    let of_canon = if is_default { String::new() } else { format!(" --canon {}", quoted(&canon.source)) };
    let of_namespace = if namespace == DEFAULT_NAMESPACE { String::new() } else { format!(" --namespace {}", quoted(namespace)) };
    Some(format!("netpol explain{of_canon}{of_namespace} {key}={value} {peer}"))
}

/// Returns the labels of pods of the namespace that a peer selects, as an argument of `netpol explain`.
fn labels_of(peer: &PeerSet, namespace: &str) -> Option<String> {
    let PeerSet::Pods { namespaces, pods } = peer else { return None };
    let is_own = namespaces.matches(|key| (key == NAMESPACE_NAME_KEY).then_some(namespace));
    let label = |key: &str| Some(format!("{key}={}", Selector::required_values(pods, key)?.next()?));
    let labels = pods.keys().map(label).collect::<Option<Vec<_>>>()?;
    (is_own && !labels.is_empty()).then(|| labels.join(","))
}
