//! Evaluates the rules for policies and endpoints that were read.

use crate::analysis::lint::{Finding, Input, Lint, lint};
use crate::canon::Canons;
use crate::cli::reach::source::World;

/// Returns the findings, without those about namespaces of which not everything is shown. `canons` is the canon that the policies are those of, if they are those of one.
pub(crate) fn findings(world: &World, canons: Option<&Canons>) -> Lint {
    let ignores: Vec<Option<String>> = world.written.iter().map(|written| written.lint_ignore.clone()).collect();
    let mut found = lint(Input {
        policies: &world.policies,
        endpoints: &world.endpoints,
        namespaces: &world.namespaces,
        canon: canons,
        namespace: &world.namespace.name,
        ignores: &ignores,
    });
    found.findings.retain(|finding| !is_elsewhere(world, finding));
    found.ignored.retain(|ignored| !is_elsewhere(world, &ignored.finding));
    found
}

/// Returns whether a finding is about an endpoint or a policy of a namespace of which not everything is shown.
fn is_elsewhere(world: &World, finding: &Finding) -> bool {
    let id = finding.place.endpoint.as_ref();
    match id.and_then(|id| world.endpoints.iter().find(|endpoint| endpoint.id == *id)) {
        Some(endpoint) => world.is_elsewhere(endpoint),
        None => world.shown.as_ref().zip(finding.namespace.as_ref()).is_some_and(|(shown, namespace)| !shown.contains(namespace)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::cli::reach::source::tests::world;

    #[test]
    fn findings_about_other_namespaces_are_left_out() {
        let text = "\
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: own, namespace: desk}, spec: {podSelector: {}, ingress: [{}]}}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: other, namespace: far}, spec: {podSelector: {}, ingress: [{}]}}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: same, namespace: far, annotations: {netpol.abcdesktop.io/lint-ignore: open-peer known}}, spec: {podSelector: {}, ingress: [{}]}}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: closed, namespace: far}, spec: {podSelector: {matchLabels: {run: a}}, policyTypes: [Egress]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: far, labels: {run: a}}}
---
{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: desk}}
";
        let namespaces =
            |lint: &Lint| -> BTreeSet<String> { lint.findings.iter().filter_map(|finding| finding.namespace.clone()).collect() };
        let mut world = world(text, "desk");
        let all = findings(&world, None);
        assert_eq!(namespaces(&all).into_iter().collect::<Vec<_>>(), ["desk", "far"]);
        assert!(all.findings.iter().any(|finding| finding.place.endpoint.as_deref() == Some("far/Pod/a")) && all.ignored.len() == 1);
        world.shown = Some(["desk".to_owned()].into());
        let some = findings(&world, None);
        assert_eq!(namespaces(&some).into_iter().collect::<Vec<_>>(), ["desk"]);
        assert!(some.findings.iter().all(|finding| finding.place.endpoint.as_deref() != Some("far/Pod/a")) && some.ignored.is_empty());
    }
}
