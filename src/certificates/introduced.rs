//! The CAs that an installation introduced, as its Lease lists them.
//!
//! A CA stands in the Lease before it stands in the Secret. So a CA in the Secret that is not in the Lease was written by
//! another client, and is neither served nor published. A user who restores a Secret from a backup accepts its CA in the
//! Lease. A Lease without a list is that of a new installation, or of one that an earlier version created: then the CAs of
//! the Secret are trusted once, and listed.

use std::collections::BTreeSet;

use super::pair::Pair;
use super::stored::Stored;
use super::trust::{Ca, verify};

/// The lists of a Lease: SHA-256 of certificates, as 64 hex digits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Introduced {
    /// The CAs that were introduced; `None` if there is no list yet.
    pub recorded: Option<BTreeSet<String>>,
    /// The CAs that a user accepts.
    pub accepted: BTreeSet<String>,
}

impl Introduced {
    /// Reads the values of the two annotations. Upper case and colons, as `openssl` prints them, are allowed.
    pub fn read(recorded: Option<&str>, accepted: Option<&str>) -> Introduced {
        Introduced { recorded: recorded.map(list), accepted: accepted.map(list).unwrap_or_default() }
    }

    /// Returns whether a CA was introduced or accepted.
    pub fn trusts(&self, ca: &Ca) -> bool {
        self.recorded.as_ref().is_none_or(|recorded| recorded.contains(&ca.sha256)) || self.accepted.contains(&ca.sha256)
    }

    /// Returns whether each CA of a bundle is recorded.
    pub fn records(&self, bundle: &[Ca]) -> bool {
        self.recorded.as_ref().is_some_and(|recorded| bundle.iter().all(|ca| recorded.contains(&ca.sha256)))
    }

    /// Returns the list with the CAs of a bundle.
    pub fn with(&self, bundle: &[Ca]) -> BTreeSet<String> {
        self.recorded.iter().flatten().cloned().chain(bundle.iter().map(|ca| ca.sha256.clone())).collect()
    }

    /// Returns the lists that an intact Secret leads to: each CA of the Secret is recorded, and of the others only those that
    /// the Secret may still get ([`Unwritten::observe`](super::unwritten::Unwritten::observe)). An accepted CA no longer needs
    /// its acceptance.
    pub fn tidied(&self, stored: &Stored, unwritten: &BTreeSet<String>) -> Option<Introduced> {
        let bundle: BTreeSet<String> = stored.bundle.iter().map(|ca| ca.sha256.clone()).collect();
        let accepted = self.accepted.difference(&bundle).cloned().collect();
        (!stored.is_damaged).then(|| Introduced { recorded: Some(bundle.union(unwritten).cloned().collect()), accepted })
    }

    /// Removes the CAs that are not trusted from the content of the Secret, with their keys, and a certificate that none of
    /// the others signed. Returns them. `published` is the `caBundle` of every webhook.
    pub fn restrict(&self, stored: &mut Stored, published: &[Vec<Ca>]) -> Vec<Ca> {
        let Some(recorded) = &self.recorded else { return Vec::new() };
        let unknown: Vec<Ca> = stored.bundle.extract_if(.., |ca| !self.trusts(ca)).collect();
        for signer in [&mut stored.signing, &mut stored.next] {
            signer.take_if(|signer| unknown.contains(&signer.ca));
        }
        // A bundle with an accepted CA may be older than the published ones.
        stored.is_damaged |= !unknown.is_empty() || stored.bundle.iter().any(|ca| !recorded.contains(&ca.sha256));
        let trusted: Vec<Ca> = stored.bundle.iter().chain(published.iter().flatten()).filter(|ca| self.trusts(ca)).cloned().collect();
        // At another time the error about the time would hide that the CA is unknown. A CA is valid when its certificates begin.
        let is_foreign = |pair: &Pair| verify(pair, &trusted, None, pair.not_before).is_err();
        if stored.leaf.take_if(|leaf| is_foreign(&leaf.pair)).is_some() {
            stored.leaf_fault = Some("the certificate in the secret is not signed by a CA that netpol introduced".to_owned());
        }
        unknown
    }
}

fn list(text: &str) -> BTreeSet<String> {
    text.split(',').map(|entry| entry.trim().replace(':', "").to_lowercase()).filter(|entry| !entry.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_may_be_written_as_openssl_prints_them() {
        let introduced = Introduced::read(None, Some(" AB:0C , ef,"));
        assert_eq!(introduced.accepted, BTreeSet::from(["ab0c".to_owned(), "ef".to_owned()]));
        assert_eq!(introduced.recorded, None);
        assert_eq!(Introduced::read(Some(""), None).recorded, Some(BTreeSet::new()));
    }
}
