//! The dashboard of the chart: valid JSON that Grafana loads, with metrics that exist. The cluster test of the lifecycle finds them in
//! the `/metrics` of running servers and of a running controller.

use serde_json::{Value, json};

use super::alerts::{check_expression, selectors};
use crate::support::helm::{chart, objects, template};

/// The most panels that an engineer on call looks through.
const MOST_PANELS: usize = 12;
/// The data source of every panel and query: a variable.
const SOURCE: &str = "${datasource}";

/// Returns the ConfigMap and its dashboard, as the chart renders them.
fn rendered(values: &Value) -> Option<(Value, Value)> {
    let all = objects(&template(&json!({"metrics": {"dashboard": values}}), &[]).expect("a rendered chart"));
    let map = all.into_iter().find(|object| object["kind"] == "ConfigMap")?;
    let text = map["data"]["abcdesktop-netpol.json"].as_str().expect("a file").to_owned();
    let dashboard = serde_json::from_str(&text).expect("the dashboard is JSON");
    Some((map, dashboard))
}

fn dashboard() -> Value {
    rendered(&json!({"enabled": true})).expect("a ConfigMap").1
}

fn panels(dashboard: &Value) -> &Vec<Value> {
    dashboard["panels"].as_array().expect("panels")
}

/// Returns the expressions of all panels.
pub(crate) fn expressions() -> Vec<String> {
    let targets = panels(&dashboard()).iter().flat_map(|panel| panel["targets"].as_array().expect("queries").clone()).collect::<Vec<_>>();
    targets.iter().map(|target| target["expr"].as_str().expect("an expression").to_owned()).collect()
}

/// Returns every data source in a value.
fn sources<'v>(value: &'v Value, found: &mut Vec<&'v Value>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                if key == "datasource" && !value.is_string() {
                    found.push(&value["uid"]);
                } else {
                    sources(value, found);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| sources(item, found)),
        _ => {}
    }
}

#[test]
fn the_config_map_is_what_the_sidecar_of_grafana_loads() {
    let (map, dashboard) =
        rendered(&json!({"enabled": true, "labels": {"team": "desktops"}, "annotations": {"grafana_folder": "Security"}})).unwrap();
    let labels = &map["metadata"]["labels"];
    assert_eq!((&labels["grafana_dashboard"], &labels["team"]), (&json!("1"), &json!("desktops")));
    assert_eq!(map["metadata"]["annotations"]["grafana_folder"], "Security");
    // The file is not a template: the braces of Grafana are as they are written.
    let file = std::fs::read_to_string(chart().join("files/dashboard.json")).unwrap();
    assert_eq!(dashboard, serde_json::from_str::<Value>(&file).unwrap());
    assert!(file.contains("{{verdict}}"));
    assert!(rendered(&json!({"enabled": false})).is_none() && rendered(&json!({})).is_none());
}

#[test]
fn it_fits_an_engineer_on_call() {
    let dashboard = dashboard();
    let panels = panels(&dashboard);
    assert!(!panels.is_empty() && panels.len() <= MOST_PANELS, "{}", panels.len());
    let mut ids: Vec<i64> = panels.iter().map(|panel| panel["id"].as_i64().unwrap()).collect();
    ids.dedup();
    assert_eq!(ids.len(), panels.len());
    for panel in panels {
        let title = panel["title"].as_str().unwrap();
        assert!(!panel["description"].as_str().unwrap().is_empty(), "{title}");
        let position = &panel["gridPos"];
        assert!(position["x"].as_u64().unwrap() + position["w"].as_u64().unwrap() <= 24, "{title}");
        assert!(!panel["targets"].as_array().unwrap().is_empty(), "{title}");
    }
    // Panels are in the order in which they are read.
    let place = |panel: &Value| (panel["gridPos"]["y"].as_u64(), panel["gridPos"]["x"].as_u64());
    assert!(panels.is_sorted_by_key(place));
}

#[test]
fn no_data_source_is_hard_coded() {
    let dashboard = dashboard();
    let mut found = Vec::new();
    sources(&dashboard, &mut found);
    assert!(found.len() > panels(&dashboard).len() && found.iter().all(|uid| *uid == SOURCE), "{found:?}");
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    let source = variables.iter().find(|variable| variable["name"] == "datasource").unwrap();
    assert_eq!((&source["type"], &source["query"]), (&json!("datasource"), &json!("prometheus")));
}

#[test]
fn it_uses_metrics_and_labels_that_exist() {
    let expressions = expressions();
    assert!(expressions.len() >= MOST_PANELS, "{expressions:?}");
    for expression in &expressions {
        check_expression(expression);
        assert!(!selectors(expression).is_empty(), "{expression}");
        let ours = expression.matches("netpol_").count();
        assert_eq!(expression.matches("namespace=\"$namespace\"").count(), ours, "{expression} reads other installations");
    }
    let text = dashboard()["templating"].to_string();
    assert!(text.contains("label_values(netpol_ready, namespace)"), "{text}");
}
