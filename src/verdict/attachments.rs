//! Owner references and finalizers of a canonical policy. Both can lead to its deletion: the garbage collector deletes it
//! with its owner, and with a finalizer a later deletion reaches the webhook as an update.

use std::collections::BTreeSet;

use serde_json::Value;

use super::ctx::Ctx;
use super::facts::{OwnerReference, PolicyMetadata, Text};
use super::finding::{Finding, Rule, Severity};
use super::sentence::Sentence;
use super::words::{List, Named, Plain};
use crate::canon::Accepted;

/// Judges owner references and finalizers that no canon lists for the policy. New ones are denied, old ones give a warning
/// with the cure, and their removal is admitted.
pub(super) fn judge(
    ctx: Ctx<'_>,
    named: Named<'_>,
    listed: &Listed<'_>,
    old: Option<&PolicyMetadata<'_>>,
    new: &PolicyMetadata<'_>,
) -> Vec<Finding> {
    // Sets, because comparing each with each would take too long for many of them.
    let before: BTreeSet<&OwnerReference<'_>> = old.into_iter().flat_map(|old| &old.owner_references).collect();
    let foreign = new.owner_references.iter().filter(|owner| !listed.has_owner(owner));
    let (old_owners, new_owners): (Vec<_>, Vec<_>) = foreign.partition(|owner| before.contains(owner));

    let foreign = new.finalizers.iter().filter(|finalizer| !listed.has_finalizer(finalizer));
    let before: BTreeSet<&Text<'_>> = old.into_iter().flat_map(|old| &old.finalizers).collect();
    let (old_finalizers, new_finalizers): (Vec<_>, Vec<_>) = foreign.partition(|finalizer| before.contains(finalizer));

    let mut findings = Vec::new();
    if !new_owners.is_empty() {
        let message = Sentence::listing(
            format_args!("{named} gets owner "),
            &owners(&new_owners),
            format_args!(": the garbage collector would delete the policy with its owner. Remove the owner reference"),
        );
        findings.push(Finding::new(Rule::PolicyOwner, Severity::Deny, message));
    }
    if !old_owners.is_empty() {
        let message = Sentence::listing(
            format_args!("{named} has owner "),
            &owners(&old_owners),
            format_args!(": the garbage collector may delete the policy with its owner. {}", cure(ctx, named)),
        );
        findings.push(Finding::new(Rule::PolicyOwner, Severity::Warn, message));
    }
    if !new_finalizers.is_empty() {
        let message = Sentence::listing(
            format_args!("{named} gets finalizer "),
            &finalizers_of(&new_finalizers),
            format_args!(": removing the finalizer could then complete a deletion. Remove the finalizer"),
        );
        findings.push(Finding::new(Rule::PolicyFinalizer, Severity::Deny, message));
    }
    if !old_finalizers.is_empty() {
        let message = Sentence::listing(
            format_args!("{named} has finalizer "),
            &finalizers_of(&old_finalizers),
            format_args!(", which the canon does not list. Remove the finalizer"),
        );
        findings.push(Finding::new(Rule::PolicyFinalizer, Severity::Warn, message));
    }
    findings
}

/// Returns the owners that the canon does not list, for a sentence.
pub(super) fn foreign_owners(listed: &Listed<'_>, metadata: &PolicyMetadata<'_>) -> Option<String> {
    let foreign: Vec<_> = metadata.owner_references.iter().filter(|owner| !listed.has_owner(owner)).collect();
    (!foreign.is_empty()).then(|| owners(&foreign).to_string())
}

/// Returns the command that removes the owner references.
pub(super) fn cure(ctx: Ctx<'_>, named: Named<'_>) -> String {
    format!(
        r#"To remove the owner: kubectl -n {} patch {} {} --type=json -p '[{{"op":"remove","path":"/metadata/ownerReferences"}}]'"#,
        Plain(&ctx.request.namespace),
        ctx.kubectl_resource(),
        Plain(named.name)
    )
}

fn owners<'a>(owners: &'a [&OwnerReference<'_>]) -> List<impl Iterator<Item = Named<'a>> + Clone> {
    List { items: owners.iter().map(|owner| Named { kind: &owner.kind, name: &owner.name, generate_name: "", is_new: false }), most: 4 }
}

fn finalizers_of<'a>(finalizers: &'a [&Text<'_>]) -> List<impl Iterator<Item = Plain<'a>> + Clone> {
    List { items: finalizers.iter().map(|name| Plain(name)), most: 4 }
}

/// The owner references and finalizers that the accepted canons list for a policy.
#[derive(Debug, Clone, Default)]
pub struct Listed<'c> {
    owners: Vec<&'c Value>,
    finalizers: BTreeSet<&'c str>,
}

impl<'c> Listed<'c> {
    /// Returns those of the `NetworkPolicy` with a name.
    pub fn of(policies: Accepted<'c>, name: &str) -> Listed<'c> {
        let mut listed = Listed::default();
        policies.named(name).for_each(|version| listed.add(&version.policy.owner_references, &version.policy.finalizers));
        listed
    }

    /// Returns those of the policy of another API with a name.
    pub fn of_foreign(policies: Accepted<'c>, group: &str, resource: &str, name: &str) -> Listed<'c> {
        let mut listed = Listed::default();
        let versions = policies.foreign(group, resource, name);
        versions.for_each(|version| listed.add(&version.policy.owner_references, &version.policy.finalizers));
        listed
    }

    fn add(&mut self, owners: &'c [Value], finalizers: &'c [String]) {
        self.owners.extend(owners);
        self.finalizers.extend(finalizers.iter().map(String::as_str));
    }

    /// Returns whether a canon lists a finalizer.
    pub fn has_finalizer(&self, finalizer: &str) -> bool {
        self.finalizers.contains(finalizer)
    }

    /// Returns whether a canon lists an owner reference.
    pub fn has_owner(&self, owner: &OwnerReference<'_>) -> bool {
        let states = |reference: &Value, field: &str, text: &str| reference.get(field).and_then(Value::as_str).unwrap_or_default() == text;
        self.owners.iter().any(|reference| {
            states(reference, "apiVersion", &owner.api_version)
                && states(reference, "kind", &owner.kind)
                && states(reference, "name", &owner.name)
                && states(reference, "uid", &owner.uid)
        })
    }
}
