//! Properties of all bodies and all pods.

use std::collections::BTreeMap;

use netpol::admission::answer;
use netpol::audit::Level;
use netpol::verdict::settings::{Enforcement, UngrantedLabels};
use netpol::verdict::{Settings, Stage};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::made::Made;
use super::{Read, guard, put, recorded};

type Labels = BTreeMap<String, String>;

fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) }
}

/// Labels that the canon reads or grants, with right, wrong and absent values, and other labels.
fn labels() -> impl Strategy<Value = Labels> {
    let key = prop::sample::select(vec![
        "run",
        "type",
        "name",
        "app",
        "k8s-app",
        "netpol/ocuser",
        "netpol/dns",
        "netpol/pyos",
        "netpol/mongodb",
        "netpol/router",
        "netpol/ocapplication",
        "netpol/x~y",
        "netpol/",
    ]);
    let value = prop::sample::select(vec![
        "true",
        "yes",
        "",
        "pyos-od",
        "mongodb-od",
        "router-od",
        "memcached-od",
        "x11server",
        "pod_application",
        "abcdesktop-cleaner",
        "kube-dns",
    ]);
    prop::collection::btree_map(key.prop_map(str::to_owned), value.prop_map(str::to_owned), 0..7)
}

fn ungranted_labels() -> impl Strategy<Value = UngrantedLabels> {
    prop::sample::select(vec![UngrantedLabels::Deny, UngrantedLabels::Strip, UngrantedLabels::Warn])
}

fn is_capability(key: &str) -> bool {
    key.starts_with("netpol/")
}

/// Returns the labels of the object after the patch, which must change nothing else.
fn patched(made: &Made, answer: &Read) -> Labels {
    let before = made.0["request"]["object"].clone();
    let mut after = before.clone();
    if let Some(patch) = &answer.patch {
        json_patch::patch(&mut after, patch).expect("a patch that applies");
    }
    let labels: Labels = serde_json::from_value(after["metadata"]["labels"].clone()).unwrap();
    let old_labels: Labels = serde_json::from_value(before["metadata"]["labels"].clone()).unwrap();
    let others = |labels: &Labels| labels.clone().into_iter().filter(|(key, _)| !is_capability(key)).collect::<Labels>();
    assert_eq!(others(&labels), others(&old_labels), "only labels under netpol/ change");
    for (key, value) in &old_labels {
        assert!(labels.get(key).is_none_or(|after| after == value), "no value is corrected: {key}");
    }
    after["metadata"]["labels"] = before["metadata"]["labels"].clone();
    assert_eq!(after, before, "nothing but labels changes");
    labels
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_bytes_are_answered(body in prop::collection::vec(any::<u8>(), 0..400)) {
        let guard = guard(Settings::default());
        prop_assert_eq!(answer(&guard, Stage::Validate, &body, Level::All).status, 400);
    }

    #[test]
    fn a_changed_recording_is_answered(
        case in prop::sample::select(vec!["pod-create-replicaset", "pod-status-plain", "pod-binding", "netpol-update-drift", "netpol-ownerref"]),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0usize..4, prop::collection::vec(any::<u8>(), 0..4)), 1..4),
    ) {
        let guard = guard(Settings::default());
        let mut body = recorded(case, Stage::Validate);
        for (place, cut, with) in edits {
            let place = place.index(body.len());
            let end = (place + cut).min(body.len());
            body.splice(place..end, with);
        }
        for stage in [Stage::Mutate, Stage::Validate] {
            let answer = answer(&guard, stage, &body, Level::All);
            let understood: Option<Value> = serde_json::from_slice(&body).ok();
            if answer.status == 400 {
                prop_assert!(std::str::from_utf8(&answer.body).is_ok_and(|sentence| sentence.starts_with("the ")));
                continue;
            }
            prop_assert_eq!(answer.status, 200);
            let review: Value = serde_json::from_slice(&answer.body).expect("a JSON answer");
            let uid = review["response"]["uid"].as_str().expect("a uid");
            prop_assert!(!uid.is_empty());
            if let Some(understood) = understood {
                prop_assert_eq!(understood["request"]["uid"].as_str(), Some(uid));
            }
        }
    }

    #[test]
    fn a_truncated_recording_gets_a_status(place in any::<prop::sample::Index>()) {
        let guard = guard(Settings::default());
        let body = recorded("pod-create-desktop", Stage::Validate);
        let cut = &body[..place.index(body.trim_ascii_end().len())];
        prop_assert_eq!(answer(&guard, Stage::Validate, cut, Level::All).status, 400);
    }

    #[test]
    fn a_new_pod_gets_its_granted_labels_once(labels in labels(), ungranted_labels in ungranted_labels()) {
        let guard = guard(Settings { ungranted_labels, ..Settings::default() });
        let made = Made::pod(json!(labels));
        let mutated = put(&guard, Stage::Mutate, &made);
        prop_assert!(mutated.allowed);
        let after = patched(&made, &mutated);
        let again = Made::pod(json!(after));
        prop_assert!(put(&guard, Stage::Mutate, &again).patch.is_none(), "a second pass changes nothing");

        let validated = put(&guard, Stage::Validate, &again);
        let identity = guard.canons.identify(&after);
        prop_assert_ne!(validated.rule.as_deref(), Some("missing-label"));
        prop_assert_eq!(validated.rule.as_deref() == Some("two-identities"), identity.is_conflict());
        if identity.is_conflict() {
            prop_assert!(mutated.patch.is_none() && !validated.allowed);
        } else if validated.allowed {
            // The pod has all granted labels. It has no others, unless they only give a warning.
            let granted: Labels = identity.labels().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
            let old_labels: Labels = after.into_iter().filter(|(key, _)| is_capability(key)).collect();
            if ungranted_labels == UngrantedLabels::Warn {
                prop_assert!(granted.iter().all(|label| old_labels.get(label.0) == Some(label.1)));
            } else {
                prop_assert_eq!(old_labels, granted);
            }
        }
        if ungranted_labels == UngrantedLabels::Strip && !identity.is_conflict() {
            prop_assert_ne!(validated.rule.as_deref(), Some("ungranted-label"));
        }
    }

    #[test]
    fn an_admitted_update_adds_no_ungranted_label(
        old in labels(),
        new in labels(),
        keeps_identity in any::<bool>(),
        status in any::<bool>(),
    ) {
        let guard = guard(Settings::default());
        let new = if keeps_identity {
            let kept = old.iter().filter(|(key, _)| !is_capability(key));
            kept.chain(new.iter().filter(|(key, _)| is_capability(key))).map(|(key, value)| (key.clone(), value.clone())).collect()
        } else {
            new
        };
        let update = |new: &Labels| Made::pod_update(json!(old), json!(new)).subresource(if status { "status" } else { "" });
        let made = update(&new);
        let mutated = put(&guard, Stage::Mutate, &made);
        prop_assert!(mutated.allowed && (!status || mutated.patch.is_none()));
        let after = patched(&made, &mutated);
        let identity = guard.canons.identify(&old);
        for (key, value) in after.iter().filter(|(key, _)| !new.contains_key(*key)) {
            prop_assert!(old.get(key) == Some(value) && identity.value(key) == Some(value), "only a granted label of the old pod is restored: {}", key);
        }
        prop_assert!(status || put(&guard, Stage::Mutate, &update(&after)).patch.is_none(), "a second pass changes nothing");
        let validated = put(&guard, Stage::Validate, &update(&after));
        if validated.allowed {
            for (key, value) in after.iter().filter(|(key, _)| is_capability(key)) {
                prop_assert!(old.get(key) == Some(value) || identity.value(key) == Some(value), "{}={} was gained", key, value);
            }
            for key in guard.canons.identity_keys() {
                prop_assert_eq!(old.get(key), after.get(key));
            }
        }
    }

    #[test]
    fn softened_enforcement_admits_every_request_that_is_understood(old in labels(), new in labels(), audit in any::<bool>()) {
        let enforcement = if audit { Enforcement::Audit } else { Enforcement::Warn };
        let soft = guard(Settings { enforcement, ..Settings::default() });
        let hard = guard(Settings::default());
        for made in [Made::pod(json!(new)), Made::pod_update(json!(old), json!(new))] {
            let (softened, denied) = (put(&soft, Stage::Validate, &made), put(&hard, Stage::Validate, &made));
            prop_assert!(softened.allowed);
            prop_assert_eq!(softened.rule, denied.rule);
            prop_assert_eq!(softened.record.map(|record| record.messages), denied.record.map(|record| record.messages));
            let (softened, injected) = (put(&soft, Stage::Mutate, &made), put(&hard, Stage::Mutate, &made));
            prop_assert_eq!(softened.response, injected.response, "labels are injected all the same");
        }
    }
}
