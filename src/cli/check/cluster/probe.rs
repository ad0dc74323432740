//! Tests whether the API server calls the webhook: sends the dry run of a policy that every server denies.

use anyhow::anyhow;

use super::read::evaluated;
use super::sections::Report;
use crate::cli::exit::Failure;
use crate::cluster::{Cluster, Collection, ObjectRef, Response};
use crate::documents::text::{hex, one_line};
use crate::documents::values::text;
use crate::drift::probe::{Answer, answer, manifest};
use crate::drift::{Finding, Object, Section, Severity};
use crate::verdict::Guard;

/// The longest message of the API server that is repeated, in characters.
const LONGEST: usize = 300;

/// Probes every guarded namespace.
///
/// # Errors
/// The API server does not respond.
pub(super) async fn run(cluster: &Cluster, guard: &Guard, report: &mut Report) -> Result<(), Failure> {
    let mut random = [0; 16];
    aws_lc_rs::rand::fill(&mut random).map_err(|_| Failure::internal(anyhow!("cannot get random numbers from the system")))?;
    let value = hex(&random);
    for namespace in guard.canons.namespaces() {
        let Some(manifest) = manifest(guard, namespace, &value) else {
            report.skip(Section::Probe, format!("the canon has no policy for the namespace {namespace} to send as a dry run"));
            continue;
        };
        let collection = Collection { api: "/apis/networking.k8s.io/v1", namespace: Some(namespace), resource: "networkpolicies" };
        let object = ObjectRef { collection, name: text(&manifest, "/metadata/name").unwrap_or_default(), is_secret: false };
        let Response { code, message, sentence } = match evaluated(cluster.dry_run(&object, &manifest).await)? {
            Ok(response) => response,
            Err(reason) => {
                report.skip(Section::Probe, reason);
                continue;
            }
        };
        match answer(code, &message, &value) {
            Answer::Guarded => {}
            Answer::Unguarded => {
                let message = format!(
                    "the API server does not ask the webhook about policies in the namespace {namespace}: it admits a policy that every server denies"
                );
                let object = Object::new("Namespace", "", namespace);
                report.add(Finding::new(Section::Probe, Severity::Error, "probe-unguarded", object, message));
            }
            Answer::Unknown => {
                let reason = sentence.unwrap_or_else(|| format!("the API server answers the probe with {code}: {message}"));
                report
                    .skip(Section::Probe, one_line(&format!("no server denied the probe in the namespace {namespace}: {reason}"), LONGEST));
            }
        }
    }
    Ok(())
}
