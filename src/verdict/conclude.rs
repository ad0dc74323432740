//! Turns findings into a decision. Only this file softens denials and chooses what is recorded at every audit level.

use std::fmt::Write as _;

use serde::Serialize;

use super::finding::{Finding, Rule, Severity};
use super::settings::Enforcement;
use crate::documents::text::truncated;

/// The maximum length of a denial's message in bytes. The audit line has every sentence in full.
const MAX_MESSAGE: usize = 2048;

/// The maximum length of a warning in characters. The API server may truncate a longer one.
const MAX_WARNING: usize = 120;

/// The maximum number of warnings in an answer. The API server passes on 4 KiB of warnings.
const MAX_WARNINGS: usize = 16;

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
    /// Warnings for the user, at most 120 characters each.
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

/// Decides about a request. A fault always denies it, and a violation denies it unless enforcement is softened.
pub fn conclude(findings: &[Finding], enforcement: Enforcement) -> Verdict {
    let gravest = findings.iter().map(|finding| finding.severity).max();
    let denied_from = if enforcement == Enforcement::Deny { Severity::Deny } else { Severity::Fault };
    let denied = gravest >= Some(denied_from);
    Verdict {
        denial: denied.then(|| denial(findings, gravest, denied_from)),
        softened: !denied && gravest == Some(Severity::Deny),
        on_record: gravest >= Some(Severity::Noted),
        rule: findings.iter().find(|finding| Some(finding.severity) == gravest).map(|finding| finding.rule),
        warnings: warnings(findings, enforcement),
    }
}

fn denial(findings: &[Finding], gravest: Option<Severity>, denied_from: Severity) -> Denial {
    let cause = if gravest == Some(Severity::Fault) { Cause::NotUnderstood } else { Cause::Violation };
    let mut sentences = findings.iter().filter(|finding| finding.severity >= denied_from).map(|finding| finding.message.as_str());
    let mut message = String::new();
    if let Some(first) = sentences.next() {
        message.push_str(cut(first, MAX_MESSAGE));
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

fn warnings(findings: &[Finding], enforcement: Enforcement) -> Vec<String> {
    let mut warnings = Vec::new();
    for finding in findings {
        match (finding.severity, enforcement) {
            (Severity::Warn | Severity::Noted, _) => split(&finding.message, &mut warnings),
            (Severity::Deny, Enforcement::Warn) => split(&format!("would be denied: {}", finding.message), &mut warnings),
            _ => {}
        }
    }
    if warnings.len() > MAX_WARNINGS {
        let more = warnings.len() - MAX_WARNINGS + 1;
        warnings.truncate(MAX_WARNINGS - 1);
        warnings.push(format!("and {more} more lines of warnings"));
    }
    warnings
}

/// Splits a sentence into lines of at most [`MAX_WARNING`] characters, between words if possible.
fn split(sentence: &str, lines: &mut Vec<String>) {
    let mut line = String::new();
    let mut length = 0;
    for word in sentence.split_whitespace() {
        let characters = word.chars().count();
        if length > 0 && length + 1 + characters > MAX_WARNING {
            lines.push(std::mem::take(&mut line));
            length = 0;
        }
        if length > 0 {
            line.push(' ');
            length += 1;
        }
        for character in word.chars() {
            if length == MAX_WARNING {
                lines.push(std::mem::take(&mut line));
                length = 0;
            }
            line.push(character);
            length += 1;
        }
    }
    if length > 0 {
        lines.push(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(severity: Severity, message: &str) -> Finding {
        Finding { rule: Rule::UngrantedLabel, severity, message: message.to_owned(), differences: Vec::new(), witness: None }
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
        assert_eq!((denial.cause, denial.message.as_str()), (Cause::Violation, "no"));
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

    #[test]
    fn warnings_are_short_split_between_words_and_bounded() {
        let words = "word ".repeat(60);
        let lines = conclude(&[finding(Severity::Warn, &words)], Enforcement::Deny).warnings;
        assert_eq!(lines.len(), 3);
        assert_eq!(lines.join(" "), words.trim_end());
        assert!(lines.iter().all(|line| line.chars().count() <= 120));

        let unbroken = "é".repeat(250);
        let lines = conclude(&[finding(Severity::Warn, &format!("name {unbroken}"))], Enforcement::Deny).warnings;
        assert!(lines.iter().all(|line| line.chars().count() <= 120));
        assert_eq!(lines.concat(), format!("name{unbroken}"));

        let many: Vec<Finding> = (0..100).map(|number| finding(Severity::Warn, &format!("number {number}"))).collect();
        let lines = conclude(&many, Enforcement::Deny).warnings;
        assert_eq!((lines.len(), lines.last().unwrap().as_str()), (16, "and 85 more lines of warnings"));
    }

    #[test]
    fn a_long_message_is_cut_with_a_count() {
        let many: Vec<Finding> = (0..100).map(|_| finding(Severity::Deny, &"long ".repeat(50))).collect();
        let message = conclude(&many, Enforcement::Deny).denial.unwrap().message;
        assert!(message.len() < MAX_MESSAGE + 32 && message.ends_with("; and 92 more"), "{message}");
        let message = conclude(&[finding(Severity::Deny, &"é ".repeat(5000))], Enforcement::Deny).denial.unwrap().message;
        assert!(message.len() <= MAX_MESSAGE + 3 && message.ends_with("é…"));
    }
}
