//! All reviews that were recorded from a real API server, at both stages, with the canon `abcdesktop` and default flags. No
//! webhook changed the objects during the recording, so a body for `/validate` has the pod without the patch.

use netpol::verdict::{Settings, Stage};

use super::{Read, ask, guard, recorded};

/// The labels that `/mutate` adds. It admits all of these reviews without a warning.
const MUTATE: &[(&str, &[&str])] = &[
    (
        "pod-create-replicaset",
        &[
            "netpol/api",
            "netpol/auth",
            "netpol/cifs",
            "netpol/dns",
            "netpol/graylog",
            "netpol/https",
            "netpol/ldaps",
            "netpol/memcached",
            "netpol/mongodb",
            "netpol/nginx",
            "netpol/router",
        ],
    ),
    ("pod-create-desktop", &[]),
    ("pod-create-unlabelled", &[]),
    ("pod-create-mirror", &[]),
    ("pod-create-dryrun", &["netpol/ocapplication"]),
    ("pod-create-hostnetwork", &["netpol/console", "netpol/dns", "netpol/nginx", "netpol/ocuser", "netpol/pyos", "netpol/speedtest"]),
    ("pod-create-ungranted", &[]),
    ("pod-update-labels", &[]),
    ("pod-update-identity", &[]),
    ("pod-update-remove", &["netpol/ocuser"]),
    ("pod-status-labels", &[]),
    ("pod-status-plain", &[]),
    ("pod-binding", &[]),
    ("bindings-legacy", &[]),
    ("pod-ephemeralcontainers", &[]),
    ("pod-resize", &[]),
    ("pod-delete", &[]),
    ("pod-namespace-deleted", &[]),
    ("netpol-create", &[]),
    ("netpol-annotate", &[]),
    ("netpol-apply-serverside", &[]),
    ("netpol-update-drift", &[]),
    ("netpol-ownerref", &[]),
    ("netpol-garbage-collected", &[]),
    ("netpol-delete", &[]),
    ("netpol-delete-dryrun", &[]),
    ("netpol-deletecollection", &[]),
    ("netpol-create-generatename", &[]),
    ("netpol-namespace-deleted", &[]),
];

/// The expected answer of `/validate`.
enum Expected {
    /// Admitted without a warning.
    Allowed,
    /// Admitted with a warning about this rule.
    Warned(&'static str),
    /// Denied because of this rule. The message contains these words.
    Denied(&'static str, &'static [&'static str]),
}
use Expected::{Allowed, Denied, Warned};

const VALIDATE: &[(&str, Expected)] = &[
    ("pod-create-replicaset", Denied("missing-label", &["pod \"pyos-od-", "netpol/api", "netpol/router", "grant pyos"])),
    ("pod-create-desktop", Allowed),
    ("pod-create-unlabelled", Allowed),
    ("pod-create-mirror", Allowed),
    ("pod-create-dryrun", Denied("missing-label", &["netpol/ocapplication"])),
    ("pod-create-hostnetwork", Denied("missing-label", &["netpol/dns", "uses hostNetwork", "abcdesktop-rights"])),
    ("pod-create-ungranted", Denied("ungranted-label", &["pod \"thief\" has label netpol/mongodb", "mongodb for run=mongodb-od"])),
    ("pod-update-labels", Denied("ungranted-label", &["netpol/"])),
    ("pod-update-identity", Denied("identity-changed", &["pod \"plain\" changes label run"])),
    ("pod-update-remove", Denied("label-taken", &["loses label netpol/ocuser", "grant desktop"])),
    ("pod-status-labels", Denied("ungranted-label", &["netpol/console"])),
    ("pod-status-plain", Warned("ungranted-label")),
    ("pod-binding", Denied("binding", &["netpol/mongodb"])),
    ("bindings-legacy", Denied("binding", &["netpol/mongodb"])),
    ("pod-ephemeralcontainers", Allowed),
    ("pod-delete", Allowed),
    ("pod-namespace-deleted", Allowed),
    ("netpol-create", Allowed),
    ("netpol-annotate", Allowed),
    ("netpol-apply-serverside", Allowed),
    (
        "netpol-update-drift",
        Denied(
            "policy-drift",
            &[
                "NetworkPolicy \"memcached-permits\" drifts from the canonical spec",
                "egress rule 1 also allows TCP 443",
                "could reach pods run=memcached-od on TCP 443",
                "netpol render policies --only memcached-permits | kubectl apply -f -",
            ],
        ),
    ),
    ("netpol-ownerref", Denied("policy-owner", &["ConfigMap \"bait\""])),
    ("netpol-garbage-collected", Denied("policy-deleted", &["ConfigMap \"bait\"", "/metadata/ownerReferences"])),
    ("netpol-delete", Denied("policy-deleted", &["memcached-permits"])),
    ("netpol-delete-dryrun", Denied("policy-deleted", &["memcached-permits"])),
    ("netpol-deletecollection", Denied("policy-deleted", &["memcached-permits"])),
    ("netpol-create-generatename", Denied("extra-policy", &["\"debug-…\"", "wider", "could reach"])),
    ("netpol-namespace-deleted", Allowed),
];

#[test]
fn each_recording_has_a_row() {
    let mut bodies: Vec<String> = std::fs::read_dir(crate::support::root().join("tests/reviews"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    bodies.sort();
    let mut rows: Vec<String> = MUTATE.iter().map(|(case, _)| format!("{case}.mutate.json")).collect();
    rows.extend(VALIDATE.iter().map(|(case, _)| format!("{case}.validate.json")));
    rows.sort();
    assert_eq!(bodies, rows);
}

#[test]
fn mutate_gives_the_expected_answers() {
    let guard = guard(Settings::default());
    for (case, added) in MUTATE {
        let answer = ask(&guard, Stage::Mutate, &recorded(case, Stage::Mutate));
        assert!(answer.allowed && answer.warnings.is_empty() && answer.record.is_none(), "{case}: {answer:?}");
        let expected: Vec<_> = added
            .iter()
            .map(|key| serde_json::json!({"op": "add", "path": format!("/metadata/labels/{}", key.replace('/', "~1")), "value": "true"}))
            .collect();
        let patch = answer.patch.map(|patch| serde_json::to_value(patch).unwrap());
        assert_eq!(patch, (!added.is_empty()).then_some(serde_json::Value::Array(expected)), "{case}");
    }
}

#[test]
fn validate_gives_the_expected_answers() {
    let guard = guard(Settings::default());
    for (case, expected) in VALIDATE {
        let answer = ask(&guard, Stage::Validate, &recorded(case, Stage::Validate));
        assert!(answer.patch.is_none(), "{case}: {answer:?}");
        match expected {
            Allowed => assert!(answer.allowed && answer.warnings.is_empty() && answer.rule.is_none(), "{case}: {answer:?}"),
            Warned(rule) => {
                assert!(answer.allowed && !answer.warnings.is_empty(), "{case}: {answer:?}");
                assert_eq!(answer.rule.as_deref(), Some(*rule), "{case}");
            }
            Denied(rule, words) => {
                assert!(!answer.allowed, "{case}: {answer:?}");
                assert_eq!((answer.code, answer.reason.as_deref()), (Some(403), Some("Forbidden")), "{case}");
                assert_eq!(answer.rule.as_deref(), Some(*rule), "{case}");
                for word in *words {
                    assert!(answer.message.contains(word), "{case}: {word} is not in {}", answer.message);
                }
                on_record(case, rule, &answer);
            }
        }
    }
}

/// Asserts that a denial is recorded completely.
fn on_record(case: &str, rule: &str, answer: &Read) {
    let record = serde_json::to_value(answer.record.as_ref().unwrap_or_else(|| panic!("{case}: no record"))).unwrap();
    assert_eq!((&record["verdict"], &record["rule"], &record["stage"]), (&"denied".into(), &rule.into(), &"validate".into()), "{case}");
    assert_eq!((&record["uid"], &record["namespace"]), (&answer.response["uid"], &"abcdesktop".into()), "{case}");
    assert_eq!(record["dryRun"], case.ends_with("dryrun"), "{case}");
    assert!(!record["name"].as_str().unwrap().is_empty(), "{case}: {record}");
    assert!(!record["messages"].as_array().unwrap().is_empty(), "{case}: {record}");
}

#[test]
fn the_witness_of_a_wider_policy_is_in_the_record_and_in_the_audit_annotations() {
    let guard = guard(Settings::default());
    let answer = ask(&guard, Stage::Validate, &recorded("netpol-update-drift", Stage::Validate));
    let record = serde_json::to_value(&answer.record).unwrap();
    let expected = serde_json::json!({
        "subject": "a pod labeled netpol/memcached=true", "direction": "egress", "peer": "pods run=memcached-od", "protocol": "TCP", "port": "443"
    });
    assert_eq!(record["witness"], expected);
    assert_eq!(record["differences"][0]["change"], "wider", "{record}");
    let words = "a pod labeled netpol/memcached=true could reach pods run=memcached-od on TCP 443";
    assert_eq!(answer.response["auditAnnotations"]["witness"], words);
    assert_eq!(answer.response["auditAnnotations"]["uid"], answer.response["uid"]);
}
