//! The policies of other APIs that differ between two canons.

use std::collections::BTreeSet;

use super::attachment_changes::attachments;
use super::foreign::{ForeignPolicy, ForeignResource};
use super::grant_changes::Kind;
use super::policies::Policies;
use crate::policy::Difference;

/// A policy of another API that differs.
#[derive(Debug)]
pub struct ForeignChange<'c> {
    /// Its resource; of a changed policy, that of the second canon.
    pub resource: &'c ForeignResource,
    /// Its name.
    pub name: &'c str,
    /// What happens to it.
    pub kind: Kind,
    /// The first difference of a changed policy, as a sentence in which the canon is the first one. `None` if only its owner
    /// references and finalizers differ.
    pub difference: Option<String>,
    /// The differences between the owner references and the finalizers of a changed policy.
    pub attachments: Vec<Difference>,
}

/// Returns the policies of other APIs that differ between two canons, for one namespace.
pub(super) fn foreign_changes<'c>(old: Option<&'c Policies>, new: Option<&'c Policies>) -> Vec<ForeignChange<'c>> {
    let key = |policy: &'c ForeignPolicy| (policy.resource.group.as_str(), policy.resource.resource.as_str(), policy.name.as_str());
    let keys: BTreeSet<_> = old.into_iter().chain(new).flat_map(|policies| &policies.foreign).map(key).collect();
    let named = |policies: Option<&'c Policies>, (group, resource, name)| policies.and_then(|all| all.foreign(group, resource, name));
    let one_sided = |policy: &'c ForeignPolicy, kind| ForeignChange {
        resource: &policy.resource,
        name: &policy.name,
        kind,
        difference: None,
        attachments: Vec::new(),
    };
    let changes = keys.into_iter().filter_map(|key| match (named(old, key), named(new, key)) {
        (Some(old), Some(new)) => changed(old, new),
        (Some(old), None) => Some(one_sided(old, Kind::Removed)),
        (None, new) => new.map(|new| one_sided(new, Kind::Added)),
    });
    changes.collect()
}

fn changed<'c>(old: &ForeignPolicy, new: &'c ForeignPolicy) -> Option<ForeignChange<'c>> {
    let difference = old.difference_of(new).map(|difference| difference.to_string());
    let attachments = attachments((&old.owner_references, &old.finalizers), (&new.owner_references, &new.finalizers));
    let differs = difference.is_some() || !attachments.is_empty();
    differs.then(|| ForeignChange { resource: &new.resource, name: &new.name, kind: Kind::Changed, difference, attachments })
}
