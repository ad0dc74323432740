use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{DEFAULT_NAME, Endpoint, Registration};
use crate::canon::Canons;
use crate::verdict::{Settings, Subject};

fn render(canons: &Canons) -> [Value; 2] {
    let settings = Settings::default();
    Registration {
        canons,
        namespaces: &settings.namespaces,
        namespace_controllers: &settings.namespace_controllers,
        plugin_writers: &settings.plugin_writers,
        network_annotations: &settings.network_annotation_keys,
        foreign_kinds: &settings.foreign_kinds,
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

fn named<'m>(manifests: &'m [Value; 2], start: &str) -> &'m Value {
    webhooks(manifests).into_iter().find(|webhook| webhook["name"].as_str().unwrap().starts_with(start)).unwrap()
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
            let guarded = if webhook.get("namespaceSelector").is_some() { "guarded" } else { "everywhere" };
            format!("{} {} {} s {guarded}", text("name"), text("failurePolicy"), webhook["timeoutSeconds"])
        })
        .collect();
    assert_eq!(
        found,
        [
            "pods.mutate.netpol.abcdesktop.io Ignore 3 s guarded",
            "pods.validate.netpol.abcdesktop.io Fail 5 s guarded",
            "bindings.validate.netpol.abcdesktop.io Fail 5 s guarded",
            "policies.validate.netpol.abcdesktop.io Fail 5 s guarded",
            "deleted-policies.validate.netpol.abcdesktop.io Ignore 5 s guarded",
            "workload-selectors.validate.netpol.abcdesktop.io Fail 5 s guarded",
            "workloads.validate.netpol.abcdesktop.io Ignore 5 s guarded",
            "foreign-policies.validate.netpol.abcdesktop.io Ignore 5 s guarded",
            "neighbors.validate.netpol.abcdesktop.io Ignore 5 s everywhere",
            "plugin-policies.validate.netpol.abcdesktop.io Ignore 5 s guarded",
            "namespaces.validate.netpol.abcdesktop.io Fail 5 s guarded",
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

#[test]
fn every_foreign_kind_is_matched_in_any_scope() {
    let manifests = render(&built_in());
    for (name, plugin_written) in [("foreign", false), ("plugin", true)] {
        let webhook = named(&manifests, name);
        let matched: BTreeSet<_> = resources(webhook).into_iter().map(|(group, resource, _)| (group, resource)).collect();
        let kinds = crate::verdict::foreign::KINDS.iter().filter(|kind| kind.plugin_written == plugin_written);
        assert_eq!(matched, kinds.map(|kind| (kind.group.to_owned(), kind.resource.to_owned())).collect(), "{name}");
        assert!(webhook["rules"].as_array().unwrap().iter().all(|rule| rule["scope"] == "*"));
    }
}

#[test]
fn manifests_have_the_given_users_and_namespaces() {
    let canon = built_in();
    let manifests = Registration {
        canons: &canon,
        namespaces: &["one".to_owned(), "two".to_owned()],
        namespace_controllers: &["o\"brien".to_owned()],
        plugin_writers: &["plug\"in".to_owned()],
        network_annotations: &["example.org/pool".to_owned()],
        foreign_kinds: &["kubeovn.io/subnets".parse().unwrap()],
        name: "second",
        endpoint: &Endpoint::url("https://127.0.0.1:8443").unwrap(),
        authorities: None,
    }
    .manifests();
    assert!(manifests.iter().all(|manifest| manifest["metadata"]["name"] == "second"));
    let policies = named(&manifests, "policies");
    assert_eq!(policies["namespaceSelector"]["matchExpressions"][0]["values"], json!(["one", "two"]));
    assert!(policies["matchConditions"][0]["expression"].as_str().unwrap().contains(r#"in ["o\"brien"]"#));
    assert_eq!(policies["clientConfig"], json!({"url": "https://127.0.0.1:8443/validate"}));
    let condition = |name: &str| named(&manifests, name)["matchConditions"][0]["expression"].as_str().unwrap();
    assert_eq!(condition("plugin"), r#"!(request.userInfo.username in ["plug\"in"])"#);
    assert!(condition("namespaces").starts_with(condition("plugin")));
    for name in ["pods.validate", "bindings", "namespaces"] {
        assert!(condition(name).contains(r#", "example.org/pool"]"#), "{name}");
    }
    assert!(resources(named(&manifests, "foreign")).contains(&("kubeovn.io".to_owned(), "subnets".to_owned(), String::new())));
}
