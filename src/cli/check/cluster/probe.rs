//! Tests whether the API server calls the webhook.

use anyhow::anyhow;

use super::sections::Report;
use crate::cli::exit::Failure;
use crate::cluster::Cluster;
use crate::controller::drift::probe;
use crate::drift::Section;
use crate::verdict::Guard;

/// Probes every guarded namespace.
///
/// # Errors
/// The API server does not respond.
pub(super) async fn run(cluster: &Cluster, guard: &Guard, report: &mut Report) -> Result<(), Failure> {
    for namespace in guard.canons.namespaces() {
        match probe(cluster, guard, namespace).await.map_err(|error| Failure::internal(anyhow!(error)))? {
            Ok(finding) => finding.into_iter().for_each(|finding| report.add(finding)),
            Err(reason) => report.skip(Section::Probe, reason),
        }
    }
    Ok(())
}
