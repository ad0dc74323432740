//! Probes: dry runs of policies that every server denies, whatever its settings, and that nothing counts or records.

use netpol::admission::answer;
use netpol::audit::Level;
use netpol::verdict::settings::{Enforcement, ExtraPolicies};
use netpol::verdict::{Settings, Stage};
use serde_json::{Value, json};

use super::made::{Made, memcached_permits, policy};
use super::{default_guard, guard, passes, put};

const VALUE: &str = "0123-abcd";

fn probe(name: &str, value: &str) -> Made {
    let mut object = policy(name, memcached_permits(&[]));
    object["metadata"]["annotations"] = json!({"netpol.abcdesktop.io/probe": value});
    Made::policy(name, json!({})).object(object).with("dryRun", json!(true))
}

fn settings() -> impl Iterator<Item = Settings> {
    [Enforcement::Deny, Enforcement::Warn, Enforcement::Audit]
        .map(|enforcement| Settings { enforcement, extra_policies: ExtraPolicies::Allow, ..Settings::default() })
        .into_iter()
}

#[test]
fn a_probe_is_denied_whatever_the_enforcement_and_its_value_is_repeated() {
    for settings in settings() {
        // A canonical policy without drift, and an extra one: both would be admitted.
        for name in ["memcached-permits", "other"] {
            let read = put(&guard(settings.clone()), Stage::Validate, &probe(name, VALUE));
            assert!(!read.allowed && read.code == Some(403) && read.message.contains(VALUE), "{read:?}");
            assert!(read.warnings.is_empty(), "{read:?}");
        }
    }
}

#[test]
fn a_probe_is_neither_counted_nor_recorded() {
    for settings in settings() {
        for level in [Level::Denied, Level::Warned, Level::All] {
            let answer = answer(&guard(settings.clone()), Stage::Validate, &probe("memcached-permits", VALUE).bytes(), level);
            assert!(answer.record.is_none() && answer.tally.is_probe() && answer.unguarded.is_none());
        }
    }
}

#[test]
fn an_invalid_value_is_denied_and_not_repeated() {
    for value in ["", "0123abc", "UPPERCASE", "0123abcd\nx", "0123abcd s3cret", &"a".repeat(65)] {
        let read = put(&default_guard(), Stage::Validate, &probe("memcached-permits", value));
        assert!(!read.allowed && read.code == Some(403) && read.record.is_none(), "{read:?}");
        assert!(value.is_empty() || !read.response.to_string().contains(value), "{read:?}");
        assert!(read.message.contains("8 to 64"), "{}", read.message);
    }
    assert!(put(&default_guard(), Stage::Validate, &probe("memcached-permits", &"a".repeat(64))).message.contains(&"a".repeat(64)));
}

/// A request that changes something cannot hide behind the annotation.
#[test]
fn only_a_dry_run_that_creates_a_policy_in_a_guarded_namespace_is_a_probe() {
    let guard = default_guard();
    passes(&guard, &probe("memcached-permits", VALUE).with("dryRun", json!(false)));
    passes(&guard, &probe("memcached-permits", VALUE).namespace("elsewhere"));
    let drifted = |dry_run: bool| {
        let made = probe("memcached-permits", VALUE).with("dryRun", json!(dry_run));
        made.set("/request/object/spec/egress", json!([{}]))
    };
    let read = put(&guard, Stage::Validate, &drifted(false));
    assert!(read.rule.as_deref() == Some("policy-drift") && read.record.is_some(), "{read:?}");
    // An update of a stored policy that carries the annotation is judged like any other.
    let (mut old, mut new) = (policy("memcached-permits", memcached_permits(&[])), policy("memcached-permits", memcached_permits(&[443])));
    for object in [&mut old, &mut new] {
        object["metadata"]["annotations"] = json!({"netpol.abcdesktop.io/probe": VALUE});
    }
    let read = put(&guard, Stage::Validate, &Made::policy_update(old, new).with("dryRun", Value::Bool(true)));
    assert!(read.rule.as_deref() == Some("policy-drift") && read.record.is_some(), "{read:?}");
}
