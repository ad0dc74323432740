//! The examples in `docs/audit.md` are real output, which is generated here.
//!
//! `NETPOL_BLESS=1 cargo test audit_docs` updates them.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use netpol::admission;
use netpol::audit::verify::verify;
use netpol::audit::{Destination, Entry, Level, Options, Sink, Unanswered};
use netpol::canon::{Canon, Canons, DEFAULT};
use netpol::verdict::settings::Action;
use netpol::verdict::{Guard, Rule, Settings, Stage};
use serde_json::{Value, json};

use crate::support::root;

const RULES: [Rule; 23] = [
    Rule::UngrantedLabel,
    Rule::LabelValue,
    Rule::MissingLabel,
    Rule::LabelTaken,
    Rule::IdentityChanged,
    Rule::TwoIdentities,
    Rule::HostNetwork,
    Rule::NetworkAnnotation,
    Rule::Binding,
    Rule::Claim,
    Rule::WorkloadTemplate,
    Rule::WorkloadSelector,
    Rule::PolicyDrift,
    Rule::PolicyOwner,
    Rule::PolicyFinalizer,
    Rule::PolicyDeleted,
    Rule::ExtraPolicy,
    Rule::ForeignPolicy,
    Rule::Neighbor,
    Rule::OtherCanon,
    Rule::BreakGlass,
    Rule::RepairPause,
    Rule::NotUnderstood,
];

/// The description of a line without a rule.
const UNANSWERED: &str = "A request got an HTTP error instead of a verdict. Its line has neither an object nor a user.";

/// Returns the description of a rule, and a review that it decides.
fn example(rule: Rule) -> (&'static str, Vec<u8>) {
    match rule {
        Rule::UngrantedLabel => ("A pod has a `netpol/` label that no grant allows.", recorded("pod-create-ungranted")),
        Rule::LabelValue => (
            "A pod has a granted label with another value. The value is not corrected, because a controller whose selector uses the label would create pods forever.",
            pod(&json!({"type": "x11server", "netpol/ocuser": "yes"}), &json!({}), &json!({})),
        ),
        Rule::MissingLabel => {
            ("A new pod lacks a granted label, because the mutating webhook was not called for it.", recorded("pod-create-replicaset"))
        }
        Rule::LabelTaken => ("An update removes a granted label.", recorded("pod-update-remove")),
        Rule::IdentityChanged => ("An update changes a label that selectors of the canon use.", recorded("pod-update-identity")),
        Rule::TwoIdentities => {
            ("Two mutually exclusive grants select the pod.", pod(&json!({"type": "x11server", "run": "pyos-od"}), &json!({}), &json!({})))
        }
        Rule::HostNetwork => (
            "A pod that a canonical policy selects uses hostNetwork, so NetworkPolicies do not apply to it (`--host-network`).",
            pod(&json!({"run": "memcached-od"}), &json!({}), &json!({"hostNetwork": true})),
        ),
        Rule::NetworkAnnotation => (
            "An annotation attaches the pod to another network (`--network-annotations`; here `deny`).",
            pod(&json!({"app": "two-legs"}), &json!({"k8s.v1.cni.cncf.io/networks": "lan"}), &json!({})),
        ),
        Rule::Binding => ("A binding has a label or an annotation that the API server would copy to the pod.", recorded("pod-binding")),
        Rule::Claim => (
            "A user claims an identity, or a pod has a service account or an image, that the grant does not list (`--claims`; a warning).",
            deployment(&json!({"type": "x11server"}), &json!({"type": "x11server"})),
        ),
        Rule::WorkloadTemplate => (
            "The pods of a workload would be denied (`--workloads`; a warning).",
            deployment(&json!({"app": "thief"}), &json!({"app": "thief", "netpol/mongodb": "true"})),
        ),
        Rule::WorkloadSelector => (
            "The selector of a workload uses a `netpol/` label. Its pods would stop matching once labeled, and the controller would create pods forever.",
            deployment(&json!({"netpol/dns": "true"}), &json!({"run": "openldap-od", "netpol/dns": "true"})),
        ),
        Rule::PolicyDrift => ("A canonical policy differs in meaning from the canon.", recorded("netpol-update-drift")),
        Rule::PolicyOwner => (
            "An update adds a foreign owner reference to a canonical policy, so the garbage collector could delete it.",
            recorded("netpol-ownerref"),
        ),
        Rule::PolicyFinalizer => (
            "An update adds a finalizer to a canonical policy. A later removal of the finalizer would complete a deletion without a review.",
            finalizer(),
        ),
        Rule::PolicyDeleted => ("A canonical policy is deleted.", recorded("netpol-delete")),
        Rule::ExtraPolicy => ("An extra policy allows more than the canon (`--extra-policies`).", recorded("netpol-create-generatename")),
        Rule::ForeignPolicy => (
            "A foreign policy, which is not compared with the canon (`--foreign-policies`; a warning).",
            review(
                "CREATE",
                ["cilium.io", "CiliumNetworkPolicy", "ciliumnetworkpolicies"],
                "open",
                &json!({
                "object": {"apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy", "metadata": {"name": "open"}, "spec": {}}}),
            ),
        ),
        Rule::Neighbor => (
            "A namespace gains or loses a label that the canon's namespaceSelectors match (`--neighbors`; a warning).",
            review(
                "CREATE",
                ["", "Namespace", "namespaces"],
                "spy",
                &json!({"namespace": "spy",
                "object": {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "spy", "labels": {"name": "kube-monitor"}}}}),
            ),
        ),
        Rule::OtherCanon => (
            "A policy means what another accepted canon says, not the first one that has the policy (`--canon`; logged with `--audit-level all`). \
             A change from one accepted canon to another, and the deletion of a policy that the first canon does not have, also give a warning.",
            of_another_canon(),
        ),
        Rule::BreakGlass => (
            "A member of a break-glass group used the break-glass annotation, and the request is admitted without checks. Requests of other users with the annotation are denied.",
            broken_glass(),
        ),
        Rule::RepairPause => (
            "A member of a break-glass group paused repair in a guarded namespace. Requests of other users that set or change the annotation are denied \
             regardless of `--enforcement`.",
            review(
                "CREATE",
                ["", "Namespace", "namespaces"],
                "abcdesktop",
                &json!({"object": {"apiVersion": "v1", "kind": "Namespace", "metadata": {
                "name": "abcdesktop", "annotations": {"netpol.abcdesktop.io/repair-paused-until": "2026-11-22T18:00:00Z"}}}}),
            ),
        ),
        Rule::Probe => unreachable!("a probe has no line"),
        Rule::NotUnderstood => (
            "A field that a rule needs cannot be parsed. The request is denied regardless of `--enforcement`.",
            pod(&json!({"run": 7}), &json!({}), &json!({})),
        ),
    }
}

fn recorded(case: &str) -> Vec<u8> {
    fs::read(root().join(format!("tests/reviews/{case}.validate.json"))).unwrap()
}

/// Returns a review. `kind` is group, kind and resource.
fn review(operation: &str, [group, kind, resource]: [&str; 3], name: &str, fields: &Value) -> Vec<u8> {
    let namespace = fields.get("namespace").cloned().unwrap_or_else(|| json!("abcdesktop"));
    let request = [
        ("uid", json!(format!("00000000-0000-4000-8000-{:012}", name.len()))),
        ("kind", json!({"group": group, "version": "v1", "kind": kind})),
        ("resource", json!({"group": group, "version": "v1", "resource": resource})),
        ("name", json!(name)),
        ("namespace", namespace),
        ("operation", json!(operation)),
        ("userInfo", json!({"username": "alice", "groups": ["operators", "system:authenticated"]})),
        ("object", fields["object"].clone()),
        ("oldObject", fields.get("oldObject").cloned().unwrap_or_default()),
    ];
    // Keeps the field order of an API server; a map of `serde_json` sorts its keys.
    let request: Vec<String> = request.iter().map(|(field, value)| format!("\"{field}\":{value}")).collect();
    format!(r#"{{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{{{}}}}}"#, request.join(",")).into_bytes()
}

fn pod(labels: &Value, annotations: &Value, spec: &Value) -> Vec<u8> {
    let metadata = json!({"name": "a-pod", "labels": labels, "annotations": annotations});
    review("CREATE", ["", "Pod", "pods"], "a-pod", &json!({"object": {"metadata": metadata, "spec": spec}}))
}

fn deployment(selector: &Value, labels: &Value) -> Vec<u8> {
    let spec = json!({"selector": {"matchLabels": selector}, "template": {"metadata": {"labels": labels}}});
    review("CREATE", ["apps", "Deployment", "deployments"], "thieves", &json!({"object": {"metadata": {"name": "thieves"}, "spec": spec}}))
}

const POLICY: [&str; 3] = ["networking.k8s.io", "NetworkPolicy", "networkpolicies"];

fn guard() -> Guard {
    let settings = Settings { network_annotations: Action::Deny, break_glass_groups: vec!["operators".to_owned()], ..Settings::default() };
    Guard::new(Arc::new(Canons::load(&DEFAULT.map(str::to_owned), &settings.namespaces).unwrap()), Arc::new(settings))
}

fn canonical() -> Value {
    guard().canons.first().policies("abcdesktop").unwrap().named("memcached-rights").unwrap().manifest.clone()
}

fn finalizer() -> Vec<u8> {
    let mut held = canonical();
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    review("UPDATE", POLICY, "memcached-rights", &json!({"object": held, "oldObject": canonical()}))
}

fn of_another_canon() -> Vec<u8> {
    let canon = Canon::load(DEFAULT[1], &["abcdesktop".to_owned()]).unwrap();
    let manifest = canon.policies("abcdesktop").unwrap().named("ocuser-rights").unwrap().manifest.clone();
    review("CREATE", POLICY, "ocuser-rights", &json!({"object": manifest}))
}

fn broken_glass() -> Vec<u8> {
    let mut open = canonical();
    open["metadata"]["annotations"] = json!({"netpol.abcdesktop.io/break-glass": "incident 4711"});
    open["spec"]["ingress"] = json!([{}]);
    review("UPDATE", POLICY, "memcached-rights", &json!({"object": open, "oldObject": canonical()}))
}

/// Returns one line for each rule, as the sink writes them.
fn lines() -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    let sink = Sink::open(Options::new(Destination::File(path.clone()), *b"examples")).unwrap();
    let guard = guard();
    for (second, rule) in RULES.into_iter().enumerate() {
        let answer = admission::answer(&guard, Stage::Validate, &example(rule).1, Level::All);
        let record = answer.record.unwrap();
        assert_eq!(record.rule, Some(rule), "{:?}", record.messages);
        let time = format!("2026-11-22T16:16:{:02}.25Z", 10 + second).parse().unwrap();
        sink.offer(Entry { time, record, latency: Duration::from_micros(38), client_verified: true });
    }
    sink.offer_unanswered(&Unanswered {
        time: format!("2026-11-22T16:16:{:02}.25Z", 10 + RULES.len()).parse().unwrap(),
        omitted: 12,
        uid: Some("ad0b4db5-9e2c-4a9c-8f5c-5c8f1d6e6a55".to_owned()),
        stage: "validate",
        cause: "deadline",
        status: 503,
        messages: ["the review was not completed before its deadline".to_owned()],
        client_verified: false,
        latency: Duration::from_micros(9_500_171),
    });
    assert!(sink.close(Duration::from_secs(20)));
    fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect()
}

fn rule_of(line: &str) -> String {
    serde_json::from_str::<Value>(line).unwrap()["rule"].as_str().unwrap().to_owned()
}

#[test]
fn the_examples_are_real_output() {
    let path = root().join("docs/audit.md");
    let text = fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once("<!-- examples -->\n").unwrap();
    let (found, after) = rest.split_once("<!-- /examples -->\n").unwrap();
    let mut expected = String::new();
    let lines = lines();
    for (line, rule) in lines.iter().zip(RULES) {
        write!(expected, "\n### `{}`\n\n{}\n\n```json\n{line}\n```\n", rule_of(line), example(rule).0).unwrap();
    }
    let line = lines.last().unwrap();
    write!(expected, "\n### No rule: `unanswered`\n\n{UNANSWERED}\n\n```json\n{line}\n```\n").unwrap();
    expected.push('\n');
    if std::env::var_os("NETPOL_BLESS").is_some() {
        fs::write(&path, format!("{before}<!-- examples -->\n{expected}<!-- /examples -->\n{after}")).unwrap();
        return;
    }
    assert!(found == expected, "docs/audit.md is out of date: run NETPOL_BLESS=1 cargo test audit_docs and review the changes");
}

#[test]
fn the_examples_are_an_intact_chain() {
    let log = lines().join("\n") + "\n";
    let report = verify([("examples".to_owned(), Ok(log.as_bytes()))]).unwrap();
    assert_eq!((report.lines, report.chains.len(), report.broken.len(), report.notes.len()), (RULES.len() + 1, 1, 0, 0));
}

#[test]
fn the_start_of_a_desktop_causes_no_line_at_level_warned() {
    let guard = guard();
    for (stage, name) in [(Stage::Mutate, "mutate"), (Stage::Validate, "validate")] {
        let body = fs::read(root().join(format!("tests/reviews/pod-create-desktop.{name}.json"))).unwrap();
        assert_eq!(admission::answer(&guard, stage, &body, Level::Warned).record, None);
        assert!(admission::answer(&guard, stage, &body, Level::All).record.is_some());
    }
}

#[test]
fn every_field_is_documented() {
    fn keys(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => fields.iter().for_each(|(key, value)| {
                found.insert(key.clone());
                keys(value, found);
            }),
            Value::Array(items) => items.iter().for_each(|item| keys(item, found)),
            _ => {}
        }
    }
    let text = fs::read_to_string(root().join("docs/audit.md")).unwrap();
    let (tables, _) = text.split_once("<!-- examples -->\n").unwrap();
    let mut found = BTreeSet::new();
    for line in lines() {
        keys(&serde_json::from_str(&line).unwrap(), &mut found);
    }
    let unknown: Vec<&String> = found.iter().filter(|key| !tables.contains(&format!("`{key}`"))).collect();
    assert_eq!(unknown, [] as [&String; 0]);
}

#[test]
fn no_line_and_no_response_contains_a_secret() {
    const SECRET: &str = "3f1d9a0c77aa42";
    let guard = guard();
    for entry in fs::read_dir(root().join("tests/reviews")).unwrap() {
        let mut review: Value = serde_json::from_slice(&fs::read(entry.unwrap().path()).unwrap()).unwrap();
        for object in ["object", "oldObject"] {
            let Some(metadata) = review["request"][object].get_mut("metadata") else { continue };
            for map in ["labels", "annotations"] {
                metadata[map]["xauthkey"] = json!(SECRET);
                for (key, value) in metadata[map].as_object_mut().unwrap() {
                    if !key.starts_with("netpol/") && !guard.canons.is_identity_key(key) {
                        *value = json!(SECRET);
                    }
                }
            }
        }
        let body = serde_json::to_vec(&review).unwrap();
        for stage in [Stage::Mutate, Stage::Validate] {
            let answer = admission::answer(&guard, stage, &body, Level::All);
            let line = serde_json::to_string(&answer.record.unwrap()).unwrap();
            assert!(!line.contains(SECRET), "{line}");
            assert!(!String::from_utf8(answer.body).unwrap().contains(SECRET));
        }
    }
}
