//! What hangs on a canonical policy and can take it away: an owner reference lets the garbage
//! collector delete it, a finalizer lets a later deletion slip through as an update.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::canon::CanonicalPolicy;
use crate::verdict::facts::{Metadata, OwnerReference, Text};
use crate::verdict::words::{List, Named, Plain};
use crate::verdict::{Ctx, Finding, Rule, Severity};

/// Judges owner references and finalizers that the canon does not give the policy. New ones are
/// refused; old ones are reported with their cure; taking either away passes.
pub(super) fn judge(
    ctx: Ctx<'_>,
    named: Named<'_>,
    canonical: &CanonicalPolicy,
    old: Option<&Metadata<'_>>,
    new: &Metadata<'_>,
) -> Vec<Finding> {
    // Sets, since there may be more of either than can be put to each other.
    let before: BTreeSet<&OwnerReference<'_>> = old.into_iter().flat_map(|old| &old.owner_references).collect();
    let foreign = new.owner_references.iter().filter(|owner| !is_canonical_owner(canonical, owner));
    let (old_owners, new_owners): (Vec<_>, Vec<_>) = foreign.partition(|owner| before.contains(owner));

    let foreign = new.finalizers.iter().filter(|finalizer| !canonical.finalizers.iter().any(|name| **finalizer == **name));
    let before: BTreeSet<&Text<'_>> = old.into_iter().flat_map(|old| &old.finalizers).collect();
    let (old_finalizers, new_finalizers): (Vec<_>, Vec<_>) = foreign.partition(|finalizer| before.contains(finalizer));

    let mut findings = Vec::new();
    if !new_owners.is_empty() {
        let message = format!(
            "{named} gets the owner {}: the garbage collector would delete it with that. Leave the owner reference out",
            owners(&new_owners)
        );
        findings.push(Finding::new(Rule::PolicyOwner, Severity::Deny, message));
    }
    if !old_owners.is_empty() {
        let message =
            format!("{named} has the owner {}: the garbage collector may delete it with that. {}", owners(&old_owners), cure(ctx, named));
        findings.push(Finding::new(Rule::PolicyOwner, Severity::Warn, message));
    }
    let listed = |finalizers: &[&Text<'_>]| List { items: finalizers.iter().map(|name| Plain(name)), most: 4 }.to_string();
    if !new_finalizers.is_empty() {
        let message = format!(
            "{named} gets the finalizer {}: a deletion could then slip through when that is removed. Leave it out",
            listed(&new_finalizers)
        );
        findings.push(Finding::new(Rule::PolicyFinalizer, Severity::Deny, message));
    }
    if !old_finalizers.is_empty() {
        let message = format!("{named} has the finalizer {}, which the canon does not give it. Take it off", listed(&old_finalizers));
        findings.push(Finding::new(Rule::PolicyFinalizer, Severity::Warn, message));
    }
    findings
}

/// The owners that the canon does not give a policy, in words.
pub(super) fn foreign_owners(canonical: &CanonicalPolicy, metadata: &Metadata<'_>) -> Option<String> {
    let foreign: Vec<_> = metadata.owner_references.iter().filter(|owner| !is_canonical_owner(canonical, owner)).collect();
    (!foreign.is_empty()).then(|| owners(&foreign))
}

/// How to take the owner references off.
pub(super) fn cure(ctx: Ctx<'_>, named: Named<'_>) -> String {
    format!(
        r#"To take it off: kubectl -n {} patch networkpolicy {} --type=json -p '[{{"op":"remove","path":"/metadata/ownerReferences"}}]'"#,
        Plain(&ctx.request.namespace),
        Plain(named.name)
    )
}

fn owners(owners: &[&OwnerReference<'_>]) -> String {
    List { items: owners.iter().map(|owner| Named { kind: &owner.kind, name: &owner.name, generate_name: "" }), most: 4 }.to_string()
}

fn is_canonical_owner(canonical: &CanonicalPolicy, owner: &OwnerReference<'_>) -> bool {
    let states = |reference: &Value, field: &str, value: &str| reference.get(field).and_then(Value::as_str).unwrap_or_default() == value;
    canonical.owner_references.iter().any(|reference| {
        states(reference, "apiVersion", &owner.api_version)
            && states(reference, "kind", &owner.kind)
            && states(reference, "name", &owner.name)
            && states(reference, "uid", &owner.uid)
    })
}
