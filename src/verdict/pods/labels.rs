//! Findings about capability labels.

use std::fmt::{self, Write as _};

use crate::canon::{Grant, Identity};
use crate::verdict::ctx::Ctx;
use crate::verdict::finding::{Finding, Rule, Severity};
use crate::verdict::settings::UngrantedLabels;
use crate::verdict::words::{List, Named, Plain, plural};

/// The maximum number of findings about the labels of one pod, which can have tens of thousands.
const MAX_FINDINGS: usize = 64;

/// The capacity for a sentence, in bytes. Most are shorter.
const SENTENCE: usize = 256;

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
    pub(super) fn push(&mut self, rule: Rule, severity: Severity, message: impl FnOnce(Named<'n>) -> String) {
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

pub(super) fn ungranted(ctx: Ctx<'_>, named: Named<'_>, key: &str) -> String {
    let mut sentence = String::with_capacity(SENTENCE);
    let granters = granters(ctx, key);
    // Writing to a string cannot fail.
    let _ = write!(
        sentence,
        "{named} has label {}, which no grant allows for this pod ({granters}). Remove the label or add it to a grant",
        Plain(key)
    );
    sentence
}

/// Returns the grants with a label, for a sentence.
pub(super) fn granters<'c>(ctx: Ctx<'c>, key: &str) -> impl fmt::Display + use<'c> {
    Granters(ctx.canons().granters(key))
}

struct Granters<I>(I);

impl<'c, I: Iterator<Item = &'c Grant> + Clone> fmt::Display for Granters<I> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.clone().next().is_none() {
            return formatter.write_str("no grant has this label");
        }
        formatter.write_str("grants with this label: ")?;
        List { items: self.0.clone().map(Granter), most: 4 }.fmt(formatter)
    }
}

struct Granter<'c>(&'c Grant);

impl fmt::Display for Granter<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} for {}", self.0.name, self.0.selects)
    }
}

pub(super) fn wrong_value(named: Named<'_>, identity: &Identity<'_>, key: &str, value: &str, granted: &str) -> String {
    format!("{named} has label {key}={}, but {} it the value {granted}. Set {key} to {granted}", Plain(value), gives(identity, &[key]))
}

pub(super) fn two_identities(named: Named<'_>, identity: &Identity<'_>) -> String {
    let grants: Vec<String> = identity.exclusive().map(|grant| format!("{} ({})", grant.name, grant.selects)).collect();
    format!(
        "{named} has more than one identity: grants {} exclude each other, so none of them applies. Keep only one of the labels by which they select pods",
        List { items: grants.iter(), most: 4 }
    )
}

/// Returns the grants that give a pod some of these labels: `grant desktop gives`.
pub(super) fn gives(identity: &Identity<'_>, keys: &[&str]) -> String {
    let giving = |grant: &&Grant| keys.iter().any(|key| grant.labels.contains_key(*key));
    let names: Vec<&str> = identity.grants().filter(giving).map(|grant| grant.name.as_str()).collect();
    let (noun, verb) = if names.len() == 1 { ("grant", "gives") } else { ("grants", "give") };
    format!("{noun} {} {verb}", List { items: names.iter(), most: 4 })
}
