//! Whether canons can be accepted together.

use std::collections::{BTreeMap, BTreeSet};

use super::compiled::Canon;
use super::foreign::ForeignResource;
use super::grants::Grant;
use super::policies::CanonicalPolicy;
use crate::documents::problem::{Place, Problems};
use crate::documents::text;
use crate::policy::steps::{MAX_STEPS, Steps};
use crate::policy::{Direction, Isolation, Policy, Selector, isolation};

/// The maximum length of a selector of pods, and of a name, in a problem. A problem is cut, and its end is the cure.
const MAX_PODS: usize = 60;
const MAX_NAME: usize = 24;
/// The maximum number of canons that a problem names.
const MAX_NAMED: usize = 2;

/// Reports grants that disagree about a pod, and pods that a mix of the canons' policies would not isolate.
pub(super) fn check(canons: &[&Canon], problems: &mut Problems) {
    for (position, left) in canons.iter().enumerate() {
        for right in canons.iter().skip(position + 1) {
            check_versions(left, right, problems);
            check_grants(left, right, problems);
        }
    }
    if canons.len() > 1 {
        check_isolation(canons, problems);
    }
}

/// Reports grants that select the same pod and do not agree. Grants agree if they give every key the same value. If
/// one gives a key that the other does not give, no policy of the other's canon may read the key, unless other grants
/// of that canon give it: otherwise the pod could open connections that its own canon does not grant.
fn check_grants(left: &Canon, right: &Canon, problems: &mut Problems) {
    let (keys_of_left, keys_of_right) = (keys(left), keys(right));
    for ours in &left.grants {
        for theirs in &right.grants {
            if ours.gives_the_same(theirs)
                || exclude_each_other(left, right, ours, theirs)
                || !ours.selector.can_match_with(&theirs.selector)
            {
                continue;
            }
            let conflict = disagreement(ours, theirs, right, &keys_of_right).or_else(|| disagreement(theirs, ours, left, &keys_of_left));
            if let Some(key) = conflict {
                let message = format!(
                    "grant \"{}\" of canon \"{}\" and grant \"{}\" of canon \"{}\" can select the same pod, but disagree about the label {key}; \
                     accept only one of the canons, or use the same labels in both grants",
                    ours.name, left.source, theirs.name, right.source
                );
                problems.add(&Place::default(), "", message);
            }
        }
    }
}

/// Reports policies of another API that two canons write in different versions: the API server sends a request in one version.
fn check_versions(left: &Canon, right: &Canon, problems: &mut Problems) {
    for ours in left.foreign_resources() {
        let is_other = |theirs: &&ForeignResource| (&theirs.group, &theirs.resource) == (&ours.group, &ours.resource) && *theirs != ours;
        if let Some(theirs) = right.foreign_resources().into_iter().find(is_other) {
            let message = format!(
                "canon \"{}\" has {} {}, but canon \"{}\" has {} {}; write both in the same version",
                left.source,
                ours.api_version(),
                ours.kind,
                right.source,
                theirs.api_version(),
                theirs.kind
            );
            problems.add(&Place::default(), "", message);
        }
    }
}

/// Returns the first policy of each canon that isolates some of the pods: `"a" (policy web), "b" (policy all)`.
fn isolating(canons: &[&Canon], namespace: &str, pods: &Selector, direction: Direction) -> String {
    let policy = |canon: &&Canon| {
        let isolates =
            |canonical: &CanonicalPolicy| canonical.policy.rules(direction).is_some() && canonical.policy.subject.can_match_with(pods);
        let mut by_name = canon.policies(namespace).into_iter().flat_map(|policies| &policies.by_name);
        let name = by_name.find(|(_, canonical)| isolates(canonical)).map_or("", |(name, _)| name.as_str());
        format!("\"{}\" (policy {})", text::one_line(&canon.source, MAX_NAME), text::one_line(name, MAX_NAME))
    };
    let named: Vec<String> = canons.iter().take(MAX_NAMED).map(policy).collect();
    named.join(", ")
}

/// Returns whether one of the canons has both grants. Then a pod that both select has two identities, and no labels.
fn exclude_each_other(left: &Canon, right: &Canon, ours: &Grant, theirs: &Grant) -> bool {
    let has = |canon: &Canon, grant: &Grant| canon.grants.iter().any(|known| known.gives_the_same(grant));
    !ours.shared && !theirs.shared && (has(left, theirs) || has(right, ours))
}

/// Returns a label of `grant` about which a canon with the grant `other`, whose policies read `keys`, does not agree.
fn disagreement<'g>(grant: &'g Grant, other: &Grant, canon: &Canon, keys: &BTreeSet<&str>) -> Option<&'g str> {
    let is_apart = |(key, value): &(&String, &String)| match other.labels.get(*key) {
        Some(theirs) => theirs != *value,
        None => keys.contains(key.as_str()) && !is_given(canon, grant, other, (key, value)),
    };
    grant.labels.iter().find(is_apart).map(|(key, _)| key.as_str())
}

/// Returns whether other grants of a canon give a label to every pod that both grants select, so that the canon agrees
/// about it. If two exclusive grants of the canon select such a pod, the pod is granted nothing at all.
fn is_given(canon: &Canon, one: &Grant, other: &Grant, (key, value): (&str, &str)) -> bool {
    let givers = canon.grants.iter().filter(|grant| grant.labels.get(key).is_some_and(|given| given == value));
    let Ok(pods) = one.selector.intersect(&other.selector, &mut Steps::new(MAX_STEPS)) else { return false };
    pods.without(givers.map(|grant| &grant.selector)).is_none()
}

/// Returns the label keys that the pod selectors of a canon's policies read.
fn keys(canon: &Canon) -> BTreeSet<&str> {
    let policies = canon.namespaces.values().flat_map(|policies| policies.by_name.values());
    policies.flat_map(|canonical| canonical.policy.pod_selectors()).flat_map(Selector::keys).collect()
}

/// Reports pods that every canon isolates, but that a mix does not: one canon isolates a pod by policy `a`, another by
/// policy `b`; the `b` of the first and the `a` of the second together isolate nothing.
fn check_isolation(canons: &[&Canon], problems: &mut Problems) {
    let Some((first, others)) = canons.split_first() else { return };
    // Selectors of pods are the same in every namespace.
    let Some(namespace) = first.namespaces.keys().next() else { return };
    let Some(policies) = canons.iter().map(|canon| Some(&canon.policies(namespace)?.by_name)).collect::<Option<Vec<_>>>() else { return };
    let sets: Vec<Vec<&Policy>> = policies.iter().map(|by_name| by_name.values().map(|canonical| &canonical.policy).collect()).collect();
    let Some((of_first, of_others)) = policies.split_first() else { return };
    let is_in_all = |name: &str, policy: &Policy| {
        let isolates_the_same = |by_name: &&BTreeMap<String, CanonicalPolicy>| {
            by_name.get(name).is_some_and(|canonical| canonical.policy.isolates_the_same(policy))
        };
        of_others.iter().all(isolates_the_same)
    };
    let common: Vec<&Policy> =
        of_first.iter().filter(|(name, canonical)| is_in_all(name, &canonical.policy)).map(|(_, canonical)| &canonical.policy).collect();
    let names = || others.iter().map(|canon| format!("\"{}\"", canon.source)).collect::<Vec<_>>().join(", ");
    let message = match isolation(&sets, &common) {
        Isolation::Common => return,
        Isolation::Apart(direction, pods) => format!(
            "a mix of the canons would not isolate pods {} for {direction}: {} do so by different policies; \
             give these the same name, podSelector and policyTypes in all canons",
            text::one_line(&pods.to_string(), MAX_PODS),
            isolating(canons, namespace, &pods, direction)
        ),
        Isolation::NotProven => format!(
            "the canons \"{}\" and {} cannot be proven to isolate the same pods in every mix: the comparison takes too many steps; accept only one of them",
            first.source,
            names()
        ),
    };
    problems.add(&Place::default(), "", message);
}
