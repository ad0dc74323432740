//! Words that several commands print.

use anstyle::Style;

use super::output::{BAD, GOOD, WARN};
use crate::verdict::{Outcome, Rule};

/// Returns the word for an outcome, and its style.
pub fn outcome_word(outcome: Outcome) -> (&'static str, Style) {
    match outcome {
        Outcome::Allowed => ("allowed", GOOD),
        Outcome::Warned => ("warned", WARN),
        Outcome::Softened => ("softened", WARN),
        Outcome::Denied => ("denied", BAD),
    }
}

/// Returns the id of a rule, as in audit lines, metrics and JSON.
pub fn rule_name(rule: Rule) -> String {
    match serde_json::to_value(rule) {
        Ok(serde_json::Value::String(name)) => name,
        _ => String::new(),
    }
}
