//! Namespaces. Canonical peers select neighbor namespaces by labels, and every user who may label a namespace can set
//! these. Annotations of a guarded namespace can open another network to its pods.

use super::ctx::Ctx;
use super::facts::{Labels, Namespace, Objects, Step};
use super::finding::{Finding, Rule};
use super::pods::network;
use super::words::{List, Named};
use crate::canon::NeighborSelector;

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
        findings.extend(network::namespace_annotations(ctx, named, &new.annotations, old.map(|old| &old.annotations)));
    }
    findings
}

fn neighbors(ctx: Ctx<'_>, named: Named<'_>, new: &Labels<'_>, old: Option<&Labels<'_>>) -> Vec<Finding> {
    let Some(severity) = ctx.settings().neighbors.severity() else { return Vec::new() };
    let mut findings = Vec::new();
    for neighbor in ctx.canons().neighbors() {
        for key in neighbor.keys() {
            let (before, after) = (old.and_then(|old| old.get(key)), new.get(key));
            let policies = List { items: neighbor.policies.iter(), most: 4 };
            let message = match (neighbor.selector.accepts(key, before), neighbor.selector.accepts(key, after)) {
                (false, true) => format!(
                    "{named} gains {}, which canonical policies use to select peers ({policies}). Add the label only if this is intended",
                    label(neighbor, key, after)
                ),
                (true, false) => format!(
                    "{named} loses {}, which canonical policies use to select peers ({policies}): they no longer allow its traffic. Keep the label",
                    label(neighbor, key, before)
                ),
                _ => continue,
            };
            findings.push(Finding::new(Rule::Neighbor, severity, message));
        }
    }
    findings
}

/// Returns a label for a sentence. It contains the value only if the canon contains it.
fn label(neighbor: &NeighborSelector, key: &str, value: Option<&str>) -> String {
    let listed = neighbor.selector.required_values(key).into_iter().flatten().find(|listed| Some(*listed) == value);
    listed.map_or_else(|| format!("another value of label {key}"), |value| format!("label {key}={value}"))
}
