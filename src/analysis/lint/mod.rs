//! Mistakes in NetworkPolicies and grants that can be proven by evaluating them.
//!
//! Pure. [`lint`] evaluates every rule. A finding is what a comparison or an evaluation proves, never a guess from a spelling.
//! With E classes of endpoints, P policies and R rules of policies, the cost is at most in the order of R² comparisons of rules, and of
//! (R + P) · E² evaluated pairs, which have a limit: beyond it, a finding says which rule was not evaluated.
//!
//! | file | content |
//! |---|---|
//! | `rules`, `finding` | the rules with their ids; a finding, its place and its witness |
//! | `scene` | the input, prepared |
//! | `peers`, `namespaces` | rules about peers, and about the namespaces of peers |
//! | `labels` | rules about labels that policies select and grants give |
//! | `dead`, `sample`, `redundant` | rules and policies that change nothing |
//! | `pods`, `directions` | rules about the connections of identities, and what kube-router adds to them |
//! | `ignore` | the findings that annotations ignore |

mod dead;
mod directions;
mod finding;
mod ignore;
mod labels;
mod namespaces;
mod peers;
mod pods;
mod redundant;
mod rules;
mod sample;
mod scene;

#[cfg(test)]
mod tests;

pub use finding::{Evidence, Finding, Place};
pub use ignore::{ANNOTATION, Ignored, is_id, names};
pub use rules::{LintRule, Severity};
pub use scene::Input;

use scene::Scene;

/// The findings of all rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lint {
    /// The findings, the most severe first, then by rule, policy and place.
    pub findings: Vec<Finding>,
    /// The findings that annotations ignore, in the same order.
    pub ignored: Vec<Ignored>,
}

/// Evaluates every rule.
pub fn lint(input: Input<'_>) -> Lint {
    of(&Scene::new(input))
}

/// Evaluates [`LintRule::MixedDirections`] only, and ignores no finding: what a policy opens in a cluster that has kube-router.
pub fn mixed_directions(input: Input<'_>) -> Vec<Finding> {
    directions::mixed(&Scene::new(input))
}

fn of(scene: &Scene<'_>) -> Lint {
    let checks: [fn(&Scene<'_>) -> Vec<Finding>; 14] = [
        peers::or_instead_of_and,
        peers::metadata_address,
        peers::open_peer,
        pods::reaches_own_kind,
        directions::mixed,
        pods::no_dns_path,
        namespaces::unset_label,
        namespaces::hard_coded,
        labels::ungranted,
        labels::unused_grant,
        labels::selects_nothing,
        dead::covered,
        dead::one_sided,
        redundant::redundant,
    ];
    let mut findings: Vec<Finding> = checks.iter().flat_map(|check| check(scene)).collect();
    // That a policy of dead rules is redundant says nothing in addition.
    let dead: Vec<(Option<usize>, Place)> =
        findings.iter().filter(|it| it.rule == LintRule::DeadRule).map(|it| (it.policies.first().copied(), it.place.clone())).collect();
    findings.retain(|finding| finding.rule != LintRule::RedundantPolicy || !dead::is_all_dead(scene, finding, &dead));
    let (mut findings, mut ignored) = ignore::separate(scene, findings);
    findings.sort_by(order);
    ignored.sort_by(|left, right| order(&left.finding, &right.finding));
    number(findings.iter_mut().chain(ignored.iter_mut().map(|ignored| &mut ignored.finding)));
    Lint { findings, ignored }
}

fn order(left: &Finding, right: &Finding) -> std::cmp::Ordering {
    let key = |finding: &Finding| (std::cmp::Reverse(finding.severity), finding.rule);
    let names = |finding: &Finding| (finding.namespace.clone(), finding.policy.clone(), finding.place.clone(), finding.message.clone());
    key(left).cmp(&key(right)).then_with(|| names(left).cmp(&names(right)))
}

/// Makes ids unique: two objects in files may have the same name.
fn number<'f>(findings: impl Iterator<Item = &'f mut Finding>) {
    let mut seen: std::collections::BTreeMap<String, usize> = std::collections::BTreeMap::new();
    for finding in findings {
        let count = seen.entry(finding.id.clone()).or_default();
        *count += 1;
        if *count > 1 {
            finding.id = format!("{}#{count}", finding.id);
        }
    }
}
