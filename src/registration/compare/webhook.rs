//! Compares two webhooks of the same name.

use serde_json::Value;

use super::condition;
use super::coverage::{items, missing_requests, uncovered};
use super::weakness::Kind;
use crate::documents::text::escaped;
use crate::documents::values::text;
use crate::registration::pod_condition::{LACKS_LABELS, NOT_PLAINLY_RIGHT};

/// The defaults of the API for fields that a manifest does not have.
const DEFAULT_TIMEOUT: u64 = 10;
const DEFAULT_PORT: u64 = 443;

/// The most requests and namespaces that a sentence names.
const NAMED: usize = 3;

/// The most characters of a name that another client gave.
const MAX_NAME: usize = 80;

/// A weakness of a webhook.
pub(super) struct Difference {
    pub(super) kind: Kind,
    /// What is weaker: the rest of a sentence about the webhook.
    pub(super) what: String,
    /// What the expected webhook does not have.
    pub(super) extra: Option<Extra>,
}

/// A field that the expected webhook does not have. Applying a manifest does not remove it.
pub(super) struct Extra {
    /// Its path below the webhook.
    pub(super) path: String,
    /// Its name, if it is an item of a list.
    pub(super) name: Option<String>,
}

impl Difference {
    fn changed(kind: Kind, what: impl Into<String>) -> Difference {
        Difference { kind, what: what.into(), extra: None }
    }

    fn added(kind: Kind, what: impl Into<String>, path: &str, name: Option<String>) -> Difference {
        let extra = Extra { path: path.to_owned(), name };
        Difference { kind, what: what.into(), extra: Some(extra) }
    }
}

/// Returns the weaknesses of `found`. `pod_condition` excludes new pods that are plainly right, if those need not be sent.
pub(super) fn differences(expected: &Value, found: &Value, pod_condition: Option<&str>) -> Vec<Difference> {
    let mut all = Vec::new();
    all.extend(failure(expected, found));
    all.extend(namespaces(expected, found));
    all.extend(objects(found));
    all.extend(rules(expected, found));
    if text(found, "/matchPolicy").unwrap_or("Equivalent") != "Equivalent" {
        all.push(Difference::changed(Kind::Weakened, "has the matchPolicy Exact, so other versions of an API are not sent"));
    }
    all.extend(conditions(expected, found, pod_condition));
    all.extend(endpoint(expected, found));
    if text(expected, "/reinvocationPolicy") == Some("IfNeeded") && text(found, "/reinvocationPolicy") != Some("IfNeeded") {
        let what = "has the reinvocationPolicy Never, so a pod that another webhook changes later does not get its labels";
        all.push(Difference::changed(Kind::Reinvocation, what));
    }
    // The API server uses the first version that it knows.
    if items(found.get("admissionReviewVersions")).next().and_then(Value::as_str) != Some("v1") {
        all.push(Difference::changed(Kind::Weakened, "does not use the version v1 of AdmissionReview, which the servers answer"));
    }
    all
}

fn is_fail(webhook: &Value) -> bool {
    text(webhook, "/failurePolicy").unwrap_or("Fail") == "Fail"
}

fn failure(expected: &Value, found: &Value) -> Option<Difference> {
    if is_fail(found) {
        return None;
    }
    if is_fail(expected) {
        let what = "has the failurePolicy Ignore instead of Fail, so requests are admitted without a verdict while no server responds";
        return Some(Difference::changed(Kind::Ignore, what));
    }
    let timeout = |webhook: &Value| webhook.get("timeoutSeconds").and_then(Value::as_u64).unwrap_or(DEFAULT_TIMEOUT);
    let (wanted, is) = (timeout(expected), timeout(found));
    let what = format!("has a timeout of {is} s instead of {wanted} s, after which a request is admitted without a verdict");
    (is < wanted).then(|| Difference::changed(Kind::Timeout, what))
}

fn namespaces(expected: &Value, found: &Value) -> Option<Difference> {
    let selector = found.get("namespaceSelector");
    let left_out = uncovered(expected.get("namespaceSelector"), selector)?;
    let what = format!("does not cover {}", named(&left_out));
    // A list of requirements is replaced as a whole, a map is not.
    let labels = selector.and_then(|selector| selector.get("matchLabels")).and_then(Value::as_object);
    Some(match labels {
        Some(labels) if !labels.is_empty() => {
            let what = format!("{what}, because of matchLabels");
            Difference::added(Kind::Uncovered, what, "namespaceSelector/matchLabels", None)
        }
        _ => Difference::changed(Kind::Uncovered, what),
    })
}

fn objects(found: &Value) -> Option<Difference> {
    let selector = found.get("objectSelector").filter(|selector| !selector.is_null())?;
    let is_empty = |field: &Value| match field {
        Value::Object(map) => map.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Null => true,
        _ => false,
    };
    let selects_all = selector.as_object().is_some_and(|fields| fields.values().all(is_empty));
    let what = "has an objectSelector, so objects without the labels that it selects are not sent";
    (!selects_all).then(|| Difference::added(Kind::Weakened, what, "objectSelector", None))
}

fn rules(expected: &Value, found: &Value) -> Option<Difference> {
    let missing = missing_requests(expected.get("rules"), found.get("rules"));
    (!missing.is_empty()).then(|| Difference::changed(Kind::Weakened, format!("does not send {}", named(&missing))))
}

fn conditions(expected: &Value, found: &Value, pod_condition: Option<&str>) -> Vec<Difference> {
    let of = |condition: &Value, field: &str| condition.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut wanted: Vec<(String, String)> =
        items(expected.get("matchConditions")).map(|condition| (of(condition, "name"), of(condition, "expression"))).collect();
    if wanted.iter().any(|(name, _)| name == LACKS_LABELS) {
        // A pod that is plainly right lacks no label.
        wanted.extend(pod_condition.map(|expression| (NOT_PLAINLY_RIGHT.to_owned(), expression.to_owned())));
    }
    let mut all = Vec::new();
    for (index, condition) in items(found.get("matchConditions")).enumerate() {
        let (name, expression) = (of(condition, "name"), of(condition, "expression"));
        if wanted.iter().any(|(_, wanted)| condition::is_implied(wanted, &expression)) {
            continue;
        }
        let is_expected = wanted.iter().any(|(wanted, _)| *wanted == name);
        let path = format!("matchConditions/{index}");
        let shown = escaped(&name, MAX_NAME);
        all.push(if is_expected {
            let what = format!("has another match condition \"{shown}\" than the canons and flags of the servers require");
            Difference::changed(Kind::Disagrees, what)
        } else if [LACKS_LABELS, NOT_PLAINLY_RIGHT].contains(&name.as_str()) {
            let what =
                format!("has the match condition \"{shown}\", but by the canons and flags of the servers more new pods must be sent");
            Difference::added(Kind::Disagrees, what, &path, Some(name))
        } else {
            let what = format!("has the match condition \"{shown}\", which netpol does not know, so less may be sent");
            Difference::added(Kind::Weakened, what, &path, Some(name))
        });
    }
    all
}

fn endpoint(expected: &Value, found: &Value) -> Option<Difference> {
    let of = |webhook: &Value| {
        let config = |field: &str| text(webhook, &format!("/clientConfig/{field}")).unwrap_or_default().to_owned();
        let port = webhook.pointer("/clientConfig/service/port").and_then(Value::as_u64).unwrap_or(DEFAULT_PORT);
        (config("url"), config("service/namespace"), config("service/name"), config("service/path"), port)
    };
    let describe = |webhook: &Value| {
        let (url, namespace, name, path, port) = of(webhook);
        if url.is_empty() { format!("{namespace}/{name}:{port}{path}") } else { escaped(&url, MAX_NAME) }
    };
    let what = format!("calls {} instead of {}", describe(found), describe(expected));
    (of(expected) != of(found)).then(|| Difference::changed(Kind::Endpoint, what))
}

/// Joins the first items of a list, and says how many others there are.
pub(super) fn named(all: &[String]) -> String {
    let mut named: Vec<&str> = all.iter().take(NAMED).map(String::as_str).collect();
    let more = format!("and {} more", all.len().saturating_sub(NAMED));
    if all.len() > NAMED {
        named.push(&more);
    }
    named.join(", ")
}
