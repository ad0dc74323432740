//! Bodies that cannot be understood. They get a status code if they are not a review, a denial with their uid if they are,
//! and are never admitted.

use netpol::admission::answer;
use netpol::audit::Level;
use netpol::verdict::Outcome;
use netpol::verdict::settings::Enforcement;
use netpol::verdict::{Rule, Settings, Stage};
use serde_json::{Value, json};

use super::made::{Made, map, memcached_permits};
use super::{Read, guard, read};

const UID: &str = "0c1f6ef8-4a6e-4c0d-9c58-1f1c3f8d7f55";

/// Asserts that a body gets a status code and a sentence at both stages. Returns the sentence.
#[track_caller]
fn unanswerable(case: &str, body: &[u8]) -> String {
    let guard = guard(Settings::default());
    let [mutate, validate] = [Stage::Mutate, Stage::Validate].map(|stage| answer(&guard, stage, body, Level::All));
    assert_eq!((mutate.status, validate.status), (400, 400), "{case}");
    assert_eq!(mutate.body, validate.body, "{case}");
    assert!(validate.record.is_none(), "{case}");
    assert_eq!((validate.tally.outcome, validate.tally.rule), (Outcome::Denied, Some(Rule::NotUnderstood)), "{case}");
    let sentence = String::from_utf8(validate.body).unwrap();
    assert!(sentence.starts_with("the ") && sentence.len() < 300, "{case}: {sentence}");
    sentence
}

/// Asserts that a body is denied with its uid at each level of enforcement. Returns the message.
#[track_caller]
fn denied(case: &str, stage: Stage, body: &[u8]) -> String {
    for enforcement in [Enforcement::Deny, Enforcement::Warn, Enforcement::Audit] {
        let guard = guard(Settings { enforcement, ..Settings::default() });
        let answer = read(answer(&guard, stage, body, Level::Denied), UID);
        let Read { allowed, code, ref reason, ref rule, ref patch, .. } = answer;
        assert!(!allowed && patch.is_none(), "{case}: {answer:?}");
        assert_eq!(
            (code, reason.as_deref(), rule.as_deref()),
            (Some(400), Some("BadRequest"), Some("not-understood")),
            "{case}: {answer:?}"
        );
        let record = answer.record.unwrap_or_else(|| panic!("{case}: no record"));
        assert_eq!((record.verdict, record.uid.as_str()), (Outcome::Denied, UID), "{case}");
        if enforcement == Enforcement::Audit {
            return answer.message;
        }
    }
    unreachable!("audit is one of them")
}

fn create(labels: Value) -> Made {
    Made::pod(labels)
}

#[test]
fn a_body_that_is_not_a_review_gets_a_status() {
    let review = create(json!({})).bytes();
    for (case, body) in [
        ("empty", &b""[..]),
        ("not JSON", b"hello"),
        ("a list", b"[]"),
        ("a string", b"\"AdmissionReview\""),
        ("null", b"null"),
        ("truncated", &review[..review.len() - 1]),
        ("cut in the middle", &review[..review.len() / 2]),
        ("more after the end", &[&review[..], b"{}"].concat()),
        ("a byte order mark", &[&b"\xef\xbb\xbf"[..], &review].concat()),
        ("a control character in a string", &[&review[..review.len() - 2], b",\"x\":\"\x01\"}}"].concat()),
    ] {
        unanswerable(case, body);
    }
}

#[test]
fn a_review_of_another_version_or_without_a_uid_gets_a_status() {
    for (case, made, word) in [
        ("beta", create(json!({})).set("/apiVersion", json!("admission.k8s.io/v1beta1")), "version"),
        ("no version", create(json!({})).without("/apiVersion"), "version"),
        ("a version that is a number", create(json!({})).set("/apiVersion", json!(1)), "apiVersion: must be a string"),
        ("another kind", create(json!({})).set("/kind", json!("Pod")), "kind"),
        ("no kind", create(json!({})).without("/kind"), "kind"),
        ("no request", create(json!({})).without("/request"), "request"),
        ("null for a request", create(json!({})).set("/request", json!(null)), "request"),
        ("a request that is a list", create(json!({})).set("/request", json!([])), "request: must be a map"),
        ("a request that is a list of fields", create(json!({})).set("/request", json!([UID])), "request: must be a map"),
        ("no uid", create(json!({})).without("/request/uid"), "uid"),
        ("an empty uid", create(json!({})).with("uid", json!("")), "uid"),
        ("null for a uid", create(json!({})).with("uid", json!(null)), "uid"),
        ("a uid that is a number", create(json!({})).with("uid", json!(7)), "request.uid: must be a string"),
    ] {
        let sentence = unanswerable(case, &made.bytes());
        assert!(sentence.contains(word), "{case}: {sentence}");
    }
    let twice = String::from_utf8(create(json!({})).bytes()).unwrap().replace("\"name\":", "\"uid\":\"another\",\"name\":");
    unanswerable("two uids", twice.as_bytes());
}

#[test]
fn a_fault_in_a_field_that_a_verdict_reads_is_denied_with_its_path() {
    let policy = || Made::policy("memcached-permits", memcached_permits(&[]));
    let deployment = || Made::deployment(json!({"matchLabels": {"a": "b"}}), json!({}));
    let bind = || Made::of("CREATE", "", "bindings", "Binding").object(json!({"metadata": {"labels": {}}}));
    let label = || Made::of("CREATE", "", "namespaces", "Namespace").object(json!({"metadata": {"labels": {}}}));
    let foreign = || Made::of("CREATE", "cilium.io", "ciliumnetworkpolicies", "CiliumNetworkPolicy").object(json!({"spec": {}}));
    let pods: Vec<(&str, Made, &str)> = vec![
        ("no object", create(json!({})).object(json!(null)), "no object"),
        ("an object that is a list", create(json!({})).object(json!([])), "request.object: must be a map"),
        ("no metadata", create(json!({})).without("/request/object/metadata"), "request.object: has no metadata"),
        ("null for metadata", create(json!({})).set("/request/object/metadata", json!(null)), "has no metadata"),
        (
            "metadata that are a list of fields",
            create(json!({})).set("/request/object/metadata", json!(["an-object", "", {}])),
            "object.metadata: must be a map",
        ),
        ("metadata that are a string", create(json!({})).set("/request/object/metadata", json!("x")), "object.metadata: must be a map"),
        ("labels that are a list", create(json!(["x"])), "object.metadata.labels: must be a map of strings"),
        ("a label that is a number", create(json!({"run": 1})), "object.metadata.labels: must be a string"),
        ("a label that is null", create(json!({"run": null})), "object.metadata.labels: must be a string"),
        (
            "annotations that are a string",
            create(json!({})).set("/request/object/metadata/annotations", json!("x")),
            "metadata.annotations",
        ),
        (
            "a known annotation that is a map",
            create(json!({})).set("/request/object/metadata/annotations", json!({"k8s.v1.cni.cncf.io/networks": {}})),
            "metadata.annotations: must be a string",
        ),
        ("an update without the old object", Made::pod_update(json!({}), json!({})).old(json!(null)), "no oldObject"),
        ("an old object without metadata", Made::pod_update(json!({}), json!({})).old(json!({})), "request.oldObject: has no metadata"),
        ("an operation that is not known", create(json!({})).with("operation", json!("PATCH")), "no operation"),
        ("no operation", create(json!({})).without("/request/operation"), "no operation"),
        ("an operation that is a number", create(json!({})).with("operation", json!(1)), "request.operation: must be a string"),
        ("groups that are a string", create(json!({})).set("/request/userInfo/groups", json!("g")), "request.userInfo.groups"),
        ("a namespace that is a map", create(json!({})).with("namespace", json!({})), "request.namespace: must be a string"),
        ("dryRun that is a string", create(json!({})).with("dryRun", json!("no")), "request.dryRun: must be a boolean"),
        ("a resource that is a list", create(json!({})).with("resource", json!(["", "pods"])), "request.resource: must be a map"),
        ("a resource that is a string", create(json!({})).with("resource", json!("pods")), "request.resource: must be a map"),
    ];
    for (case, made, words) in &pods {
        for stage in [Stage::Mutate, Stage::Validate] {
            let message = denied(case, stage, &made.bytes());
            assert!(message.starts_with("cannot understand the request: ") && message.contains(words), "{case}: {message}");
        }
    }
    for (case, made, words) in [
        // `/mutate` reads only the metadata of pods.
        ("a spec that is a list", create(json!({})).set("/request/object/spec", json!([])), "object.spec: must be a map"),
        (
            "hostNetwork that is a string",
            create(json!({})).set("/request/object/spec/hostNetwork", json!("true")),
            "spec.hostNetwork: must be a boolean",
        ),
        ("a policy without a spec that is a map", policy().set("/request/object/spec", json!("x")), "spec"),
        ("a policy with a port that is a map", policy().set("/request/object/spec/egress/0/ports/0/port", json!({})), "port"),
        ("an extra policy with peers that are a map", Made::policy("extra", json!({"podSelector": {}, "ingress": [{"from": {}}]})), "from"),
        ("a policy without metadata", policy().without("/request/object/metadata"), "has no metadata"),
        ("owners that are a map", policy().set("/request/object/metadata/ownerReferences", json!({})), "metadata.ownerReferences"),
        (
            "an owner that is a list of fields",
            policy().set("/request/object/metadata/ownerReferences", json!([["v1", "ConfigMap", "bait", "1"]])),
            "metadata.ownerReferences[0]: must be a map",
        ),
        ("finalizers that are numbers", policy().set("/request/object/metadata/finalizers", json!([1])), "metadata.finalizers"),
        ("an update of a policy without the old object", policy().with("operation", json!("UPDATE")), "no oldObject"),
        ("a policy that is deleted without a name", policy().with("operation", json!("DELETE")).without("/request/name"), "no name"),
        ("a selector that is a list", deployment().set("/request/object/spec/selector", json!([])), "selector must be a map"),
        ("matchLabels that are a list", deployment().set("/request/object/spec/selector/matchLabels", json!([])), "matchLabels"),
        (
            "an expression without a key",
            deployment().set("/request/object/spec/selector/matchExpressions", json!([{}])),
            "matchExpressions",
        ),
        ("expressions that are a map", deployment().set("/request/object/spec/selector/matchExpressions", json!({})), "matchExpressions"),
        (
            "template labels that are numbers",
            deployment().set("/request/object/spec/template/metadata/labels", json!({"a": 1})),
            "spec.template.metadata.labels",
        ),
        ("a binding without metadata", bind().object(json!({})), "has no metadata"),
        ("a binding of nothing", bind().object(json!(null)), "no object"),
        ("a namespace with labels that are a list", label().set("/request/object/metadata/labels", json!([1])), "metadata.labels"),
        ("a foreign policy that is nothing", foreign().object(json!(null)), "no object"),
    ] {
        let message = denied(case, Stage::Validate, &made.bytes());
        assert!(message.contains(words), "{case}: {message}");
    }
}

/// A request is not admitted because it lacks the fields that choose its subject.
#[test]
fn a_review_without_a_resource_or_namespace_is_denied() {
    for stage in [Stage::Mutate, Stage::Validate] {
        for (case, made) in [
            ("no resource", create(json!({})).without("/request/resource")),
            ("null for a resource", create(json!({})).with("resource", json!(null))),
            ("an empty resource", create(json!({})).with("resource", json!({}))),
            ("a resource without a name", create(json!({})).with("resource", json!({"group": "", "version": "v1"}))),
        ] {
            assert!(denied(case, stage, &made.bytes()).contains("no resource"), "{case}");
        }
        for (case, made) in [
            ("no namespace", create(json!({})).without("/request/namespace")),
            ("null for a namespace", create(json!({})).with("namespace", json!(null))),
            ("an empty namespace", create(json!({})).namespace("")),
        ] {
            assert!(denied(case, stage, &made.bytes()).contains("no namespace"), "{case}");
        }
    }
    let policy = Made::policy("memcached-permits", memcached_permits(&[443]));
    let delete = Made::of("DELETE", "networking.k8s.io", "networkpolicies", "NetworkPolicy").name("memcached-permits");
    let bind = Made::of("CREATE", "", "pods", "Binding").subresource("binding").object(json!({"metadata": {}}));
    let foreign = Made::of("CREATE", "cilium.io", "ciliumnetworkpolicies", "CiliumNetworkPolicy").object(json!({"spec": {}}));
    let deployment = Made::deployment(json!({}), json!({}));
    for (case, made) in [("a policy", policy), ("a deletion", delete), ("a binding", bind), ("foreign", foreign), ("workload", deployment)]
    {
        assert!(denied(case, Stage::Validate, &made.namespace("").bytes()).contains("no namespace"), "{case}");
    }
}

/// An answer repeats the uid. A long one must not stay in memory until a slow client has read it.
#[test]
fn a_uid_that_no_api_server_sends_gets_a_status() {
    let made = create(json!({})).with("uid", json!("u".repeat(2000)));
    assert!(unanswerable("a long uid", &made.bytes()).contains("uid"));
    let faulty = create(json!(1)).with("uid", json!("u".repeat(2000)));
    assert!(unanswerable("a long uid of a faulty request", &faulty.bytes()).contains("uid"));
}

#[test]
fn a_duplicate_key_is_denied_in_every_map_that_a_verdict_reads() {
    let body = |made: Made, once: &str, twice: &str| {
        let body = String::from_utf8(made.bytes()).unwrap();
        assert!(body.contains(once), "{once} is not in {body}");
        body.replacen(once, twice, 1).into_bytes()
    };
    let pod = || create(map("run", "pyos-od"));
    for (case, body) in [
        ("a label", body(pod(), r#""run":"pyos-od""#, r#""run":"pyos-od","run":"x""#)),
        ("the label map", body(pod(), r#""labels":{"#, r#""labels":{},"labels":{"#)),
        ("the metadata", body(pod(), r#""metadata":{"#, r#""metadata":{},"metadata":{"#)),
        ("the object", body(pod(), r#""object":{"#, r#""object":null,"object":{"#)),
        ("the resource", body(pod(), r#""resource":{"#, r#""resource":{},"resource":{"#)),
        ("the namespace of the request", body(pod(), r#""operation":"#, r#""namespace":"elsewhere","operation":"#)),
        ("a known annotation", {
            let twice = r#""annotations":{"kubernetes.io/config.mirror":"a","kubernetes.io/config.mirror":"b"},"labels":"#;
            body(pod(), r#""labels":"#, twice)
        }),
    ] {
        for stage in [Stage::Mutate, Stage::Validate] {
            let message = denied(case, stage, &body);
            assert!(message.contains("duplicate key"), "{case}: {message}");
        }
    }
    let policy =
        body(Made::policy("memcached-permits", memcached_permits(&[])), r#""policyTypes":"#, r#""policyTypes":["Egress"],"policyTypes":"#);
    denied("a field of a spec", Stage::Validate, &policy);
    // The message limits the length of the key and escapes it.
    let key = format!("k\u{1b}{}", "k".repeat(100_000));
    let spec = json!({"podSelector": {}, key.as_str(): 1, "HERE": 2});
    let policy = String::from_utf8(Made::policy("memcached-permits", spec).bytes()).unwrap();
    let policy = policy.replace("\"HERE\"", &json!(key).to_string());
    let guard = guard(Settings::default());
    let answer = read(answer(&guard, Stage::Validate, policy.as_bytes(), Level::Denied), UID);
    let record = answer.record.unwrap();
    assert!(record.messages[0].len() < 400 && !record.messages[0].contains('\u{1b}'), "{} bytes", record.messages[0].len());
}

#[test]
fn deep_nesting_is_denied_in_a_field_that_a_verdict_reads_and_ignored_in_others() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let spec = String::from_utf8(Made::policy("memcached-permits", json!("HERE")).bytes()).unwrap().replace("\"HERE\"", &deep);
    denied("a spec", Stage::Validate, spec.as_bytes());
    let pod = String::from_utf8(create(json!({})).set("/request/object/status", json!("HERE")).bytes()).unwrap().replace("\"HERE\"", &deep);
    let guard = guard(Settings::default());
    assert!(read(answer(&guard, Stage::Validate, pod.as_bytes(), Level::Denied), UID).allowed);
}

#[test]
fn a_body_full_of_labels_or_groups_is_denied_before_it_fills_the_memory() {
    let many = |entry: &dyn Fn(usize) -> String| (0..300_000).map(entry).collect::<Vec<_>>().join(",");
    let body = |made: Made| String::from_utf8(made.bytes()).unwrap();
    let labels = body(create(json!("HERE"))).replace("\"HERE\"", &format!("{{{}}}", many(&|number| format!("\"{number}\":\"\""))));
    let groups = body(create(json!({})).set("/request/userInfo/groups", json!("HERE")));
    let groups = groups.replace("\"HERE\"", &format!("[{}]", many(&|_| "\"\"".to_owned())));
    for (case, body) in [("labels", labels), ("groups", groups)] {
        let message = denied(case, Stage::Validate, body.as_bytes());
        assert!(message.contains("too many entries to check"), "{case}: {message}");
    }
}

#[test]
fn invalid_utf8_anywhere_is_denied_with_its_uid() {
    let mut bodies = Vec::new();
    for (case, made, place) in [
        ("an ignored value", create(json!({})).set("/request/object/spec/x", json!("HERE")), "HERE"),
        ("an ignored key", create(json!({})).set("/request/object/spec/HERE", json!("x")), "HERE"),
        ("a key of the request", create(json!({})).with("HERE", json!("x")), "HERE"),
        ("a key of the envelope", create(json!({})).set("/HERE", json!("x")), "HERE"),
        ("a label", create(json!({"run": "HERE"})), "HERE"),
        ("a namespace that is not guarded", create(json!({})).namespace("HERE"), "HERE"),
        ("a kind that is not registered", Made::of("CREATE", "", "configmaps", "ConfigMap").with("options", json!("HERE")), "HERE"),
    ] {
        let text = String::from_utf8(made.bytes()).unwrap();
        let (before, after) = text.split_once(place).unwrap();
        bodies.push((case, [before.as_bytes(), b"\xff\xfe", after.as_bytes()].concat()));
    }
    for (case, body) in &bodies {
        for stage in [Stage::Mutate, Stage::Validate] {
            denied(case, stage, body);
        }
    }
    let text = String::from_utf8(create(json!({})).bytes()).unwrap();
    let (before, after) = text.split_once(UID).unwrap();
    unanswerable("the uid itself", &[before.as_bytes(), b"\xff", after.as_bytes()].concat());
}

#[test]
fn a_lone_surrogate_is_denied_in_a_field_that_a_verdict_reads() {
    let body = String::from_utf8(create(json!({"run": "HERE"})).bytes()).unwrap().replace("HERE", r"\ud800");
    denied("a label", Stage::Validate, body.as_bytes());
}

#[test]
fn a_fault_in_a_field_that_no_verdict_reads_is_ignored() {
    let guard = guard(Settings::default());
    for (case, made) in [
        ("an unguarded namespace", create(json!(["x"])).namespace("elsewhere")),
        ("a kind that is not registered", Made::of("CREATE", "", "configmaps", "ConfigMap").object(json!([]))),
        ("a subresource that is not judged", create(json!(["x"])).subresource("eviction")),
        ("a pod that is deleted", create(json!(["x"])).with("operation", json!("DELETE"))),
        (
            "a field that a later API may change",
            create(json!({})).set("/request/object/spec/tolerations", json!([{"tolerationSeconds": "300"}])),
        ),
        ("an annotation that no verdict reads", create(json!({})).set("/request/object/metadata/annotations", json!({"x": {"y": 1}}))),
    ] {
        let answer = read(answer(&guard, Stage::Validate, &made.bytes(), Level::Denied), UID);
        assert!(answer.allowed, "{case}: {answer:?}");
    }
}

/// The envelope is read before the object, so the record knows the request.
#[test]
fn the_record_of_a_fault_in_an_object_has_the_request() {
    let guard = guard(Settings::default());
    let answer = answer(&guard, Stage::Validate, &create(json!(["x"])).bytes(), Level::Denied);
    assert_eq!((answer.tally.resource, answer.tally.operation), ("pods", "CREATE"));
    let record = answer.record.unwrap();
    assert_eq!((record.kind.as_str(), record.name.as_str(), record.user.as_str()), ("Pod", "an-object", "admin"));
}

#[test]
fn a_fault_names_the_field_and_hides_the_keys_of_labels() {
    let message = denied("a label", Stage::Validate, &create(json!({"xauthkey": 1})).bytes());
    assert_eq!(message, "cannot understand the request: request.object.metadata.labels: must be a string");
}
