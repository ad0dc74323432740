//! Namespaces. Canonical peers select neighbor namespaces by labels, and every user who may label a namespace can set
//! these: a finding needs a selector that matches the labels before the request or after it, and not both. Annotations of a
//! guarded namespace can open another network to its pods, or pause repair.

use super::ctx::Ctx;
use super::facts::{Labels, Namespace, Objects, Step};
use super::finding::{Finding, Rule};
use super::pause;
use super::pods::network;
use super::sentence::Sentence;
use super::words::{List, Named};

/// Judges a namespace that is created or updated, guarded or not.
pub(super) fn validate(ctx: Ctx<'_>, objects: &Objects<Namespace<'_>>) -> Vec<Finding> {
    let (old, new) = match objects.step(ctx.request.operation) {
        Ok(Step::Create(new)) => (None, &new.metadata),
        Ok(Step::Update { old, new }) => (Some(&old.metadata), &new.metadata),
        Ok(Step::Nothing) => return Vec::new(),
        Err(field) => return vec![Finding::missing(field)],
    };
    let named = ctx.named("namespace", &new.name, &new.generate_name);
    let mut findings = neighbors(ctx, named, &new.labels, old.map(|old| &old.labels));
    if ctx.canons().policies(named.name).is_some() {
        let old = old.map(|old| &old.annotations);
        findings.extend(network::namespace_annotations(ctx, named, &new.annotations, old));
        findings.extend(pause::judge(ctx, named, &new.annotations, old));
    }
    findings
}

fn neighbors(ctx: Ctx<'_>, named: Named<'_>, new: &Labels<'_>, old: Option<&Labels<'_>>) -> Vec<Finding> {
    let Some(severity) = ctx.settings().neighbors.severity() else { return Vec::new() };
    let mut findings = Vec::new();
    for neighbor in ctx.canons().neighbors() {
        let matches = |labels: &Labels<'_>| neighbor.selector.matches(|key| labels.get(key));
        // A new namespace that matches without any label is the canon's intention.
        let before = old.map_or(!neighbor.needs_a_label(), matches);
        let policies = List { items: neighbor.policies.iter(), most: 4 };
        let selects = &neighbor.selects;
        let message = match (before, old.is_none() && before || matches(new)) {
            (false, true) => Sentence::listing(
                format_args!(
                    "{named} becomes a neighbor namespace: its labels match {selects}, which canonical policies use to select peers ("
                ),
                &policies,
                format_args!("). Add the label only if this is intended"),
            ),
            (true, false) => Sentence::listing(
                format_args!(
                    "{named} stops being a neighbor namespace: its labels no longer match {selects}, which canonical policies use to select peers ("
                ),
                &policies,
                format_args!("): they no longer allow its traffic. Keep the label"),
            ),
            _ => continue,
        };
        findings.push(Finding::new(Rule::Neighbor, severity, message));
    }
    findings
}
