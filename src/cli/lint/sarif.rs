//! The findings as SARIF 2.1.0 (OASIS Standard), the format of code scanning.

use serde_json::{Value, json};

use super::report::{Dismissed, Report, Reported};
use crate::analysis::lint::{LintRule, Severity};

/// Returns the log: one run, with every rule, the findings, and the ignored findings as suppressed results.
pub(super) fn log(report: &Report<'_>) -> Value {
    let rules: Vec<Value> = LintRule::ALL.iter().map(|rule| descriptor(*rule)).collect();
    let open = report.findings.iter().map(|reported| result(reported, None));
    let ignored = report.ignored.iter().map(|Dismissed { reported, reason }| result(reported, Some(reason)));
    json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": "netpol", "version": env!("CARGO_PKG_VERSION"), "rules": rules}},
            "columnKind": "unicodeCodePoints",
            "results": open.chain(ignored).collect::<Vec<Value>>(),
        }],
    })
}

fn descriptor(rule: LintRule) -> Value {
    json!({
        "id": rule.id(),
        "shortDescription": {"text": rule.title()},
        "help": {"text": rule.mend().replace('`', ""), "markdown": rule.mend()},
        "defaultConfiguration": {"level": level(rule.severity())},
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    }
}

fn result(reported: &Reported<'_>, reason: Option<&str>) -> Value {
    let finding = reported.finding;
    let index = LintRule::ALL.iter().position(|rule| *rule == finding.rule);
    let witness = finding.witness.as_ref().map(|witness| format!(". Witness: {witness}")).unwrap_or_default();
    let mut result = json!({
        "ruleId": finding.rule.id(),
        "ruleIndex": index,
        "level": level(finding.severity),
        "message": {"text": format!("{}{witness}", finding.message)},
        "locations": [location(reported)],
        "partialFingerprints": {"findingId/v1": finding.id},
    });
    if let (Some(reason), Some(fields)) = (reason, result.as_object_mut()) {
        let suppression = json!([{"kind": "inSource", "justification": reason}]);
        fields.insert("suppressions".to_owned(), suppression);
    }
    result
}

/// Returns the policy and the place in it as a logical location, and the file, if there is one, as a physical one.
fn location(reported: &Reported<'_>) -> Value {
    let finding = reported.finding;
    let place = finding.place.to_string();
    let parts: Vec<&str> = [finding.namespace.as_deref(), finding.policy.as_deref(), Some(place.as_str())]
        .into_iter()
        .flatten()
        .filter(|part| !part.is_empty())
        .collect();
    let mut location = json!({"logicalLocations": [{"fullyQualifiedName": parts.join("/")}]});
    if let (Some(file), Some(fields)) = (&reported.file, location.as_object_mut()) {
        let mut physical = json!({"artifactLocation": {"uri": uri(file)}});
        if let (Some(line), Some(physical)) = (reported.line, physical.as_object_mut()) {
            physical.insert("region".to_owned(), json!({"startLine": line}));
        }
        fields.insert("physicalLocation".to_owned(), physical);
        if let Some(document) = reported.document {
            fields.insert("message".to_owned(), json!({"text": format!("document {document}")}));
        }
    }
    location
}

/// Returns a path as a relative or absolute URI reference: every byte that a URI may not contain is escaped.
fn uri(path: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    path.bytes().map(|byte| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
