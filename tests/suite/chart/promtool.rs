//! `promtool` checks the alerts, and evaluates each on series for which it fires, and on series for which it must not.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::alerts::alerts;
use super::dashboard::expressions;
use super::sets::sets;
use crate::support::helm::{objects, template};

/// The cases, in a format that this file reads.
const CASES: &str = include_str!("alert_cases.txt");
/// The name of the cases about all alerts.
const EVERY: &str = "Every";
/// What the words of the cases stand for.
const WORDS: [(&str, &str); 5] = [
    ("$server", r#"namespace="netpol-system",pod="abcdesktop-netpol-5d9f7c8b6d-x7k2p""#),
    ("$another", r#"namespace="netpol-system",pod="abcdesktop-netpol-5d9f7c8b6d-q4wzz""#),
    ("$controller", r#"namespace="netpol-system",pod="abcdesktop-netpol-controller-6c4d5f7b9-mm2sv""#),
    ("$standby", r#"namespace="netpol-system",pod="abcdesktop-netpol-controller-6c4d5f7b9-zz9kk""#),
    ("$webhook", r#"name="pods.validate.netpol.abcdesktop.io",type="validating",operation="CREATE""#),
];

/// Series, and what an alert does after some minutes.
#[derive(Debug, Clone)]
struct Case {
    alert: String,
    after: String,
    /// The labels with which it fires, besides its severity; `None` if it is quiet.
    fires: Option<BTreeMap<String, String>>,
    /// The series and their values.
    series: Vec<(String, String)>,
}

impl Case {
    /// Reads the first line of a case: `NAME fires after 3m with LABELS`, or `NAME is quiet after 3m`.
    fn read(line: &str) -> Case {
        let (alert, rest) = line.split_once(' ').unwrap_or_else(|| panic!("{line}"));
        let (fires, after) = match (rest.strip_prefix("fires after "), rest.strip_prefix("is quiet after ")) {
            (Some(rest), _) => {
                let (after, labels) = rest.split_once(" with ").unwrap_or((rest, ""));
                let label = |label: &str| label.split_once('=').map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned()));
                (Some(labels.split(',').filter_map(label).collect()), after)
            }
            (None, Some(after)) => (None, after),
            (None, None) => panic!("{line}"),
        };
        Case { alert: alert.to_owned(), after: after.to_owned(), fires, series: Vec::new() }
    }

    /// Returns the cases of the file. `...` stands for the series of the case before.
    fn all() -> Vec<Case> {
        let text = WORDS.iter().fold(CASES.to_owned(), |text, (word, meaning)| text.replace(word, meaning));
        let mut cases: Vec<Case> = Vec::new();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let Some(series) = line.strip_prefix("  ") else {
                cases.push(Case::read(line));
                continue;
            };
            let (last, before) = cases.split_last_mut().expect("a case");
            if series == "..." {
                last.series.clone_from(&before.last().expect("a case before").series);
            } else {
                let (name, values) = series.split_once("} ").unwrap_or_else(|| panic!("{line}"));
                last.series.push((format!("{name}}}"), values.to_owned()));
            }
        }
        cases
    }

    /// Returns the test of promtool that `alerts` do what the case says.
    fn test(&self, alerts: &[&Value]) -> Value {
        let fired = |alert: &Value, labels: &BTreeMap<String, String>| {
            let text = |text: &Value| {
                let text = text.as_str().unwrap().to_owned();
                labels.iter().fold(text, |text, (name, value)| text.replace(&format!("{{{{ $labels.{name} }}}}"), value))
            };
            let annotations: BTreeMap<&String, String> =
                alert["annotations"].as_object().unwrap().iter().map(|(name, value)| (name, text(value))).collect();
            let mut labels = json!(labels);
            labels["severity"] = alert["labels"]["severity"].clone();
            json!({"exp_labels": labels, "exp_annotations": annotations})
        };
        let check = |alert: &&Value| {
            let expected: Vec<Value> = self.fires.iter().map(|labels| fired(alert, labels)).collect();
            json!({"eval_time": self.after, "alertname": alert["alert"], "exp_alerts": expected})
        };
        let series: Vec<Value> = self.series.iter().map(|(series, values)| json!({"series": series, "values": values})).collect();
        json!({"interval": "1m", "input_series": series, "alert_rule_test": alerts.iter().map(check).collect::<Vec<_>>()})
    }
}

/// Runs promtool, and returns whether it succeeded, and its output. A missing program fails the tests: it is never skipped.
fn promtool(args: &[&str]) -> (bool, String) {
    let program = std::env::var_os("PROMTOOL").unwrap_or_else(|| "promtool".into());
    let ran = Command::new(&program).args(args).output().unwrap_or_else(|error| {
        let name = program.display();
        panic!("{name}: {error}: these tests run promtool: apt-get install prometheus, or set PROMTOOL to the path of a promtool")
    });
    (ran.status.success(), String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr))
}

/// Writes a file as Prometheus reads it: JSON is valid YAML.
fn write(folder: &Path, name: &str, content: &Value) -> String {
    let file = folder.join(name);
    fs::write(&file, content.to_string()).unwrap();
    file.display().to_string()
}

/// Runs tests on alerts.
fn run(alerts: &[Value], tests: &[Value]) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    let rules = write(folder.path(), "rules.yaml", &json!({"groups": [{"name": "netpol", "rules": alerts}]}));
    let tests = json!({"rule_files": [rules], "evaluation_interval": "1m", "tests": tests});
    promtool(&["test", "rules", &write(folder.path(), "tests.yaml", &tests)])
}

fn name(alert: &Value) -> &str {
    alert["alert"].as_str().unwrap()
}

#[test]
fn promtool_accepts_the_rules_of_every_set_of_values() {
    let folder = tempfile::tempdir().unwrap();
    for (set, mut values) in sets() {
        if values["metrics"].is_null() {
            values["metrics"] = json!({"prometheusRule": {"enabled": true, "expiryHours": 4}});
        }
        let rendered = objects(&template(&values, &[]).expect(set));
        let rule = rendered.iter().find(|object| object["kind"] == "PrometheusRule").unwrap_or_else(|| panic!("{set}: no rules"));
        let (ok, said) = promtool(&["check", "rules", &write(folder.path(), "rules.yaml", &rule["spec"])]);
        assert!(ok && said.contains("SUCCESS"), "{set}: {said}");
    }
}

/// Prometheus parses the queries of the dashboard, as rules that record them.
#[test]
fn promtool_parses_the_queries_of_the_dashboard() {
    let check = |queries: &[String]| {
        let folder = tempfile::tempdir().unwrap();
        let record = |(number, query): (usize, &String)| json!({"record": format!("panel:query:{number}"), "expr": query});
        let rules: Vec<Value> = queries.iter().enumerate().map(record).collect();
        promtool(&["check", "rules", &write(folder.path(), "rules.yaml", &json!({"groups": [{"name": "dashboard", "rules": rules}]}))])
    };
    let mut queries: Vec<String> =
        expressions().iter().map(|query| query.replace("$namespace", "netpol-system").replace("$__rate_interval", "5m")).collect();
    let (ok, said) = check(&queries);
    assert!(ok && said.contains(&format!("SUCCESS: {} rules found", queries.len())), "{said}");
    queries.push("sum by (le (netpol_ready)".to_owned());
    assert!(!check(&queries).0);
}

#[test]
fn each_alert_fires_when_it_should_and_is_quiet_when_it_should() {
    let alerts = alerts(None);
    let cases = Case::all();
    let tests: Vec<Value> = cases
        .iter()
        .map(|case| {
            let meant: Vec<&Value> = alerts.iter().filter(|alert| case.alert == EVERY || case.alert == name(alert)).collect();
            assert!(!meant.is_empty(), "no alert {}", case.alert);
            case.test(&meant)
        })
        .collect();
    let all: BTreeSet<&str> = alerts.iter().map(name).collect();
    let of = |fires: bool| -> BTreeSet<&str> {
        cases.iter().filter(|case| case.alert != EVERY && case.fires.is_some() == fires).map(|case| case.alert.as_str()).collect()
    };
    assert_eq!(of(true), all, "each alert has a case in which it fires");
    assert_eq!(of(false), all, "each alert has a case in which it is quiet");
    assert!(cases.iter().filter(|case| case.alert == EVERY).count() > 1);
    let (ok, said) = run(&alerts, &tests);
    assert!(ok && said.contains("SUCCESS"), "{said}");
}

/// The check can fail: with the opposite expectation, every case does.
#[test]
fn a_wrong_expectation_fails() {
    let alerts = alerts(None);
    let mut count = 0;
    let mut tests = Vec::new();
    for mut case in Case::all() {
        case.fires = if case.fires.is_some() { None } else { Some(BTreeMap::new()) };
        let meant: Vec<&Value> = alerts.iter().filter(|alert| case.alert == EVERY || case.alert == name(alert)).collect();
        count += meant.len();
        tests.push(case.test(&meant));
    }
    let (ok, said) = run(&alerts, &tests);
    assert!(!ok && said.contains("FAILED"), "{said}");
    assert_eq!(said.matches("alertname: ").count(), count, "{said}");
}
