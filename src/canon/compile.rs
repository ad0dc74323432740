//! What the documents state, checked against each other, becomes a canon.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::error::CanonError;
use super::grants::StatedGrant;
use super::identity::Index;
use super::objects::{Stated, StatedPolicy};
use super::{CAPABILITY_PREFIX, Canon, Documents, Grant, Policies, neighbors};
use crate::documents::problem::{Place, Problems};
use crate::documents::yaml;
use crate::policy::{Home, Selector};

/// Compiles documents for the namespaces that are guarded with them.
pub(super) fn compile(documents: &Documents, namespaces: &[String]) -> Result<Canon, CanonError> {
    let mut problems = Problems::default();
    let stated = read(documents, &mut problems);
    let written_for = written_for(&stated.policies, &mut problems);
    check_names(&stated, &mut problems);

    // A policy means the same in every namespace but for the namespace itself: its faults are told once.
    let (first, others) = match namespaces.split_first() {
        Some((first, others)) => (first.as_str(), others),
        None => (written_for.unwrap_or("default"), &[][..]),
    };
    let home = |namespace| Home { namespace, written_for };
    let policies = Policies::compile(&stated.policies, home(first), &mut problems);
    check_labels(&stated.grants, &policies, &mut problems);
    if !problems.is_clean() {
        return Err(CanonError::new(documents.source(), problems));
    }

    let mut by_namespace = BTreeMap::new();
    for namespace in others {
        by_namespace.insert(namespace.clone(), Policies::compile(&stated.policies, home(namespace), &mut problems));
    }
    if !problems.is_clean() {
        return Err(CanonError::new(documents.source(), problems));
    }
    if !namespaces.is_empty() {
        by_namespace.insert(first.to_owned(), policies);
    }
    let grants: Vec<Grant> = stated.grants.into_iter().map(|stated| stated.grant).collect();
    Ok(Canon {
        source: documents.source().to_owned(),
        hash: documents.hash().to_owned(),
        index: Index::new(&grants),
        identity_keys: identity_keys(&grants, by_namespace.values()),
        neighbors: neighbors::collect(by_namespace.values()),
        grants,
        namespaces: by_namespace,
    })
}

fn read(documents: &Documents, problems: &mut Problems) -> Stated {
    let mut stated = Stated::default();
    for file in documents.files() {
        yaml::read(file, problems, |document, problems| stated.add(file, &document, problems));
    }
    if stated.policies.is_empty() && problems.is_clean() {
        let message = "states no NetworkPolicy: nothing would be guarded";
        problems.add(&Place::default(), "", message);
    }
    stated
}

/// Answers the namespace that the policies state, if they do.
fn written_for<'s>(policies: &'s [StatedPolicy], problems: &mut Problems) -> Option<&'s str> {
    let mut stating = policies.iter().filter_map(|policy| Some((policy, policy.metadata.namespace.as_deref()?)));
    let (first, namespace) = stating.next()?;
    if let Some((other, _)) = stating.find(|(_, other)| *other != namespace) {
        let message = format!(
            "differs from \"{namespace}\" in {}: a canon is written for one namespace, so state one everywhere or none at all",
            first.place
        );
        problems.add(&other.place, "metadata.namespace", message);
    }
    Some(namespace)
}

/// Reports names that stand for two things.
fn check_names(stated: &Stated, problems: &mut Problems) {
    let policies = stated.policies.iter().map(|policy| (policy.metadata.name.as_str(), &policy.place, "metadata.name"));
    let sets = stated.sets.iter().map(|(place, name)| (name.as_str(), place, "metadata.name"));
    let fields: Vec<String> = stated.grants.iter().map(|grant| format!("{}.name", grant.field)).collect();
    let grants = stated.grants.iter().zip(&fields).map(|(grant, field)| (grant.grant.name.as_str(), &grant.place, field.as_str()));
    check_unique("NetworkPolicy", policies, problems);
    check_unique("Grants", sets, problems);
    check_unique("grant", grants, problems);
}

fn check_unique<'s>(what: &str, named: impl Iterator<Item = (&'s str, &'s Place, &'s str)>, problems: &mut Problems) {
    let mut seen: BTreeMap<&str, &Place> = BTreeMap::new();
    for (name, place, field) in named.filter(|(name, ..)| !name.is_empty()) {
        match seen.entry(name) {
            Entry::Vacant(entry) => {
                entry.insert(place);
            }
            Entry::Occupied(first) => {
                problems.add(place, field, format!("another {what} has the name \"{name}\" ({}): give each its own", first.get()));
            }
        }
    }
}

/// Reports granted labels that contradict each other, and those that would open nothing.
fn check_labels(grants: &[StatedGrant], policies: &Policies, problems: &mut Problems) {
    let mut readers: BTreeMap<&str, Vec<&Selector>> = BTreeMap::new();
    for selector in policies.by_name.values().flat_map(|canonical| canonical.policy.pod_selectors()) {
        for key in selector.keys().filter(|key| key.starts_with(CAPABILITY_PREFIX)) {
            readers.entry(key).or_default().push(selector);
        }
    }
    let mut given: BTreeMap<&str, (&str, &str)> = BTreeMap::new();
    for StatedGrant { place, field, grant } in grants {
        for (key, value) in &grant.labels {
            let field = format!("{field}.labels[\"{key}\"]");
            let (first, earlier) = *given.entry(key).or_insert((&grant.name, value));
            if earlier != value {
                problems.add(place, &field, format!("grant \"{first}\" gives this key another value, \"{earlier}\": give both the same"));
            }
            match readers.get(key.as_str()) {
                None => problems.add(place, &field, "no policy mentions this label: remove it, or correct its key"),
                Some(readers) if !readers.iter().any(|selector| selector.accepts(key, Some(value))) => {
                    problems.add(
                        place,
                        &field,
                        "policies read this label, but none with this value: correct the value, or remove the label",
                    );
                }
                Some(_) => {}
            }
        }
    }
}

fn identity_keys<'p>(grants: &[Grant], namespaces: impl Iterator<Item = &'p Policies>) -> BTreeSet<String> {
    let of_grants = grants.iter().map(|grant| &grant.selector);
    let of_policies = namespaces.flat_map(|policies| policies.by_name.values()).flat_map(|canonical| canonical.policy.pod_selectors());
    let selectors = of_grants.chain(of_policies);
    let keys = selectors.flat_map(Selector::keys).filter(|key| !key.starts_with(CAPABILITY_PREFIX));
    // Policies by the thousand read the same few keys.
    let distinct: BTreeSet<&str> = keys.collect();
    distinct.into_iter().map(str::to_owned).collect()
}
