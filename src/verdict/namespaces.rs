//! Namespaces: canonical peers name some by labels that anyone may set who may label a namespace.

use super::facts::{Change, Labels, Metadata, Step};
use super::words::List;
use super::{Ctx, Finding, Rule};
use crate::canon::Neighbor;

/// Judges a namespace that is made or changed, whichever it is.
pub(super) fn validate(ctx: Ctx<'_>, change: &Change<Metadata<'_>>) -> Vec<Finding> {
    let none = Labels::default();
    let (old, new) = match change.step(ctx.request.operation) {
        Ok(Step::Create(new)) => (&none, new),
        Ok(Step::Update { old, new }) => (&old.labels, new),
        Ok(Step::Delete(_) | Step::Other) => return Vec::new(),
        Err(field) => return vec![Finding::missing(field)],
    };
    let Some(severity) = ctx.settings().neighbors.severity() else { return Vec::new() };
    let named = ctx.named("namespace", new);
    let mut findings = Vec::new();
    for neighbor in ctx.canon().neighbors() {
        for key in neighbor.keys() {
            let (before, after) = (old.get(key), new.labels.get(key));
            let policies = List { items: neighbor.policies.iter(), most: 4 };
            let message = match (neighbor.selector.accepts(key, before), neighbor.selector.accepts(key, after)) {
                (false, true) => format!(
                    "{named} gets {}, by which canonical policies tell a peer ({policies}). Label it so only if it is meant",
                    label(neighbor, key, after)
                ),
                (true, false) => format!(
                    "{named} loses {}, by which canonical policies tell a peer ({policies}): they cut it off. Keep the label",
                    label(neighbor, key, before)
                ),
                _ => continue,
            };
            findings.push(Finding::new(Rule::Neighbor, severity, message));
        }
    }
    findings
}

/// A label in a sentence: its value is said only where the canon says it.
fn label(neighbor: &Neighbor, key: &str, value: Option<&str>) -> String {
    let listed = neighbor.selector.required_values(key).into_iter().flatten().find(|listed| Some(*listed) == value);
    listed.map_or_else(|| format!("another value of {key}"), |value| format!("{key}={value}"))
}
