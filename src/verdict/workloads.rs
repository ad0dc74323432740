//! What makes pods from a template. One whose pods could not pass is made as asked, but its creator
//! hears of it at once; one that would disown its pods is refused.

use super::facts::{self, Change, Step};
use super::pods::create::{self, Missing};
use super::settings::Workloads;
use super::subject::Workload as Kind;
use super::words::{List, Named, Plain};
use super::{Ctx, Finding, Rule, Severity};
use crate::canon::CAPABILITY_PREFIX;
use crate::documents::node::Node;

/// Judges a workload that is made or changed.
pub(super) fn validate(ctx: Ctx<'_>, kind: Kind, change: &Change<facts::Workload<'_>>) -> Vec<Finding> {
    let (old, new) = match change.step(ctx.request.operation) {
        Ok(Step::Create(new)) => (None, new),
        Ok(Step::Update { old, new }) => (Some(old), new),
        Ok(Step::Delete(_) | Step::Other) => return Vec::new(),
        Err(field) => return vec![Finding::missing(field)],
    };
    let named = ctx.named(&ctx.request.kind, &new.metadata);
    let mut findings = match selector_keys(kind, &new.selector) {
        Ok(keys) => selector(named, &keys, old.is_some_and(|old| old.selector.same_json(&new.selector))),
        Err(fault) => vec![Finding::fault(format!("cannot understand {named}: {fault}"))],
    };
    findings.extend(template(ctx, named, old, new));
    findings
}

/// A selector that reads a capability: as soon as its pods get their labels they are no longer its
/// own, and it makes others without end.
fn selector(named: Named<'_>, keys: &[&str], unchanged: bool) -> Vec<Finding> {
    let capabilities = keys.iter().filter(|key| key.starts_with(CAPABILITY_PREFIX)).map(|key| Plain(key));
    if capabilities.clone().next().is_none() {
        return Vec::new();
    }
    let message = format!(
        "{named} selects its pods by {}: it would lose them when they get their labels, and make others without end. Select by other labels",
        List { items: capabilities, most: 20 }
    );
    vec![Finding::new(Rule::WorkloadSelector, if unchanged { Severity::Warn } else { Severity::Deny }, message)]
}

/// The keys that a selector reads.
fn selector_keys<'n>(kind: Kind, selector: &'n Node<'_>) -> Result<Vec<&'n str>, &'static str> {
    const NOT_A_MAP: &str = "its selector must be a map";
    const TOO_LARGE: &str = "its selector has more values than are judged";
    // Of what stands beyond the bound not even the keys are known.
    let is_cut = |map: &Node<'_>| matches!(map, Node::Object(entries) if entries.iter().any(|(_, value)| *value == Node::Unread));
    let Node::Object(entries) = selector else {
        return if matches!(selector, Node::Null) { Ok(Vec::new()) } else { Err(NOT_A_MAP) };
    };
    if is_cut(selector) || selector.get("matchLabels").is_some_and(is_cut) {
        return Err(TOO_LARGE);
    }
    if kind == Kind::ReplicationController {
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

/// What would be said of the pods, as far as it would refuse them.
fn template(ctx: Ctx<'_>, named: Named<'_>, old: Option<&facts::Workload<'_>>, new: &facts::Workload<'_>) -> Vec<Finding> {
    let severity = match ctx.settings().workloads {
        Workloads::Warn => Severity::Warn,
        Workloads::Deny => Severity::Deny,
        Workloads::Ignore => return Vec::new(),
    };
    let judged = |workload: &facts::Workload<'_>| {
        let pods = Named { kind: "pod", name: "", generate_name: named.name };
        let mut findings = create::judge(ctx, pods, &workload.template, Missing::WillBeAdded);
        findings.retain(|finding| finding.severity >= Severity::Deny && !is_stripped(ctx, finding.rule));
        findings
    };
    let mut findings = judged(new);
    let before = if findings.is_empty() { Vec::new() } else { old.map(judged).unwrap_or_default() };
    for finding in &mut findings {
        // As wrong as it was: a rollout or a change of scale is not the time to refuse it.
        finding.severity = if before.contains(finding) { Severity::Warn } else { severity };
        finding.message = format!("the pods of {named} would be refused: {}", finding.message);
        finding.rule = Rule::WorkloadTemplate;
    }
    findings
}

/// Answers whether the mutating call heals what a rule refuses.
fn is_stripped(ctx: Ctx<'_>, rule: Rule) -> bool {
    rule == Rule::UngrantedLabel && ctx.settings().ungranted_labels == super::settings::UngrantedLabels::Strip
}
