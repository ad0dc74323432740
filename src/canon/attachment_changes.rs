//! The owner references and finalizers that differ between two canons.

use std::collections::BTreeSet;

use crate::policy::{Change, Difference};

/// The owner references, as JSON, and the finalizers that a canon lists for a policy.
type Listed<'c> = (&'c [serde_json::Value], &'c [String]);

/// Returns the differences between the owner references and finalizers that two canons list for a policy.
pub(super) fn attachments(old: Listed<'_>, new: Listed<'_>) -> Vec<Difference> {
    let owners = |(owners, _): Listed<'_>| owners.iter().map(owner).collect::<BTreeSet<String>>();
    let finalizers = |(_, finalizers): Listed<'_>| finalizers.iter().cloned().collect::<BTreeSet<String>>();
    let lists = [("metadata.ownerReferences", owners(old), owners(new)), ("metadata.finalizers", finalizers(old), finalizers(new))];
    let words = |list: &BTreeSet<String>| {
        if list.is_empty() { "nothing".to_owned() } else { list.iter().map(String::as_str).collect::<Vec<_>>().join(", ") }
    };
    let difference = |(field, old, new): (&str, BTreeSet<String>, BTreeSet<String>)| {
        let change = match (new.is_subset(&old), old.is_subset(&new)) {
            (true, true) => return None,
            (true, false) => Change::Narrower,
            (false, true) => Change::Wider,
            (false, false) => Change::Both,
        };
        let (expected, found) = (words(&old), words(&new));
        let (direction, rule, peer, port, beyond) = (None, None, None, None, None);
        Some(Difference { change, field: field.to_owned(), direction, rule, peer, port, expected, found, beyond })
    };
    lists.into_iter().filter_map(difference).collect()
}

/// Returns an owner reference in words. Two references are the same if these fields are.
fn owner(reference: &serde_json::Value) -> String {
    let field = |name: &str| reference.get(name).and_then(serde_json::Value::as_str).unwrap_or_default();
    format!("{} {} {} ({})", field("apiVersion"), field("kind"), field("name"), field("uid"))
}
