//! Workloads. A workload whose pods would be denied is admitted with a warning by default, so that its author learns
//! about it immediately. A workload that would not match its own pods is denied. Who may claim the identity of the pods is judged
//! here too, because their controller needs no claim.

use super::claims;
use super::ctx::Ctx;
use super::facts::{Objects, Step, Workload};
use super::finding::{Finding, Rule, Severity};
use super::pods::create::{self, Missing};
use super::sentence::Sentence;
use super::settings::{UngrantedLabels, Workloads};
use super::subject::WorkloadKind;
use super::words::{List, Named, Plain};
use crate::canon::CAPABILITY_PREFIX;
use crate::documents::node::Node;

/// Judges a workload that is created or updated.
pub(super) fn validate(ctx: Ctx<'_>, kind: WorkloadKind, objects: &Objects<Workload<'_>>) -> Vec<Finding> {
    let (old, new) = match objects.step(ctx.request.operation) {
        Ok(Step::Create(new)) => (None, new),
        Ok(Step::Update { old, new }) => (Some(old), new),
        Ok(Step::Nothing) => return Vec::new(),
        Err(field) => return vec![Finding::missing(field)],
    };
    let named = ctx.named(&ctx.request.kind, &new.metadata.name, &new.metadata.generate_name);
    let mut findings = match selector_keys(kind, &new.spec.selector) {
        Ok(keys) => selector(named, &keys, old.is_some_and(|old| old.spec.selector.same_json(&new.spec.selector))),
        Err(fault) => vec![Finding::fault(format!("cannot understand {named}: {fault}"))],
    };
    findings.extend(claims(ctx, named, kind, old, new));
    // No controller creates pods from the others.
    if !matches!(kind, WorkloadKind::PodTemplate | WorkloadKind::ControllerRevision) {
        findings.extend(template(ctx, named, old, new));
    }
    findings
}

/// Judges who creates the workload or changes its template.
fn claims(ctx: Ctx<'_>, named: Named<'_>, kind: WorkloadKind, old: Option<&Workload<'_>>, new: &Workload<'_>) -> Vec<Finding> {
    match (kind, old) {
        (WorkloadKind::ControllerRevision, None) => {
            claims::revision(ctx, named, &new.spec.template, !new.is_part, &new.metadata.owner_references)
        }
        // The API server never changes the data of a revision.
        (WorkloadKind::ControllerRevision, Some(_)) => Vec::new(),
        (_, None) => {
            let template = &new.spec.template;
            claims::created(ctx, named, template, &ctx.canons().identify(&template.metadata.labels), &new.metadata.owner_references)
        }
        (_, Some(old)) => {
            let is_same = old.whole.as_ref().zip(new.whole.as_ref()).is_some_and(|(old, new)| old.same_json(new));
            if is_same {
                return Vec::new();
            }
            claims::template_changed(ctx, named, &old.spec.template, &new.spec.template, &old.metadata.owner_references)
        }
    }
}

/// Judges the keys of a selector. If one is a capability label, the workload's pods stop matching once they are labeled,
/// and the controller creates pods forever.
fn selector(named: Named<'_>, keys: &[&str], unchanged: bool) -> Vec<Finding> {
    let capabilities = keys.iter().filter(|key| key.starts_with(CAPABILITY_PREFIX)).map(|key| Plain(key));
    if capabilities.clone().next().is_none() {
        return Vec::new();
    }
    let message = Sentence::listing(
        format_args!("{named} selects its pods by "),
        &List { items: capabilities, most: 20 },
        format_args!(": its pods would stop matching once labeled, and the controller would create pods forever. Select by other labels"),
    );
    vec![Finding::new(Rule::WorkloadSelector, if unchanged { Severity::Warn } else { Severity::Deny }, message)]
}

/// Returns the keys that a selector reads.
///
/// # Errors
/// The selector cannot be understood.
fn selector_keys<'n>(kind: WorkloadKind, selector: &'n Node<'_>) -> Result<Vec<&'n str>, &'static str> {
    const NOT_A_MAP: &str = "its selector must be a map";
    const TOO_LARGE: &str = "its selector has too many values to check";
    // The keys beyond the limit are unknown.
    let is_cut = |map: &Node<'_>| matches!(map, Node::Object(entries) if entries.iter().any(|(_, value)| *value == Node::Unread));
    let Node::Object(entries) = selector else {
        return if matches!(selector, Node::Null) { Ok(Vec::new()) } else { Err(NOT_A_MAP) };
    };
    if is_cut(selector) || selector.get("matchLabels").is_some_and(is_cut) {
        return Err(TOO_LARGE);
    }
    if kind == WorkloadKind::ReplicationController {
        return Ok(entries.iter().map(|(key, _)| &**key).collect());
    }
    let mut keys: Vec<&str> = match selector.get("matchLabels") {
        None => Vec::new(),
        Some(Node::Object(labels)) => labels.iter().map(|(key, _)| &**key).collect(),
        Some(_) => return Err("its selector's matchLabels must be a map"),
    };
    match selector.get("matchExpressions") {
        None => {}
        Some(Node::Array(expressions)) => {
            for expression in expressions {
                keys.push(expression.get("key").and_then(Node::as_str).ok_or("its selector's matchExpressions must each have a key")?);
            }
        }
        Some(_) => return Err("its selector's matchExpressions must be a list"),
    }
    Ok(keys)
}

/// Returns the findings that would deny the workload's pods.
fn template(ctx: Ctx<'_>, named: Named<'_>, old: Option<&Workload<'_>>, new: &Workload<'_>) -> Vec<Finding> {
    let severity = match ctx.settings().workloads {
        Workloads::Warn => Severity::Warn,
        Workloads::Deny => Severity::Deny,
        Workloads::Ignore => return Vec::new(),
    };
    let judged = |workload: &Workload<'_>| {
        let pods = Named { kind: "pod", name: "", generate_name: named.name, is_new: true };
        let template = &workload.spec.template;
        let identity = ctx.canons().identify(&template.metadata.labels);
        let mut findings = create::judge(ctx, pods, template, &identity, Missing::WillBeAdded);
        findings.retain(|finding| finding.severity >= Severity::Deny && !is_stripped(ctx, finding.rule));
        findings
    };
    let mut findings = judged(new);
    let before = if findings.is_empty() { Vec::new() } else { old.map(judged).unwrap_or_default() };
    for finding in &mut findings {
        // The same problem as before: a rollout or a change of scale is not denied because of it.
        finding.severity = if before.contains(finding) { Severity::Warn } else { severity };
        finding.message.prefix(&format!("the pods of {named} would be denied: "));
        finding.rule = Rule::WorkloadTemplate;
    }
    findings
}

/// Returns whether `/mutate` removes the cause of a finding.
fn is_stripped(ctx: Ctx<'_>, rule: Rule) -> bool {
    rule == Rule::UngrantedLabel && ctx.settings().ungranted_labels == UngrantedLabels::Strip
}
