//! Words that several commands print.

use anstyle::Style;

use super::output::{BAD, GOOD, WARN};
use crate::canon::{BUILT_IN, Canon};
use crate::verdict::{Outcome, Rule, Settings};

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

/// The command that puts canonical policies in place: all of them where they are all that there are. What
/// the command takes for granted is left out.
pub fn put_back(canon: &Canon, namespace: &str, names: &[&str]) -> String {
    let mut command = vec!["netpol render policies".to_owned()];
    if BUILT_IN.first().is_none_or(|default| canon.source != *default) {
        command.push(format!("--canon {}", quoted(&canon.source)));
    }
    if Settings::default().namespaces != [namespace] {
        command.push(format!("--namespace {namespace}"));
    }
    if canon.policies(namespace).is_none_or(|policies| policies.by_name.len() != names.len()) {
        command.push(format!("--only {}", names.join(",")));
    }
    command.push("| kubectl apply -f -".to_owned());
    command.join(" ")
}

/// A word as a shell reads it back.
fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+:@%".contains(&byte);
    if word.bytes().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_quoted_for_a_shell_where_it_must_be() {
        assert_eq!(quoted("./canon-4.4/x.yaml"), "./canon-4.4/x.yaml");
        assert_eq!(quoted("it's mine"), r"'it'\''s mine'");
    }
}
