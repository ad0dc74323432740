use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{DEFAULT_NAME, Endpoint, Registration, Send};
use crate::canon::{Canons, Documents};
use crate::verdict::foreign::{ForeignKind, KINDS};
use crate::verdict::settings::Action;
use crate::verdict::{Settings, Subject};

fn render(canons: &Canons) -> [Value; 2] {
    let settings = Settings::default();
    Registration {
        canons,
        settings: &settings,
        send: Send::Needed,
        name: DEFAULT_NAME,
        endpoint: &Endpoint::default_service(),
        authorities: None,
    }
    .manifests()
}

fn built_in() -> Canons {
    Canons::load(&["abcdesktop".to_owned()], &["abcdesktop".to_owned()]).unwrap()
}

fn webhooks(manifests: &[Value; 2]) -> Vec<&Value> {
    manifests.iter().flat_map(|manifest| manifest["webhooks"].as_array().unwrap()).collect()
}

/// Returns every resource of the rules as group, resource and subresource.
fn resources(webhook: &Value) -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    for rule in webhook["rules"].as_array().unwrap() {
        for resource in rule["resources"].as_array().unwrap() {
            let (resource, subresource) = resource.as_str().unwrap().split_once('/').unwrap_or((resource.as_str().unwrap(), ""));
            found.push((rule["apiGroups"][0].as_str().unwrap().to_owned(), resource.to_owned(), subresource.to_owned()));
        }
    }
    found
}

#[test]
fn each_webhook_has_its_failure_policy_timeout_and_scope() {
    let manifests = render(&built_in());
    let found: Vec<String> = webhooks(&manifests)
        .iter()
        .map(|webhook| {
            let text = |field: &str| webhook[field].as_str().unwrap_or("-").to_owned();
            let names = &webhook["namespaceSelector"]["matchExpressions"][0];
            let listed = names["values"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect::<Vec<_>>().join(",");
            let scope = format!("{} {listed}", names["operator"].as_str().unwrap());
            format!("{} {} {} s {scope}", text("name"), text("failurePolicy"), webhook["timeoutSeconds"])
        })
        .collect();
    assert_eq!(
        found,
        [
            "pods.mutate.netpol.abcdesktop.io Ignore 3 s In abcdesktop",
            "pod-updates.mutate.netpol.abcdesktop.io Ignore 3 s In abcdesktop",
            "pods.validate.netpol.abcdesktop.io Fail 5 s In abcdesktop",
            "pod-updates.validate.netpol.abcdesktop.io Fail 5 s In abcdesktop",
            "bindings.validate.netpol.abcdesktop.io Fail 5 s In abcdesktop",
            "policies.validate.netpol.abcdesktop.io Fail 5 s In abcdesktop",
            "deleted-policies.validate.netpol.abcdesktop.io Ignore 5 s In abcdesktop",
            "workload-selectors.validate.netpol.abcdesktop.io Fail 5 s In abcdesktop",
            "workloads.validate.netpol.abcdesktop.io Ignore 5 s In abcdesktop",
            "workload-claims.validate.netpol.abcdesktop.io Ignore 5 s In abcdesktop",
            "pod-claims.validate.netpol.abcdesktop.io Ignore 5 s In abcdesktop",
            "canonical-foreign-policies.validate.netpol.abcdesktop.io Fail 5 s In abcdesktop",
            "foreign-policies.validate.netpol.abcdesktop.io Ignore 5 s In abcdesktop",
            "cluster-foreign-policies.validate.netpol.abcdesktop.io Ignore 5 s In abcdesktop",
            "neighbors.validate.netpol.abcdesktop.io Ignore 5 s NotIn kube-system,netpol-system",
            "system-neighbors.validate.netpol.abcdesktop.io Ignore 5 s In kube-system,netpol-system",
            "plugin-policies.validate.netpol.abcdesktop.io Ignore 5 s In abcdesktop",
            "namespaces.validate.netpol.abcdesktop.io Ignore 5 s In abcdesktop",
            "repair-pause.validate.netpol.abcdesktop.io Fail 5 s In abcdesktop",
        ]
    );
    for webhook in webhooks(&manifests) {
        assert_eq!((&webhook["matchPolicy"], &webhook["sideEffects"]), (&json!("Equivalent"), &json!("None")));
        assert_eq!(webhook["admissionReviewVersions"], json!(["v1"]));
        assert!(webhook["rules"].as_array().unwrap().iter().all(|rule| rule["apiVersions"] == json!(["*"])));
    }
    assert_eq!(webhooks(&manifests)[0]["reinvocationPolicy"], "IfNeeded");
}

#[test]
fn every_resource_of_a_rule_has_a_judge() {
    for webhook in webhooks(&render(&built_in())) {
        for (group, resource, subresource) in resources(webhook) {
            assert_ne!(Subject::of(&group, &resource, &subresource).0, Subject::Other, "{group}/{resource}/{subresource}");
        }
    }
}

/// Returns the webhook whose name begins with `name` and a period.
fn webhook<'m>(manifests: &'m [Value; 2], name: &str) -> &'m Value {
    let is_named = |webhook: &&Value| webhook["name"].as_str().unwrap().split('.').next() == Some(name);
    webhooks(manifests).into_iter().rfind(is_named).unwrap()
}

#[test]
fn every_foreign_kind_is_matched_in_its_scope() {
    let manifests = render(&built_in());
    for (name, scope) in [("foreign-policies", "Namespaced"), ("cluster-foreign-policies", "Cluster"), ("plugin-policies", "*")] {
        let webhook = webhook(&manifests, name);
        let matched: BTreeSet<_> = resources(webhook).into_iter().map(|(group, resource, _)| (group, resource)).collect();
        let is_matched = |kind: &&ForeignKind| match scope {
            "*" => kind.plugin_written,
            _ => !kind.plugin_written && kind.namespaced == (scope == "Namespaced"),
        };
        let known = KINDS.iter().filter(is_matched);
        assert_eq!(matched, known.map(|kind| (kind.group.to_owned(), kind.resource.to_owned())).collect());
        assert!(webhook["rules"].as_array().unwrap().iter().all(|rule| rule["scope"] == scope));
    }
}

/// What corrects an outage must not depend on the servers, and neither must the namespaces that they need.
#[test]
fn only_what_is_denied_and_never_needed_by_the_servers_fails_closed() {
    let canons = built_in();
    for (action, expected) in [(Action::Deny, "Fail"), (Action::Warn, "Ignore"), (Action::Allow, "Ignore")] {
        let settings =
            Settings { neighbors: action, foreign_policies: action, network_annotations: action, claims: action, ..Settings::default() };
        let manifests = Registration {
            canons: &canons,
            settings: &settings,
            send: Send::Needed,
            name: DEFAULT_NAME,
            endpoint: &Endpoint::service("kube-system/guard").unwrap(),
            authorities: None,
        }
        .manifests();
        let policy = |name| &webhook(&manifests, name)["failurePolicy"];
        for name in ["neighbors", "foreign-policies", "namespaces", "workload-claims", "pod-claims"] {
            assert_eq!(policy(name), expected, "{name}");
        }
        assert_eq!((policy("system-neighbors"), policy("cluster-foreign-policies")), (&json!("Ignore"), &json!("Ignore")));
        for name in ["neighbors", "system-neighbors"] {
            assert_eq!(webhook(&manifests, name)["namespaceSelector"]["matchExpressions"][0]["values"], json!(["kube-system"]));
        }
    }
}

#[test]
fn manifests_have_the_given_users_and_namespaces() {
    let canon = built_in();
    let settings = Settings {
        namespaces: ["one", "two"].map(str::to_owned).to_vec(),
        namespace_controllers: vec!["o\"brien".to_owned()],
        plugin_writers: vec!["plug\"in".to_owned()],
        network_annotation_keys: vec!["example.org/pool".to_owned()],
        foreign_kinds: vec!["example.org/flowpolicies".parse().unwrap()],
        ..Settings::default()
    };
    let manifests = Registration {
        canons: &canon,
        settings: &settings,
        send: Send::Needed,
        name: "second",
        endpoint: &Endpoint::url("https://127.0.0.1:8443").unwrap(),
        authorities: None,
    }
    .manifests();
    assert!(manifests.iter().all(|manifest| manifest["metadata"]["name"] == "second"));
    let policies = webhook(&manifests, "policies");
    assert_eq!(policies["namespaceSelector"]["matchExpressions"][0]["values"], json!(["one", "two"]));
    assert!(policies["matchConditions"][0]["expression"].as_str().unwrap().contains(r#"in ["o\"brien"]"#));
    assert_eq!(policies["clientConfig"], json!({"url": "https://127.0.0.1:8443/validate"}));
    let condition = |name: &str| webhook(&manifests, name)["matchConditions"][0]["expression"].as_str().unwrap();
    assert_eq!(condition("plugin-policies"), r#"!(request.userInfo.username in ["plug\"in"])"#);
    assert!(condition("namespaces").starts_with(condition("plugin-policies")));
    for name in ["pods", "pod-updates", "bindings", "namespaces"] {
        assert!(condition(name).contains(r#", "example.org/pool"]"#), "{name}");
    }
    assert!(resources(webhook(&manifests, "foreign-policies")).contains(&(
        "example.org".to_owned(),
        "flowpolicies".to_owned(),
        String::new()
    )));
}

/// The API server converts requests in other versions to that of the rule, and sends only canonical names.
#[test]
fn canonical_foreign_policies_have_a_webhook_that_fails_closed() {
    let text = "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: all}, spec: {podSelector: {}}}
---
{apiVersion: cilium.io/v2, kind: CiliumNetworkPolicy, metadata: {name: crew}, spec: {}}
---
{apiVersion: cilium.io/v2, kind: CiliumNetworkPolicy, metadata: {name: admins}, spec: {}}
---
{apiVersion: k8s.cni.cncf.io/v1beta1, kind: MultiNetworkPolicy, metadata: {name: lan}, spec: {}}
";
    let canons = Canons::from_documents(&[Documents::from_text("own", text)], &["abcdesktop".to_owned()]).unwrap();
    let manifests = render(&canons);
    let canonical = webhook(&manifests, "canonical-foreign-policies");
    let rule = |group: &str, version: &str, resource: &str| {
        let operations = ["CREATE", "UPDATE", "DELETE"];
        json!({"apiGroups": [group], "apiVersions": [version], "resources": [resource], "operations": operations, "scope": "Namespaced"})
    };
    let rules = [rule("cilium.io", "v2", "ciliumnetworkpolicies"), rule("k8s.cni.cncf.io", "v1beta1", "multi-networkpolicies")];
    assert_eq!((&canonical["failurePolicy"], &canonical["rules"]), (&json!("Fail"), &json!(rules)));
    let expression = |webhook: &Value, name: &str| {
        let mut conditions = webhook["matchConditions"].as_array().unwrap().iter();
        conditions.find(|condition| condition["name"] == name).unwrap()["expression"].as_str().unwrap().to_owned()
    };
    let name = "(request.operation == 'DELETE' ? oldObject : object).metadata.?name.orValue('')";
    assert_eq!(
        expression(canonical, "is-canonical"),
        format!(
            "request.resource.group == \"cilium.io\" && request.resource.resource == \"ciliumnetworkpolicies\" && {name} in [\"admins\", \"crew\"] || \
             request.resource.group == \"k8s.cni.cncf.io\" && request.resource.resource == \"multi-networkpolicies\" && {name} in [\"lan\"]"
        )
    );
    // The rest stays as the flag says. A canonical policy in another version is sent to both.
    let others = webhook(&manifests, "foreign-policies");
    assert_eq!(others["failurePolicy"], "Ignore");
    let excluded = expression(others, "is-not-canonical");
    assert!(excluded.starts_with("!(") && excluded.contains("request.resource.version == \"v2\" && "), "{excluded}");
    let without = render(&built_in());
    assert_eq!(expression(webhook(&without, "canonical-foreign-policies"), "is-canonical"), "!true");
    assert_eq!(expression(webhook(&without, "foreign-policies"), "is-not-canonical"), "true");
}
