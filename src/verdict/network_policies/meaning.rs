//! Compares the meaning of a policy with the canon.

use super::sentences;
use crate::canon::{CanonicalPolicy, Policies};
use crate::documents::{Fault, FaultKind};
use crate::policy::{Beyond, Comparison, Home, Policy, compare};
use crate::verdict::ctx::Ctx;
use crate::verdict::facts::NetworkPolicy;
use crate::verdict::finding::{Finding, Rule, Severity};
use crate::verdict::settings::ExtraPolicies;
use crate::verdict::words::{EXISTING, Named};

/// A parsed spec, or its faults.
type Parsed = Result<Policy, Vec<Fault>>;

/// Judges the spec of a policy with a canonical name.
pub(super) fn canonical(
    ctx: Ctx<'_>,
    named: Named<'_>,
    canonical: &CanonicalPolicy,
    old: Option<&NetworkPolicy<'_>>,
    new: &NetworkPolicy<'_>,
) -> Option<Finding> {
    // The usual case: the same text has the same meaning.
    if canonical.manifest.get("spec").is_some_and(|spec| new.spec.is_word_for_word(spec)) {
        return None;
    }
    let parsed = parse(ctx, new);
    let finding = |message| Finding::new(Rule::PolicyDrift, Severity::Deny, message);
    let finding = match parsed.as_ref().map(|found| compare(&canonical.policy, found)) {
        Ok(Comparison::Same) => return None,
        Ok(Comparison::Drift(drift)) => {
            let message = sentences::drift(ctx, named, &drift);
            Finding { differences: drift.differences, witness: drift.witness, ..finding(message) }
        }
        Ok(Comparison::NotProven) => finding(sentences::not_proven(ctx, named)),
        Err(faults) => finding(sentences::faulty(ctx, named, faults)),
    };
    Some(graded(ctx, finding, old, new, &parsed))
}

/// Judges the spec of an extra policy.
pub(super) fn extra(
    ctx: Ctx<'_>,
    named: Named<'_>,
    policies: &Policies,
    old: Option<&NetworkPolicy<'_>>,
    new: &NetworkPolicy<'_>,
) -> Option<Finding> {
    let finding = |message| Finding::new(Rule::ExtraPolicy, Severity::Deny, message);
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
            let message = sentences::wider(named, &witness);
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
        finding.message.insert_str(0, EXISTING);
    }
}
