//! The policies in comparison with the canon.

use std::collections::BTreeMap;

use super::input::Input;
use crate::policy::{Beyond, Change, Comparison, Policy, compare};

/// The result of the comparison.
#[derive(Debug)]
pub(super) enum Drift {
    /// The policies are those of the canon.
    IsCanon,
    /// There is nothing to compare, and why.
    NotCompared(String),
    /// What was found.
    Compared(Compared),
}

/// What was found. The names are sorted.
#[derive(Debug, Default)]
pub(super) struct Compared {
    /// How many canonical policies mean the same.
    pub(super) same: usize,
    /// Names of canonical policies that mean something else, with a sentence.
    pub(super) drifted: Vec<(String, String)>,
    /// Names of canonical policies that are missing.
    pub(super) missing: Vec<String>,
    /// Names of other policies of the namespace that allow more than the canon, with a sentence.
    pub(super) wider: Vec<(String, String)>,
    /// Names of policies whose comparison reached its limit.
    pub(super) not_proven: Vec<String>,
}

impl Compared {
    /// Returns whether everything was compared and nothing differs.
    pub(super) fn is_clean(&self) -> bool {
        self.drifted.is_empty() && self.missing.is_empty() && self.wider.is_empty() && self.not_proven.is_empty()
    }
}

/// Compares the policies of the namespace with the canon.
pub(super) fn drift(input: &Input<'_>) -> Drift {
    if input.is_canon {
        return Drift::IsCanon;
    }
    let source = &input.canons.first().source;
    let (Some(canonical), Some(accepted)) = (input.canons.first().policies(input.namespace), input.canons.policies(input.namespace)) else {
        return Drift::NotCompared(format!("the canon {source} has no policies for the namespace {}", input.namespace));
    };
    let mut found: BTreeMap<&str, Vec<&Policy>> = BTreeMap::new();
    for named in input.policies.iter().filter(|named| *named.policy.home == *input.namespace) {
        found.entry(&named.name).or_default().push(&named.policy);
    }
    if !found.keys().any(|name| canonical.named(name).is_some()) {
        let message = format!("no policy in the namespace {} has a name of the canon {source}", input.namespace);
        return Drift::NotCompared(message);
    }
    let mut compared = Compared::default();
    for (name, canonical) in &canonical.by_name {
        let Some(found) = found.remove(name.as_str()) else {
            compared.missing.push(name.clone());
            continue;
        };
        for found in found {
            match compare(&canonical.policy, found) {
                Comparison::Same => compared.same += 1,
                Comparison::NotProven => compared.not_proven.push(name.clone()),
                Comparison::Drift(drift) => {
                    let change = match drift.change {
                        Change::Wider => "allows more than the canon",
                        Change::Narrower => "allows less than the canon",
                        Change::Both => "allows more than the canon in one place and less in another",
                    };
                    let witness = drift.witness.map(|witness| format!(": {witness}")).unwrap_or_default();
                    compared.drifted.push((name.clone(), format!("{change}{witness}")));
                }
            }
        }
    }
    for (name, policy) in found.into_iter().flat_map(|(name, policies)| policies.into_iter().map(move |policy| (name, policy))) {
        match accepted.allowed.beyond(policy) {
            Beyond::Nothing => {}
            Beyond::Grants(witness) => compared.wider.push((name.to_owned(), format!("is wider than the canon: {witness}"))),
            Beyond::NotProven => compared.not_proven.push(name.to_owned()),
        }
    }
    Drift::Compared(compared)
}
