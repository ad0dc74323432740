//! Policies with rules in both directions, of which kube-router opens more.
//!
//! In the chains of a pod that such a policy selects, kube-router also applies the rules of the other direction: an ingress rule of the
//! policy opens egress, and an egress rule opens ingress. A rule is still matched by the source and the destination of a connection, so
//! this concerns connections between two pods that the policy selects.

use std::collections::BTreeMap;

use super::finding::{Evidence, Finding};
use super::rules::{LintRule, Severity};
use super::scene::{About, Class, Scene, TooMany, written};
use crate::analysis::connection::Side;
use crate::analysis::ports::PortSet;
use crate::policy::Direction;

/// Finds policies with rules in both directions, and the connections that kube-router opens in addition.
pub(super) fn mixed(scene: &Scene<'_>) -> Vec<Finding> {
    let is_mixed: Vec<bool> = scene
        .policies()
        .map(|(_, named)| Direction::BOTH.into_iter().all(|direction| !written(&named.policy, direction).is_empty()))
        .collect();
    let Ok(leaks) = leaks(scene, &is_mixed) else {
        return vec![scene.not_evaluated(LintRule::MixedDirections, None)];
    };
    let mut findings = Vec::new();
    for (index, _) in is_mixed.iter().enumerate().filter(|(_, is_mixed)| **is_mixed) {
        let of_policy = leaks.get(&index).map(Vec::as_slice).unwrap_or_default();
        let (severity, opens) = match of_policy {
            [] => (Severity::Info, "nothing between known pods".to_owned()),
            [only] => (Severity::Warning, only.to_string()),
            [first, more @ ..] => (Severity::Warning, format!("{first}, and connections of {} more pairs", more.len())),
        };
        let message = format!(
            "has rules in both directions, and kube-router (k3s embeds it) applies both to connections between its pods. That also opens {opens}. \
             Use one policy for each direction"
        );
        let about = About { policy: Some(index), witness: of_policy.first().cloned(), ..About::default() };
        findings.push(scene.finding(LintRule::MixedDirections, severity, about, message));
    }
    findings
}

/// Returns the connections that kube-router opens in addition, by the policies that open them.
fn leaks(scene: &Scene<'_>, is_mixed: &[bool]) -> Result<BTreeMap<usize, Vec<Evidence>>, TooMany> {
    let mut leaks: BTreeMap<usize, Vec<Evidence>> = BTreeMap::new();
    let has_mixed = |class: &&Class<'_>| class.isolated_by(Direction::Egress).iter().any(|index| is_mixed.get(*index) == Some(&true));
    let classes: Vec<&Class<'_>> = scene.classes.iter().filter(has_mixed).collect();
    for from in &classes {
        for to in &classes {
            // A mixed policy isolates both directions, so both lists have it.
            let selects_both =
                |index: &usize| is_mixed.get(*index) == Some(&true) && to.isolated_by(Direction::Ingress).binary_search(index).is_ok();
            if !from.isolated_by(Direction::Egress).iter().any(selects_both) {
                continue;
            }
            let found = scene.connection(from, to, &[])?;
            // What rules of policies that select both ends open; kube-router matches blocks with the addresses of pods.
            let crossing = |side: &Side| {
                let mut open: BTreeMap<usize, PortSet> = BTreeMap::new();
                for granted in &side.grants {
                    if selects_both(&granted.policy) && from.isolated_by(Direction::Egress).binary_search(&granted.policy).is_ok() {
                        let ports = open.entry(granted.policy).or_insert_with(PortSet::none);
                        *ports = ports.or(&granted.possible);
                    }
                }
                open
            };
            let (of_ingress, of_egress) = (crossing(&found.ingress), crossing(&found.egress));
            let egress = found.egress.possible.or(&PortSet::union(of_ingress.values()));
            let ingress = found.ingress.possible.or(&PortSet::union(of_egress.values()));
            let leak = egress.and(&ingress).less(&found.egress.possible.and(&found.ingress.possible));
            if leak.is_empty() {
                continue;
            }
            let mut by: BTreeMap<usize, PortSet> = of_ingress;
            for (policy, ports) in of_egress {
                by.entry(policy).and_modify(|known| *known = known.or(&ports)).or_insert(ports);
            }
            for (policy, ports) in by {
                let ports = ports.and(&leak);
                if !ports.is_empty() {
                    leaks.entry(policy).or_default().push(Evidence { from: from.name(), to: to.name(), ports: ports.to_string() });
                }
            }
        }
    }
    Ok(leaks)
}
