//! The commands that explain what a label opens, and why a canon denies a connection.

use std::collections::BTreeMap;

use super::ctx::Ctx;
use super::guard::{Hints, is_built_in};
use super::settings::DEFAULT_NAMESPACE;
use crate::analysis::{Addresses, End, NamedPolicy, Namespace, Pods, PortSet, connection};
use crate::canon::{Canon, DEFAULT};
use crate::documents::text::quoted;
use crate::policy::rule::Rule;
use crate::policy::selector::NAMESPACE_NAME_KEY;
use crate::policy::traffic::PeerSet;
use crate::policy::{Direction, OtherEnd, Policy, Selector, Witness};

/// Returns the command that explains a connection which a capability label opens under the first canon. `None` if the label opens no
/// connection to pods of the namespace with labels, or if the reader of the message may not have the canon.
pub(super) fn opened_by(ctx: Ctx<'_>, key: &str) -> Option<String> {
    let canon = ctx.canons().first();
    let command = command(ctx, canon)?;
    let namespace = ctx.request.namespace.as_ref();
    let value = ctx.canons().granters(key).find_map(|grant| grant.labels.get(key))?;
    let has_label = |of: &str| (of == key).then_some(value.as_str());
    let policies = canon.policies(namespace)?.by_name.values().map(|canonical| &canonical.policy);
    let opening = policies.filter(|policy| policy.subject().matches(has_label) && policy.subject().required_values(key).is_some());
    let rules = opening.filter_map(|policy| policy.rules(Direction::Egress)).flat_map(|rules| &rules.written);
    let peer = rules.flat_map(Rule::peer_sets).find_map(|peer| labels_of(peer, namespace))?;
    Some(format!("{command} {key}={value} {peer}"))
}

/// Returns the command without its endpoints. `None` if the reader of the message may not have the canon.
fn command(ctx: Ctx<'_>, canon: &Canon) -> Option<String> {
    if matches!(ctx.guard.hints, Hints::Remote(_)) && !is_built_in(canon) {
        return None;
    }
    let namespace = ctx.request.namespace.as_ref();
    let is_default = DEFAULT.first().is_some_and(|default| canon.source == *default);
    let of_canon = if is_default { String::new() } else { format!(" --canon {}", quoted(&canon.source)) };
    let of_namespace = if namespace == DEFAULT_NAMESPACE { String::new() } else { format!(" --namespace {}", quoted(namespace)) };
    Some(format!("netpol explain{of_canon}{of_namespace}"))
}

/// Returns the command that explains why a canon denies the connection of a witness. `None` if it cannot be written as arguments, if
/// the canon does not deny it between pods that have these labels only, if there are many labels, or if the reader of the message may
/// not have the canon.
pub(super) fn denied_by(ctx: Ctx<'_>, canon: &Canon, witness: &Witness) -> Option<String> {
    let command = command(ctx, canon)?;
    let namespace = ctx.request.namespace.as_ref();
    let number = witness.port.as_ref()?.parse::<u16>().ok()?;
    let port = PortSet::one(&witness.protocol, number)?;
    let own = Namespace::new(namespace, BTreeMap::new());
    let (subject, peer) = (pod(own.clone(), &witness.ends.subject)?, other_end(own, &witness.ends.peer)?);
    let ends = match witness.direction {
        Direction::Egress => [subject, peer],
        Direction::Ingress => [peer, subject],
    };
    let [from, to] = ends.each_ref().map(|(_, end)| end);
    let is_selected = |end: &End, policy: &Policy| match end {
        End::Pods(pods) => *pods.namespace.name == *namespace && policy.subject().matches(|key| pods.labels.get(key).map(String::as_str)),
        End::Addresses(_) => false,
    };
    let canonical = canon.policies(namespace)?.by_name.iter();
    let decisive = canonical.filter(|(_, canonical)| [from, to].into_iter().any(|end| is_selected(end, &canonical.policy)));
    let policies: Vec<NamedPolicy> =
        decisive.map(|(name, canonical)| NamedPolicy { name: name.clone(), policy: canonical.policy.clone() }).collect();
    let found = connection(&policies, from, to, false);
    if !found.allowed.and(&port).is_empty() || !found.depends.and(&port).is_empty() {
        return None;
    }
    let [(from, _), (to, _)] = ends;
    let protocol = if witness.protocol == "TCP" { String::new() } else { format!("/{}", witness.protocol) };
    // Labels have no colon.
    let to = if to.contains(':') { format!("[{to}]") } else { to };
    Some(format!("{command} {} {}", argument(&from), argument(&format!("{to}:{number}{protocol}"))))
}

/// Quotes a word for a shell if necessary. A word may contain `=`.
fn argument(word: &str) -> String {
    let is_plain = quoted(&word.replace('=', "")) == word.replace('=', "");
    if is_plain { word.to_owned() } else { quoted(word) }
}

/// Returns pods as an argument and as an end.
fn pod(namespace: Namespace, labels: &BTreeMap<String, String>) -> Option<(String, End)> {
    let text = match text(labels)? {
        // Pods without a label have no other name.
        text if text == "*" => format!("*@{NAMESPACE_NAME_KEY}={}", namespace.name),
        text => text,
    };
    Some((text, End::Pods(Pods::labeled(namespace, labels.clone()))))
}

/// Returns the end of a witness that is no subject, as an argument and as an end. `own` is the namespace of the policy.
fn other_end(own: Namespace, end: &OtherEnd) -> Option<(String, End)> {
    match end {
        OtherEnd::Pod(labels) => pod(own, labels),
        OtherEnd::Neighbor(labels, of_namespace) => {
            let name = of_namespace.get(NAMESPACE_NAME_KEY).map_or("", String::as_str);
            let namespace = Namespace::new(name, of_namespace.clone());
            let text = format!("{}@{}", text(labels)?, text(of_namespace)?);
            // Without a label, its namespace could be the own one.
            (!of_namespace.is_empty()).then(|| (text, End::Pods(Pods::labeled(namespace, labels.clone()))))
        }
        OtherEnd::Address(address) => {
            let text = address.to_string();
            let addresses = Addresses::parse(&text).ok()?;
            Some((text, End::Addresses(addresses)))
        }
        OtherEnd::Unknown => None,
    }
}

/// The maximum number of labels of one end in a command.
const MAX_LABELS: usize = 8;

/// Returns labels as an argument of `netpol explain`, unless there are many.
fn text(labels: &BTreeMap<String, String>) -> Option<String> {
    if labels.is_empty() {
        return Some("*".to_owned());
    }
    let pairs = labels.iter().map(|(key, value)| format!("{key}={value}"));
    (labels.len() <= MAX_LABELS).then(|| pairs.collect::<Vec<_>>().join(","))
}

/// Returns the labels of pods of the namespace that a peer selects, as an argument of `netpol explain`.
fn labels_of(peer: &PeerSet, namespace: &str) -> Option<String> {
    let PeerSet::Pods { namespaces, pods } = peer else { return None };
    let is_own = namespaces.matches(|key| (key == NAMESPACE_NAME_KEY).then_some(namespace));
    let label = |key: &str| Some(format!("{key}={}", Selector::required_values(pods, key)?.next()?));
    let labels = pods.keys().map(label).collect::<Option<Vec<_>>>()?;
    (is_own && !labels.is_empty()).then(|| labels.join(","))
}
