//! Claims: who may create pods with the identity of a grant or change what they run, as which account they run, and which
//! images they have.
//!
//! A pod that a controller creates needs no claim: its workload was judged when its author sent it. A service account that may claim
//! is protected too, because a pod that runs as it can claim whatever the account may.

use std::collections::BTreeSet;

use super::ctx::Ctx;
use super::facts::{Owner, Pod};
use super::finding::{Finding, Rule, Severity};
use super::sentence::Sentence;
use super::text::Text;
use super::words::{EXISTING, List, Named, Plain, plural};
use crate::canon::{Claims, Grant, Identity};

/// Judges a pod or a template that is created. `owners` are those of the pod or of the workload.
pub(super) fn created(ctx: Ctx<'_>, named: Named<'_>, pod: &Pod<'_>, identity: &Identity<'_>, owners: &[Owner<'_>]) -> Vec<Finding> {
    let Some(severity) = ctx.settings().claims.severity() else { return Vec::new() };
    let mut findings = Vec::new();
    if !is_for_workload(ctx, owners) {
        findings.extend(requester(ctx, named, identity, pod.spec.account(), Doing::Creates));
    }
    findings.extend(account(named, identity, pod));
    match images(named, identity, pod) {
        Ok(finding) => findings.extend(finding),
        Err(field) => return vec![Finding::unreadable(field)],
    }
    with_severity(findings, severity)
}

/// Judges an update of a pod that changes an image or adds a container. Its labels and its account do not change.
pub(super) fn updated(ctx: Ctx<'_>, named: Named<'_>, old: &Pod<'_>, new: &Pod<'_>) -> Vec<Finding> {
    let Some(severity) = ctx.settings().claims.severity() else { return Vec::new() };
    if old.spec.runs_the_same(&new.spec) {
        return Vec::new();
    }
    let (before, after) = match (old.spec.images(), new.spec.images()) {
        (Ok(before), Ok(after)) => (before, after),
        (Err(field), _) | (_, Err(field)) => return vec![Finding::unreadable(field)],
    };
    if before == after {
        return Vec::new();
    }
    let identity = ctx.canons().identify(&old.metadata.labels);
    let mut findings = Vec::new();
    // The new owners may be forged.
    if !is_for_workload(ctx, &old.metadata.owner_references) {
        findings.extend(requester(ctx, named, &identity, old.spec.account(), Doing::Changes));
    }
    let before: BTreeSet<&str> = before.iter().map(|image| &**image).collect();
    let added: Vec<Text<'_>> = after.into_iter().filter(|image| !before.contains(&**image)).collect();
    findings.extend(refused_images(named, &identity, &added));
    with_severity(findings, severity)
}

/// Judges an update of a workload that changes its template. `owners` are those of the old workload.
pub(super) fn template_changed(ctx: Ctx<'_>, named: Named<'_>, old: &Pod<'_>, new: &Pod<'_>, owners: &[Owner<'_>]) -> Vec<Finding> {
    let Some(severity) = ctx.settings().claims.severity() else { return Vec::new() };
    let (before, after) = (ctx.canons().identify(&old.metadata.labels), ctx.canons().identify(&new.metadata.labels));
    let mut findings = Vec::new();
    if !is_for_workload(ctx, owners) {
        findings.extend(requester(ctx, named, &before, old.spec.account(), Doing::Changes));
        for finding in requester(ctx, named, &after, new.spec.account(), Doing::Changes) {
            if !findings.contains(&finding) {
                findings.push(finding);
            }
        }
    }
    let limits = |identity: &Identity<'_>, pod: &Pod<'_>| -> Result<Vec<Finding>, &'static str> {
        Ok(account(named, identity, pod).into_iter().chain(images(named, identity, pod)?).collect())
    };
    let (existing, limits) = match (limits(&before, old), limits(&after, new)) {
        (Ok(existing), Ok(limits)) => (existing, limits),
        (Err(field), _) | (_, Err(field)) => return vec![Finding::unreadable(field)],
    };
    let (kept, new): (Vec<Finding>, Vec<Finding>) = limits.into_iter().partition(|finding| existing.contains(finding));
    findings.extend(new);
    let mut findings = with_severity(findings, severity);
    // The same problem as before: a rollout is not denied because of it.
    findings.extend(kept.into_iter().map(|mut finding| {
        finding.severity = Severity::Warn;
        finding.message.prefix(EXISTING);
        finding
    }));
    findings
}

/// Judges a new `ControllerRevision`, a patch from which a `StatefulSet` makes pods. One that does not replace the whole template
/// keeps the labels of any set.
pub(super) fn revision(ctx: Ctx<'_>, named: Named<'_>, template: &Pod<'_>, replaces: bool, owners: &[Owner<'_>]) -> Vec<Finding> {
    if replaces {
        return created(ctx, named, template, &ctx.canons().identify(&template.metadata.labels), owners);
    }
    let Some(severity) = ctx.settings().claims.severity() else { return Vec::new() };
    let may_claim = |grant: &&Grant| grant.limits.claims.as_ref().is_none_or(|claims| is_listed(ctx, claims));
    let refused: Vec<&Grant> = ctx.canons().grants().iter().filter(|grant| !may_claim(grant)).collect();
    if refused.is_empty() || !ctx.guard.knows_user || is_for_workload(ctx, owners) {
        return Vec::new();
    }
    let message = Sentence::listing(
        format_args!(
            "{named} can change pods of any identity, but only those whom the claims of the grants list may do that: grant{} ",
            plural(refused.len())
        ),
        &List { items: refused.iter().map(|grant| grant.name.as_str()), most: 4 },
        format_args!(". Let the controller create it, or replace the whole template ($patch: replace)"),
    );
    vec![Finding::new(Rule::Claim, severity, message)]
}

/// What the requester does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Doing {
    Creates,
    Changes,
}

/// Returns whether a controller acts for a workload that it controls.
fn is_for_workload(ctx: Ctx<'_>, owners: &[Owner<'_>]) -> bool {
    let mut controllers = ctx.settings().workload_controllers.iter().filter(|controller| ctx.request.user == *controller.user);
    controllers.any(|controller| owners.iter().any(|owner| owner.controller && controller.kinds.iter().any(|kind| owner.kind == **kind)))
}

fn is_listed(ctx: Ctx<'_>, claims: &Claims) -> bool {
    claims.lists(&ctx.request.user, ctx.request.groups.iter().map(|group| &**group), &ctx.request.namespace)
}

/// Judges whether the requester may claim an identity, and run pods as an account.
fn requester(ctx: Ctx<'_>, named: Named<'_>, identity: &Identity<'_>, account: &str, doing: Doing) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !ctx.guard.knows_user {
        return findings;
    }
    let is_kept = |grant: &Grant| grant.limits.claims.as_ref().is_none_or(|claims| is_listed(ctx, claims));
    if !identity.keeps(|grant| grant.limits.claims.is_some(), is_kept) {
        let refused: Vec<&Grant> = identity.grants().filter(|grant| !is_kept(grant)).collect();
        let (does, cure) = match doing {
            Doing::Creates => ("claims", "Let one of them create it"),
            Doing::Changes => ("runs another program with", "Let one of them change it"),
        };
        let message = Sentence::listing(
            format_args!("{named} {does} the identity of grant{} {}, which is only for ", plural(refused.len()), names(&refused)),
            &List { items: claimants(&refused).iter(), most: 8 },
            format_args!(". {cure}, or add the user to the claims of the grant"),
        );
        findings.push(Finding::new(Rule::Claim, Severity::Deny, message));
    }
    // Shared by all grants of all canons: a user whom one of them lists may run pods as the account.
    let claims = |grant: &&Grant| grant.limits.claims.as_ref().is_some_and(|claims| claims.lists_account(account, &ctx.request.namespace));
    let protecting: Vec<&Grant> = ctx.canons().grants().iter().filter(claims).collect();
    if !protecting.is_empty() && !protecting.iter().any(|grant| is_kept(grant)) {
        let message = Sentence::listing(
            format_args!(
                "{named} runs as service account {}, which may claim the identity of grant{} {}, so it is only for ",
                Plain(account),
                plural(protecting.len()),
                names(&protecting)
            ),
            &List { items: claimants(&protecting).iter(), most: 8 },
            format_args!(". Use another service account, or add the user to the claims of the grant"),
        );
        findings.push(Finding::new(Rule::Claim, Severity::Deny, message));
    }
    findings
}

fn names(grants: &[&Grant]) -> String {
    List { items: grants.iter().map(|grant| grant.name.as_str()), most: 4 }.to_string()
}

/// Returns those whom the claims of grants list, each once.
fn claimants(grants: &[&Grant]) -> Vec<String> {
    let mut listed: Vec<String> = Vec::new();
    for claims in grants.iter().filter_map(|grant| grant.limits.claims.as_ref()) {
        for claimant in claims.claimants() {
            if !listed.contains(&claimant) {
                listed.push(claimant);
            }
        }
    }
    listed
}

/// Judges the service account of a pod.
fn account(named: Named<'_>, identity: &Identity<'_>, pod: &Pod<'_>) -> Option<Finding> {
    let found = pod.spec.account();
    let is_kept = |grant: &Grant| grant.limits.service_account.as_deref().is_none_or(|account| account == found);
    if identity.keeps(|grant| grant.limits.service_account.is_some(), is_kept) {
        return None;
    }
    let refusing = identity.grants().find(|grant| !is_kept(grant))?;
    let expected = refusing.limits.service_account.as_deref().unwrap_or_default();
    let message = format!(
        "{named} runs as service account {}, but grant {} is only for service account {expected}. Set serviceAccountName to {expected}",
        Plain(found),
        refusing.name
    );
    Some(Finding::new(Rule::Claim, Severity::Deny, message))
}

/// Judges the images of a pod.
///
/// # Errors
/// The field that cannot be read.
fn images(named: Named<'_>, identity: &Identity<'_>, pod: &Pod<'_>) -> Result<Option<Finding>, &'static str> {
    if identity.grants().all(|grant| grant.limits.images.is_empty()) {
        return Ok(None);
    }
    Ok(refused_images(named, identity, &pod.spec.images()?))
}

fn refused_images(named: Named<'_>, identity: &Identity<'_>, images: &[Text<'_>]) -> Option<Finding> {
    let is_allowed =
        |grant: &Grant, image: &str| grant.limits.images.is_empty() || grant.limits.images.iter().any(|pattern| pattern.matches(image));
    let is_kept = |grant: &Grant| images.iter().all(|image| is_allowed(grant, image));
    if identity.keeps(|grant| !grant.limits.images.is_empty(), is_kept) {
        return None;
    }
    let refusing = identity.grants().find(|grant| !is_kept(grant))?;
    let refused: BTreeSet<&str> = images.iter().map(|image| &**image).filter(|image| !is_allowed(refusing, image)).collect();
    let patterns = List { items: refusing.limits.images.iter(), most: 4 };
    let message = Sentence::listing(
        format_args!("{named} has image{} ", plural(refused.len())),
        &List { items: refused.iter().map(|image| Plain(image)), most: 4 },
        format_args!(", but grant {} allows only {patterns}. Use such an image, or add it to the images of the grant", refusing.name),
    );
    Some(Finding::new(Rule::Claim, Severity::Deny, message))
}

/// Returns the findings with the severity of the flag.
fn with_severity(mut findings: Vec<Finding>, severity: Severity) -> Vec<Finding> {
    for finding in &mut findings {
        finding.severity = severity;
    }
    findings
}
