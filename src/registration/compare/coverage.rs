//! Which requests and namespaces a webhook covers.
//!
//! Coverage is proven or denied: a requirement on a label that users can set covers nothing.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::policy::selector::NAMESPACE_NAME_KEY;

/// A request that an expected rule matches.
#[derive(Debug, Clone, Copy)]
struct Request<'v> {
    group: &'v str,
    resource: &'v str,
    operation: &'v str,
    scope: &'v str,
    /// `*`, or the version to which the API server converts the request.
    version: &'v str,
}

/// Returns the requests of expected rules that no found rule matches, as text, each once.
pub(super) fn missing_requests(expected: Option<&Value>, found: Option<&Value>) -> Vec<String> {
    let mut missing = BTreeSet::new();
    for rule in items(expected) {
        for request in requests(rule) {
            if !items(found).any(|rule| matches(rule, request)) {
                let Request { group, resource, operation, .. } = request;
                let group = if group.is_empty() { String::new() } else { format!(".{group}") };
                missing.insert(format!("{operation} {resource}{group}"));
            }
        }
    }
    missing.into_iter().collect()
}

fn requests(rule: &Value) -> impl Iterator<Item = Request<'_>> {
    let scopes: &[&str] = match rule.get("scope").and_then(Value::as_str) {
        Some("Namespaced") => &["Namespaced"],
        Some("Cluster") => &["Cluster"],
        _ => &["Namespaced", "Cluster"],
    };
    let version = strings(rule, "apiVersions").next().unwrap_or("*");
    strings(rule, "apiGroups").flat_map(move |group| {
        strings(rule, "resources").flat_map(move |resource| {
            strings(rule, "operations")
                .flat_map(move |operation| scopes.iter().map(move |scope| Request { group, resource, operation, scope, version }))
        })
    })
}

fn matches(rule: &Value, request: Request<'_>) -> bool {
    let has = |field: &str, value: &str| strings(rule, field).any(|item| item == "*" || item == value);
    let scope = rule.get("scope").and_then(Value::as_str).unwrap_or("*");
    has("apiGroups", request.group)
        && converts(rule, request.version)
        && strings(rule, "resources").any(|pattern| is_resource(pattern, request.resource))
        && has("operations", request.operation)
        && (scope == "*" || scope == request.scope)
}

/// Returns whether a rule matches every version of a request and, if it is not `*`, leaves it in no other than the expected one: the API
/// server converts a request only if its own version is not listed.
fn converts(rule: &Value, version: &str) -> bool {
    let mut versions = strings(rule, "apiVersions").peekable();
    if version == "*" { versions.any(|found| found == "*") } else { versions.peek().is_some() && versions.all(|found| found == version) }
}

/// Returns whether a pattern of a rule, such as `pods`, `pods/*`, `*/status`, `*` or `*/*`, matches a resource or subresource.
fn is_resource(pattern: &str, resource: &str) -> bool {
    let (any, any_sub) = pattern.split_once('/').unwrap_or((pattern, ""));
    let (main, sub) = resource.split_once('/').unwrap_or((resource, ""));
    let is_sub = any_sub == sub || (any_sub == "*" && (any == "*" || !sub.is_empty()));
    (any == "*" || any == main) && is_sub
}

fn strings<'v>(value: &'v Value, field: &str) -> impl Iterator<Item = &'v str> {
    items(value.get(field)).filter_map(Value::as_str)
}

/// One requirement of a label selector.
struct Requirement<'v> {
    key: &'v str,
    operator: &'v str,
    values: Vec<&'v str>,
}

impl Requirement<'_> {
    /// Returns whether every namespace with this name meets the requirement.
    fn accepts(&self, namespace: &str) -> bool {
        self.key == NAMESPACE_NAME_KEY
            && match self.operator {
                "In" => self.values.contains(&namespace),
                "NotIn" => !self.values.contains(&namespace),
                "Exists" => true,
                _ => false,
            }
    }

    /// Returns whether every namespace whose name is not listed meets the requirement.
    fn accepts_all_but(&self, names: &[&str]) -> bool {
        self.key == NAMESPACE_NAME_KEY
            && match self.operator {
                "NotIn" => self.values.iter().all(|value| names.contains(value)),
                "Exists" => true,
                _ => false,
            }
    }
}

/// Returns the namespaces that a namespace selector does not cover, although the expected one does; `None` if it covers all.
pub(super) fn uncovered(expected: Option<&Value>, found: Option<&Value>) -> Option<Vec<String>> {
    let wanted = requirements(expected)?;
    let left_out = |namespace: &str| format!("the namespace \"{namespace}\"");
    let Some(found) = requirements(found) else { return Some(vec!["any namespace".to_owned()]) };
    let mut all = Vec::new();
    for wanted in &wanted {
        if wanted.operator == "NotIn" {
            if !found.iter().all(|requirement| requirement.accepts_all_but(&wanted.values)) {
                all.push(format!("every namespace but {}", wanted.values.join(", ")));
            }
        } else {
            let missing = wanted.values.iter().filter(|namespace| !found.iter().all(|requirement| requirement.accepts(namespace)));
            all.extend(missing.map(|namespace| left_out(namespace)));
        }
    }
    (!all.is_empty()).then_some(all)
}

/// Returns the requirements of a selector; `None` if it is not a selector.
fn requirements(selector: Option<&Value>) -> Option<Vec<Requirement<'_>>> {
    let Some(selector) = selector.filter(|selector| !selector.is_null()) else { return Some(Vec::new()) };
    let fields = selector.as_object()?;
    let labels = fields.get("matchLabels").and_then(Value::as_object).into_iter().flatten();
    let mut all: Vec<Requirement<'_>> =
        labels.map(|(key, value)| Requirement { key, operator: "In", values: value.as_str().into_iter().collect() }).collect();
    all.extend(items(fields.get("matchExpressions")).map(|expression| Requirement {
        key: expression.get("key").and_then(Value::as_str).unwrap_or_default(),
        operator: expression.get("operator").and_then(Value::as_str).unwrap_or_default(),
        values: strings(expression, "values").collect(),
    }));
    Some(all)
}

/// Returns the items of a list; none if it is not a list.
pub(super) fn items(list: Option<&Value>) -> impl Iterator<Item = &Value> {
    list.and_then(Value::as_array).into_iter().flatten()
}
