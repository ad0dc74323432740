//! Words that several commands have for one thing.

use anstyle::Style;

use super::output::{BAD, GOOD, WARN};
use crate::verdict::Outcome;
use crate::verdict::Rule;

/// How a decision is called, and how it looks.
pub fn decided(outcome: Outcome) -> (&'static str, Style) {
    match outcome {
        Outcome::Allowed => ("allowed", GOOD),
        Outcome::Warned => ("warned", WARN),
        Outcome::Softened => ("softened", WARN),
        Outcome::Denied => ("denied", BAD),
    }
}

/// How a rule is called everywhere: in audit lines, metrics and JSON.
pub fn rule_name(rule: Rule) -> String {
    match serde_json::to_value(rule) {
        Ok(serde_json::Value::String(name)) => name,
        _ => String::new(),
    }
}
