//! Tests whether the API server calls the webhook: sends the dry run of a policy that every server denies.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::stores::Shared;
use crate::cluster::{CallError, Cluster, Collection, ObjectRef, Response, evaluated, jittered};
use crate::controller::election::Leadership;
use crate::documents::text::{hex, one_line};
use crate::documents::values::text;
use crate::drift::probe::{Answer, answer, manifest};
use crate::drift::{Finding, NotEvaluated, Object, Plan, Section, Severity};
use crate::verdict::Guard;

/// The longest message of the API server that is repeated, in characters.
const LONGEST: usize = 300;
/// How long a process that does not lead waits.
const IDLE: Duration = Duration::from_secs(2);

/// The results of the last probes, one for each guarded namespace. There are none before the first probe.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Results {
    findings: Vec<Finding>,
    not_evaluated: Vec<NotEvaluated>,
    /// Whether probes were sent.
    is_known: bool,
}

impl Results {
    /// Adds the results to a plan.
    pub(super) fn add_to(&self, plan: &mut Plan) {
        plan.findings.extend(self.findings.iter().cloned());
        plan.not_evaluated.extend(self.not_evaluated.iter().cloned());
    }

    /// Returns the worst result for the metric; `None` before the first probe.
    pub(super) fn word(&self) -> Option<&'static str> {
        match (self.is_known, self.findings.is_empty(), self.not_evaluated.is_empty()) {
            (false, ..) => None,
            (true, false, _) => Some("unguarded"),
            (true, true, false) => Some("unknown"),
            (true, true, true) => Some("guarded"),
        }
    }
}

/// Starts the task that probes while this process leads. Without an interval, nothing is probed.
pub(super) fn start(
    tasks: &mut JoinSet<()>,
    cluster: &Cluster,
    shared: &Shared,
    guard: Arc<Guard>,
    every: Duration,
    leadership: watch::Receiver<Leadership>,
) -> watch::Receiver<Results> {
    let (sender, results) = watch::channel(Results::default());
    let (cluster, shared) = (cluster.clone(), shared.clone());
    tasks.spawn(async move {
        if every.is_zero() {
            std::future::pending::<()>().await;
        }
        loop {
            if !leadership.borrow().is_leader() {
                // The results of a former leader are old.
                sender.send_if_modified(|results| std::mem::take(results) != Results::default());
                sleep(IDLE).await;
                continue;
            }
            let mut results = Results { is_known: true, ..Results::default() };
            for namespace in guard.canons.namespaces() {
                match probe(&cluster, &guard, namespace).await {
                    Ok(Ok(finding)) => results.findings.extend(finding),
                    Ok(Err(reason)) => results.not_evaluated.push(NotEvaluated { section: Section::Probe, reason }),
                    Err(error) => results.not_evaluated.push(NotEvaluated { section: Section::Probe, reason: error.sentence }),
                }
            }
            if sender.send_if_modified(|before| std::mem::replace(before, results.clone()) != results) {
                shared.wake();
            }
            sleep(jittered(every)).await;
        }
    });
    results
}

/// Probes a guarded namespace. Returns the finding if no server is asked, or why that is not known.
///
/// # Errors
/// The API server does not respond, or rejects the credentials.
pub async fn probe(cluster: &Cluster, guard: &Guard, namespace: &str) -> Result<Result<Option<Finding>, String>, CallError> {
    let mut random = [0; 16];
    if aws_lc_rs::rand::fill(&mut random).is_err() {
        return Ok(Err("the system has no random numbers".to_owned()));
    }
    let value = hex(&random);
    let Some(manifest) = manifest(guard, namespace, &value) else {
        return Ok(Err(format!("the canon has no policy for the namespace {namespace} to send as a dry run")));
    };
    let collection = Collection { api: "/apis/networking.k8s.io/v1", namespace: Some(namespace), resource: "networkpolicies" };
    let object = ObjectRef { collection, name: text(&manifest, "/metadata/name").unwrap_or_default(), is_secret: false };
    let Response { code, message, sentence } = match evaluated(cluster.dry_run(&object, &manifest).await)? {
        Ok(response) => response,
        Err(reason) => return Ok(Err(reason)),
    };
    Ok(match answer(code, &message, &value) {
        Answer::Guarded => Ok(None),
        Answer::Unguarded => {
            let message = format!(
                "the API server does not ask the webhook about policies in the namespace {namespace}: it admits a policy that every server denies"
            );
            let object = Object::new("Namespace", "", namespace);
            Ok(Some(Finding::new(Section::Probe, Severity::Error, "probe-unguarded", object, message)))
        }
        Answer::Unknown => {
            let reason = sentence.unwrap_or_else(|| format!("the API server answers the probe with {code}: {message}"));
            Err(one_line(&format!("no server denied the probe in the namespace {namespace}: {reason}"), LONGEST))
        }
    })
}
