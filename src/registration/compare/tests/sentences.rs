use serde_json::{Value, json};

use super::{Given, stored, webhooks};
use crate::registration::compare::found_endpoint;
use crate::registration::{Endpoint, Send};
use crate::verdict::Settings;
use crate::verdict::settings::{Action, UngrantedLabels};

fn typical() -> Given {
    Given {
        canons: 0,
        settings: Settings { namespaces: vec!["desktops".to_owned()], ..Settings::default() },
        endpoint: Endpoint::default_service(),
        send: Send::Needed,
    }
}

fn sentences(given: &Given, found: &[Option<Value>; 2]) -> Vec<String> {
    given.compare(found).into_iter().map(|weakness| weakness.sentence).collect()
}

#[test]
fn a_sentence_ends_with_the_command_that_mends_it() {
    let given = typical();
    // The bundle that a configuration has is kept.
    let render = |resource: &str| {
        format!(
            "to mend it: kubectl get {resource}webhookconfiguration guard -o jsonpath='{{.webhooks[0].clientConfig.caBundle}}' | base64 -d | \
             netpol render registration --ca - --name guard --namespace desktops | kubectl apply -f -"
        )
    };
    let mut found = stored(&given.expected());
    found[0] = None;
    assert_eq!(
        sentences(&given, &found),
        [format!(
            "the MutatingWebhookConfiguration \"guard\" does not exist, so API servers do not call the servers for it; {}",
            render("validating")
        )]
    );
    found[1] = None;
    let helm = "helm -n netpol-system get manifest guard | kubectl apply --server-side --force-conflicts --field-manager=helm -f -";
    for sentence in sentences(&given, &found) {
        assert!(sentence.contains(&format!("to mend it: {helm} (with Helm), or netpol render")), "{sentence}");
    }

    let mut found = stored(&given.expected());
    found[1].as_mut().unwrap()["webhooks"][2]["namespaceSelector"]["matchExpressions"][0]["values"] = json!(["other"]);
    let render = render("mutating");
    let start = "the webhook \"bindings.validate.netpol.abcdesktop.io\" of the ValidatingWebhookConfiguration \"guard\"";
    assert_eq!(sentences(&given, &found), [format!("{start} does not cover the namespace \"desktops\"; {render}")]);
    let both = json!(["other", "desktops", "third"]);
    let mut several = found.clone();
    for webhook in webhooks(&mut several) {
        if webhook["failurePolicy"] == "Fail" {
            webhook["namespaceSelector"]["matchExpressions"][0]["values"] = json!(["other"]);
        } else if webhook["namespaceSelector"]["matchExpressions"][0]["operator"] == "In" {
            webhook["namespaceSelector"]["matchExpressions"][0]["values"].as_array_mut().unwrap().extend(both.as_array().unwrap().clone());
        }
    }
    let (names, of) = (["pods", "pod-updates", "bindings"], "validate.netpol.abcdesktop.io");
    let names = names.map(|name| format!("{name}.{of}")).join(", ");
    assert_eq!(
        sentences(&given, &several),
        [format!(
            "each of the webhooks {names}, and 4 more of the ValidatingWebhookConfiguration \"guard\" does not cover the namespace \"desktops\"; {render}"
        )]
    );
    found[0].as_mut().unwrap()["metadata"]["annotations"] =
        json!({"meta.helm.sh/release-name": "guard", "meta.helm.sh/release-namespace": "netpol-system"});
    assert_eq!(sentences(&given, &found), [format!("{start} does not cover the namespace \"desktops\"; to mend it: {helm}")]);

    let mut found = stored(&given.expected());
    found[1].as_mut().unwrap()["webhooks"][2]["objectSelector"] = json!({"matchLabels": {"a": "b"}});
    let patch = r#"[{"op":"test","path":"/webhooks/2/name","value":"bindings.validate.netpol.abcdesktop.io"},{"op":"remove","path":"/webhooks/2/objectSelector"}]"#;
    assert_eq!(
        sentences(&given, &found),
        [format!(
            "{start} has an objectSelector, so objects without the labels that it selects are not sent; to mend it: \
             kubectl patch validatingwebhookconfiguration guard --type=json -p '{patch}'"
        )]
    );
}

/// The chart has no other condition for a canon of one's own.
#[test]
fn the_condition_of_validate_may_be_that_of_mutate_too_and_not_the_other_way_round() {
    let given = typical();
    let expected = stored(&given.expected());
    let conditions = |stage: usize| expected[stage].as_ref().unwrap()["webhooks"][0]["matchConditions"].clone();
    let with = |stage: usize, conditions: Value| {
        let mut found = expected.clone();
        found[stage].as_mut().unwrap()["webhooks"][0]["matchConditions"] = conditions;
        found
    };
    assert_eq!(sentences(&given, &with(0, conditions(1))), Vec::<String>::new());
    let mut other = conditions(1);
    other[0]["expression"] = json!("false");
    let fewer = ", but by the canons and flags of the servers more new pods must be sent";
    for (stage, conditions, what) in [(1, conditions(0), fewer), (0, other, "has another match condition \"not-plainly-right\" than")] {
        let said = sentences(&given, &with(stage, conditions));
        assert!(said.len() == 1 && said[0].contains(what), "{said:?}");
    }
    // Where /mutate removes labels, it needs every pod that is not plainly right.
    let strip = Given { settings: Settings { ungranted_labels: UngrantedLabels::Strip, ..given.settings.clone() }, ..given.clone() };
    let said = sentences(&strip, &expected);
    assert!(said.len() == 1 && said[0].contains("\"lacks-labels\", but by the canons and flags"), "{said:?}");
    let all = Given { send: Send::All, ..given };
    assert_eq!(sentences(&all, &expected).len(), 2);
}

#[test]
fn one_command_removes_what_several_webhooks_have_in_addition() {
    let given = typical();
    let mut found = stored(&given.expected());
    for webhook in found[1].as_mut().unwrap()["webhooks"].as_array_mut().unwrap().iter_mut().take(2) {
        webhook["matchConditions"].as_array_mut().unwrap().push(json!({"name": "off", "expression": "false"}));
    }
    let said = sentences(&given, &found);
    let (_, patch) = said[0].split_once("kubectl patch validatingwebhookconfiguration guard --type=json -p ").unwrap();
    let patch: json_patch::Patch = serde_json::from_str(patch.trim_matches('\'')).unwrap();
    assert_eq!(said.len(), 1);
    json_patch::patch(found[1].as_mut().unwrap(), &patch).unwrap();
    assert_eq!(found, stored(&given.expected()));
    // It does not remove another condition.
    assert!(json_patch::patch(found[1].as_mut().unwrap(), &patch).is_err());
}

#[test]
fn the_command_has_every_flag_that_is_not_a_default() {
    let given = Given {
        settings: Settings {
            neighbors: Action::Deny,
            foreign_policies: Action::Allow,
            network_annotations: Action::Deny,
            foreign_kinds: vec!["example.org/flows".parse().unwrap()],
            plugin_writers: vec!["one".to_owned(), "the other".to_owned()],
            network_annotation_keys: vec!["example.org/pool".to_owned()],
            namespace_controllers: vec!["controller".to_owned()],
            claims: Action::Deny,
            ungranted_labels: UngrantedLabels::Strip,
            workload_controllers: vec!["runner=Job,CronJob".parse().unwrap()],
            ..Settings::default()
        },
        canons: 1,
        endpoint: Endpoint::url("https://guard.example").unwrap(),
        send: Send::All,
    };
    let expected = "netpol render registration --name guard --url https://guard.example --canon abcdesktop-3.3 \
                    --ungranted-labels strip --foreign-policies allow --neighbors deny --network-annotations deny --claims deny --foreign-kind example.org/flows --plugin-writer one \
                    --plugin-writer 'the other' --network-annotation example.org/pool --namespace-controller controller \
                    --workload-controller 'runner=Job,CronJob' --send all | \
                    kubectl apply -f -";
    assert!(sentences(&given, &[None, None])[0].ends_with(&format!("to mend it: {expected}")), "{:?}", sentences(&given, &[None, None]));
}

#[test]
fn the_bundle_that_is_kept_is_of_the_first_webhook_with_one() {
    let given = typical();
    let command = |bundles: &[(usize, usize, &str)]| {
        let mut found = stored(&given.expected());
        for webhook in webhooks(&mut found) {
            webhook["clientConfig"].as_object_mut().unwrap().remove("caBundle");
        }
        for (configuration, webhook, bundle) in bundles {
            found[*configuration].as_mut().unwrap()["webhooks"][*webhook]["clientConfig"]["caBundle"] = json!(bundle);
        }
        found[0].as_mut().unwrap()["webhooks"][0]["reinvocationPolicy"] = json!("Never");
        sentences(&given, &found)[0].split_once("; to mend it: ").unwrap().1.to_owned()
    };
    let render = "netpol render registration --name guard --namespace desktops | kubectl apply -f -";
    assert_eq!(command(&[]), render);
    assert_eq!(command(&[(0, 0, "")]), render);
    let kept = render.replace("registration", "registration --ca -");
    for (bundles, resource, index) in
        [(&[(0, 0, "LS0t"), (1, 0, "LS0t")][..], "mutating", 0), (&[(0, 0, ""), (1, 1, "LS0t")], "validating", 1)]
    {
        let read = format!("kubectl get {resource}webhookconfiguration guard -o jsonpath='{{.webhooks[{index}].clientConfig.caBundle}}'");
        assert_eq!(command(bundles), format!("{read} | base64 -d | {kept}"));
    }
}

#[test]
fn the_endpoint_is_the_one_of_the_certificate() {
    let given = typical();
    let found = stored(&given.expected());
    let names = |names: &[&str]| -> Vec<String> { names.iter().map(|name| (*name).to_owned()).collect() };
    let endpoint = |names: &[String]| found_endpoint([found[0].as_ref(), found[1].as_ref()], names);
    assert_eq!(endpoint(&names(&["127.0.0.1", "abcdesktop-netpol.netpol-system.svc"])), Endpoint::default_service());
    // Another server is called: the first name is expected.
    assert_eq!(endpoint(&names(&["guard.other.svc", "x"])), Endpoint::service("other/guard").unwrap());
    assert_eq!(endpoint(&names(&["guard.example"])), Endpoint::url("https://guard.example").unwrap());
    assert_eq!(endpoint(&names(&["::1"])), Endpoint::url("https://[::1]").unwrap());
    let given = Given { endpoint: Endpoint::url("https://[::1]:8443/x").unwrap(), ..typical() };
    let found = stored(&given.expected());
    assert_eq!(found_endpoint([None, found[1].as_ref()], &names(&["::1"])), given.endpoint);
}
