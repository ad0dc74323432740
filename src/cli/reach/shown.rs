//! The endpoints that are shown unless arguments name others.

use std::collections::BTreeSet;

use super::source::World;
use crate::analysis::{Classes, Endpoint, Reach, by_class};

/// Returns the endpoints as `netpol reach` shows them without arguments: pods that policies cannot tell apart are one, and of namespaces
/// that are not shown whole, there is only what connects to or from the others.
pub(crate) fn shown(world: &World) -> Classes {
    let Classes { endpoints, mut pods } = by_class(&world.policies, &marked(world, |_| false), |_| false);
    let reach = Reach::new(&world.policies, &endpoints);
    let is_shown: Vec<bool> = (0..endpoints.len()).map(|index| is_shown(index, &reach, world)).collect();
    let endpoints: Vec<Endpoint> =
        endpoints.into_iter().zip(is_shown).filter_map(|(endpoint, is_shown)| is_shown.then_some(endpoint)).collect();
    let ids: BTreeSet<&str> = endpoints.iter().map(|endpoint| endpoint.id.as_str()).collect();
    pods.retain(|id, _| ids.contains(id.as_str()));
    Classes { endpoints, pods }
}

/// Returns the endpoints, with those elsewhere as outside: what is between two of them is not considered. An endpoint for which `is_own`
/// returns true stays as it is.
pub(super) fn marked(world: &World, is_own: impl Fn(&Endpoint) -> bool) -> Vec<Endpoint> {
    let mark = |endpoint: &Endpoint| {
        let outside = endpoint.outside || (world.is_elsewhere(endpoint) && !is_own(endpoint));
        Endpoint { outside, ..endpoint.clone() }
    };
    world.endpoints.iter().map(mark).collect()
}

/// Returns whether an endpoint is shown: one elsewhere, only if it connects to or from one that is not.
pub(super) fn is_shown(index: usize, reach: &Reach<'_>, world: &World) -> bool {
    let is_elsewhere = |index: usize| reach.endpoints().get(index).is_some_and(|endpoint| world.is_elsewhere(endpoint));
    let is_object = |index: usize| reach.endpoints().get(index).is_some_and(|endpoint| endpoint.object.is_some());
    let connects = |other: usize| !reach.flow(index, other).is_empty() || !reach.flow(other, index).is_empty();
    !is_elsewhere(index) || (0..reach.endpoints().len()).any(|other| is_object(other) && !is_elsewhere(other) && connects(other))
}

#[cfg(test)]
mod tests {
    use super::super::source::tests::world;
    use super::*;

    #[test]
    fn of_other_namespaces_only_what_connects_is_shown() {
        let text = "\
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: db, namespace: desk}, spec: {podSelector: {matchLabels: {run: db}},
  ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: near}}, podSelector: {matchLabels: {run: cashier}}}]}]}}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: db, namespace: near}, spec: {podSelector: {matchLabels: {run: idle}}, policyTypes: [Ingress, Egress]}}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: web, namespace: desk}, spec: {podSelector: {matchLabels: {run: web}}, policyTypes: [Ingress, Egress]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: db, namespace: desk, labels: {run: db}}}
---
{apiVersion: v1, kind: Pod, metadata: {name: web-1, namespace: desk, labels: {run: web}}}
---
{apiVersion: v1, kind: Pod, metadata: {name: web-2, namespace: desk, labels: {run: web}}}
---
{apiVersion: v1, kind: Pod, metadata: {name: cashier-1, namespace: near, labels: {run: cashier}}}
---
{apiVersion: v1, kind: Pod, metadata: {name: cashier-2, namespace: near, labels: {run: cashier}}}
---
{apiVersion: v1, kind: Pod, metadata: {name: idle-1, namespace: near, labels: {run: idle}}}
---
{apiVersion: v1, kind: Pod, metadata: {name: idle-2, namespace: near, labels: {run: idle}}}
";
        let ids = |classes: &Classes| -> Vec<String> {
            let objects = classes.endpoints.iter().filter(|endpoint| endpoint.object.is_some());
            objects.map(|endpoint| format!("{} {}", endpoint.id, if endpoint.outside { "outside" } else { "inside" })).collect()
        };
        let several = |classes: &Classes| classes.pods.keys().cloned().collect::<Vec<_>>();
        let mut world = world(text, "desk");
        let whole = shown(&world);
        assert_eq!(ids(&whole), ["desk/Pod/db inside", "desk/Pod/web-1 inside", "near/Pod/cashier-1 inside", "near/Pod/idle-1 inside"]);
        assert_eq!(several(&whole), ["desk/Pod/web-1", "near/Pod/cashier-1", "near/Pod/idle-1"]);
        world.shown = Some(["desk".to_owned()].into());
        let some = shown(&world);
        assert_eq!(ids(&some), ["desk/Pod/db inside", "desk/Pod/web-1 inside", "near/Pod/cashier-1 outside"]);
        assert_eq!(several(&some), ["desk/Pod/web-1", "near/Pod/cashier-1"]);
        assert!(some.endpoints.iter().any(|endpoint| endpoint.object.is_none()), "the addresses are shown");
    }
}
