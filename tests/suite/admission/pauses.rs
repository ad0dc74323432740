//! The annotation of a guarded namespace that pauses repair.

#![allow(clippy::needless_pass_by_value, reason = "`json!` hands its values over by reference; a caller hands over what it made")]

use netpol::verdict::settings::{Action, Enforcement};
use netpol::verdict::{Guard, Settings};
use serde_json::{Value, json};

use super::made::{Made, map};
use super::{default_guard, denied, guard, passes, warned};

const KEY: &str = "netpol.abcdesktop.io/repair-paused-until";
const UNTIL: &str = "2026-11-28T17:00:00Z";
const RULE: &str = "repair-pause";

fn namespace(name: &str, annotations: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "annotations": annotations}})
}

fn create(name: &str, annotations: Value) -> Made {
    Made::of("CREATE", "", "namespaces", "Namespace").namespace(name).name(name).object(namespace(name, annotations))
}

fn update(old: Value, new: Value) -> Made {
    create("abcdesktop", new).with("operation", json!("UPDATE")).old(namespace("abcdesktop", old))
}

/// Returns requests that set the annotation or change its value.
fn sets() -> Vec<Made> {
    let mut all = vec![create("abcdesktop", map(KEY, UNTIL))];
    for subresource in ["", "status", "finalize"] {
        for old in [json!(null), json!({}), map(KEY, "2026-11-28T16:00:00Z"), map(KEY, ""), map(KEY, "2026-11-28T17:00:00+00:00")] {
            all.push(update(old, map(KEY, UNTIL)).subresource(subresource));
        }
    }
    all
}

fn guards() -> impl Iterator<Item = Guard> {
    [Enforcement::Deny, Enforcement::Warn, Enforcement::Audit].into_iter().map(|enforcement| {
        // No other action has an influence.
        guard(Settings {
            enforcement,
            break_glass_groups: vec!["sre".to_owned(), "oncall".to_owned()],
            neighbors: Action::Allow,
            network_annotations: Action::Allow,
            ..Settings::default()
        })
    })
}

#[test]
fn other_users_cannot_pause_repair_whatever_the_enforcement() {
    for guard in guards() {
        for made in sets() {
            for (user, groups) in [("dave", &["developers"][..]), ("root", &["system:masters", "sre ", "SRE"]), ("sre", &[])] {
                let answer = denied(&guard, &made.clone().user(user, groups), RULE);
                assert_eq!(answer.code, Some(403));
                assert_eq!(
                    answer.message,
                    "namespace \"abcdesktop\" has annotation netpol.abcdesktop.io/repair-paused-until, which pauses repair, but the user is \
                     not in a break-glass group (sre, oncall). Remove the annotation"
                );
                assert!(answer.record.is_some(), "it is recorded");
            }
        }
    }
}

#[test]
fn a_member_pauses_repair_and_it_is_recorded() {
    for guard in guards() {
        for made in sets() {
            let answer = warned(&guard, &made.user("ada", &["developers", "oncall"]), RULE);
            let expected =
                "ada pauses repair in namespace \"abcdesktop\" until 2026-11-28T17:00:00Z; a time more than 24 hours ahead is ignored";
            assert_eq!(answer.warnings, [expected]);
            assert!(answer.record.is_some(), "at every level of the audit log");
        }
    }
}

/// The controller ignores such a value, so the member would wait for a pause in vain.
#[test]
fn a_value_that_is_no_time_is_denied_and_not_repeated() {
    for guard in guards() {
        for value in ["", "s3cret", "2026-11-28", "2026-11-28T17:00:00", "2026-11-28T25:00:00Z", " 2026-11-28T17:00:00Z", "1764320400"] {
            let answer = denied(&guard, &update(json!({}), map(KEY, value)).user("ada", &["sre"]), RULE);
            assert!(answer.message.ends_with("such as 2026-11-28T17:00:00Z"), "{}", answer.message);
            assert!(!answer.response.to_string().contains("s3cret"), "{}", answer.response);
        }
    }
}

/// It opens nothing: repair continues.
#[test]
fn every_user_may_end_a_pause_and_change_the_rest_of_the_namespace() {
    for guard in guards() {
        for subresource in ["", "status", "finalize"] {
            for (old, new) in [
                (map(KEY, UNTIL), json!({})),
                (map(KEY, UNTIL), json!(null)),
                (map(KEY, UNTIL), map(KEY, UNTIL)),
                (map(KEY, "tomorrow"), map(KEY, "tomorrow")),
                (map(KEY, UNTIL), json!({KEY: UNTIL, "note": "x"})),
                (json!({}), map("netpol.abcdesktop.io/repair-paused", UNTIL)),
            ] {
                passes(&guard, &update(old, new).subresource(subresource).user("dave", &[]));
            }
        }
        // The deletion of the namespace.
        passes(&guard, &update(map(KEY, UNTIL), json!({})).with("operation", json!("DELETE")).object(json!(null)).user("dave", &[]));
    }
}

#[test]
fn only_guarded_namespaces_are_judged() {
    for guard in guards() {
        passes(&guard, &create("elsewhere", map(KEY, UNTIL)).user("dave", &[]));
    }
}

/// The controller ignores the annotation then.
#[test]
fn without_a_group_no_user_may_pause_repair() {
    for made in sets() {
        let answer = denied(&default_guard(), &made.user("root", &["system:masters"]), RULE);
        assert!(answer.message.contains("no break-glass group is named (--break-glass-group)"), "{}", answer.message);
    }
}

/// The annotation of a namespace is no break-glass for anything else in the request.
#[test]
fn the_other_rules_of_a_namespace_stay() {
    let guard = guard(Settings { neighbors: Action::Deny, break_glass_groups: vec!["sre".to_owned()], ..Settings::default() });
    let becomes = update(json!({}), map(KEY, UNTIL)).set("/request/object/metadata/labels", map("name", "kube-monitor"));
    denied(&guard, &becomes.user("ada", &["sre"]), "neighbor");
}
