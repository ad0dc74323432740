//! Findings in, a decision out: the one place where `--enforcement` softens, and where it is decided
//! what goes on record.

use std::fmt::Write as _;

use serde::Serialize;

use super::settings::Enforcement;
use super::{Finding, Rule, Severity};

/// The most bytes of a refusal's message. The audit line has every sentence whole.
const LONGEST_MESSAGE: usize = 2048;

/// The most characters of a warning: longer ones may be cut on their way.
const LONGEST_WARNING: usize = 120;

/// The most warnings of an answer: the API server passes on 4 KiB of them.
const MOST_WARNINGS: usize = 16;

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Admitted without a word.
    Allowed,
    /// Admitted with a warning.
    Warned,
    /// Refused.
    Denied,
    /// Would have been refused, but `--enforcement` is softened.
    Softened,
}

/// A decision.
#[derive(Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Why the request is refused, if it is.
    pub refusal: Option<Refusal>,
    /// Whether it would have been refused, were enforcement not softened.
    pub softened: bool,
    /// Whether it goes on record whatever the level of the audit log.
    pub on_record: bool,
    /// The rule of the gravest finding.
    pub rule: Option<Rule>,
    /// What the caller is told: at most 120 characters each.
    pub warnings: Vec<String>,
}

/// A refusal as the API server passes it on.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status code that its caller gets.
    pub code: u16,
    /// The reason that goes with the code.
    pub reason: &'static str,
    /// Sentences that read well behind "denied the request:".
    pub message: String,
}

impl Verdict {
    /// The decision in one word.
    pub fn outcome(&self) -> Outcome {
        if self.refusal.is_some() {
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

/// Decides. A fault is refused always; a denial unless enforcement is softened.
pub fn conclude(findings: &[Finding], enforcement: Enforcement) -> Verdict {
    let gravest = findings.iter().map(|finding| finding.severity).max();
    let refused_from = if enforcement == Enforcement::Deny { Severity::Deny } else { Severity::Fault };
    let refused = gravest >= Some(refused_from);
    Verdict {
        refusal: refused.then(|| refusal(findings, gravest, refused_from)),
        softened: !refused && gravest == Some(Severity::Deny),
        on_record: gravest >= Some(Severity::Noted),
        rule: findings.iter().find(|finding| Some(finding.severity) == gravest).map(|finding| finding.rule),
        warnings: warnings(findings, enforcement),
    }
}

fn refusal(findings: &[Finding], gravest: Option<Severity>, refused_from: Severity) -> Refusal {
    let (code, reason) = if gravest == Some(Severity::Fault) { (400, "BadRequest") } else { (403, "Forbidden") };
    let mut sentences = findings.iter().filter(|finding| finding.severity >= refused_from).map(|finding| finding.message.as_str());
    let mut message = String::new();
    if let Some(first) = sentences.next() {
        message.push_str(cut(first, LONGEST_MESSAGE));
        if message.len() < first.len() {
            message.push('…');
        }
    }
    let mut left = 0usize;
    for sentence in sentences {
        if left == 0 && message.len() + sentence.len() <= LONGEST_MESSAGE {
            message.push_str("; ");
            message.push_str(sentence);
        } else {
            left += 1;
        }
    }
    if left > 0 {
        let _ = write!(message, "; and {left} more");
    }
    Refusal { code, reason, message }
}

/// The start of a text: at most `bytes` of it, cut between words where it has any.
fn cut(text: &str, bytes: usize) -> &str {
    if text.len() <= bytes {
        return text;
    }
    let end = text.char_indices().map(|(start, character)| start + character.len_utf8()).take_while(|end| *end <= bytes).last();
    let head = end.and_then(|end| text.get(..end)).unwrap_or_default();
    head.rsplit_once(' ').map_or(head, |(words, _)| words)
}

fn warnings(findings: &[Finding], enforcement: Enforcement) -> Vec<String> {
    let mut warnings = Vec::new();
    for finding in findings {
        match (finding.severity, enforcement) {
            (Severity::Warn | Severity::Noted, _) => split(&finding.message, &mut warnings),
            (Severity::Deny, Enforcement::Warn) => split(&format!("would be refused: {}", finding.message), &mut warnings),
            _ => {}
        }
    }
    if warnings.len() > MOST_WARNINGS {
        let left = warnings.len() - MOST_WARNINGS + 1;
        warnings.truncate(MOST_WARNINGS - 1);
        warnings.push(format!("and {left} more lines of warnings"));
    }
    warnings
}

/// Adds a sentence as lines that are short enough, split between words where it has any.
fn split(sentence: &str, lines: &mut Vec<String>) {
    let mut line = String::new();
    let mut length = 0;
    for word in sentence.split_whitespace() {
        let characters = word.chars().count();
        if length > 0 && length + 1 + characters > LONGEST_WARNING {
            lines.push(std::mem::take(&mut line));
            length = 0;
        }
        if length > 0 {
            line.push(' ');
            length += 1;
        }
        for character in word.chars() {
            if length == LONGEST_WARNING {
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
    fn nothing_found_is_admitted_without_a_word() {
        let verdict = conclude(&[], Enforcement::Deny);
        assert_eq!(verdict, Verdict { refusal: None, softened: false, on_record: false, rule: None, warnings: Vec::new() });
    }

    #[test]
    fn a_denial_is_softened_and_a_fault_never() {
        let denied = [finding(Severity::Deny, "no")];
        let refusal = conclude(&denied, Enforcement::Deny).refusal.unwrap();
        assert_eq!((refusal.code, refusal.reason, refusal.message.as_str()), (403, "Forbidden", "no"));
        let warned = conclude(&denied, Enforcement::Warn);
        assert_eq!((warned.refusal, warned.softened, warned.on_record), (None, true, true));
        assert_eq!(warned.warnings, ["would be refused: no"]);
        let audited = conclude(&denied, Enforcement::Audit);
        assert_eq!((audited.refusal, audited.softened, audited.on_record), (None, true, true));
        assert!(audited.warnings.is_empty());
        let faulty = [finding(Severity::Deny, "no"), finding(Severity::Fault, "what?")];
        for enforcement in [Enforcement::Deny, Enforcement::Warn, Enforcement::Audit] {
            let verdict = conclude(&faulty, enforcement);
            let refusal = verdict.refusal.unwrap();
            assert_eq!((refusal.code, refusal.reason), (400, "BadRequest"));
            assert!(refusal.message.contains("what?") && !verdict.softened);
        }
    }

    #[test]
    fn what_is_noted_is_admitted_warned_about_and_on_record() {
        let verdict = conclude(&[finding(Severity::Noted, "broken glass")], Enforcement::Deny);
        assert_eq!((verdict.refusal, verdict.on_record, verdict.warnings), (None, true, vec!["broken glass".to_owned()]));
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
    fn a_long_refusal_is_cut_with_a_count() {
        let many: Vec<Finding> = (0..100).map(|_| finding(Severity::Deny, &"long ".repeat(50))).collect();
        let message = conclude(&many, Enforcement::Deny).refusal.unwrap().message;
        assert!(message.len() < LONGEST_MESSAGE + 32 && message.ends_with("; and 92 more"), "{message}");
        let message = conclude(&[finding(Severity::Deny, &"é ".repeat(5000))], Enforcement::Deny).refusal.unwrap().message;
        assert!(message.len() <= LONGEST_MESSAGE + 3 && message.ends_with("é…"));
    }
}
