//! Two audit logs of one story: the guard's and the API server's, joined by the uid that the guard
//! puts into its audit annotations.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use super::guard::Guard;
use super::plane::plane;
use super::wait::within;

/// How long either log may be behind.
const DELAY: Duration = Duration::from_secs(30);

/// Every refusal in a namespace is one line of the guard's log, and the API server wrote down its uid.
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
    let refused: BTreeSet<&str> = events.iter().filter(|event| is_refusal(event)).flat_map(uids).collect();
    if let Some(uid) = refused.iter().find(|uid| !written.contains_key(**uid)) {
        return Err(format!("the API server knows of refusal {uid}, the guard does not"));
    }
    // Of the reviews of one deletecollection only the first leaves its annotation.
    if events.iter().any(|event| event["verb"] == "deletecollection") {
        return Ok(());
    }
    // An API server that went by an old state of the object asks again, with the one that is there
    // now; an event keeps the first uid.
    let denied = || lines.iter().filter(|line| line["verdict"] == "denied");
    let known = |line: &Value| line["uid"].as_str().is_some_and(|uid| refused.contains(uid));
    let alike =
        |left: &Value, right: &Value| ["operation", "kind", "name", "user", "dryRun"].iter().all(|field| left[*field] == right[*field]);
    match denied().find(|line| !known(line) && !denied().any(|other| known(other) && alike(line, other))) {
        Some(line) => Err(format!("the guard knows of a refusal that the API server does not: {line}")),
        None => Ok(()),
    }
}

/// The API server's audit events of a namespace.
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

/// The uids that our webhooks noted on an event.
pub(crate) fn uids(event: &Value) -> Vec<&str> {
    let annotations = event["annotations"].as_object().into_iter().flatten();
    annotations.filter(|(key, _)| key.ends_with(".validate.netpol.abcdesktop.io/uid")).filter_map(|(_, value)| value.as_str()).collect()
}

fn is_refusal(event: &Value) -> bool {
    event["responseStatus"]["code"] == 403 && !uids(event).is_empty()
}
