//! Turns findings into a decision. Only this file softens denials and chooses what is recorded at every audit level.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde::Serialize;

use super::finding::{Finding, Rule, Severity};
use super::sentence::Sentence;
use super::settings::Enforcement;
use crate::documents::text::{one_line, truncated};

/// The maximum length of a denial's message in bytes. The audit line has every sentence in full.
const MAX_MESSAGE: usize = 2048;

/// The length in characters from which the list in a warning is shortened, as the API documentation recommends.
const LONG_WARNING: usize = 120;

/// The maximum length of a warning in characters. Only extremely long names reach it.
const MAX_WARNING: usize = 1024;

/// The maximum number of warnings in a response, without the one that counts the rest.
const MAX_WARNINGS: usize = 15;

/// The maximum length of all warnings in characters. Past 4,096 the API server cuts each to 256 characters. The rest is
/// for the warnings of other webhooks.
const MAX_WARNINGS_LENGTH: usize = 3072;

/// The outcome of a review.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Admitted without a warning.
    Allowed,
    /// Admitted with a warning.
    Warned,
    /// Denied.
    Denied,
    /// Admitted although a rule is violated, because `--enforcement` is softened.
    Softened,
}

/// The final decision about a request.
#[derive(Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The denial, if the request is denied.
    pub denial: Option<Denial>,
    /// Whether only softened enforcement admits the request.
    pub softened: bool,
    /// Whether the decision is recorded at every level of the audit log.
    pub on_record: bool,
    /// The rule of the most severe finding.
    pub rule: Option<Rule>,
    /// Warnings for the user: a sentence on one line each.
    pub warnings: Vec<String>,
}

/// A denial.
#[derive(Debug, PartialEq, Eq)]
pub struct Denial {
    /// The cause.
    pub cause: Cause,
    /// One or more sentences, which follow "denied the request:" in the error of the API server.
    pub message: String,
}

/// The cause of a denial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The request violates a rule.
    Violation,
    /// The request cannot be understood.
    NotUnderstood,
}

impl Verdict {
    /// Returns the outcome.
    pub fn outcome(&self) -> Outcome {
        if self.denial.is_some() {
            Outcome::Denied
        } else if self.softened {
            Outcome::Softened
        } else if self.warnings.is_empty() {
            Outcome::Allowed
        } else {
            Outcome::Warned
        }
    }
}

/// Decides about a request. A fault, a probe and what no enforcement softens are always denied, and a violation is denied unless
/// enforcement is softened.
pub fn conclude(findings: &[Finding], enforcement: Enforcement) -> Verdict {
    let gravest = findings.iter().map(|finding| finding.severity).max();
    let denied_from = if enforcement == Enforcement::Deny { Severity::Deny } else { Severity::AlwaysDeny };
    let denied = gravest >= Some(denied_from);
    Verdict {
        denial: denied.then(|| denial(findings, gravest, denied_from)),
        softened: !denied && gravest == Some(Severity::Deny),
        on_record: gravest >= Some(Severity::Noted) && gravest != Some(Severity::Probe),
        rule: findings.iter().find(|finding| Some(finding.severity) == gravest).map(|finding| finding.rule),
        warnings: warnings(findings, enforcement),
    }
}

fn denial(findings: &[Finding], gravest: Option<Severity>, denied_from: Severity) -> Denial {
    let cause = if gravest == Some(Severity::Fault) { Cause::NotUnderstood } else { Cause::Violation };
    let mut sentences = findings.iter().filter(|finding| finding.severity >= denied_from).map(|finding| &finding.message);
    let mut message = String::new();
    if let Some(first) = sentences.next() {
        let first = if first.len() > MAX_MESSAGE { Cow::Owned(first.shortened()) } else { Cow::Borrowed(&**first) };
        message.push_str(cut(&first, MAX_MESSAGE));
        if message.len() < first.len() {
            message.push('…');
        }
    }
    let mut more = 0usize;
    for sentence in sentences {
        if more == 0 && message.len() + sentence.len() <= MAX_MESSAGE {
            message.push_str("; ");
            message.push_str(sentence);
        } else {
            more += 1;
        }
    }
    if more > 0 {
        let _ = write!(message, "; and {more} more");
    }
    Denial { cause, message }
}

/// Returns the start of `text`, at most `bytes` bytes, cut between words if possible.
fn cut(text: &str, bytes: usize) -> &str {
    let start = truncated(text, bytes);
    if start.len() == text.len() { text } else { start.rsplit_once(' ').map_or(start, |(words, _)| words) }
}

/// Returns one warning for each finding that gives one. Each is a whole sentence, because `kubectl` does not repeat a
/// line that it has printed, and the API server may drop any of them.
fn warnings(findings: &[Finding], enforcement: Enforcement) -> Vec<String> {
    let mut warnings = Vec::new();
    let (mut length, mut more) = (0, 0usize);
    for finding in findings {
        let start = match (finding.severity, enforcement) {
            (Severity::Warn | Severity::Noted, _) => "",
            (Severity::Deny, Enforcement::Warn) => "would be denied: ",
            _ => continue,
        };
        let warning = warning(start, &finding.message);
        length += warning.chars().count();
        if more == 0 && warnings.len() < MAX_WARNINGS && length <= MAX_WARNINGS_LENGTH {
            warnings.push(warning);
        } else {
            more += 1;
        }
    }
    if more > 0 {
        warnings.push(format!("and {more} more warnings"));
    }
    warnings
}

/// Returns a warning on one line. A long one has only the first item of its list, and keeps its end.
fn warning(start: &str, message: &Sentence) -> String {
    let is_long = start.chars().count() + message.chars().count() > LONG_WARNING;
    let sentence = if is_long { Cow::Owned(message.shortened()) } else { Cow::Borrowed(&**message) };
    one_line(&format!("{start}{sentence}"), MAX_WARNING)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::words::List;

    fn finding(severity: Severity, message: &str) -> Finding {
        Finding::new(Rule::UngrantedLabel, severity, message.to_owned())
    }

    #[test]
    fn a_request_without_findings_is_admitted_without_a_warning() {
        let verdict = conclude(&[], Enforcement::Deny);
        assert_eq!(verdict, Verdict { denial: None, softened: false, on_record: false, rule: None, warnings: Vec::new() });
    }

    #[test]
    fn a_violation_is_softened_and_a_fault_is_not() {
        let denied = [finding(Severity::Deny, "no")];
        let denial = conclude(&denied, Enforcement::Deny).denial.unwrap();
        assert_eq!((denial.cause, &*denial.message), (Cause::Violation, "no"));
        let warned = conclude(&denied, Enforcement::Warn);
        assert_eq!((warned.denial, warned.softened, warned.on_record), (None, true, true));
        assert_eq!(warned.warnings, ["would be denied: no"]);
        let audited = conclude(&denied, Enforcement::Audit);
        assert_eq!((audited.denial, audited.softened, audited.on_record), (None, true, true));
        assert!(audited.warnings.is_empty());
        let faulty = [finding(Severity::Deny, "no"), finding(Severity::Fault, "what?")];
        for enforcement in [Enforcement::Deny, Enforcement::Warn, Enforcement::Audit] {
            let verdict = conclude(&faulty, enforcement);
            let denial = verdict.denial.unwrap();
            assert_eq!(denial.cause, Cause::NotUnderstood);
            assert!(denial.message.contains("what?") && !verdict.softened);
        }
    }

    #[test]
    fn a_noted_finding_gives_a_warning_and_a_record() {
        let verdict = conclude(&[finding(Severity::Noted, "break-glass")], Enforcement::Deny);
        assert_eq!((verdict.denial, verdict.on_record, verdict.warnings), (None, true, vec!["break-glass".to_owned()]));
        assert!(!conclude(&[finding(Severity::Warn, "old")], Enforcement::Deny).on_record);
    }

    fn listing(severity: Severity, items: usize, cure: &str) -> Finding {
        let list = List { items: (0..items).map(|number| format!("netpol/label-{number}")), most: 20 };
        let message = Sentence::listing(format_args!("pod \"a\" has label "), &list, format_args!(". {cure}"));
        Finding::new(Rule::UngrantedLabel, severity, message)
    }

    #[test]
    fn each_warning_is_a_whole_sentence_that_keeps_its_cure() {
        let cure = "To remove the label: kubectl -n abcdesktop label pod a netpol/label-0-";
        let findings = [listing(Severity::Warn, 2, "Remove it"), listing(Severity::Deny, 30, cure)];
        let warnings = conclude(&findings, Enforcement::Warn).warnings;
        assert_eq!(
            warnings,
            [
                "pod \"a\" has label netpol/label-0, netpol/label-1. Remove it".to_owned(),
                format!("would be denied: pod \"a\" has label netpol/label-0 and 29 more. {cure}"),
            ]
        );
        let unbroken = conclude(&[finding(Severity::Warn, &"é\n".repeat(5000))], Enforcement::Deny).warnings;
        assert!(unbroken[0].chars().count() == MAX_WARNING + 1 && !unbroken[0].contains('\n'));
    }

    #[test]
    fn warnings_are_bounded_and_the_rest_is_counted() {
        let of = |length: usize| {
            let many: Vec<Finding> = (0..100).map(|number| finding(Severity::Warn, &format!("{number:>length$}"))).collect();
            conclude(&many, Enforcement::Deny).warnings
        };
        let warnings = of(10);
        assert_eq!((warnings.len(), warnings.last().unwrap().as_str()), (16, "and 85 more warnings"));
        let warnings = of(1000);
        assert_eq!((warnings.len(), warnings.last().unwrap().as_str()), (4, "and 97 more warnings"));
    }

    #[test]
    fn what_no_enforcement_softens_is_denied_and_recorded() {
        let findings = [finding(Severity::Deny, "softened"), finding(Severity::AlwaysDeny, "no")];
        for (enforcement, message) in [(Enforcement::Deny, "softened; no"), (Enforcement::Warn, "no"), (Enforcement::Audit, "no")] {
            let verdict = conclude(&findings, enforcement);
            assert_eq!((verdict.softened, verdict.on_record, verdict.outcome()), (false, true, Outcome::Denied), "{enforcement:?}");
            let denial = verdict.denial.unwrap();
            assert_eq!((denial.cause, &*denial.message), (Cause::Violation, message));
        }
    }

    #[test]
    fn a_long_message_is_cut_with_a_count() {
        let many: Vec<Finding> = (0..100).map(|_| finding(Severity::Deny, &"long ".repeat(50))).collect();
        let message = conclude(&many, Enforcement::Deny).denial.unwrap().message;
        assert!(message.len() < MAX_MESSAGE + 32 && message.ends_with("; and 92 more"), "{message}");
        let message = conclude(&[listing(Severity::Deny, 20, &"z".repeat(1900))], Enforcement::Deny).denial.unwrap().message;
        assert!(message.contains("netpol/label-0 and 19 more. zzz") && message.ends_with('z'), "the cure stays: {message}");
        let message = conclude(&[finding(Severity::Deny, &"é ".repeat(5000))], Enforcement::Deny).denial.unwrap().message;
        assert!(message.len() <= MAX_MESSAGE + 3 && message.ends_with("é…"));
    }
}
