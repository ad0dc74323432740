//! Compares the audit log of the guard with that of the API server. Lines are joined by the uid that the guard writes into its
//! audit annotations.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use super::guard::Guard;
use super::plane::plane;
use super::wait::within;

/// How long either log may lag.
const DELAY: Duration = Duration::from_secs(30);

/// Checks that every denial in a namespace is one line of the guard's log and one event of the API server with the same uid.
#[track_caller]
pub(crate) fn matches(guard: &Guard, namespace: &str) {
    let mut why = String::new();
    let agreed = within(DELAY, || match compare(guard, namespace) {
        Ok(()) => Some(()),
        Err(difference) => {
            why = difference;
            None
        }
    });
    assert!(agreed.is_some(), "the audit logs of {namespace} disagree: {why}");
}

fn compare(guard: &Guard, namespace: &str) -> Result<(), String> {
    let lines: Vec<Value> = guard.audit_lines().into_iter().filter(|line| line["namespace"] == namespace).collect();
    let events = events(namespace);
    let mut written: BTreeMap<&str, usize> = BTreeMap::new();
    for line in lines.iter().filter(|line| line["verdict"] == "denied") {
        *written.entry(line["uid"].as_str().unwrap_or_default()).or_default() += 1;
    }
    if let Some((uid, count)) = written.iter().find(|(_, count)| **count > 1) {
        return Err(format!("{uid} has {count} lines"));
    }
    let denied_uids: BTreeSet<&str> = events.iter().filter(|event| is_denial(event)).flat_map(uids).collect();
    if let Some(uid) = denied_uids.iter().find(|uid| !written.contains_key(**uid)) {
        return Err(format!("the API server has denial {uid}, but the guard does not"));
    }
    // Only the first review of a deletecollection leaves its annotation.
    if events.iter().any(|event| event["verb"] == "deletecollection") {
        return Ok(());
    }
    // An API server that used an outdated object calls the webhook again with the current one; the
    // event has the first uid.
    let denied = || lines.iter().filter(|line| line["verdict"] == "denied");
    let known = |line: &Value| line["uid"].as_str().is_some_and(|uid| denied_uids.contains(uid));
    let alike =
        |left: &Value, right: &Value| ["operation", "kind", "name", "user", "dryRun"].iter().all(|field| left[*field] == right[*field]);
    match denied().find(|line| !known(line) && !denied().any(|other| known(other) && alike(line, other))) {
        Some(line) => Err(format!("the guard has a denial that the API server does not have: {line}")),
        None => Ok(()),
    }
}

/// Returns the audit events of the API server for a namespace.
pub(crate) fn events(namespace: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(&plane().audit_log).unwrap_or_default();
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let mention = format!("\"{namespace}\"");
    whole
        .lines()
        .filter(|line| line.contains(&mention))
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|event| event["objectRef"]["namespace"] == namespace)
        .collect()
}

/// Returns the uids in the audit annotations of an event.
pub(crate) fn uids(event: &Value) -> Vec<&str> {
    let annotations = event["annotations"].as_object().into_iter().flatten();
    annotations.filter(|(key, _)| key.ends_with(".validate.netpol.abcdesktop.io/uid")).filter_map(|(_, value)| value.as_str()).collect()
}

/// A probe is denied, but never recorded by the guard.
fn is_denial(event: &Value) -> bool {
    let annotations = event["annotations"].as_object().into_iter().flatten();
    let mut rules = annotations.filter(|(key, _)| key.ends_with(".validate.netpol.abcdesktop.io/rule"));
    event["responseStatus"]["code"] == 403 && !uids(event).is_empty() && rules.all(|(_, rule)| rule != "probe")
}
