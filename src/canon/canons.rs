//! The accepted canons: one or more, in order. The first is the target, which `render`, hints and repairs use. A
//! policy may also mean what another accepted canon says, so that a release of abcdesktop can be upgraded without a
//! gap. Pods have the grants of all accepted canons.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use aws_lc_rs::digest;

use super::agreement;
use super::builtin::{BUILT_IN, DEFAULT};
use super::compiled::Canon;
use super::documents::Documents;
use super::error::CanonError;
use super::foreign::{ForeignPolicy, ForeignResource};
use super::foreign_kinds::GivenKind;
use super::grants::Grant;
pub use super::identity::MAX_CANONS;
use super::identity::{Identity, Index, Origins};
use super::keys::CAPABILITY_PREFIX;
use super::labels::Labels;
use super::neighbors::{self, NeighborSelector};
use super::policies::{CanonicalPolicy, Policies};
use crate::documents::problem::{Place, Problems};
use crate::documents::text;
use crate::policy::compare::compare_within;
use crate::policy::steps::{MAX_STEPS, Steps};
use crate::policy::{Allowed, Comparison, Policy, Selector};

/// The maximum number of steps to compare a drifted policy with that of a canon that is not accepted: enough for every
/// built-in policy, and little beside the comparison that found the drift.
const NEAREST_STEPS: usize = MAX_STEPS / 20;

/// The accepted canons, compiled for the guarded namespaces.
#[derive(Debug)]
pub struct Canons {
    first: Canon,
    others: Vec<Canon>,
    /// The names or paths of the canons, in order, separated by commas.
    pub source: String,
    /// The hash of the canon. If there are several: the SHA-256, in lowercase hexadecimal, of their hashes in order,
    /// each followed by a newline. Every audit line has it.
    pub hash: String,
    /// The grants of all canons, equal ones once.
    grants: Vec<Grant>,
    index: Index,
    identity_keys: BTreeSet<String>,
    neighbors: Vec<NeighborSelector>,
    /// What all canons together allow, by guarded namespace.
    allowed: BTreeMap<String, Allowed>,
    /// The built-in canons that are not accepted. Compiled when the first policy drifts.
    unaccepted: OnceLock<Vec<Canon>>,
}

/// The accepted policies of one guarded namespace.
#[derive(Debug, Clone, Copy)]
pub struct Accepted<'c> {
    canons: &'c Canons,
    namespace: &'c str,
    /// What all accepted policies allow together.
    pub allowed: &'c Allowed,
}

/// A canonical policy of one of the accepted canons.
#[derive(Debug, Clone, Copy)]
pub struct Version<'c> {
    /// The canon.
    pub canon: &'c Canon,
    /// The policy.
    pub policy: &'c CanonicalPolicy,
}

/// A canonical policy of another API of one of the accepted canons.
#[derive(Debug, Clone, Copy)]
pub struct ForeignVersion<'c> {
    /// The canon.
    pub canon: &'c Canon,
    /// The policy.
    pub policy: &'c ForeignPolicy,
}

impl Canons {
    /// Reads and compiles the canons at `sources`, each the name of a built-in canon or a path.
    ///
    /// # Errors
    /// Every problem of the first canon that has one, or what makes the canons unusable together.
    pub fn load(sources: &[String], namespaces: &[String]) -> Result<Canons, CanonError> {
        Canons::load_with_kinds(sources, &[], namespaces)
    }

    /// As [`Canons::load`], with kinds of policies of other APIs that the canons may have.
    ///
    /// # Errors
    /// As [`Canons::load`].
    pub fn load_with_kinds(sources: &[String], given: &[GivenKind], namespaces: &[String]) -> Result<Canons, CanonError> {
        let read = |source: &String| Documents::read(source).map(|documents| documents.with_kinds(given));
        let documents = sources.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        Canons::from_documents(&documents, namespaces)
    }

    /// Compiles canons for the guarded namespaces.
    ///
    /// # Errors
    /// As [`Canons::load`].
    pub fn from_documents(documents: &[Documents], namespaces: &[String]) -> Result<Canons, CanonError> {
        let mut canons = documents.iter().map(|documents| Canon::from_documents(documents, namespaces));
        let Some(first) = canons.next() else { return Err(unusable("", "no canon is given")) };
        Canons::new(first?, canons.collect::<Result<Vec<_>, _>>()?)
    }

    /// Combines canons that were compiled for the same namespaces.
    ///
    /// # Errors
    /// What makes them unusable together: grants that disagree about a pod, or policies that isolate nothing if they
    /// are mixed.
    pub fn new(first: Canon, others: Vec<Canon>) -> Result<Canons, CanonError> {
        let source = std::iter::once(&first).chain(&others).map(|canon| canon.source.as_str()).collect::<Vec<_>>().join(",");
        let all: Vec<&Canon> = std::iter::once(&first).chain(&others).collect();
        if all.len() > MAX_CANONS {
            return Err(unusable(&source, &format!("{} canons are given; at most {MAX_CANONS} can be accepted", all.len())));
        }
        let mut problems = Problems::default();
        agreement::check(&all, &mut problems);
        if !problems.is_empty() {
            return Err(CanonError::new(&source, problems));
        }
        let (grants, origins) = merged_grants(&all);
        let policies = || all.iter().flat_map(|canon| canon.namespaces.values());
        let protected = all.iter().flat_map(|canon| &canon.protected_labels);
        let (identity_keys, neighbors) = (identity_keys(&grants, policies(), protected), neighbors::collect(policies()));
        let namespaces = first.namespaces.keys().cloned();
        let allowed = namespaces.map(|namespace| {
            let policies = all.iter().filter_map(|canon| canon.policies(&namespace)).flat_map(|policies| policies.by_name.values());
            let allowed = Allowed::new(policies.map(|canonical| &canonical.policy));
            (namespace, allowed)
        });
        Ok(Canons {
            source,
            hash: hash(&all),
            index: Index::new(&grants, origins),
            identity_keys,
            neighbors,
            allowed: allowed.collect(),
            grants,
            first,
            others,
            unaccepted: OnceLock::new(),
        })
    }

    /// Returns the first canon, the target.
    pub fn first(&self) -> &Canon {
        &self.first
    }

    /// Returns what a user must know about canons that can be used: `None` if there is nothing.
    pub fn warning(&self) -> Option<String> {
        self.grants.is_empty().then(|| {
            format!(
                "the canon \"{}\" has no Grants, so no pod is granted a label under {CAPABILITY_PREFIX}: new pods with such a label are denied, and no pod \
                 can open the connections that policies allow to such labels. If that is not intended, copy the Grants from the output of `netpol render canon {}`",
                self.source,
                DEFAULT.first().copied().unwrap_or_default()
            )
        })
    }

    /// Returns the canons in order.
    pub fn all(&self) -> impl Iterator<Item = &Canon> + Clone {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// Returns the name of a built-in canon that is not accepted, but in which the policy `name` means the same as `found`.
    pub fn nearest(&self, namespace: &str, name: &str, found: &Policy) -> Option<&str> {
        let is_that_of = |canon: &&Canon| {
            let policy = canon.policies(namespace).and_then(|policies| policies.named(name));
            policy.is_some_and(|canonical| compare_within(&canonical.policy, found, &mut Steps::new(NEAREST_STEPS)) == Comparison::Same)
        };
        self.unaccepted().iter().find(is_that_of).map(|canon| canon.source.as_str())
    }

    /// Returns the built-in canons that are not accepted, compiled for the same namespaces.
    pub fn unaccepted(&self) -> &[Canon] {
        self.unaccepted.get_or_init(|| {
            let namespaces: Vec<String> = self.namespaces().map(str::to_owned).collect();
            let names = BUILT_IN.into_iter().filter(|name| self.all().all(|canon| canon.source != *name));
            // A test loads every built-in canon, so none is left out.
            names.filter_map(|name| Canon::load(name, &namespaces).ok()).collect()
        })
    }

    /// Returns the guarded namespaces, sorted.
    pub fn namespaces(&self) -> impl Iterator<Item = &str> {
        self.first.namespaces.keys().map(String::as_str)
    }

    /// Returns the names of the canonical policies of other APIs that any canon has, by resource. They are the same in every
    /// namespace.
    pub fn foreign_names(&self) -> BTreeMap<&ForeignResource, BTreeSet<&str>> {
        let mut names: BTreeMap<&ForeignResource, BTreeSet<&str>> = BTreeMap::new();
        for policy in self.all().flat_map(|canon| canon.namespaces.values().take(1)).flat_map(|policies| &policies.foreign) {
            names.entry(&policy.resource).or_default().insert(&policy.name);
        }
        names
    }

    /// Returns the accepted policies of a namespace, or `None` if the namespace is not guarded.
    pub fn policies(&self, namespace: &str) -> Option<Accepted<'_>> {
        let (namespace, allowed) = self.allowed.get_key_value(namespace)?;
        Some(Accepted { canons: self, namespace, allowed })
    }

    /// Returns the identity of a pod: the grants that select it. Grants read only labels outside `netpol/`.
    pub fn identify(&self, labels: &(impl Labels + ?Sized)) -> Identity<'_> {
        self.index.identify(&self.grants, labels)
    }

    /// Returns the grants that give a label key, in order. The denial of a pod that has the label without a grant
    /// lists them.
    pub fn granters<'c>(&'c self, key: &str) -> impl Iterator<Item = &'c Grant> + Clone + use<'c> {
        self.index.granters(&self.grants, key)
    }

    /// Returns the grants of all canons, in order, equal ones once.
    pub fn grants(&self) -> &[Grant] {
        &self.grants
    }

    /// Returns whether a label key is part of a pod's identity: a key outside `netpol/` that a grant or a pod
    /// selector of a canonical policy or peer reads, or that a canon protects.
    pub fn is_identity_key(&self, key: &str) -> bool {
        self.identity_keys.contains(key)
    }

    /// Returns the keys for which [`Canons::is_identity_key`] returns true, sorted.
    pub fn identity_keys(&self) -> impl Iterator<Item = &str> {
        self.identity_keys.iter().map(String::as_str)
    }

    /// Returns the selectors of neighbor namespaces: each namespace selector of canonical peers that reads a key
    /// other than `kubernetes.io/metadata.name`, once.
    pub fn neighbors(&self) -> &[NeighborSelector] {
        &self.neighbors
    }
}

impl<'c> Accepted<'c> {
    /// Returns the policies with a name, in the order of the canons.
    pub fn named(self, name: &str) -> impl Iterator<Item = Version<'c>> + Clone {
        self.of_each().filter_map(move |(canon, policies)| Some(Version { canon, policy: policies.named(name)? }))
    }

    /// Returns the policies of another API with a name, in the order of the canons.
    pub fn foreign(self, group: &str, resource: &str, name: &str) -> impl Iterator<Item = ForeignVersion<'c>> + Clone {
        self.of_each().filter_map(move |(canon, policies)| Some(ForeignVersion { canon, policy: policies.foreign(group, resource, name)? }))
    }

    /// Returns whether any canon has a policy of a resource of another API.
    pub fn has_foreign(self, group: &str, resource: &str) -> bool {
        let mut all = self.of_each().flat_map(|(_, policies)| &policies.foreign);
        all.any(|policy| policy.resource.group == group && policy.resource.resource == resource)
    }

    /// Returns the names of the policies that any canon has, sorted.
    pub fn names(self) -> BTreeSet<&'c str> {
        self.of_each().flat_map(|(_, policies)| policies.by_name.keys()).map(String::as_str).collect()
    }

    /// Returns the names of the policies that isolate a pod with these labels in any canon, sorted.
    pub fn selecting<'l>(self, label: impl Fn(&str) -> Option<&'l str> + Copy) -> BTreeSet<&'c str> {
        self.of_each().flat_map(|(_, policies)| policies.selecting(label)).collect()
    }

    fn of_each(self) -> impl Iterator<Item = (&'c Canon, &'c Policies)> + Clone {
        self.canons.all().filter_map(move |canon| Some((canon, canon.policies(self.namespace)?)))
    }
}

fn unusable(source: &str, message: &str) -> CanonError {
    let mut problems = Problems::default();
    problems.add(&Place::default(), "", message);
    CanonError::new(source, problems)
}

fn hash(canons: &[&Canon]) -> String {
    match canons {
        [only] => only.hash.clone(),
        canons => {
            let lines: String = canons.iter().flat_map(|canon| [canon.hash.as_str(), "\n"]).collect();
            text::hex(digest::digest(&digest::SHA256, lines.as_bytes()).as_ref())
        }
    }
}

/// Returns the grants of all canons, equal ones once, and the canons that have each.
fn merged_grants(canons: &[&Canon]) -> (Vec<Grant>, Vec<Origins>) {
    let mut grants: Vec<Grant> = Vec::new();
    let mut origins: Vec<Origins> = Vec::new();
    for (position, canon) in canons.iter().enumerate() {
        // Two equal grants of one canon exclude each other, so only grants of earlier canons are compared.
        let earlier = grants.len();
        for grant in &canon.grants {
            let equal = |known: &Grant| known.name == grant.name && known.says_the_same(grant);
            if let Some(origins) = grants.iter().take(earlier).position(equal).and_then(|found| origins.get_mut(found)) {
                origins.add(position);
            } else {
                grants.push(grant.clone());
                origins.push(Origins::of(position));
            }
        }
    }
    (grants, origins)
}

fn identity_keys<'p>(
    grants: &'p [Grant],
    namespaces: impl Iterator<Item = &'p Policies>,
    protected: impl Iterator<Item = &'p String>,
) -> BTreeSet<String> {
    let of_grants = grants.iter().map(|grant| &grant.selector);
    let of_policies = namespaces.flat_map(|policies| policies.by_name.values()).flat_map(|canonical| canonical.policy.pod_selectors());
    let selectors = of_grants.chain(of_policies);
    let keys = selectors.flat_map(Selector::keys).filter(|key| !key.starts_with(CAPABILITY_PREFIX));
    // Thousands of policies may read the same few keys.
    let distinct: BTreeSet<&str> = keys.chain(protected.map(String::as_str)).collect();
    distinct.into_iter().map(str::to_owned).collect()
}
