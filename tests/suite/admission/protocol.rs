//! Pitfalls of the protocol.

use netpol::admission::answer;
use netpol::audit::Level;
use netpol::verdict::Outcome;
use netpol::verdict::settings::{Enforcement, UngrantedLabels};
use netpol::verdict::{Settings, Stage};
use serde_json::{Value, json};

use super::made::{Made, map, memcached_permits, pod};
use super::{ask, guard, put, recorded};

/// Applies a patch to an object as the API server does.
fn patched(mut object: Value, patch: Option<&json_patch::Patch>) -> Value {
    if let Some(patch) = patch {
        json_patch::patch(&mut object, patch).expect("a patch that applies");
    }
    object
}

#[test]
fn the_answer_repeats_version_kind_and_uid_and_nothing_of_the_object() {
    let guard = guard(Settings::default());
    let answer = answer(&guard, Stage::Mutate, &Made::pod(json!({"app": "x"})).bytes(), Level::Denied);
    let expected = r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":"0c1f6ef8-4a6e-4c0d-9c58-1f1c3f8d7f55","allowed":true}}"#;
    assert_eq!(String::from_utf8(answer.body).unwrap(), expected);
}

#[test]
fn any_uid_is_repeated() {
    let guard = guard(Settings::default());
    for uid in ["x", "a \"quoted\" \\ one", "é\u{1f980}\n", "</script>"] {
        assert!(put(&guard, Stage::Validate, &Made::pod(json!({})).with("uid", json!(uid))).allowed);
    }
}

#[test]
fn a_patch_is_base64_and_touches_labels_only() {
    let guard = guard(Settings::default());
    let body = recorded("pod-create-replicaset", Stage::Mutate);
    let patch = ask(&guard, Stage::Mutate, &body).patch.unwrap();
    assert_eq!(patch.0.len(), 11);
    let review: Value = serde_json::from_slice(&body).unwrap();
    let before = review["request"]["object"].clone();
    let mut after = patched(before.clone(), Some(&patch));
    for (key, value) in after["metadata"]["labels"].as_object_mut().unwrap().iter_mut() {
        assert!(before["metadata"]["labels"].get(key) == Some(value) || (key.starts_with("netpol/") && value == "true"), "{key}");
    }
    after["metadata"]["labels"] = before["metadata"]["labels"].clone();
    assert_eq!(after, before);
}

/// Returns a guard with one grant for all pods, so that a pod without labels is granted some.
fn guard_with_a_grant_for_every_pod() -> netpol::verdict::Guard {
    let folder = tempfile::tempdir().unwrap();
    let policy = "
        apiVersion: networking.k8s.io/v1
        kind: NetworkPolicy
        metadata: {name: dns-permits}
        spec:
          podSelector: {matchLabels: {netpol/dns: 'true'}}
          policyTypes: [Egress]
          egress: [{ports: [{protocol: UDP, port: 53}]}]
    ";
    let grants = "
        apiVersion: netpol.abcdesktop.io/v1alpha1
        kind: Grants
        metadata: {name: all}
        grants: [{name: everyone, podSelector: {}, labels: {netpol/dns: 'true'}, shared: true}]
    ";
    let file = folder.path().join("canon.yaml");
    std::fs::write(&file, format!("{}\n---\n{}", unindent(policy), unindent(grants))).unwrap();
    let settings = Settings { ungranted_labels: UngrantedLabels::Strip, ..Settings::default() };
    let canon = netpol::canon::Canons::load(&[file.to_str().unwrap().to_owned()], &settings.namespaces).unwrap();
    netpol::verdict::Guard::new(canon.into(), settings.into())
}

fn unindent(text: &str) -> String {
    text.lines().map(|line| line.strip_prefix("        ").unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_missing_or_null_label_map_is_added_first() {
    let guard = guard_with_a_grant_for_every_pod();
    let make = json!({"op": "add", "path": "/metadata/labels", "value": {}});
    let add = json!({"op": "add", "path": "/metadata/labels/netpol~1dns", "value": "true"});
    for (case, made, expected) in [
        ("absent", Made::pod(json!({})).without("/request/object/metadata/labels"), json!([make, add])),
        ("null", Made::pod(json!(null)), json!([make, add])),
        ("empty", Made::pod(json!({})), json!([add])),
        ("there", Made::pod(json!({"a": "b"})), json!([add])),
    ] {
        let answer = put(&guard, Stage::Mutate, &made);
        let patch = answer.patch.unwrap_or_else(|| panic!("{case}: no patch"));
        assert_eq!(serde_json::to_value(&patch).unwrap(), expected, "{case}");
        let after = patched(made.0["request"]["object"].clone(), Some(&patch));
        assert!(put(&guard, Stage::Mutate, &made.object(after.clone())).patch.is_none(), "{case}: a second pass adds nothing");
        assert!(put(&guard, Stage::Validate, &Made::pod(json!({})).object(after)).allowed, "{case}");
    }
}

#[test]
fn strip_removes_a_label_by_an_escaped_path_with_a_warning() {
    let guard = guard_with_a_grant_for_every_pod();
    let made = Made::pod(json!({"netpol/dns": "true", "netpol/a~b": "true"}));
    let answer = put(&guard, Stage::Mutate, &made);
    assert_eq!(serde_json::to_value(answer.patch.unwrap()).unwrap(), json!([{"op": "remove", "path": "/metadata/labels/netpol~1a~0b"}]));
    assert!(answer.warnings[0].starts_with("label netpol/a~b is removed from pod \"an-object\""), "{:?}", answer.warnings);
    assert!(!put(&guard, Stage::Validate, &made).allowed, "a remaining label is denied");
}

#[test]
fn a_pod_without_a_name_is_named_by_its_prefix() {
    let guard = guard(Settings::default());
    let made = Made::pod(json!({"netpol/dns": "true"})).without("/request/name").without("/request/object/metadata/name");
    let made = made.set("/request/object/metadata/generateName", json!("thief-"));
    let answer = put(&guard, Stage::Validate, &made);
    assert!(answer.message.starts_with("pod \"thief-…\" has label netpol/dns"), "{}", answer.message);
    assert_eq!(answer.record.unwrap().name, "thief-");
}

#[test]
fn the_namespace_is_that_of_the_request_and_not_of_the_object() {
    let guard = guard(Settings::default());
    let labels = json!({"netpol/dns": "true"});
    assert!(
        !put(&guard, Stage::Validate, &Made::pod(labels.clone()).set("/request/object/metadata/namespace", json!("elsewhere"))).allowed
    );
    assert!(put(&guard, Stage::Validate, &Made::pod(labels).namespace("elsewhere")).allowed);
}

#[test]
fn strings_with_the_escapes_of_go_are_read() {
    let guard = guard(Settings::default());
    let made = Made::pod(json!({"netpol/dns": "true", "type": "x11server"})).user("<admin> & co", &["system:masters"]);
    let escaped = String::from_utf8(made.bytes()).unwrap();
    let escaped = escaped
        .replace("<admin> & co", r"\u003cadmin\u003e \u0026 co")
        .replace("netpol/dns", r"netpol\/dns")
        .replace("x11server", r"x11\u0073erver");
    let escaped = escaped.replace(r#""labels""#, r#""la\u0062els""#).replace(r#""operation""#, r#""oper\u0061tion""#);
    let answer = ask(&guard, Stage::Validate, escaped.as_bytes());
    assert_eq!(answer.rule.as_deref(), Some("ungranted-label"), "{answer:?}");
    assert_eq!(answer.record.unwrap().user, "<admin> & co");
    let answer = ask(&guard, Stage::Mutate, escaped.as_bytes());
    assert_eq!(answer.patch.unwrap().0.len(), 1, "the desktop's own label is added");
}

/// Returns the request with its fields in another order.
fn reordered(made: &Made, order: impl Fn(usize, &str) -> usize) -> Vec<u8> {
    let request = made.0["request"].as_object().unwrap();
    let mut fields: Vec<(&String, &Value)> = request.iter().collect();
    let position = |name: &str| request.keys().position(|key| key == name).unwrap();
    fields.sort_by_key(|(name, _)| order(position(name), name));
    let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{}:{value}", json!(name))).collect();
    format!(r#"{{"request":{{{}}},"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}}"#, fields.join(",")).into_bytes()
}

#[test]
fn the_order_of_fields_does_not_matter() {
    let guard = guard(Settings::default());
    let binding = json!({"metadata": {"name": "x", "labels": {"netpol/mongodb": "true"}}});
    let policy = Made::policy("memcached-permits", memcached_permits(&[443]));
    let drift = policy.clone().with("operation", json!("UPDATE")).old(super::made::policy("memcached-permits", memcached_permits(&[])));
    for (case, made, rule) in [
        ("pod", Made::pod(json!({"netpol/dns": "true"})), Some("ungranted-label")),
        ("granted pod", Made::pod(map("run", "pyos-od")), Some("missing-label")),
        ("binding", Made::of("CREATE", "", "pods", "Binding").subresource("binding").object(binding), Some("binding")),
        ("policy", policy, Some("policy-drift")),
        ("update", drift, Some("policy-drift")),
        ("elsewhere", Made::pod(json!({"netpol/dns": "true"})).namespace("elsewhere"), None),
    ] {
        let count = made.0["request"].as_object().unwrap().len();
        let expected = put(&guard, Stage::Validate, &made);
        assert_eq!(expected.rule.as_deref(), rule, "{case}: {expected:?}");
        let first = |name: &str| usize::from(!matches!(name, "object" | "oldObject"));
        let written = ["uid", "kind", "resource", "subResource", "name", "namespace", "operation", "userInfo", "object", "oldObject"];
        let by_server = |name: &str| written.iter().position(|field| *field == name).unwrap_or(written.len());
        for (order, body) in [
            ("as the API server writes it", reordered(&made, |_, name| by_server(name))),
            ("as it is made", reordered(&made, |position, _| position)),
            ("backwards", reordered(&made, |position, _| count - position)),
            ("objects first", reordered(&made, |position, name| first(name) * count + position)),
            ("objects last", reordered(&made, |position, name| (1 - first(name)) * count + position)),
            ("the old object first", reordered(&made, |position, name| usize::from(name != "oldObject") * count + position)),
        ] {
            let answer = ask(&guard, Stage::Validate, &body);
            assert_eq!(
                (answer.allowed, &answer.message, &answer.rule),
                (expected.allowed, &expected.message, &expected.rule),
                "{case}, {order}"
            );
            let (record, expected) = (answer.record, expected.record.as_ref());
            assert_eq!(record.as_ref(), expected, "{case}, {order}");
        }
    }
}

#[test]
fn unguarded_namespaces_are_counted_and_unknown_kinds_are_not() {
    let guard = guard(Settings::default());
    let asked = |stage, made: &Made| answer(&guard, stage, &made.bytes(), Level::Denied);
    let unguarded = |stage, made: &Made| asked(stage, made).unguarded;
    for stage in [Stage::Mutate, Stage::Validate] {
        let elsewhere = asked(stage, &Made::pod(json!({"netpol/dns": "true"})).namespace("elsewhere"));
        let tally = elsewhere.tally;
        assert_eq!((tally.resource, tally.operation, tally.outcome, tally.rule), ("pods", "CREATE", Outcome::Allowed, None));
        assert_eq!(elsewhere.unguarded.as_deref(), Some("elsewhere"));
        let foreign = Made::of("CREATE", "cilium.io", "ciliumnetworkpolicies", "X");
        assert_eq!(unguarded(stage, &foreign.namespace(&"é".repeat(40))), Some("é".repeat(31)), "a name is cut");
        let other = asked(stage, &Made::of("CREATE", "", "configmaps", "ConfigMap").namespace("elsewhere"));
        assert_eq!((other.tally.resource, other.unguarded), ("other", None));
    }
    let namespace = Made::of("CREATE", "", "namespaces", "Namespace").namespace("elsewhere").object(json!({"metadata": {}}));
    assert_eq!(unguarded(Stage::Validate, &namespace), None);
    let clusterwide =
        Made::of("CREATE", "cilium.io", "ciliumclusterwidenetworkpolicies", "X").without("/request/namespace").object(json!({}));
    assert_eq!(unguarded(Stage::Validate, &clusterwide), None);
}

#[test]
fn mutate_admits_every_request_that_it_understands() {
    let guard = guard(Settings::default());
    for made in [
        Made::pod(json!({"netpol/mongodb": "true", "netpol/dns": "no"})),
        Made::pod(json!({"type": "x11server", "run": "pyos-od"})),
        Made::policy("memcached-permits", memcached_permits(&[443])),
        Made::deployment(json!({"matchLabels": {"netpol/dns": "true"}}), json!({"netpol/dns": "true"})),
        Made::of("DELETE", "networking.k8s.io", "networkpolicies", "NetworkPolicy").name("memcached-permits"),
    ] {
        let answer = put(&guard, Stage::Mutate, &made);
        assert!(answer.allowed && answer.warnings.is_empty() && answer.patch.is_none(), "{answer:?}");
    }
}

#[test]
fn the_level_of_the_log_selects_the_records() {
    let guard = guard(Settings::default());
    let allowed = Made::pod(json!({"app": "x"}));
    let warned = Made::deployment(json!({"app": "thief"}), json!({"app": "thief", "netpol/mongodb": "true"}));
    let denied = Made::pod(json!({"app": "thief", "netpol/mongodb": "true"}));
    for (made, expected) in [(&allowed, [false, false, true]), (&warned, [false, true, true]), (&denied, [true, true, true])] {
        let has_record = |level| answer(&guard, Stage::Validate, &made.bytes(), level).record.is_some();
        assert_eq!([Level::Denied, Level::Warned, Level::All].map(has_record), expected);
    }
}

#[test]
fn each_decision_can_have_a_record() {
    let guard = guard(Settings::default());
    let body = Made::pod(json!({"app": "x"})).with("dryRun", json!(true)).bytes();
    for (stage, word) in [(Stage::Mutate, "mutate"), (Stage::Validate, "validate")] {
        assert!(answer(&guard, stage, &body, Level::Denied).record.is_none());
        let record = answer(&guard, stage, &body, Level::All).record.unwrap();
        assert_eq!((record.verdict, record.stage, record.kind.as_str(), record.dry_run), (Outcome::Allowed, word, "Pod", true));
        assert!(record.messages.is_empty() && record.rule.is_none());
        assert_eq!(record.canon, guard.canons.hash);
    }
}

#[test]
fn a_softened_denial_is_admitted_and_recorded() {
    let body = Made::pod(json!({"netpol/mongodb": "true"})).bytes();
    for (enforcement, warns) in [(Enforcement::Warn, true), (Enforcement::Audit, false)] {
        let guard = guard(Settings { enforcement, ..Settings::default() });
        let answer = ask(&guard, Stage::Validate, &body);
        assert!(answer.allowed && answer.warnings.is_empty() != warns, "{answer:?}");
        assert_eq!(answer.response["auditAnnotations"]["rule"], "ungranted-label");
        let record = answer.record.unwrap();
        assert_eq!((record.verdict, record.messages.len()), (Outcome::Softened, 1));
        if warns {
            assert!(answer.warnings[0].starts_with("would be denied: pod \"an-object\" has label netpol/mongodb"), "{:?}", answer.warnings);
        }
    }
    let labels = map("run", "pyos-od");
    let guard = guard(Settings { enforcement: Enforcement::Audit, ..Settings::default() });
    assert!(put(&guard, Stage::Mutate, &Made::pod(labels)).patch.is_some(), "labels are injected all the same");
}

#[test]
fn thousands_of_wrong_labels_get_a_short_answer() {
    let guard = guard(Settings::default());
    let labels: Value = (0..60_000).map(|number| (format!("netpol/x{number}"), json!("true"))).collect::<serde_json::Map<_, _>>().into();
    let answer = put(&guard, Stage::Validate, &Made::pod(labels.clone()));
    assert!(!answer.allowed && answer.message.len() < 2200 && answer.message.ends_with(" more"), "{}", answer.message);
    assert_eq!(answer.record.unwrap().messages.len(), 65);
    let update = Made::of("UPDATE", "", "pods", "Pod").object(pod(labels.clone())).old(pod(labels));
    let answer = put(&guard, Stage::Validate, &update);
    assert!(answer.allowed && answer.warnings.len() == 16, "{answer:?}");
}

/// Real clusters send such reviews: the environment and status of a pod are full of control characters, and each is six
/// bytes in JSON.
#[test]
fn a_review_of_ten_megabytes_is_read() {
    let guard = guard(Settings::default());
    let escapes = "\u{1}".repeat(900_000);
    let update = Made::pod_update(json!({"app": "x"}), json!({"app": "x", "netpol/dns": "true"}));
    let update = update.set("/request/object/status", json!({"message": escapes, "phase": "Succeeded", "podIP": "10.0.0.1"}));
    let update = update.set("/request/oldObject/status", json!({"message": escapes}));
    assert!(update.bytes().len() > 10_000_000);
    assert_eq!(put(&guard, Stage::Validate, &update).rule.as_deref(), Some("ungranted-label"));
}

#[test]
fn strings_of_the_request_are_truncated_in_the_record() {
    let guard = guard(Settings::default());
    let groups: Vec<String> = (0..100).map(|number| format!("{number}{}", "g".repeat(1000))).collect();
    let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
    let made = Made::pod(json!({"netpol/dns": "true"})).user(&"u".repeat(100_000), &groups).name(&"n".repeat(100_000));
    let answer = put(&guard, Stage::Validate, &made);
    assert!(answer.message.len() < 2200);
    let record = answer.record.unwrap();
    assert_eq!((record.user.len(), record.name.len(), record.groups.len()), (1024, 1024, 32));
    assert!(record.groups.iter().all(|group| group.len() == 256));
}
