//! Canonical policies of other APIs. `netpol` does not know what they mean, so they must be what the canon says, literally.

use crate::canon::{Accepted, Canon, ForeignVersion};
use crate::documents::node::Node;
use crate::verdict::attachments::{self, Listed};
use crate::verdict::break_glass::{self, BreakGlass};
use crate::verdict::ctx::Ctx;
use crate::verdict::facts::PolicyMetadata;
use crate::verdict::finding::{Finding, Rule, Severity};
use crate::verdict::restore;
use crate::verdict::words::{EXISTING, Named, Plain};

/// A policy with a canonical name that is created or updated.
pub(super) struct Stored<'s> {
    pub(super) ctx: Ctx<'s>,
    pub(super) named: Named<'s>,
    pub(super) policies: Accepted<'s>,
    pub(super) old: Option<&'s Node<'s>>,
    pub(super) new: &'s Node<'s>,
    /// Whether the update keeps the content.
    pub(super) is_unchanged: bool,
}

impl<'s> Stored<'s> {
    /// Returns the accepted policies of this name, in the order of the canons.
    pub(super) fn versions(&self) -> impl Iterator<Item = ForeignVersion<'s>> + Clone + use<'s> {
        self.policies.foreign(&self.ctx.request.group, &self.ctx.request.resource, self.named.name)
    }

    /// Judges the policy. `by_flag` judges one that is in another version of its API than the canon, given why it is not compared.
    pub(super) fn judge(&self, by_flag: impl FnOnce(String) -> Option<Finding>) -> Vec<Finding> {
        let Self { ctx, named, .. } = *self;
        let (before, after) = match (self.old.map(PolicyMetadata::of).transpose(), PolicyMetadata::of(self.new)) {
            (Ok(before), Ok(after)) => (before, after),
            (Err(field), _) | (_, Err(field)) => {
                return vec![Finding::fault(format!("cannot understand the request: {field} has the wrong type"))];
            }
        };
        let reason = before.as_ref().and_then(|before| before.annotations.break_glass());
        let mut findings = match break_glass::stored(ctx, named, reason, after.annotations.break_glass()) {
            BreakGlass::Used(finding) => return vec![finding],
            BreakGlass::NotUsed(finding) => Vec::from_iter(finding),
        };
        findings.extend(match self.other_version() {
            Some(reason) => by_flag(reason),
            None => self.content(),
        });
        let listed = Listed::of_foreign(self.policies, &ctx.request.group, &ctx.request.resource, named.name);
        findings.extend(attachments::judge(ctx, named, &listed, before.as_ref(), &after));
        findings
    }

    /// Returns why the policy cannot be compared: it is in another version of its API. All canons have the same version.
    fn other_version(&self) -> Option<String> {
        let canonical = self.versions().next()?.policy.resource.api_version();
        let found = self.new.get("apiVersion").and_then(Node::as_str).unwrap_or_default();
        (found != canonical).then(|| {
            format!(
                "{} is canonical in {canonical}, and this is {}, which cannot be compared with it. Write it in {canonical}",
                self.named,
                Plain(found)
            )
        })
    }

    /// Compares the content. It must be what one of the canons says.
    fn content(&self) -> Option<Finding> {
        let Self { ctx, named, .. } = *self;
        if let Some(version) = self.matching(self.new) {
            return self.accepted(version);
        }
        let (version, differing) = self.reference()?;
        let difference = version.policy.difference(self.new)?;
        let name = Plain(named.name).to_string();
        let cure = restore::hint(ctx.guard, version.canon, &differing, &ctx.request.namespace, named.kind, &name);
        let message = format!("{named} drifts from the canonical spec: {difference}. {cure}");
        let mut finding = Finding::new(Rule::PolicyDrift, Severity::Deny, message);
        if self.is_unchanged {
            finding.severity = Severity::Warn;
            finding.message.prefix(EXISTING);
        }
        Some(finding)
    }

    /// Returns the first canon whose policy an object is.
    fn matching(&self, object: &Node<'_>) -> Option<ForeignVersion<'s>> {
        self.versions().find(|version| version.policy.difference(object).is_none())
    }

    /// Returns the canon that a drifted policy is compared with, as for `NetworkPolicies`, and the other canons whose policy of this
    /// name differs, if nothing says which of them is meant.
    fn reference(&self) -> Option<(ForeignVersion<'s>, Vec<&'s Canon>)> {
        let guard = self.ctx.guard;
        let referred = || guard.referenced().and_then(|canon| self.versions().find(|version| std::ptr::eq(version.canon, canon)));
        if let Some(version) = self.old.and_then(|old| self.matching(old)).or_else(referred) {
            return Some((version, Vec::new()));
        }
        let version = self.versions().next()?;
        let differs = |other: &ForeignVersion<'_>| version.policy.difference_of(other.policy).is_some();
        let differing = self.versions().filter(differs).map(|other| other.canon).collect();
        Some((version, differing))
    }

    /// Returns the finding for a policy that is what `version` says, if that is not the first canon with the policy, or if an update
    /// changes from one canon to another.
    fn accepted(&self, version: ForeignVersion<'s>) -> Option<Finding> {
        let Self { ctx, named, .. } = *self;
        let name_of = |version: ForeignVersion<'_>| ctx.guard.name_of(version.canon);
        if let Some(before) = self.old.and_then(|old| self.matching(old))
            && before.policy.difference_of(version.policy).is_some()
        {
            let message = format!("{named} changes from {} to {}; both are accepted", name_of(before), name_of(version));
            return Some(Finding::new(Rule::OtherCanon, Severity::Warn, message));
        }
        let first = self.versions().next().filter(|first| !std::ptr::eq(first.canon, version.canon))?;
        let message = format!("{named} is that of {}, which is accepted, not of {}", name_of(version), name_of(first));
        Some(Finding::new(Rule::OtherCanon, Severity::Info, message))
    }
}
