//! Findings about capability labels.

use std::fmt;

use crate::canon::{Grant, Identity};
use crate::verdict::ctx::Ctx;
use crate::verdict::explain;
use crate::verdict::finding::{Finding, Rule, Severity};
use crate::verdict::sentence::Sentence;
use crate::verdict::settings::UngrantedLabels;
use crate::verdict::words::{List, Named, Plain, plural};

/// The maximum number of findings about the labels of one pod, which can have tens of thousands.
const MAX_FINDINGS: usize = 64;

/// Findings about the labels of one pod. The last one counts those beyond the limit.
pub(super) struct LabelFindings<'n> {
    findings: Vec<Finding>,
    named: Named<'n>,
    more: usize,
    gravest: Severity,
}

impl<'n> LabelFindings<'n> {
    pub(super) fn new(named: Named<'n>) -> Self {
        LabelFindings { findings: Vec::new(), named, more: 0, gravest: Severity::Warn }
    }

    /// Adds a finding. Calls `message` only below the limit.
    pub(super) fn push(&mut self, rule: Rule, severity: Severity, message: impl FnOnce(Named<'n>) -> Sentence) {
        if self.findings.len() < MAX_FINDINGS {
            self.findings.push(Finding::new(rule, severity, message(self.named)));
        } else {
            self.more += 1;
            self.gravest = self.gravest.max(severity);
        }
    }

    pub(super) fn finish(mut self) -> Vec<Finding> {
        if self.more > 0 {
            let message = format!("{} has {} more wrong label{} under netpol/", self.named, self.more, plural(self.more));
            self.findings.push(Finding::new(Rule::UngrantedLabel, self.gravest, message));
        }
        self.findings
    }
}

/// Returns the severity of an ungranted label in validation. With `strip`, `/mutate` has removed it already.
pub(super) fn ungranted_severity(ctx: Ctx<'_>) -> Severity {
    match ctx.settings().ungranted_labels {
        UngrantedLabels::Deny | UngrantedLabels::Strip => Severity::Deny,
        UngrantedLabels::Warn => Severity::Warn,
    }
}

pub(super) fn ungranted(ctx: Ctx<'_>, named: Named<'_>, key: &str) -> Sentence {
    let mut sentence = no_grant(
        ctx,
        key,
        format_args!("{named} has label {}, which no grant allows for this pod", Plain(key)),
        "Remove the label or add it to a grant",
    );
    if let Some(command) = explain::opened_by(ctx, key) {
        sentence.append(&format!(". What it opens: {command}"));
    }
    sentence
}

pub(super) fn stripped(ctx: Ctx<'_>, named: Named<'_>, key: &str) -> Sentence {
    no_grant(
        ctx,
        key,
        format_args!("label {} is removed from {named}: no grant allows it", Plain(key)),
        "Use a pod that a grant selects, or add the label to a grant",
    )
}

/// Returns a sentence with the grants that have the label.
fn no_grant(ctx: Ctx<'_>, key: &str, problem: fmt::Arguments<'_>, cure: &str) -> Sentence {
    let granters = List { items: ctx.canons().granters(key).map(Granter), most: 4 };
    if granters.items.clone().next().is_none() {
        return Sentence::from(format!("{problem} (no grant has this label). {cure}"));
    }
    Sentence::listing(format_args!("{problem} (grants with this label: "), &granters, format_args!("). {cure}"))
}

struct Granter<'c>(&'c Grant);

impl fmt::Display for Granter<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} for {}", self.0.name, self.0.selects)
    }
}

pub(super) fn wrong_value(named: Named<'_>, identity: &Identity<'_>, key: &str, value: &str, granted: &str) -> Sentence {
    Sentence::from(format!(
        "{named} has label {key}={}, but {} it the value {granted}. Set {key} to {granted}",
        Plain(value),
        gives(identity, &[key])
    ))
}

pub(super) fn two_identities(named: Named<'_>, identity: &Identity<'_>) -> Sentence {
    let grants: Vec<String> = identity.exclusive().map(|grant| format!("{} ({})", grant.name, grant.selects)).collect();
    Sentence::listing(
        format_args!("{named} has more than one identity: grants "),
        &List { items: grants.iter(), most: 4 },
        format_args!(" exclude each other, so none of them applies. Keep only one of the labels by which they select pods"),
    )
}

/// Returns the grants that give a pod some of these labels: `grant desktop gives`.
pub(super) fn gives(identity: &Identity<'_>, keys: &[&str]) -> String {
    let giving = |grant: &&Grant| keys.iter().any(|key| grant.labels.contains_key(*key));
    let names: Vec<&str> = identity.grants().filter(giving).map(|grant| grant.name.as_str()).collect();
    let (noun, verb) = if names.len() == 1 { ("grant", "gives") } else { ("grants", "give") };
    format!("{noun} {} {verb}", List { items: names.iter(), most: 4 })
}
