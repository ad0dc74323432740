//! Each body gets an answer: a review with the request's uid, or status 400 and a sentence. A patch changes only labels
//! under `netpol/`.

#![no_main]

use std::sync::{Arc, LazyLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use libfuzzer_sys::fuzz_target;
use netpol::admission::answer;
use netpol::audit::Level;
use netpol::canon::{CAPABILITY_PREFIX, Canons};
use netpol::verdict::{Guard, Settings, Stage};
use serde_json::Value;

static GUARD: LazyLock<Guard> = LazyLock::new(|| {
    let settings = Settings::default();
    let canon = Canons::load(&["abcdesktop".to_owned()], &settings.namespaces).expect("the built-in canon loads");
    Guard::new(Arc::new(canon), Arc::new(settings))
});

fuzz_target!(|body: &[u8]| {
    for stage in [Stage::Mutate, Stage::Validate] {
        let answer = answer(&GUARD, stage, body, Level::All);
        match answer.status {
            200 => check_review(body, &answer.body),
            400 => assert!(!String::from_utf8(answer.body).expect("a sentence").is_empty(), "400 without a sentence"),
            other => panic!("status {other}"),
        }
    }
});

fn check_review(body: &[u8], answer: &[u8]) {
    let review: Value = serde_json::from_slice(answer).expect("an answer is JSON");
    assert_eq!(review["apiVersion"], "admission.k8s.io/v1");
    assert_eq!(review["kind"], "AdmissionReview");
    let response = &review["response"];
    assert!(response["uid"].as_str().is_some_and(|uid| !uid.is_empty()), "an answer without a uid");
    let allowed = response["allowed"].as_bool().expect("a decision");
    assert!(allowed || response["status"]["message"].as_str().is_some_and(|text| !text.is_empty()), "a denial without a reason");
    let Some(patch) = response["patch"].as_str() else { return };
    assert!(allowed, "a denial with a patch");
    let patch: json_patch::Patch = serde_json::from_slice(&STANDARD.decode(patch).expect("base64")).expect("a JSON patch");
    // A field that no verdict reads may have a value that `Value` rejects, for example a number out of range.
    let Ok(request) = serde_json::from_slice::<Value>(body) else { return };
    let mut object = request["request"]["object"].clone();
    let before = strip_capabilities(object.clone());
    json_patch::patch(&mut object, &patch).expect("the patch applies");
    assert_eq!(before, strip_capabilities(object), "the patch touches more than netpol/ labels");
}

/// Removes the labels under `netpol/`, and the label map if it is then empty.
fn strip_capabilities(mut object: Value) -> Value {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        if let Some(labels) = metadata.get_mut("labels").and_then(Value::as_object_mut) {
            labels.retain(|key, _| !key.starts_with(CAPABILITY_PREFIX));
        }
        if metadata.get("labels").is_some_and(|labels| labels.is_null() || labels.as_object().is_some_and(serde_json::Map::is_empty)) {
            metadata.remove("labels");
        }
    }
    object
}
