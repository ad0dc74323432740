//! The webhook configurations of the chart are equal to those of `netpol render registration`.

use serde_json::{Value, json};

use super::sets::{ALONE, CANON, GRANTS, ISOLATING, sets};
use crate::support::command::netpol;
use crate::support::helm::{objects, only, template};

/// Returns the output of the program for the same canon, namespaces and flags.
fn rendered_by_netpol(values: &Value, name: &str) -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    let mut args: Vec<String> = ["render", "registration", "--output", "json", "--name", name].map(str::to_owned).to_vec();
    let mut flag = |flag: &str, value: &str| args.extend([flag.to_owned(), value.to_owned()]);
    let port = values["service"]["port"].as_u64().unwrap_or(443);
    flag("--service", &format!("netpol-system/{name}:{port}"));
    for namespace in strings(&values["namespaces"]) {
        flag("--namespace", namespace);
    }
    for controller in strings(&values["verdicts"]["namespaceControllers"]) {
        flag("--namespace-controller", controller);
    }
    for (value, name) in [
        ("neighbors", "--neighbors"),
        ("foreignPolicies", "--foreign-policies"),
        ("networkAnnotations", "--network-annotations"),
        ("claims", "--claims"),
        ("ungrantedLabels", "--ungranted-labels"),
    ] {
        if let Some(action) = values["verdicts"][value].as_str() {
            flag(name, action);
        }
    }
    for (name, list) in [
        ("--plugin-writer", "pluginWriters"),
        ("--network-annotation", "networkAnnotationKeys"),
        ("--foreign-kind", "foreignKinds"),
        ("--workload-controller", "workloadControllers"),
    ] {
        for item in strings(&values["verdicts"][list]) {
            flag(name, item);
        }
    }
    if let Some(bundle) = values["certificates"]["secret"]["caBundle"].as_str() {
        let file = folder.path().join("ca.crt");
        std::fs::write(&file, bundle).unwrap();
        flag("--ca", file.to_str().unwrap());
    }
    let is_needed = values["webhooks"]["send"] != "all" && values["audit"]["level"] != "all";
    let has_condition = values["webhooks"].get("podCondition").is_some()
        || !(values["canon"]["documents"].is_object() || values["canon"]["configMap"].is_object());
    flag("--send", if is_needed && has_condition { "needed" } else { "all" });
    let canon = folder.path().join("canon");
    std::fs::create_dir(&canon).unwrap();
    if let Some(documents) = values["canon"]["documents"].as_object() {
        for (file, text) in documents {
            std::fs::write(canon.join(file), text.as_str().unwrap()).unwrap();
        }
        flag("--canon", canon.to_str().unwrap());
    } else if let Some(keys) = values["canon"]["configMap"].as_object() {
        // An existing ConfigMap: any canon that uses these keys.
        std::fs::write(canon.join("canon.json"), reading(keys).to_string()).unwrap();
        flag("--canon", canon.to_str().unwrap());
    }
    let built_in = &values["canon"]["builtIn"];
    for name in built_in.as_str().into_iter().chain(strings(built_in)) {
        flag("--canon", name);
    }
    let ran = netpol(&args.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(ran.code, 0, "{}", ran.err);
    serde_json::from_str::<Value>(&ran.out).unwrap()["items"].as_array().unwrap().clone()
}

fn reading(keys: &serde_json::Map<String, Value>) -> Value {
    let labels = |of: &str| {
        strings(keys.get(of).unwrap_or(&Value::Null)).map(|key| (key.to_owned(), Value::from("x"))).collect::<serde_json::Map<_, _>>()
    };
    let mut from = vec![serde_json::json!({"podSelector": {}})];
    let selectors = keys.get("neighborSelectors").and_then(Value::as_array).cloned().unwrap_or_default();
    from.extend(selectors.into_iter().map(|selector| serde_json::json!({"namespaceSelector": selector})));
    let foreign = strings(keys.get("foreignPolicies").unwrap_or(&Value::Null)).map(|policy| {
        let parts: Vec<&str> = policy.split('/').collect();
        let [group, version, plural, name] = parts[..] else { panic!("{policy}") };
        let kind = format!("{}y", plural.strip_suffix("ies").unwrap());
        serde_json::json!({"apiVersion": format!("{group}/{version}"), "kind": kind, "metadata": {"name": name}, "spec": {}})
    });
    let mut items = vec![serde_json::json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "reads"},
        "spec": {"podSelector": {"matchLabels": labels("identityKeys")}, "ingress": [{"from": from}]},
    })];
    items.extend(foreign);
    serde_json::json!({"apiVersion": "v1", "kind": "List", "items": items})
}

fn strings(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().map(|item| item.as_str().unwrap())
}

#[test]
fn the_chart_has_the_webhooks_that_netpol_renders() {
    for (set, values) in sets() {
        let objects = objects(&template(&values, &[]).expect(set));
        let name = only(&objects, "MutatingWebhookConfiguration")["metadata"]["name"].as_str().unwrap();
        for expected in rendered_by_netpol(&values, name) {
            let kind = expected["kind"].as_str().unwrap();
            let found = only(&objects, kind);
            assert_eq!(found["metadata"]["name"], expected["metadata"]["name"], "{set}");
            assert_eq!(found["webhooks"], expected["webhooks"], "{set}: {kind}");
        }
    }
}

/// In the other modes, cert-manager or the server writes the caBundle.
#[test]
fn only_an_existing_secret_has_a_ca_bundle() {
    for (set, values) in sets() {
        let objects = objects(&template(&values, &[]).expect(set));
        let mode = values["certificates"]["mode"].as_str().unwrap_or("selfManaged");
        for kind in ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"] {
            let found = only(&objects, kind);
            for webhook in found["webhooks"].as_array().unwrap() {
                assert_eq!(webhook["clientConfig"].get("caBundle").is_some(), mode == "secret", "{set}");
            }
            let injected = &found["metadata"]["annotations"]["cert-manager.io/inject-ca-from"];
            assert_eq!(injected.is_string(), mode == "certManager", "{set}");
            if injected.is_string() {
                let certificate = injected.as_str().unwrap().split_once('/').unwrap();
                assert_eq!(certificate.0, "netpol-system");
                assert!(
                    objects.iter().any(|object| object["kind"] == "Certificate" && object["metadata"]["name"] == certificate.1),
                    "{set}"
                );
            }
        }
    }
}

/// The webhooks of values that choose which new pods are sent.
#[track_caller]
fn assert_as_rendered(values: &Value) -> String {
    let objects = objects(&template(values, &[]).expect("the webhooks"));
    for expected in rendered_by_netpol(values, "abcdesktop-netpol") {
        assert_eq!(only(&objects, expected["kind"].as_str().unwrap())["webhooks"], expected["webhooks"], "{values}");
    }
    conditions_of_new_pods(&objects).map(|conditions| conditions.to_string()).concat()
}

/// Returns the conditions of the webhook for new pods of each stage.
fn conditions_of_new_pods(objects: &[Value]) -> [Value; 2] {
    let kinds = ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"];
    kinds.map(|kind| only(objects, kind)["webhooks"][0]["matchConditions"].clone())
}

#[test]
fn every_list_of_built_in_canons_has_its_pod_condition() {
    let lists = [
        vec!["abcdesktop-3.3"],
        vec!["abcdesktop-4.0", "abcdesktop-3.3"],
        vec!["abcdesktop-4.4", "abcdesktop-4.0", "abcdesktop"],
        vec!["abcdesktop-4.4", "abcdesktop", "abcdesktop-3.3", "abcdesktop-4.0"],
    ];
    for list in lists {
        let values =
            json!({"canon": {"builtIn": list}, "verdicts": {"hostNetwork": "allow", "networkAnnotationKeys": ["example.org/pool"]}});
        let conditions = assert_as_rendered(&values);
        assert!(["lacks-labels", "not-plainly-right", "example.org/pool"].iter().all(|text| conditions.contains(text)), "{list:?}");
        let strip = json!({"canon": {"builtIn": list}, "verdicts": {"ungrantedLabels": "strip"}});
        assert!(!assert_as_rendered(&strip).contains("lacks-labels"), "{list:?}");
    }
}

#[test]
fn all_pods_are_sent_if_a_value_says_so_or_there_is_no_condition() {
    let own = json!({"documents": {"only.yaml": ALONE}});
    for values in [
        json!({"webhooks": {"send": "all"}}),
        json!({"audit": {"level": "all"}}),
        json!({"canon": own}),
        json!({"canon": {"documents": {"only.yaml": ISOLATING}, "builtIn": "abcdesktop-4.4"}}),
    ] {
        assert_eq!(assert_as_rendered(&values), "nullnull", "{values}");
    }
}

#[test]
fn the_condition_of_a_canon_of_ones_own_is_a_value() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("canon.yaml"), CANON).unwrap();
    std::fs::write(folder.path().join("grants.json"), GRANTS).unwrap();
    let canon = folder.path().to_str().unwrap();
    let printed =
        netpol(&["render", "registration", "--canon", canon, "--network-annotation", "example.org/pool", "--print", "pod-condition"]);
    assert_eq!((printed.code, printed.err.as_str()), (0, ""));
    let values = json!({
        "canon": {"documents": {"canon.yaml": CANON, "grants.json": GRANTS}}, "webhooks": {"podCondition": printed.out},
        "verdicts": {"networkAnnotationKeys": ["example.org/pool"], "ungrantedLabels": "strip"},
    });
    assert!(assert_as_rendered(&values).contains("not-plainly-right"));
    // The chart does not evaluate grants: it has no other condition for /mutate, and a pod that is plainly right lacks no label.
    let mut values = values;
    values["verdicts"]["ungrantedLabels"] = json!("deny");
    let [mutating, validating] = conditions_of_new_pods(&objects(&template(&values, &[]).expect("the webhooks")));
    assert_eq!((mutating[0]["name"].as_str(), &mutating), (Some("not-plainly-right"), &validating));
}

/// The chart replaces placeholders in conditions, but not in what a canon says.
#[test]
fn a_canon_may_have_the_words_of_the_placeholders() {
    let words = ["identity-keys", "namespace-controllers", "plugin-writers", "network-annotations"];
    let policy =
        "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: all}, spec: {podSelector: {matchLabels: {netpol/x: a}}}}";
    // A placeholder is a list of one, or the last item of a list.
    for word in words {
        let grant = json!({
            "name": word, "podSelector": {"matchLabels": {"run": word}}, "labels": {"netpol/x": "a"}, "claims": {"users": [format!("<{word}>")]},
        });
        let canon = format!(
            "{policy}\n---\n{{apiVersion: netpol.abcdesktop.io/v1alpha1, kind: Grants, metadata: {{name: own}}, grants: [{grant}]}}\n---\n\
             {{apiVersion: cilium.io/v2, kind: CiliumNetworkPolicy, metadata: {{name: {word}}}, spec: {{}}}}\n"
        );
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("canon.yaml");
        std::fs::write(&file, &canon).unwrap();
        let printed = netpol(&["render", "registration", "--canon", file.to_str().unwrap(), "--print", "pod-condition"]);
        assert_eq!((printed.code, printed.err.as_str()), (0, ""));
        assert!(
            printed.out.contains(&format!("in [\"{word}\"]")) && printed.out.contains(&format!("in [\"<{word}>\"]")),
            "{}",
            printed.out
        );
        let values = json!({
            "canon": {"documents": {"canon.yaml": canon}}, "webhooks": {"podCondition": printed.out}, "verdicts": {"ungrantedLabels": "strip"},
        });
        assert!(assert_as_rendered(&values).contains(&format!(r#"in [\"{word}\"]"#)));
    }
}

/// The controller may write policies of other APIs only if the canon has them, only in repair mode, and patch them only by name.
#[test]
fn a_repairing_controller_may_write_the_canonical_policies_of_other_apis() {
    let rules = |mode: &str, policies: &[&str]| -> Vec<Value> {
        let map = serde_json::json!({"name": "own", "identityKeys": ["run"], "foreignPolicies": policies});
        let values = serde_json::json!({"controller": {"enabled": true, "mode": mode}, "canon": {"configMap": map}});
        let objects = objects(&template(&values, &[]).expect("the chart"));
        let is_role =
            |object: &&Value| object["kind"] == "ClusterRole" && object["metadata"]["name"].as_str().unwrap().ends_with("-controller");
        let role = objects.iter().find(is_role).expect("a role");
        let is_foreign = |rule: &&Value| rule["apiGroups"][0] == "cilium.io" && rule["verbs"] != serde_json::json!(["list"]);
        role["rules"].as_array().unwrap().iter().filter(is_foreign).cloned().collect()
    };
    let policies = ["cilium.io/v2/ciliumnetworkpolicies/crew", "cilium.io/v2/ciliumnetworkpolicies/admins"];
    let rule = |verb: &str| serde_json::json!({"apiGroups": ["cilium.io"], "resources": ["ciliumnetworkpolicies"], "verbs": [verb]});
    let mut patched = rule("patch");
    patched["resourceNames"] = serde_json::json!(["admins", "crew"]);
    assert_eq!(rules("repair", &policies), [rule("create"), patched]);
    assert_eq!((rules("report", &policies), rules("repair", &[])), (vec![], vec![]));
}
