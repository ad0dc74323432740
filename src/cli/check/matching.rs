//! Which canon the policies of each namespace match.

use std::collections::{BTreeMap, BTreeSet};

use crate::canon::{Canon, Canons};
use crate::cli::manifests::Manifest;
use crate::documents::Node;
use crate::policy::{Comparison, Home, Policy, compare};

/// The names of the policies in the files that match each canon.
pub(super) struct Matching<'c> {
    accepted: Vec<(&'c Canon, BTreeSet<&'c str>)>,
    /// The same for the built-in canons that are not accepted.
    unaccepted: Vec<(&'c Canon, BTreeSet<&'c str>)>,
    /// The number of policies in the files that an accepted canon names.
    named: usize,
}

/// The policies that match only one canon, and that canon.
pub(super) struct Only<'c> {
    pub(super) canon: &'c str,
    pub(super) names: Vec<&'c str>,
}

impl<'c> Matching<'c> {
    /// Compares the policies of a namespace with every canon.
    pub(super) fn new(canons: &'c Canons, namespace: &str, manifests: &'c [Manifest]) -> Matching<'c> {
        let names = |canon: &'c Canon| (canon, BTreeSet::new());
        let mut matching = Matching { accepted: canons.all().map(names).collect(), unaccepted: Vec::new(), named: 0 };
        let policies: BTreeMap<&str, Policy> = manifests.iter().filter_map(|manifest| parsed(manifest, namespace)).collect();
        matching.named =
            policies.keys().filter(|name| canons.policies(namespace).is_some_and(|all| all.named(name).next().is_some())).count();
        fill(&mut matching.accepted, namespace, &policies);
        // Compiling the other built-in canons takes a few milliseconds.
        if matching.accepted.iter().all(|(_, names)| names.len() < matching.named) {
            matching.unaccepted = canons.unaccepted().iter().map(names).collect();
            fill(&mut matching.unaccepted, namespace, &policies);
        }
        matching
    }

    /// Returns the positions of the accepted canons that most policies match: several if nothing says which one is meant.
    pub(super) fn references(&self) -> Vec<usize> {
        let most = self.most();
        self.accepted.iter().enumerate().filter(|(_, (_, names))| names.len() == most).map(|(position, _)| position).collect()
    }

    /// Returns the number of policies that match an accepted canon.
    fn most(&self) -> usize {
        self.accepted.iter().map(|(_, names)| names.len()).max().unwrap_or_default()
    }

    /// Returns the built-in canons that are not accepted, but that more policies match, and the number of these policies.
    /// All of the canons are equally near.
    pub(super) fn nearest(&self) -> Option<(Vec<&'c str>, usize)> {
        let number = self.unaccepted.iter().map(|(_, names)| names.len()).max().filter(|number| *number > self.most())?;
        let nearest = self.unaccepted.iter().filter(|(_, names)| names.len() == number).map(|(canon, _)| canon.source.as_str());
        Some((nearest.collect(), number))
    }

    /// Returns the number of policies in the files that an accepted canon names.
    pub(super) fn named(&self) -> usize {
        self.named
    }

    /// Returns the policies that match only one canon, for each such canon. More than one is a mixed set.
    pub(super) fn only(&self) -> Vec<Only<'c>> {
        let is_only_in = |name: &str| self.accepted.iter().filter(|(_, names)| names.contains(name)).count() == 1;
        self.accepted
            .iter()
            .map(|(canon, names)| Only { canon: &canon.source, names: names.iter().copied().filter(|name| is_only_in(name)).collect() })
            .filter(|only| !only.names.is_empty())
            .collect()
    }
}

fn fill<'c>(canons: &mut [(&'c Canon, BTreeSet<&'c str>)], namespace: &str, policies: &BTreeMap<&'c str, Policy>) {
    for (canon, names) in canons {
        let Some(canonical) = canon.policies(namespace) else { continue };
        let is_same = |(name, policy): &(&&'c str, &Policy)| {
            canonical.named(name).is_some_and(|canonical| compare(&canonical.policy, policy) == Comparison::Same)
        };
        names.extend(policies.iter().filter(is_same).map(|(name, _)| *name));
    }
}

/// Returns the name and the meaning of a policy of this namespace. A policy without a namespace belongs to each.
fn parsed<'m>(manifest: &'m Manifest, namespace: &str) -> Option<(&'m str, Policy)> {
    if !manifest.is_network_policy() || manifest.namespace.as_deref().is_some_and(|stated| stated != namespace) {
        return None;
    }
    let spec = Node::from(manifest.object.get("spec")?);
    let policy = Policy::parse(&spec, Home { namespace, written_for: None }).ok()?;
    Some((manifest.name(), policy))
}
