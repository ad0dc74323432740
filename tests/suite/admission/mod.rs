//! The protocol and the verdicts, without a server.

mod canonical_foreign;
mod canons;
mod claims;
mod faults;
mod made;
mod neighbors;
mod pauses;
mod pods;
mod policies;
mod probe;
mod properties;
mod protocol;
mod recordings;
mod secrets;
mod workloads;

use std::sync::{Arc, OnceLock};

use netpol::admission::{Answer, answer};
use netpol::audit::{Level, Record};
use netpol::canon::Canons;
use netpol::verdict::{Guard, Settings, Stage};
use serde_json::Value;

/// Returns a guard of the default namespace with the default canon and these settings.
fn guard(settings: Settings) -> Guard {
    static CANON: OnceLock<Arc<Canons>> = OnceLock::new();
    let namespaces = Settings::default().namespaces;
    assert_eq!(settings.namespaces, namespaces, "the canon is compiled for these");
    let canon = CANON.get_or_init(|| Arc::new(Canons::load(&["abcdesktop".to_owned()], &namespaces).expect("the built-in canon")));
    Guard::new(Arc::clone(canon), Arc::new(settings))
}

/// Returns a recorded body.
fn recorded(case: &str, stage: Stage) -> Vec<u8> {
    let stage = match stage {
        Stage::Mutate => "mutate",
        Stage::Validate => "validate",
    };
    let path = crate::support::root().join(format!("tests/reviews/{case}.{stage}.json"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The fields of an answer that the API server reads.
#[derive(Debug)]
struct Read {
    allowed: bool,
    code: Option<u64>,
    reason: Option<String>,
    message: String,
    warnings: Vec<String>,
    rule: Option<String>,
    patch: Option<json_patch::Patch>,
    response: Value,
    record: Option<Record>,
}

/// Answers a review.
fn put(guard: &Guard, stage: Stage, made: &made::Made) -> Read {
    ask(guard, stage, &made.bytes())
}

/// Answers a body. The answer must be a review with the request's uid.
fn ask(guard: &Guard, stage: Stage, body: &[u8]) -> Read {
    let answer = answer(guard, stage, body, Level::Denied);
    let request: Value = serde_json::from_slice(body).expect("a JSON body");
    read(answer, request["request"]["uid"].as_str().expect("a uid"))
}

fn read(answer: Answer, uid: &str) -> Read {
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    let review: Value = serde_json::from_slice(&answer.body).expect("a JSON answer");
    assert_eq!((&review["apiVersion"], &review["kind"]), (&"admission.k8s.io/v1".into(), &"AdmissionReview".into()));
    let response = review["response"].clone();
    assert_eq!(response["uid"], uid);
    let warnings: Vec<String> =
        serde_json::from_value(response.get("warnings").cloned().unwrap_or_else(|| Value::Array(Vec::new()))).unwrap();
    assert!(warnings.iter().all(|warning| warning.chars().count() <= 1025 && !warning.contains(char::is_control)), "{warnings:?}");
    let patch = response.get("patch").map(|patch| {
        use base64::Engine as _;
        assert_eq!(response["patchType"], "JSONPatch");
        let bytes = base64::engine::general_purpose::STANDARD.decode(patch.as_str().expect("a string")).expect("base64");
        serde_json::from_slice(&bytes).expect("a JSON Patch")
    });
    let text = |value: &Value| value.as_str().map(str::to_owned);
    Read {
        allowed: response["allowed"].as_bool().expect("a boolean"),
        code: response["status"]["code"].as_u64(),
        reason: text(&response["status"]["reason"]),
        message: text(&response["status"]["message"]).unwrap_or_default(),
        warnings,
        rule: text(&response["auditAnnotations"]["rule"]),
        patch,
        response,
        record: answer.record,
    }
}

fn default_guard() -> Guard {
    guard(Settings::default())
}

#[track_caller]
fn denied(guard: &Guard, made: &made::Made, rule: &str) -> Read {
    let answer = put(guard, Stage::Validate, made);
    assert!(!answer.allowed && answer.rule.as_deref() == Some(rule), "not denied by {rule}: {answer:?}");
    answer
}

#[track_caller]
fn warned(guard: &Guard, made: &made::Made, rule: &str) -> Read {
    let answer = put(guard, Stage::Validate, made);
    assert!(answer.allowed && !answer.warnings.is_empty() && answer.rule.as_deref() == Some(rule), "not warned by {rule}: {answer:?}");
    answer
}

#[track_caller]
fn passes(guard: &Guard, made: &made::Made) {
    let answer = put(guard, Stage::Validate, made);
    assert!(answer.allowed && answer.warnings.is_empty() && answer.rule.is_none(), "{answer:?}");
}
