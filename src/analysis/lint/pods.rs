//! Rules about the connections of identities.

use super::finding::{Evidence, Finding, Place};
use super::rules::{LintRule, Severity};
use super::scene::{About, Class, Scene, TooMany};
use crate::analysis::connection::Connection;
use crate::analysis::endpoint::End;
use crate::analysis::matching::{self, Match};
use crate::analysis::ports::PortSet;
use crate::policy::Direction;
use crate::policy::rule::Rule;

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
            "its pods can connect to each other on {} ({}). If only other pods need that, exclude these from the peers",
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
                    (Severity::Warning, "It opens other connections")
                } else {
                    (Severity::Info, "It opens no connection at all")
                };
                let message = format!("isolated for egress, and port 53 is open to nothing: names do not resolve. {remark}");
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
    let mut reaches = Reaches { ports: false, anything: false };
    let policies = class.isolated_by(Direction::Egress).iter().filter_map(|index| scene.policy(*index)?.rules(Direction::Egress));
    let rules: Vec<&Rule> = policies.flat_map(|rules| &rules.written).collect();
    for to in scene.classes.iter().filter(|to| rules.iter().any(|rule| matching::peers(&rule.peers, &to.end) != Match::No)) {
        let found = scene.connection(class, to, &[])?;
        let open = found.allowed.or(&found.depends);
        reaches.anything |= !open.is_empty();
        reaches.ports |= !open.and(ports).is_empty();
        if reaches.ports {
            break;
        }
    }
    Ok(reaches)
}
