//! Bindings. The API server copies the labels and annotations of a binding to its pod.

use super::annotations::MIRROR;
use super::ctx::Ctx;
use super::facts::{Objects, OnlyMetadata, Step};
use super::finding::{Finding, Rule, Severity};
use super::pods::network;
use super::sentence::Sentence;
use super::words::{List, Plain};
use crate::canon::CAPABILITY_PREFIX;

/// Judges a new binding. Other operations store nothing.
pub(super) fn validate(ctx: Ctx<'_>, objects: &Objects<OnlyMetadata<'_>>) -> Vec<Finding> {
    let metadata = match objects.step(ctx.request.operation) {
        Ok(Step::Create(binding)) => &binding.metadata,
        Ok(_) => return Vec::new(),
        Err(field) => return vec![Finding::missing(field)],
    };
    let named = ctx.named("the binding of pod", &metadata.name, &metadata.generate_name);
    let mut findings = Vec::new();

    let is_read = |key: &str| key.starts_with(CAPABILITY_PREFIX) || ctx.canons().is_identity_key(key);
    let keys: Vec<Plain<'_>> = metadata.labels.iter().filter(|(key, _)| is_read(key)).map(|(key, _)| Plain(key)).collect();
    if !keys.is_empty() {
        let message = Sentence::listing(
            format_args!("{named} has label "),
            &List { items: keys.iter(), most: 20 },
            format_args!(", which would be copied to the pod. Bind without the label"),
        );
        findings.push(Finding::new(Rule::Binding, Severity::Deny, message));
    }
    if metadata.annotations.get(MIRROR).is_some() {
        let message =
            format!("{named} has annotation {MIRROR}, which would make the pod look like a static pod. Bind without the annotation");
        findings.push(Finding::new(Rule::Binding, Severity::Deny, message));
    }
    findings.extend(network::annotations(ctx, named, &metadata.annotations, None));
    findings
}
