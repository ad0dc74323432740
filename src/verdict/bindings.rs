//! Bindings: the API server copies the labels and annotations of one onto the pod that it binds.

use super::annotations::MIRROR;
use super::facts::{Change, Metadata, Step};
use super::pods::network;
use super::words::{List, Plain};
use super::{Ctx, Finding, Rule, Severity};
use crate::canon::CAPABILITY_PREFIX;

/// Judges a binding that is made: anything else that is done to one stores nothing.
pub(super) fn validate(ctx: Ctx<'_>, change: &Change<Metadata<'_>>) -> Vec<Finding> {
    let metadata = match change.step(ctx.request.operation) {
        Ok(Step::Create(metadata)) => metadata,
        Ok(_) => return Vec::new(),
        Err(field) => return vec![Finding::missing(field)],
    };
    let named = ctx.named("the binding of pod", metadata);
    let mut findings = Vec::new();

    let tells = |key: &str| key.starts_with(CAPABILITY_PREFIX) || ctx.canon().is_identity_key(key);
    let keys: Vec<Plain<'_>> = metadata.labels.iter().filter(|(key, _)| tells(key)).map(|(key, _)| Plain(key)).collect();
    if !keys.is_empty() {
        let message = format!(
            "{named} carries {}, which would be copied onto the pod. Bind without the label",
            List { items: keys.iter(), most: 20 }
        );
        findings.push(Finding::new(Rule::Binding, Severity::Deny, message));
    }
    if metadata.annotations.get(MIRROR).is_some() {
        let message = format!("{named} is annotated {MIRROR}, which would pass the pod off for a static one. Bind without the annotation");
        findings.push(Finding::new(Rule::Binding, Severity::Deny, message));
    }
    findings.extend(network::annotations(ctx, named, &metadata.annotations, None));
    findings
}
