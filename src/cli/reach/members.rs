//! The pods of a workload or of a grant.

use std::collections::BTreeSet;

use anyhow::anyhow;

use super::source::World;
use crate::analysis::{End, Endpoint};
use crate::cli::exit::Failure;
use crate::cli::manifests::display::printable;

/// Short names of kinds, as in `kubectl`.
const SHORT: [(&str, &str); 6] =
    [("po", "pod"), ("deploy", "deployment"), ("sts", "statefulset"), ("ds", "daemonset"), ("rs", "replicaset"), ("cj", "cronjob")];

/// Returns the pods of the workload that an argument names, as NAME, KIND/NAME or NAMESPACE/KIND/NAME, or else those that a grant of this
/// name selects; `None` if there is neither.
///
/// # Errors
/// Several workloads have the name, or the grant selects no pod.
pub(super) fn of<'w>(text: &str, world: &'w World) -> Result<Option<Vec<&'w Endpoint>>, Failure> {
    let mut found: Vec<(String, &Endpoint)> = Vec::new();
    for endpoint in &world.endpoints {
        let Some((namespace, _)) = &endpoint.object else { continue };
        let workloads = world.workloads.get(&endpoint.id).into_iter().flatten();
        let named = workloads.filter(|(kind, name)| is_named(text, namespace, kind, name));
        found.extend(named.map(|(kind, name)| (format!("{namespace}/{kind}/{name}"), endpoint)));
    }
    if found.iter().any(|(_, pod)| !world.is_elsewhere(pod)) {
        found.retain(|(_, pod)| !world.is_elsewhere(pod));
    }
    let ids: BTreeSet<&str> = found.iter().map(|(id, _)| id.as_str()).collect();
    if ids.len() > 1 {
        let ids: Vec<String> = ids.into_iter().map(printable).collect();
        return Err(Failure::input(anyhow!("{} can be any of several workloads; write one of: {}", printable(text), ids.join(", "))));
    }
    if !found.is_empty() {
        return Ok(Some(found.into_iter().map(|(_, pod)| pod).collect()));
    }
    of_grant(text, world)
}

fn of_grant<'w>(text: &str, world: &'w World) -> Result<Option<Vec<&'w Endpoint>>, Failure> {
    let Some(grant) = world.grants.iter().find(|grant| grant.name == text) else { return Ok(None) };
    let is_selected = |endpoint: &&Endpoint| match &endpoint.end {
        End::Pods(pods) => !world.is_elsewhere(endpoint) && grant.selector.matches(|key| pods.labels.get(key).map(String::as_str)),
        End::Addresses(_) => false,
    };
    let pods: Vec<&Endpoint> = world.endpoints.iter().filter(is_selected).collect();
    if pods.is_empty() {
        let message =
            "is a grant of the canon that selects no pod of the cluster; without --live, it stands for the pods that it would select";
        return Err(Failure::input(anyhow!("{} {message}", printable(text))));
    }
    Ok(Some(pods))
}

fn is_named(text: &str, namespace: &str, kind: &str, name: &str) -> bool {
    match text.split('/').collect::<Vec<_>>().as_slice() {
        [of] => *of == name,
        [of_kind, of] => is_kind(of_kind, kind) && *of == name,
        [of_namespace, of_kind, of] => *of_namespace == namespace && is_kind(of_kind, kind) && *of == name,
        _ => false,
    }
}

/// Returns whether a text is a kind, in any spelling that `kubectl` knows.
pub(super) fn is_kind(text: &str, kind: &str) -> bool {
    let (text, kind) = (text.to_lowercase(), kind.to_lowercase());
    text == kind || text.strip_suffix('s') == Some(&kind) || SHORT.contains(&(text.as_str(), kind.as_str()))
}

#[cfg(test)]
mod tests {
    use super::super::source::tests::world;
    use super::*;
    use crate::canon::Canons;

    const PODS: &str = "\
{apiVersion: v1, kind: Pod, metadata: {name: web-1, namespace: desk, labels: {run: pyos-od, pod-template-hash: 5d9c7},
  ownerReferences: [{kind: Node, name: forged}, {kind: ReplicaSet, name: web-5d9c7, controller: true}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: web-2, namespace: desk, labels: {run: pyos-od, pod-template-hash: 5d9c7},
  ownerReferences: [{kind: ReplicaSet, name: web-5d9c7, controller: true}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: web-3, namespace: far, labels: {run: pyos-od, pod-template-hash: 5d9c7},
  ownerReferences: [{kind: ReplicaSet, name: web-5d9c7, controller: true}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: db-0, namespace: desk, ownerReferences: [{kind: StatefulSet, name: db, controller: true}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: db-x, namespace: desk, labels: {pod-template-hash: other}, ownerReferences: [{kind: ReplicaSet, name: db, controller: true}]}}
";

    fn named(text: &str) -> Result<Option<Vec<String>>, String> {
        let mut world = world(PODS, "desk");
        world.shown = Some(["desk".to_owned()].into());
        world.grants = Canons::load(&["abcdesktop".to_owned()], &["desk".to_owned()]).unwrap().first().grants.clone();
        let ids = |found: Vec<&Endpoint>| found.into_iter().map(|endpoint| endpoint.id.clone()).collect();
        of(text, &world).map(|found| found.map(ids)).map_err(|failure| format!("{failure:?}"))
    }

    #[test]
    fn the_name_of_a_workload_stands_for_its_pods() {
        let pods = |ids: &[&str]| Ok(Some(ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>()));
        for text in ["web", "deployment/web", "deploy/web", "desk/Deployment/web", "rs/web-5d9c7", "web-5d9c7"] {
            assert_eq!(named(text), pods(&["desk/Pod/web-1", "desk/Pod/web-2"]), "{text}");
        }
        assert_eq!(named("far/Deployment/web"), pods(&["far/Pod/web-3"]));
        assert_eq!(named("sts/db"), pods(&["desk/Pod/db-0"]));
        let several = named("db").unwrap_err();
        assert!(several.contains("write one of: desk/ReplicaSet/db, desk/StatefulSet/db"), "{several}");
        for text in ["forged", "node/forged", "sts/web", "other/Deployment/web"] {
            assert_eq!(named(text), Ok(None), "{text}");
        }
    }

    #[test]
    fn the_name_of_a_grant_stands_for_the_pods_that_it_selects() {
        assert_eq!(named("pyos"), Ok(Some(["desk/Pod/web-1", "desk/Pod/web-2"].map(str::to_owned).to_vec())));
        let none = named("mongodb").unwrap_err();
        assert!(none.contains("mongodb is a grant of the canon that selects no pod of the cluster"), "{none}");
    }
}
