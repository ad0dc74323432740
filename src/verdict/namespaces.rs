//! Namespaces. Canonical peers select neighbor namespaces by labels, and every user who may label a namespace can set
//! these.

use super::ctx::Ctx;
use super::facts::{Labels, Namespace, Objects, Step};
use super::finding::{Finding, Rule};
use super::sentence::Sentence;
use super::words::List;
use crate::canon::NeighborSelector;

/// Judges a namespace that is created or updated, guarded or not.
pub(super) fn validate(ctx: Ctx<'_>, objects: &Objects<Namespace<'_>>) -> Vec<Finding> {
    let none = Labels::default();
    let (old, new) = match objects.step(ctx.request.operation) {
        Ok(Step::Create(new)) => (&none, &new.metadata),
        Ok(Step::Update { old, new }) => (&old.metadata.labels, &new.metadata),
        Ok(Step::Nothing) => return Vec::new(),
        Err(field) => return vec![Finding::missing(field)],
    };
    let Some(severity) = ctx.settings().neighbors.severity() else { return Vec::new() };
    let named = ctx.named("namespace", &new.name, &new.generate_name);
    let mut findings = Vec::new();
    for neighbor in ctx.canons().neighbors() {
        for key in neighbor.keys() {
            let (before, after) = (old.get(key), new.labels.get(key));
            let policies = List { items: neighbor.policies.iter(), most: 4 };
            let message = match (neighbor.selector.accepts(key, before), neighbor.selector.accepts(key, after)) {
                (false, true) => Sentence::listing(
                    format_args!("{named} gains {}, which canonical policies use to select peers (", label(neighbor, key, after)),
                    &policies,
                    format_args!("). Add the label only if this is intended"),
                ),
                (true, false) => Sentence::listing(
                    format_args!("{named} loses {}, which canonical policies use to select peers (", label(neighbor, key, before)),
                    &policies,
                    format_args!("): they no longer allow its traffic. Keep the label"),
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
