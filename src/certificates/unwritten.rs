//! The recorded CAs that a Secret may still get.
//!
//! A leader records a new CA in the Lease, and then writes it to the Secret. A leader that is suspended in between writes
//! the CA later, unless the Secret has changed since that leader read it. Until then, the CA must stay in the Lease, or it
//! would be unknown in the Secret.

use std::collections::{BTreeMap, BTreeSet};

use super::introduced::Introduced;

/// The recorded CAs, as one process has seen them since it started.
#[derive(Debug, Clone, Default)]
pub struct Unwritten {
    /// For each recorded CA, by its SHA-256, the version of the Secret when it was first read after the CA was seen.
    seen: BTreeMap<String, Option<String>>,
}

impl Unwritten {
    /// Notes the lists of a Lease, and the version of the Secret that was read before it (empty if there was none).
    /// Returns the recorded CAs that a write which began before may still add to the Secret.
    ///
    /// That write is based on a Secret that was read before the CA was recorded. So it fails if the Secret has another
    /// version than when it was first read after the CA was seen.
    pub fn observe(&mut self, introduced: &Introduced, version: &str) -> BTreeSet<String> {
        let recorded = introduced.recorded.clone().unwrap_or_default();
        self.seen.retain(|ca, _| recorded.contains(ca));
        let mut unwritten = BTreeSet::new();
        for ca in recorded {
            let is_possible = match self.seen.get_mut(&ca) {
                None => {
                    self.seen.insert(ca.clone(), None);
                    true
                }
                Some(first) => *first.get_or_insert_with(|| version.to_owned()) == version,
            };
            if is_possible {
                unwritten.insert(ca);
            }
        }
        unwritten
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ca_stays_until_the_secret_has_changed_since_it_was_seen() {
        let mut unwritten = Unwritten::default();
        let with = |cas: &str| Introduced::read(Some(cas), None);
        let mut observe = |cas: &str, version: &str| unwritten.observe(&with(cas), version).into_iter().collect::<Vec<_>>().join(",");
        assert_eq!(observe("a", "1"), "a");
        // Version 2 may have been read before `b` was recorded: it was read before the Lease.
        assert_eq!(observe("a,b", "2"), "a,b");
        assert_eq!(observe("a,b", "2"), "a,b");
        assert_eq!(observe("a,b", "3"), "");
        assert_eq!(observe("a", "3"), "");
        assert_eq!(observe("a,b", "3"), "b", "`b` was recorded again");
    }
}
