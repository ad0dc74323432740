//! The report object: what is wrong in a guarded namespace, for tools that collect reports.
//!
//! One `Report` (openreports.io) named `netpol` in each guarded namespace if that API is served, else a `PolicyReport`
//! (wgpolicyk8s.io), else nothing. It is written only when its content changed, and has a limited size: reports that were written
//! again and again have filled etcd.

use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::cluster::{CallCause, CallError, Cluster, Collection, ObjectRef};
use crate::documents::text::truncated;

/// The name of the report.
const NAME: &str = "netpol";
/// The results in a report, worst first.
const RESULTS: usize = 256;
/// The longest message of a result, in bytes.
const MESSAGE: usize = 1_000;
/// How long it is remembered which API is served.
const LOOK_AGAIN: Duration = Duration::from_secs(300);
/// The shortest time between two writes of one report.
const PAUSE: Duration = Duration::from_secs(10);

/// An API for reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Api {
    path: &'static str,
    version: &'static str,
    kind: &'static str,
    resource: &'static str,
}

/// The APIs that are known, the preferred one first.
const APIS: [Api; 2] = [
    Api { path: "/apis/openreports.io/v1alpha1", version: "openreports.io/v1alpha1", kind: "Report", resource: "reports" },
    Api { path: "/apis/wgpolicyk8s.io/v1alpha2", version: "wgpolicyk8s.io/v1alpha2", kind: "PolicyReport", resource: "policyreports" },
];

/// The result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Outcome {
    /// An error was found.
    Fail,
    /// A warning was found.
    Warn,
    /// It was not evaluated.
    Error,
    /// It is in order.
    Pass,
}

/// A line of a report.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Line {
    /// The outcome.
    pub(super) outcome: Outcome,
    /// The stable id of the finding.
    pub(super) rule: &'static str,
    /// The API version, kind and name of the object.
    pub(super) object: Option<(&'static str, &'static str, String)>,
    /// A sentence that contains no value that must not be printed.
    pub(super) message: String,
}

/// Writes the reports of all guarded namespaces.
#[derive(Debug)]
pub(super) struct Reports {
    cluster: Cluster,
    api: Option<Api>,
    looked: Option<Instant>,
    written: BTreeMap<String, (u64, Instant)>,
    is_failing: bool,
}

impl Reports {
    pub(super) fn new(cluster: Cluster) -> Reports {
        Reports { cluster, api: None, looked: None, written: BTreeMap::new(), is_failing: false }
    }

    /// Writes the report of a namespace if it changed. Returns whether it has to be tried again.
    pub(super) async fn write(&mut self, namespace: &str, lines: &[Line]) -> bool {
        let mut hasher = DefaultHasher::new();
        lines.hash(&mut hasher);
        let hash = hasher.finish();
        if let Some((written, when)) = self.written.get(namespace) {
            if *written == hash {
                return false;
            }
            if when.elapsed() < PAUSE {
                return true;
            }
        }
        match self.try_write(namespace, lines).await {
            Ok(is_written) => {
                self.is_failing = false;
                if is_written {
                    self.written.insert(namespace.to_owned(), (hash, Instant::now()));
                }
                false
            }
            Err(error) => {
                if !std::mem::replace(&mut self.is_failing, true) {
                    tracing::warn!(%error, "cannot write the report");
                }
                true
            }
        }
    }

    async fn try_write(&mut self, namespace: &str, lines: &[Line]) -> Result<bool, CallError> {
        if self.looked.is_none_or(|looked| looked.elapsed() >= LOOK_AGAIN) {
            self.api = self.served().await?;
            self.looked = Some(Instant::now());
        }
        let Some(api) = self.api else { return Ok(false) };
        let collection = Collection { api: api.path, namespace: Some(namespace), resource: api.resource };
        let object = ObjectRef { collection, name: NAME, is_secret: false };
        let mut content = content(api, namespace, lines, Timestamp::now());
        let result = match self.cluster.get(&object).await? {
            None => self.cluster.create(&object, &content).await,
            Some(found) => {
                let version = found.pointer("/metadata/resourceVersion").cloned().unwrap_or_default();
                crate::documents::values::set(&mut content, &["metadata", "resourceVersion"], version);
                self.cluster.replace(&object, &content).await
            }
        };
        if matches!(&result, Err(error) if error.cause == CallCause::Missing) {
            // The API was removed.
            (self.api, self.looked) = (None, None);
        }
        result.map(|_| true)
    }

    /// Returns the API that the cluster serves.
    async fn served(&self) -> Result<Option<Api>, CallError> {
        for api in APIS {
            if self.cluster.document(api.path).await?.is_some() {
                return Ok(Some(api));
            }
        }
        Ok(None)
    }
}

/// Returns the content of a report, with the worst lines first.
fn content(api: Api, namespace: &str, lines: &[Line], now: Timestamp) -> Value {
    let mut sorted: Vec<&Line> = lines.iter().collect();
    sorted.sort();
    let count = |outcome| lines.iter().filter(|line| line.outcome == outcome).count();
    let results: Vec<Value> = sorted.iter().take(RESULTS).map(|line| result(line, namespace, now)).collect();
    let mut report = json!({
        "apiVersion": api.version,
        "kind": api.kind,
        "metadata": {"name": NAME, "namespace": namespace, "labels": {"app.kubernetes.io/managed-by": "netpol"}},
        "scope": {"apiVersion": "v1", "kind": "Namespace", "name": namespace},
        "summary": {
            "pass": count(Outcome::Pass), "fail": count(Outcome::Fail), "warn": count(Outcome::Warn), "error": count(Outcome::Error), "skip": 0,
        },
        "results": results,
    });
    if api == APIS[0] {
        crate::documents::values::set(&mut report, &["source"], json!("netpol"));
    }
    report
}

fn result(line: &Line, namespace: &str, now: Timestamp) -> Value {
    let (result, severity) = match line.outcome {
        Outcome::Fail => ("fail", "high"),
        Outcome::Warn => ("warn", "medium"),
        Outcome::Error => ("error", "medium"),
        Outcome::Pass => ("pass", "info"),
    };
    let mut content = json!({
        "source": "netpol",
        "policy": line.rule,
        "result": result,
        "severity": severity,
        "message": truncated(&line.message, MESSAGE),
        "timestamp": {"seconds": now.as_second(), "nanos": 0},
    });
    if let Some((version, kind, name)) = &line.object {
        let object = json!([{"apiVersion": version, "kind": kind, "namespace": namespace, "name": name}]);
        crate::documents::values::set(&mut content, &["resources"], object);
    }
    content
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_has_256_results_and_the_worst_are_first() {
        let line = |outcome, name: String| Line {
            outcome,
            rule: "policy-missing",
            object: Some(("networking.k8s.io/v1", "NetworkPolicy", name)),
            message: "x".repeat(5_000),
        };
        let mut lines: Vec<Line> = (0..400).map(|number| line(Outcome::Warn, format!("w{number}"))).collect();
        lines.push(line(Outcome::Fail, "f".to_owned()));
        let report = content(APIS[0], "desk", &lines, Timestamp::UNIX_EPOCH);
        let results = report["results"].as_array().unwrap();
        assert_eq!((results.len(), &results[0]["result"]), (RESULTS, &json!("fail")));
        assert_eq!((&report["summary"]["fail"], &report["summary"]["warn"]), (&json!(1), &json!(400)));
        assert!(report.to_string().len() < 400_000, "an object of etcd has at most 1.5 MiB");
        assert_eq!(report["source"], "netpol");
        assert_eq!(content(APIS[1], "desk", &lines, Timestamp::UNIX_EPOCH)["source"], Value::Null);
    }
}
