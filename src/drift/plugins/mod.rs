//! The network plugins: whether one of them applies `NetworkPolicies`, and what kube-router opens in addition.
//!
//! - `objects` is what was read of the cluster, and `known` the plugins that are recognized by it.

mod known;
mod objects;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::draft::Draft;
use super::finding::{Finding, Object, Section, Severity};
use crate::analysis::identities;
use crate::analysis::lint::{self, Input, LintRule};
use crate::canon::Canon;
use crate::documents::text::quoted;
use crate::verdict::Guard;
use known::{KUBE_ROUTER, Known, State};
pub use objects::{DaemonSetObject, K3sServer, Network};

/// The name of k3s, which has the policy controller of kube-router in its own process.
const K3S: &str = "k3s";
/// Why it is not known whether k3s applies policies.
const NO_SERVER: &str = "no node is a server of k3s and shows whether it runs with --disable-network-policy";

pub(super) fn plan(draft: &mut Draft, guard: &Guard, network: &Network) {
    if let Some(Err(reason)) = &network.k3s {
        draft.skip(Section::Plugins, reason);
    }
    let found = found(guard, network);
    if !found.iter().any(|plugin| plugin.state == State::Applied) && !matches!(network.k3s, Some(Err(_))) {
        draft.findings.push(not_applied(&found));
    }
    for plugin in &found {
        if plugin.confuses_directions && plugin.state != State::NotApplied {
            mixed_directions(draft, guard, plugin.name);
            break;
        }
    }
}

/// Returns the names of the plugins that apply policies.
pub fn applying(guard: &Guard, network: &Network) -> Vec<&'static str> {
    found(guard, network).into_iter().filter(|plugin| plugin.state == State::Applied).map(|plugin| plugin.name).collect()
}

/// A plugin that runs in the cluster.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    name: &'static str,
    state: State,
    confuses_directions: bool,
}

/// Returns the plugins that run, each once. Any user of a guarded namespace may create a DaemonSet there, so only others count.
fn found(guard: &Guard, network: &Network) -> Vec<Found> {
    let counts = |daemon_set: &&DaemonSetObject| daemon_set.is_scheduled && guard.canons.policies(&daemon_set.namespace).is_none();
    let mut found: Vec<Found> = Vec::new();
    let mut add = |plugin: Found| match found.iter_mut().find(|known| known.name == plugin.name) {
        Some(known) => known.state = known.state.max(plugin.state),
        None => found.push(plugin),
    };
    for daemon_set in network.daemon_sets.iter().filter(counts) {
        let Some(known) = Known::of(daemon_set) else { continue };
        add(Found { name: known.name, state: known.state(daemon_set), confuses_directions: known.confuses_directions });
    }
    if let Some(Ok(servers)) = &network.k3s {
        let state = match servers.as_slice() {
            [] => State::Unknown(NO_SERVER),
            servers if servers.iter().all(|server| server.applies_policies) => State::Applied,
            _ => State::NotApplied,
        };
        add(Found { name: K3S, state, confuses_directions: true });
    }
    found.sort_by_key(|plugin| plugin.name);
    found
}

/// Returns the finding that no plugin is known to apply policies: a warning if there are plugins of which it is known that they do not.
fn not_applied(found: &[Found]) -> Finding {
    let names = |wanted: &dyn Fn(&Found) -> bool| {
        let names: Vec<&str> = found.iter().filter(|plugin| wanted(plugin)).map(|plugin| plugin.name).collect();
        names.join(" and ")
    };
    let unknown: Vec<String> = found
        .iter()
        .filter_map(|plugin| match plugin.state {
            State::Unknown(reason) => Some(format!("{}: {reason}", plugin.name)),
            State::Applied | State::NotApplied => None,
        })
        .collect();
    let about =
        |severity, id, name: &str, message| Finding::new(Section::Plugins, severity, id, Object::new("NetworkPlugin", "", name), message);
    if found.is_empty() {
        let message = "no network plugin of this cluster is known to netpol, so nothing shows that NetworkPolicies have an effect";
        return about(Severity::Note, "plugin-unknown", "unknown", message.to_owned());
    }
    if !unknown.is_empty() {
        let message = format!("nothing shows that a network plugin applies NetworkPolicies: {}", unknown.join("; "));
        return about(Severity::Note, "plugin-unknown", &names(&|plugin| plugin.state != State::NotApplied), message);
    }
    let name = names(&|_| true);
    let message = format!(
        "{name} does not apply NetworkPolicies as it runs here, and no other network plugin is known to do so: \
         then no policy has an effect. Turn its policies on, or install a network plugin that applies them"
    );
    about(Severity::Warning, "policies-not-applied", &name, message)
}

/// Finds the policies of the accepted canons of which kube-router opens more.
fn mixed_directions(draft: &mut Draft, guard: &Guard, plugin: &str) {
    for canon in guard.canons.all() {
        for namespace in guard.canons.namespaces() {
            let (policies, endpoints) = identities::of_accepted(&guard.canons, canon, namespace);
            let input =
                Input { policies: &policies, endpoints: &endpoints, namespaces: &BTreeMap::new(), canon: None, namespace, ignores: &[] };
            for found in lint::mixed_directions(input) {
                match (found.rule, found.policy) {
                    (LintRule::MixedDirections, Some(policy)) => {
                        let severity = if found.severity > lint::Severity::Info { Severity::Warning } else { Severity::Note };
                        draft.findings.push(mixed(canon, namespace, &policy, severity, &about(plugin, &found.message)));
                    }
                    _ => draft.skip(Section::Plugins, format!("{} in {namespace}: {}", canon.source, found.message)),
                }
            }
        }
    }
}

/// Returns how this cluster is concerned, and what the lint says about the policy.
fn about(plugin: &str, message: &str) -> String {
    let has = if plugin == KUBE_ROUTER { KUBE_ROUTER.to_owned() } else { format!("{plugin}, which embeds {KUBE_ROUTER}") };
    format!("{message}. This cluster has {has}: accept the canon that the command prints, and create its policies")
}

fn mixed(canon: &Canon, namespace: &str, policy: &str, severity: Severity, message: &str) -> Finding {
    let object = Object::new("NetworkPolicy", namespace, policy);
    let message = format!("NetworkPolicy \"{policy}\" of {} {message}", canon.source);
    let command = format!("netpol render canon {} --split-directions > canon.yaml", quoted(&canon.source));
    Finding::new(Section::Plugins, severity, "mixed-directions", object, message).with_command(command)
}
