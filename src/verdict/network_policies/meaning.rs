//! Compares the meaning of a policy with the accepted canons.

use super::sentences;
use crate::canon::{Accepted, Canon, Version};
use crate::documents::{Fault, FaultKind};
use crate::policy::{Beyond, Comparison, Home, Policy, compare};
use crate::verdict::ctx::Ctx;
use crate::verdict::facts::NetworkPolicy;
use crate::verdict::finding::{Finding, Rule, Severity};
use crate::verdict::sentence::Sentence;
use crate::verdict::settings::ExtraPolicies;
use crate::verdict::words::{EXISTING, Named};

/// A parsed spec, or its faults.
type Parsed = Result<Policy, Vec<Fault>>;

/// Judges the spec of a policy with a canonical name. It must mean what one of the canons says.
pub(super) fn canonical(
    ctx: Ctx<'_>,
    named: Named<'_>,
    policies: Accepted<'_>,
    old: Option<&NetworkPolicy<'_>>,
    new: &NetworkPolicy<'_>,
) -> Option<Finding> {
    let versions = || policies.named(named.name);
    // The usual case: the same text has the same meaning.
    if let Some(version) = versions().find(|version| is_word_for_word(*version, new)) {
        return accepted(ctx, named, policies, version, old);
    }
    let parsed = parse(ctx, new);
    if let Ok(found) = &parsed
        && let Some(version) = versions().find(|version| means(*version, found))
    {
        return accepted(ctx, named, policies, version, old);
    }
    let Reference { version, differing } = reference(ctx, named, policies, old)?;
    let cure = sentences::restore(ctx, named, version.canon, &differing);
    let finding = |message: Sentence| Finding::new(Rule::PolicyDrift, Severity::Deny, message);
    let finding = match parsed.as_ref().map(|found| (found, compare(&version.policy.policy, found))) {
        Ok((_, Comparison::Same)) => return None,
        Ok((found, Comparison::Drift(drift))) => {
            let nearest = ctx.canons().nearest(&ctx.request.namespace, named.name, found);
            let why = sentences::why_denied(ctx, version.canon, drift.witness.as_ref());
            let message = sentences::drift(named, &drift, nearest, why.as_deref(), &cure);
            Finding { differences: drift.differences, witness: drift.witness, ..finding(message) }
        }
        Ok((_, Comparison::NotProven)) => finding(sentences::not_proven(named, &cure)),
        Err(faults) => finding(sentences::faulty(named, faults, &cure)),
    };
    Some(graded(ctx, finding, old, new, &parsed))
}

fn is_word_for_word(version: Version<'_>, policy: &NetworkPolicy<'_>) -> bool {
    version.policy.manifest.get("spec").is_some_and(|spec| policy.spec.is_word_for_word(spec))
}

fn means(version: Version<'_>, found: &Policy) -> bool {
    compare(&version.policy.policy, found) == Comparison::Same
}

/// Returns the finding for a policy that means what `version` says, if that is not the first canon with the policy, or
/// if an update changes from one canon to another.
fn accepted(
    ctx: Ctx<'_>,
    named: Named<'_>,
    policies: Accepted<'_>,
    version: Version<'_>,
    old: Option<&NetworkPolicy<'_>>,
) -> Option<Finding> {
    let mut others = policies.named(named.name).filter(|other| !std::ptr::eq(other.canon, version.canon)).peekable();
    others.peek()?;
    if let Some(before) = old.and_then(|old| matching(ctx, named, policies, old))
        && !means(before, &version.policy.policy)
    {
        let (before, after) = (ctx.guard.name_of(before.canon), ctx.guard.name_of(version.canon));
        let message = format!("{named} changes from {before} to {after}; both are accepted");
        return Some(Finding::new(Rule::OtherCanon, Severity::Warn, message));
    }
    let first = policies.named(named.name).next().filter(|first| !std::ptr::eq(first.canon, version.canon))?;
    let (of, not) = (ctx.guard.name_of(version.canon), ctx.guard.name_of(first.canon));
    let message = format!("{named} is that of {of}, which is accepted, not of {not}");
    Some(Finding::new(Rule::OtherCanon, Severity::Info, message))
}

/// Returns the first canon whose policy an existing policy means.
fn matching<'c>(ctx: Ctx<'_>, named: Named<'_>, policies: Accepted<'c>, policy: &NetworkPolicy<'_>) -> Option<Version<'c>> {
    policies.named(named.name).find(|version| is_word_for_word(*version, policy)).or_else(|| {
        let found = parse(ctx, policy).ok()?;
        policies.named(named.name).find(|version| means(*version, &found))
    })
}

/// The canon that a drifted policy is compared with.
struct Reference<'c> {
    version: Version<'c>,
    /// The other canons whose policy of this name means something else, if nothing says which of them is meant.
    differing: Vec<&'c Canon>,
}

/// Returns the canon that a drifted policy is compared with: the one that the old policy matched, else the one that the
/// guard refers to, else the first one that has the policy.
fn reference<'c>(ctx: Ctx<'c>, named: Named<'_>, policies: Accepted<'c>, old: Option<&NetworkPolicy<'_>>) -> Option<Reference<'c>> {
    let versions = || policies.named(named.name);
    let referred = || ctx.guard.referenced().and_then(|canon| versions().find(|version| std::ptr::eq(version.canon, canon)));
    if let Some(version) = old.and_then(|old| matching(ctx, named, policies, old)).or_else(referred) {
        return Some(Reference { version, differing: Vec::new() });
    }
    let version = versions().next()?;
    let differing = versions().filter(|other| !means(*other, &version.policy.policy)).map(|other| other.canon).collect();
    Some(Reference { version, differing })
}

/// Judges the spec of an extra policy.
pub(super) fn extra(
    ctx: Ctx<'_>,
    named: Named<'_>,
    policies: Accepted<'_>,
    old: Option<&NetworkPolicy<'_>>,
    new: &NetworkPolicy<'_>,
) -> Option<Finding> {
    let finding = |message: Sentence| Finding::new(Rule::ExtraPolicy, Severity::Deny, message);
    let parsed = match ctx.settings().extra_policies {
        ExtraPolicies::Allow => return None,
        ExtraPolicies::Deny => {
            let mut finding = finding(sentences::not_admitted(named));
            ease(ctx, &mut finding, old, new, parse(ctx, new).as_ref().ok());
            return Some(finding);
        }
        ExtraPolicies::NoWider => parse(ctx, new),
    };
    let finding = match parsed.as_ref().map(|extra| policies.allowed.beyond(extra)) {
        Ok(Beyond::Nothing) => return None,
        Ok(Beyond::Grants(witness)) => {
            let why = sentences::why_denied(ctx, ctx.canons().first(), Some(&witness));
            let message = sentences::wider(named, &witness, why.as_deref());
            Finding { witness: Some(witness), ..finding(message) }
        }
        Ok(Beyond::NotProven) => finding(sentences::not_proven_harmless(named)),
        Err(faults) => finding(sentences::faulty_extra(named, faults)),
    };
    Some(graded(ctx, finding, old, new, &parsed))
}

fn parse(ctx: Ctx<'_>, policy: &NetworkPolicy<'_>) -> Parsed {
    Policy::parse(&policy.spec, Home { namespace: &ctx.request.namespace, written_for: None })
}

/// Turns a denial into a fault if the spec cannot be understood, or into a warning if it is unchanged.
fn graded(ctx: Ctx<'_>, mut finding: Finding, old: Option<&NetworkPolicy<'_>>, new: &NetworkPolicy<'_>, parsed: &Parsed) -> Finding {
    if parsed.as_ref().is_err_and(|faults| faults.iter().any(|fault| fault.kind == FaultKind::WrongType)) {
        return Finding::fault(finding.message);
    }
    ease(ctx, &mut finding, old, new, parsed.as_ref().ok());
    finding
}

/// Turns a denial into a warning if the update keeps the spec or its meaning: the problem exists before the update.
fn ease(ctx: Ctx<'_>, finding: &mut Finding, old: Option<&NetworkPolicy<'_>>, new: &NetworkPolicy<'_>, found: Option<&Policy>) {
    let Some(old) = old else { return };
    let means_the_same = |found| parse(ctx, old).is_ok_and(|old| compare(&old, found) == Comparison::Same);
    if old.spec.same_json(&new.spec) || found.is_some_and(means_the_same) {
        finding.severity = Severity::Warn;
        finding.message.prefix(EXISTING);
    }
}
