//! Rules about the connections of identities.

use super::finding::{Evidence, Finding, Place};
use super::rules::{LintRule, Severity};
use super::scene::{About, Class, Scene, TooMany};
use crate::analysis::connection::{Connection, Side};
use crate::analysis::endpoint::End;
use crate::analysis::ports::PortSet;
use crate::policy::Direction;

/// An identity whose pods can connect to each other.
pub(super) fn reaches_own_kind(scene: &Scene<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for class in scene.classes.iter().filter(|class| is_several(class)) {
        let Ok(found) = scene.connection(class, class, &[]) else {
            findings.push(scene.not_evaluated(LintRule::ReachesOwnKind, None));
            break;
        };
        // Without policies, everything is open: other rules and people see that.
        if found.allowed.is_empty() || (found.egress.isolated_by.is_empty() && found.ingress.isolated_by.is_empty()) {
            continue;
        }
        let policies = granting(&found, &found.allowed);
        let names: Vec<&str> =
            policies.iter().filter_map(|index| scene.input.policies.get(*index)).map(|named| named.name.as_str()).collect();
        let name = class.name();
        let message = format!(
            "pods of {name} can connect to each other on {} ({}). If only other pods need that, exclude {name} from the peers",
            found.allowed,
            names.join(" and ")
        );
        let witness = Some(Evidence { from: name.clone(), to: name, ports: found.allowed.to_string() });
        let place = Place { endpoint: Some(class.endpoint.id.clone()), ..Place::default() };
        let (first, others) = (policies.first().copied(), policies.get(1..).unwrap_or_default());
        let about = About { policy: first, others, place, witness };
        findings.push(scene.finding(LintRule::ReachesOwnKind, Severity::Warning, about, message));
    }
    findings
}

/// Returns whether a class has several pods that are not on the host network: an identity, a workload, or several pods.
fn is_several(class: &Class<'_>) -> bool {
    let End::Pods(pods) = &class.end else { return false };
    let is_workload = !matches!(class.endpoint.kind.as_str(), "Pod" | "AnyPod" | "OtherNamespaces");
    class.is_known() && !pods.host_network && (is_workload || (class.endpoint.kind == "Pod" && class.count > 1))
}

/// Returns the policies of which rules open some of the ports, in the order of egress and ingress.
fn granting(found: &Connection, ports: &PortSet) -> Vec<usize> {
    let mut policies: Vec<usize> = Vec::new();
    for granted in found.egress.grants.iter().chain(&found.ingress.grants) {
        if !granted.possible.and(ports).is_empty() && !policies.contains(&granted.policy) {
            policies.push(granted.policy);
        }
    }
    policies
}

/// An identity that is isolated for egress and reaches no DNS server: names do not resolve in its pods.
pub(super) fn no_dns_path(scene: &Scene<'_>) -> Vec<Finding> {
    let dns = ["TCP", "UDP"].into_iter().filter_map(|protocol| PortSet::one(protocol, 53)).collect::<Vec<_>>();
    let dns = PortSet::union(&dns);
    let mut findings = Vec::new();
    for class in scene.classes.iter().filter(|class| class.is_known() && class.endpoint.kind != "AnyPod") {
        let policies = class.isolated_by(Direction::Egress);
        let is_node = matches!(&class.end, End::Pods(pods) if pods.host_network);
        if policies.is_empty() || is_node {
            continue;
        }
        match reaches(scene, class, &dns) {
            Err(TooMany) => {
                findings.push(scene.not_evaluated(LintRule::NoDnsPath, None));
                break;
            }
            Ok(Reaches { ports: true, .. }) => {}
            Ok(Reaches { anything, .. }) => {
                let (severity, remark) = if anything {
                    (Severity::Warning, "It opens other connections, for which it needs addresses")
                } else {
                    (Severity::Info, "It opens no connection, so this may be intended")
                };
                let message = format!("{} is isolated for egress, and no policy opens port 53 of a DNS server. {remark}", class.name());
                let place = Place { endpoint: Some(class.endpoint.id.clone()), ..Place::default() };
                let (first, others) = (policies.first().copied(), policies.get(1..).unwrap_or_default());
                let about = About { policy: first, others, place, ..About::default() };
                findings.push(scene.finding(LintRule::NoDnsPath, severity, about, message));
            }
        }
    }
    findings
}

/// Whether pods reach some ports anywhere, and whether they reach anything.
struct Reaches {
    ports: bool,
    anything: bool,
}

fn reaches(scene: &Scene<'_>, class: &Class<'_>, ports: &PortSet) -> Result<Reaches, TooMany> {
    let mut anything = false;
    for to in &scene.classes {
        let found = scene.connection(class, to, &[])?;
        let open = found.allowed.or(&found.depends);
        anything |= !open.is_empty();
        if !open.and(ports).is_empty() {
            return Ok(Reaches { ports: true, anything });
        }
    }
    Ok(Reaches { ports: false, anything })
}

/// A policy with rules in both directions. In the chains of a pod that such a policy selects, kube-router and the products that contain
/// its policy controller also apply the rules of the other direction: its ingress rules open egress and its egress rules open ingress,
/// between pods that the policy selects.
pub(super) fn mixed_directions(scene: &Scene<'_>) -> Vec<Finding> {
    let has_rules = |index: usize, direction| {
        let rules = scene.policy(index).and_then(|policy| policy.rules(direction));
        rules.is_some_and(|rules| !rules.written.is_empty())
    };
    let is_mixed = |index: usize| has_rules(index, Direction::Ingress) && has_rules(index, Direction::Egress);
    let mut findings = Vec::new();
    for (index, named) in scene.policies().filter(|(index, _)| is_mixed(*index)) {
        let place = Place::default();
        let Ok(leaks) = leaks(scene, index, is_mixed) else {
            findings.push(scene.not_evaluated(LintRule::MixedDirections, Some(index)));
            continue;
        };
        let witness = leaks.into_iter().next();
        let (severity, opens) = match &witness {
            Some(leak) => (Severity::Warning, format!("Here it would also open {}", leak)),
            None => (Severity::Info, "Here that opens nothing".to_owned()),
        };
        let message = format!(
            "has rules for ingress and for egress. kube-router (also in k3s) applies the rules of both directions to connections between pods that \
             the policy selects. {opens}. Split it into one policy for each direction: {0}-ingress, {0}-egress",
            named.name
        );
        let about = About { policy: Some(index), place, witness, ..About::default() };
        findings.push(scene.finding(LintRule::MixedDirections, severity, about, message));
    }
    findings
}

/// Returns the connections that kube-router opens in addition because of one policy.
fn leaks(scene: &Scene<'_>, policy: usize, is_mixed: impl Fn(usize) -> bool) -> Result<Vec<Evidence>, TooMany> {
    let Some(of_policy) = scene.policy(policy) else { return Ok(Vec::new()) };
    let selected: Vec<&Class<'_>> = scene.selected(of_policy).collect();
    let mut leaks = Vec::new();
    for from in &selected {
        for to in &selected {
            let found = scene.connection(from, to, &[])?;
            // What rules of policies that select both ends open, by direction; kube-router matches blocks with the addresses of pods.
            let both = |index: &usize| {
                is_mixed(*index)
                    && from.isolated_by(Direction::Egress).contains(index)
                    && to.isolated_by(Direction::Ingress).contains(index)
            };
            let of = |side: &Side, only: Option<usize>| {
                let crossing = side.grants.iter().filter(|granted| both(&granted.policy) && only.is_none_or(|only| only == granted.policy));
                PortSet::union(crossing.map(|granted| &granted.possible))
            };
            let regular = found.egress.possible.and(&found.ingress.possible);
            let egress = found.egress.possible.or(&of(&found.ingress, None));
            let ingress = found.ingress.possible.or(&of(&found.egress, None));
            let own = of(&found.ingress, Some(policy)).or(&of(&found.egress, Some(policy)));
            let leak = egress.and(&ingress).less(&regular).and(&own);
            if !leak.is_empty() {
                leaks.push(Evidence { from: from.name(), to: to.name(), ports: leak.to_string() });
            }
        }
    }
    Ok(leaks)
}
