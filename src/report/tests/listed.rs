use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::{Found, Input, Live, Section, render};
use crate::analysis::lint::{Lint, Severity};
use crate::analysis::{End, Endpoint, NamedPolicy, Namespace, Pods};
use crate::canon::Canons;
use crate::documents::Node;
use crate::policy::{Home, Policy};

fn policy(home: &str, name: &str, selects: &Value) -> NamedPolicy {
    let spec = json!({"podSelector": {"matchLabels": selects}, "policyTypes": ["Ingress"]});
    NamedPolicy { name: name.to_owned(), policy: Policy::parse(&Node::from(&spec), Home { namespace: home, written_for: None }).unwrap() }
}

fn pod(namespace: &str, name: &str, outside: bool) -> Endpoint {
    let labels = BTreeMap::from([("run".to_owned(), name.to_owned())]);
    let end = End::Pods(Pods::labeled(Namespace::new(namespace, BTreeMap::new()), labels));
    let object = Some((namespace.to_owned(), name.to_owned()));
    Endpoint { id: format!("{namespace}/Pod/{name}"), kind: "Pod".to_owned(), object, end, outside }
}

/// Returns the data and the HTML of a page of two namespaces, of which one is shown whole.
fn page(live: Option<&Live>) -> (Value, String) {
    let canons = Canons::load(&["abcdesktop".to_owned()], &["desk".to_owned()]).unwrap();
    let policies = [
        policy("desk", "own", &json!({"run": "nothing"})),
        policy("far", "near", &json!({"run": "b"})),
        policy("far", "idle", &json!({"run": "c"})),
    ];
    let rendered = render(&Input {
        about: "a test",
        time: "now",
        policies: &policies,
        manifests: &[],
        endpoints: &[pod("desk", "a", false), pod("far", "b", true)],
        pods: &BTreeMap::new(),
        canons: &canons,
        is_canon: false,
        namespace: "desk",
        whole: Some(&["desk".to_owned()].into()),
        lint: &Lint::default(),
        not_evaluated: &[],
        live,
    });
    (serde_json::from_str(&rendered.json).unwrap(), rendered.html)
}

#[test]
fn of_other_namespaces_only_policies_that_isolate_an_endpoint_are_listed() {
    let (data, html) = page(None);
    assert_eq!(data["policies"], json!([{"namespace": "desk", "name": "own"}, {"namespace": "far", "name": "near"}]));
    assert!(html.contains("1 policy of other namespaces, which isolate no endpoint of this page: not listed."));
    assert!(data.get("cluster").is_none() && !html.contains("href=\"#cluster\""), "there is no controller");
}

#[test]
fn what_a_controller_found_is_a_part_of_its_own() {
    let found = Found {
        id: "policy-drift",
        severity: Severity::Error,
        kind: "NetworkPolicy".to_owned(),
        namespace: "desk".to_owned(),
        name: "<own>".to_owned(),
        message: "it & others drift".to_owned(),
        command: Some("kubectl apply -f - # \u{202e}".to_owned()),
    };
    let policies = Section { name: "policies", found: vec![found], more: 3, not_evaluated: Vec::new() };
    let pods = Section { name: "pods", not_evaluated: vec!["not allowed".to_owned()], ..Section::default() };
    let live = Live {
        process: "Made by one".to_owned(),
        sections: vec![policies, pods],
        suspended: vec!["repairs of \"x\" are suspended".to_owned()],
    };
    let (data, html) = page(Some(&live));
    for text in [
        "href=\"#cluster\"",
        "&lt;own&gt;",
        "it &amp; others drift.",
        "\\u{202e}",
        "4 findings",
        "not evaluated",
        "Made by one.",
        "are suspended",
    ] {
        assert!(html.contains(text), "{text}");
    }
    let sections = &data["cluster"]["sections"];
    assert_eq!((&sections[0]["more"], &sections[0]["findings"][0]["id"]), (&json!(3), &json!("policy-drift")));
    assert_eq!(sections[1], json!({"section": "pods", "findings": [], "more": 0, "notEvaluated": ["not allowed"]}));
}
