//! The alerts of the chart: their metrics exist, and each has its section in the runbook. `promtool` evaluates them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::sets::sets;
use crate::support::helm::{objects, only, template};
use crate::support::root;

/// Metrics of other programs, and their labels. The cluster test of the runbook finds those of the API server in its `/metrics`.
const FOREIGN: [(&str, &[&str]); 4] = [
    // k8s.io/apiserver, pkg/admission/metrics/metrics.go, the same from 1.24 to 1.37.
    ("apiserver_admission_webhook_rejection_count", &["name", "type", "operation", "error_type", "rejection_code"]),
    ("apiserver_admission_webhook_fail_open_count", &["name", "type"]),
    // kube-state-metrics, internal/store/validatingwebhookconfiguration.go.
    ("kube_validatingwebhookconfiguration_info", &["namespace", "validatingwebhookconfiguration"]),
    // Prometheus itself, with the labels that the operator gives to the targets of a ServiceMonitor.
    ("up", &["namespace", "pod", "service", "endpoint", "container", "job", "instance"]),
];

/// Functions, operators and keywords of the expressions.
const WORDS: [&str; 16] = [
    "sum",
    "min",
    "max",
    "count",
    "absent",
    "increase",
    "rate",
    "histogram_quantile",
    "time",
    "or",
    "and",
    "unless",
    "on",
    "offset",
    "for",
    "by",
];

/// A metric in an expression, with its matchers.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Selector {
    pub(crate) metric: String,
    matchers: Vec<(String, String, String)>,
}

impl Selector {
    /// Returns whether it selects the series of a line of `/metrics`. Labels that the scraping adds are not in such a line.
    pub(crate) fn selects(&self, line: &str) -> bool {
        let Some((series, _)) = line.rsplit_once(' ') else { return false };
        let mut series = selectors(series).into_iter();
        let (Some(series), None) = (series.next(), series.next()) else { return false };
        let of = |label: &str| series.matchers.iter().find(|(name, ..)| name == label).map_or("", |(.., value)| value.as_str());
        let holds = |(label, operator, wanted): &(String, String, String)| {
            let value = of(label);
            match operator.as_str() {
                "=" => value == wanted,
                "!=" => value != wanted,
                "=~" => wanted.split('|').any(|pattern| matches(pattern, value)),
                other => panic!("{other} is not supported here"),
            }
        };
        series.metric == self.metric
            && self.matchers.iter().filter(|(label, ..)| !["namespace", "pod"].contains(&label.as_str())).all(holds)
    }
}

/// Matches a regular expression whose only special parts are `[.]` and a `.+` at its start.
fn matches(pattern: &str, value: &str) -> bool {
    let literal = pattern.replace("[.]", ".");
    match literal.strip_prefix(".+") {
        Some(end) => value.len() > end.len() && value.ends_with(end),
        None => literal == value,
    }
}

/// Returns a `PromQL` expression without its groupings, and the labels of these: `by (id)`.
fn ungrouped(expression: &str) -> (String, Vec<String>) {
    let mut labels = Vec::new();
    let mut parts = expression.split(" by (");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (grouping, rest) = part.split_once(')').unwrap_or_else(|| panic!("{expression}: a grouping without an end"));
        labels.extend(grouping.split(',').map(|label| label.trim().to_owned()));
        text.push_str(rest);
    }
    // A variable of Grafana.
    (text.replace("$__rate_interval", "5m"), labels)
}

/// Returns the selectors of a `PromQL` expression.
pub(crate) fn selectors(expression: &str) -> Vec<Selector> {
    let mut found = Vec::new();
    let (text, _) = ungrouped(expression);
    let mut rest = text.as_str();
    while let Some(start) = rest.find(|letter: char| letter.is_ascii_alphabetic()) {
        rest = &rest[start..];
        let end = rest.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        rest = after;
        if WORDS.contains(&word) {
            continue;
        }
        let mut matchers = Vec::new();
        if let Some(mut inner) = rest.strip_prefix('{') {
            while !inner.starts_with('}') {
                inner = inner.trim_start_matches([',', ' ']);
                let (label, value) = inner.split_once('"').unwrap_or_else(|| panic!("{expression}: a matcher without a value"));
                let (value, after) = value.split_once('"').unwrap_or_else(|| panic!("{expression}: a value without an end"));
                let operator = label.find(['=', '!']).unwrap_or_else(|| panic!("{expression}: a matcher without an operator"));
                let (label, operator) = label.split_at(operator);
                matchers.push((label.to_owned(), operator.to_owned(), value.to_owned()));
                inner = after;
            }
            rest = &inner[1..];
        }
        // The unit of a duration, such as `10m`, follows a digit.
        if word.len() > 1 {
            found.push(Selector { metric: word.to_owned(), matchers });
        }
    }
    found
}

/// Returns the alerts that the chart renders with its defaults.
pub(crate) fn alerts(runbook: Option<&str>) -> Vec<Value> {
    let mut rule = json!({"enabled": true});
    if let Some(runbook) = runbook {
        rule["runbookUrl"] = Value::from(runbook);
    }
    let rendered = objects(&template(&json!({"metrics": {"prometheusRule": rule}}), &[]).expect("helm template"));
    only(&rendered, "PrometheusRule")["spec"]["groups"][0]["rules"].as_array().unwrap().clone()
}

pub(crate) fn expression(alert: &Value) -> &str {
    alert["expr"].as_str().unwrap()
}

/// Returns the labels that a row of `docs/serving.md` or `docs/controller.md` lists for a metric, `None` without a row.
fn documented_labels(metric: &str) -> Option<Vec<String>> {
    let base = metric.strip_suffix("_bucket").unwrap_or(metric);
    let text = ["docs/serving.md", "docs/controller.md"].map(|page| std::fs::read_to_string(root().join(page)).unwrap()).concat();
    let row = text.lines().find(|line| line.starts_with('|') && line.contains(&format!("`{base}`")))?;
    let labels = row.split('|').nth(3)?;
    let mut labels: Vec<String> = labels.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    if base != metric {
        labels.push("le".to_owned());
    }
    Some(labels)
}

/// Returns the labels of the metric that a selector selects, besides those that the scraping adds.
#[track_caller]
fn labels_of(metric: &str, expression: &str) -> Vec<String> {
    match FOREIGN.iter().find(|(name, _)| *name == metric) {
        Some((_, labels)) => labels.iter().map(|label| (*label).to_owned()).collect(),
        None => documented_labels(metric).unwrap_or_else(|| panic!("{metric} of {expression} is in no table of metrics")),
    }
}

/// Checks that the labels by which an expression groups are those of its metrics.
#[track_caller]
pub(super) fn check_expression(expression: &str) {
    let scraped = ["namespace".to_owned(), "pod".to_owned()];
    let mut known: BTreeSet<String> = BTreeSet::from(scraped.clone());
    for Selector { metric, matchers } in selectors(expression) {
        let labels = labels_of(&metric, expression);
        for (label, ..) in &matchers {
            assert!(labels.contains(label) || scraped.contains(label), "{metric} has no label {label}: {expression}");
        }
        known.extend(labels);
    }
    for label in ungrouped(expression).1 {
        assert!(known.contains(&label), "no metric has the label {label}: {expression}");
    }
}

/// Returns what the expressions use of the metrics of `netpol` that is not in the output of its processes.
pub(crate) fn unexported<'e>(expressions: impl IntoIterator<Item = &'e str>, metrics: &[String]) -> BTreeSet<String> {
    let lines: Vec<Selector> = metrics
        .iter()
        .flat_map(|text| text.lines())
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| selectors(line.rsplit_once(' ')?.0).into_iter().next())
        .collect();
    let mut missing = BTreeSet::new();
    for expression in expressions {
        let (_, groupings) = ungrouped(expression);
        let mut grouped = BTreeSet::from(["namespace", "pod"]);
        let ours: Vec<Selector> = selectors(expression).into_iter().filter(|selector| selector.metric.starts_with("netpol_")).collect();
        for selector in &ours {
            let series: Vec<&Selector> = lines.iter().filter(|line| line.metric == selector.metric).collect();
            let labels: BTreeSet<&str> = series.iter().flat_map(|line| &line.matchers).map(|(label, ..)| label.as_str()).collect();
            if series.is_empty() {
                missing.insert(selector.metric.clone());
            }
            let scraped = ["namespace", "pod"];
            let used = selector.matchers.iter().map(|(label, ..)| label.as_str()).filter(|label| !scraped.contains(label));
            missing.extend(used.filter(|label| !labels.contains(label)).map(|label| format!("{}{{{label}}}", selector.metric)));
            grouped.extend(labels);
        }
        if !ours.is_empty() {
            missing.extend(
                groupings.iter().filter(|label| !grouped.contains(label.as_str())).map(|label| format!("by ({label}): {expression}")),
            );
        }
    }
    missing
}

#[test]
fn what_is_not_exported_is_found() {
    let metrics = ["# TYPE netpol_a gauge\nnetpol_a{x=\"1\"} 1\nnetpol_b 2\n# EOF\n".to_owned()];
    let of = |expression: &str| unexported([expression], &metrics).into_iter().collect::<Vec<_>>();
    assert_eq!(of("max by (x) (netpol_a{x=\"2\", pod=\"p\"}) or netpol_b"), [""; 0]);
    assert_eq!(of("netpol_a{y=\"2\"}"), ["netpol_a{y}"]);
    assert_eq!(of("rate(netpol_c[$__rate_interval])"), ["netpol_c"]);
    assert_eq!(of("sum by (x) (netpol_b)"), ["by (x): sum by (x) (netpol_b)"]);
}

#[test]
fn the_alerts_use_metrics_and_labels_that_exist() {
    for alert in alerts(None) {
        let expression = expression(&alert);
        check_expression(expression);
        let selectors = selectors(expression);
        assert!(!selectors.is_empty(), "{expression}");
        for Selector { metric, matchers } in selectors {
            if metric.starts_with("netpol_") || metric == "up" {
                let ours = [("namespace", "=", "netpol-system"), ("pod", "=~", "abcdesktop-netpol-.*")];
                let ours = ours.map(|(label, operator, value)| (label.to_owned(), operator.to_owned(), value.to_owned()));
                assert!(ours.iter().all(|ours| matchers.contains(ours)), "{metric} of {expression} is not only of this release");
            }
        }
        let balance = |open: char, close: char| expression.matches(open).count() == expression.matches(close).count();
        assert!(balance('(', ')') && balance('{', '}') && expression.matches('"').count().is_multiple_of(2), "{expression}");
    }
}

/// The webhooks whose calls the API server counts are all of the registration, and no others.
#[test]
fn the_counters_of_the_api_server_are_selected_by_the_names_of_the_webhooks() {
    let rendered = objects(&template(&json!({}), &[]).expect("helm template"));
    let kinds = ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"];
    let webhooks = kinds.iter().flat_map(|kind| only(&rendered, kind)["webhooks"].as_array().unwrap());
    let names: Vec<&str> = webhooks.map(|webhook| webhook["name"].as_str().unwrap()).collect();
    assert!(names.len() > 4, "{names:?}");
    let mut counters = BTreeSet::new();
    for alert in alerts(None) {
        for selector in selectors(expression(&alert)).into_iter().filter(|selector| selector.metric.starts_with("apiserver_")) {
            let line = |name: &str| {
                format!(
                    "{}{{name=\"{name}\",type=\"admit\",error_type=\"calling_webhook_error\",rejection_code=\"503\"}} 1",
                    selector.metric
                )
            };
            for name in &names {
                assert!(selector.selects(&line(name)), "{name} is not counted by {selector:?}");
            }
            assert!(!selector.selects(&line("pods.mutate.example.org")), "{selector:?}");
            counters.insert(selector.metric);
        }
    }
    assert_eq!(counters.len(), 2, "{counters:?}");
}

/// Returns the anchor of each heading of a Markdown text.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings.map(crate::readme::anchor).collect()
}

/// Returns the severity that the section of an alert in the runbook begins with.
fn documented_severity(runbook: &str, name: &str) -> String {
    let section = runbook.split_once(&format!("### {name}\n\n")).unwrap_or_else(|| panic!("no section {name}")).1;
    section.split_once('.').unwrap().0.to_lowercase()
}

/// Failures that come in bursts are seen for longer than an alert waits.
#[test]
fn one_burst_of_failures_is_enough() {
    let alerts = alerts(None);
    for name in ["NetpolCallsFail", "NetpolCertificateRefused"] {
        let alert = alerts.iter().find(|alert| alert["alert"] == name).unwrap();
        assert!(expression(alert).contains("[20m]") && alert["for"] == "1m", "{alert}");
    }
}

#[test]
fn each_alert_links_to_its_section_of_the_runbook() {
    let runbook = std::fs::read_to_string(root().join("docs/runbook.md")).unwrap();
    let anchors = anchors(&runbook);
    let base = "https://docs.example/runbook.md";
    let mut names = BTreeSet::new();
    for alert in alerts(Some(base)) {
        let name = alert["alert"].as_str().unwrap();
        let anchor = name.to_lowercase();
        assert!(anchors.contains(&anchor), "docs/runbook.md has no heading {name}");
        assert_eq!(alert["annotations"]["runbook_url"], format!("{base}#{anchor}"));
        let severity = alert["labels"]["severity"].as_str().unwrap();
        assert!(["critical", "warning"].contains(&severity), "{name}");
        assert_eq!(documented_severity(&runbook, name), severity, "{name}");
        names.insert(name.to_owned());
    }
    // Other values have fewer alerts, never others.
    for (set, values) in sets() {
        let rendered = objects(&template(&values, &[]).expect(set));
        for rule in rendered.iter().filter(|object| object["kind"] == "PrometheusRule") {
            let rules = rule["spec"]["groups"][0]["rules"].as_array().unwrap();
            assert!(rules.iter().all(|alert| names.contains(alert["alert"].as_str().unwrap())), "{set}");
        }
    }
    let sections = runbook.lines().filter_map(|line| line.strip_prefix("### ")).filter(|heading| heading.starts_with("Netpol"));
    let stale: Vec<&str> = sections.filter(|heading| !names.contains(*heading)).collect();
    assert!(stale.is_empty(), "docs/runbook.md describes alerts that the chart does not have: {stale:?}");
    assert!(alerts(None)[0]["annotations"]["runbook_url"].as_str().unwrap().starts_with("docs/runbook.md#"));
}
