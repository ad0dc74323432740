//! What is said of labels under `netpol/`.

use std::fmt::{self, Write as _};

use crate::canon::{Grant, Identity};
use crate::verdict::settings::UngrantedLabels;
use crate::verdict::words::{List, Named, Plain, plural};
use crate::verdict::{Ctx, Finding, Rule, Severity};

/// The most findings about labels of one pod: an object can hold tens of thousands.
const MOST: usize = 64;

/// Findings about labels of one pod, the first of them in words, the rest as a count.
pub(super) struct LabelFindings<'n> {
    findings: Vec<Finding>,
    named: Named<'n>,
    left: usize,
    gravest: Severity,
}

impl<'n> LabelFindings<'n> {
    pub(super) fn new(named: Named<'n>) -> Self {
        LabelFindings { findings: Vec::new(), named, left: 0, gravest: Severity::Warn }
    }

    /// Adds one; its message is made only where it is kept.
    pub(super) fn push(&mut self, rule: Rule, severity: Severity, message: impl FnOnce(Named<'n>) -> String) {
        if self.findings.len() < MOST {
            self.findings.push(Finding::new(rule, severity, message(self.named)));
        } else {
            self.left += 1;
            self.gravest = self.gravest.max(severity);
        }
    }

    pub(super) fn finish(mut self) -> Vec<Finding> {
        if self.left > 0 {
            let message = format!("{} has {} more label{} under netpol/ that are wrong", self.named, self.left, plural(self.left));
            self.findings.push(Finding::new(Rule::UngrantedLabel, self.gravest, message));
        }
        self.findings
    }
}

/// How grave an ungranted label is to validation: with `strip` what is still there is refused.
pub(super) fn ungranted_severity(ctx: Ctx<'_>) -> Severity {
    match ctx.settings().ungranted_labels {
        UngrantedLabels::Deny | UngrantedLabels::Strip => Severity::Deny,
        UngrantedLabels::Warn => Severity::Warn,
    }
}

pub(super) fn ungranted(ctx: Ctx<'_>, named: Named<'_>, key: &str) -> String {
    let mut sentence = String::with_capacity(LONG_SENTENCE);
    let granters = granters(ctx, key);
    // Writing into a string does not fail.
    let _ = write!(sentence, "{named} wears {}, which no grant gives it ({granters}). Remove the label, or extend the grants", Plain(key));
    sentence
}

/// The bytes of a longish sentence.
const LONG_SENTENCE: usize = 256;

/// Which grants give a label, in words.
pub(super) fn granters<'c>(ctx: Ctx<'c>, key: &str) -> impl fmt::Display + use<'c> {
    Granters(ctx.canon().granters(key))
}

struct Granters<I>(I);

impl<'c, I: Iterator<Item = &'c Grant> + Clone> fmt::Display for Granters<I> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.clone().next().is_none() {
            return formatter.write_str("no grant does");
        }
        formatter.write_str("grants that do: ")?;
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
    format!("{named} wears {key}={}, but {} it the value {granted}. Set {key} to {granted}", Plain(value), gives(identity, &[key]))
}

pub(super) fn two_identities(named: Named<'_>, identity: &Identity<'_>) -> String {
    let grants: Vec<String> = identity.exclusive().map(|grant| format!("{} ({})", grant.name, grant.selects)).collect();
    format!(
        "{named} has more than one identity: grants {} exclude each other, so none of them counts. Leave only one of the labels that they select by",
        List { items: grants.iter(), most: 4 }
    )
}

/// Who gives a pod some of these labels: `grant desktop gives`.
pub(super) fn gives(identity: &Identity<'_>, keys: &[&str]) -> String {
    let giving = |grant: &&Grant| keys.iter().any(|key| grant.labels.contains_key(*key));
    let names: Vec<&str> = identity.grants().filter(giving).map(|grant| grant.name.as_str()).collect();
    let (noun, verb) = if names.len() == 1 { ("grant", "gives") } else { ("grants", "give") };
    format!("{noun} {} {verb}", List { items: names.iter(), most: 4 })
}
