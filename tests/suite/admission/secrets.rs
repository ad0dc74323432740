//! Labels and annotations may contain secrets. No answer, audit line or error contains their values.

use netpol::admission::answer;
use netpol::audit::Level;
use netpol::verdict::settings::{Action, Enforcement, UngrantedLabels, Workloads};
use netpol::verdict::{Guard, Settings, Stage};
use serde_json::{Value, json};

use super::made::Made;
use super::{guard, recorded};

const MARKER: &str = "s3cret-do-not-print";

/// Returns guards with the most verbose flags.
fn guards() -> Vec<Guard> {
    [Enforcement::Deny, Enforcement::Warn]
        .map(|enforcement| Settings {
            enforcement,
            ungranted_labels: if enforcement == Enforcement::Warn { UngrantedLabels::Strip } else { UngrantedLabels::Deny },
            network_annotations: Action::Deny,
            host_network: Action::Deny,
            neighbors: Action::Deny,
            foreign_policies: Action::Deny,
            workloads: Workloads::Deny,
            ..Settings::default()
        })
        .map(guard)
        .into()
}

/// Asserts that neither the answers to a body nor their records contain the marker.
#[track_caller]
fn is_kept(case: &str, guards: &[Guard], body: &[u8]) {
    for guard in guards {
        for stage in [Stage::Mutate, Stage::Validate] {
            let answer = answer(guard, stage, body, Level::All);
            let said = String::from_utf8(answer.body).expect("text");
            assert!(!said.contains(MARKER), "{case}: {said}");
            let line = serde_json::to_string(&answer.record).unwrap();
            assert!(!line.contains(MARKER), "{case}: {line}");
        }
    }
}

/// Returns recorded reviews, and reviews of the kinds without a recording.
fn bodies() -> Vec<(String, Value)> {
    let recordings = [
        "pod-create-desktop",
        "pod-create-mirror",
        "pod-create-hostnetwork",
        "pod-create-ungranted",
        "pod-update-identity",
        "pod-update-remove",
        "pod-status-labels",
        "pod-binding",
        "netpol-ownerref",
        "netpol-update-drift",
        "netpol-garbage-collected",
    ];
    let mut bodies: Vec<(String, Value)> =
        recordings.iter().map(|case| ((*case).to_owned(), serde_json::from_slice(&recorded(case, Stage::Validate)).unwrap())).collect();
    let labels = json!({"type": "x11server", "xauthkey": "k", "netpol/mongodb": "true"});
    let workload = Made::deployment(json!({"matchLabels": {"type": "x11server"}}), labels.clone());
    bodies.push(("deployment".to_owned(), workload.set("/request/object/metadata/annotations", json!({"note": "x"})).0));
    let namespace = json!({"metadata": {"name": "attic", "labels": {"name": "kube-monitor", "owner": "x"}}});
    bodies.push(("namespace".to_owned(), Made::of("CREATE", "", "namespaces", "Namespace").object(namespace).0));
    let foreign = json!({"metadata": {"name": "x", "labels": labels}, "spec": {"egress": [{}]}});
    bodies.push(("foreign".to_owned(), Made::of("CREATE", "cilium.io", "ciliumnetworkpolicies", "CiliumNetworkPolicy").object(foreign).0));
    bodies
}

/// Collects the JSON pointers of all values.
fn pointers(value: &Value, here: &str, all: &mut Vec<String>) {
    let step = |key: &str| format!("{here}/{}", key.replace('~', "~0").replace('/', "~1"));
    match value {
        Value::Object(entries) => entries.iter().for_each(|(key, value)| pointers(value, &step(key), all)),
        Value::Array(items) => items.iter().enumerate().for_each(|(index, value)| pointers(value, &step(&index.to_string()), all)),
        _ => {}
    }
    if !here.is_empty() {
        all.push(here.to_owned());
    }
}

/// Returns whether an answer may contain the value: the user, the kind, the name, the spec of a policy, and capability
/// labels.
fn may_be_said(case: &str, pointer: &str) -> bool {
    let named =
        ["/request/uid", "/request/name", "/request/namespace", "/request/subResource", "/request/kind/group", "/request/kind/kind"];
    named.contains(&pointer)
        || pointer == "/request/resource/group"
        || pointer == "/request/userInfo/username"
        || pointer.starts_with("/request/userInfo/groups")
        || ["/metadata/name", "/metadata/generateName"].iter().any(|end| pointer.ends_with(end))
        || pointer.contains("/metadata/ownerReferences/")
        || pointer.contains("/labels/netpol~1")
        || (case.starts_with("netpol") && pointer.contains("/spec/"))
}

#[test]
fn a_secret_in_any_field_stays_secret() {
    let guards = guards();
    let mut places = 0;
    for (case, body) in bodies() {
        let mut all = Vec::new();
        pointers(&body, "", &mut all);
        for pointer in all.iter().filter(|pointer| !may_be_said(&case, pointer)) {
            for secret in [json!(MARKER), json!([MARKER]), json!({"x": MARKER})] {
                // A value of the wrong type is a fault, which must not contain it either.
                let mut body = body.clone();
                *body.pointer_mut(pointer).unwrap() = secret;
                is_kept(&format!("{case} {pointer}"), &guards, &serde_json::to_vec(&body).unwrap());
                places += 1;
            }
        }
    }
    assert!(places > 3000, "{places}");
}

#[test]
fn secrets_in_all_labels_and_annotations_stay_secret() {
    let guards = guards();
    for (case, mut body) in bodies() {
        let mut all = Vec::new();
        pointers(&body, "", &mut all);
        for pointer in all {
            let map = pointer.rsplit_once('/').map_or("", |(map, _)| map);
            let is_value = map.ends_with("/labels") || map.ends_with("/annotations") || map.ends_with("/template/metadata/labels");
            if is_value && !pointer.contains("/labels/netpol~1") {
                *body.pointer_mut(&pointer).unwrap() = json!(MARKER);
            }
        }
        is_kept(&case, &guards, &serde_json::to_vec(&body).unwrap());
    }
}

#[test]
fn a_secret_in_a_duplicate_label_or_in_bad_json_stays_secret() {
    let guards = guards();
    let text = String::from_utf8(Made::pod(json!({"xauthkey": MARKER, "type": "x11server"})).bytes()).unwrap();
    let label = format!(r#""xauthkey":"{MARKER}""#);
    assert!(text.contains(&label));
    for (case, body) in [
        ("a key twice", text.replace(&label, &format!("{label},{label}"))),
        ("no comma", text.replace(&label, &format!("{label} {label}"))),
        ("an escape that is none", text.replace(MARKER, &format!(r"{MARKER}\x"))),
        ("half a surrogate", text.replace(MARKER, &format!(r"{MARKER}\ud800"))),
        ("cut off after it", text.split_inclusive(MARKER).next().unwrap().to_owned()),
        ("after the end", format!("{text}\"{MARKER}\"")),
        ("words for a number", text.replace(&label, &format!("{label},\"n\":{MARKER}"))),
        ("expected words", text.replace(&format!("\"{MARKER}\""), &format!("[\"{MARKER}, expected {MARKER}\"]"))),
    ] {
        is_kept(case, &guards, body.as_bytes());
    }
    let (before, after) = text.split_once(MARKER).unwrap();
    is_kept("not UTF-8", &guards, &[before.as_bytes(), MARKER.as_bytes(), b"\xff", after.as_bytes()].concat());
}
