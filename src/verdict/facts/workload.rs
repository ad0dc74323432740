//! Workloads: objects from whose template a controller creates pods.

use serde::{Deserialize, Deserializer};

use super::fields::{self, null};
use super::pod::{Pod, PodMetadata, PodSpec};
use crate::documents::node::Node;
use crate::verdict::text::Text;

/// A workload. A [`CronJob`] is converted to one.
#[derive(Debug, PartialEq, Deserialize)]
pub struct Workload<'a> {
    /// The metadata.
    #[serde(borrow, deserialize_with = "fields::metadata")]
    pub metadata: WorkloadMetadata<'a>,
    /// The spec.
    #[serde(borrow, default, deserialize_with = "fields::map")]
    pub spec: WorkloadSpec<'a>,
}

/// The metadata of a workload.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct WorkloadMetadata<'a> {
    /// The name; empty if it has none yet.
    #[serde(borrow, deserialize_with = "fields::value")]
    pub name: Text<'a>,
    /// The prefix from which the API server makes the name.
    #[serde(borrow, deserialize_with = "fields::value")]
    pub generate_name: Text<'a>,
}

/// The spec of a workload.
#[derive(Debug, PartialEq, Deserialize)]
pub struct WorkloadSpec<'a> {
    /// The selector of the workload's pods: a label selector, or a label map in a `ReplicationController`.
    #[serde(borrow, default = "null")]
    pub selector: Node<'a>,
    /// The template of its pods.
    #[serde(borrow, default, deserialize_with = "template")]
    pub template: Pod<'a>,
}

impl Default for WorkloadSpec<'_> {
    fn default() -> Self {
        WorkloadSpec { selector: Node::Null, template: Pod::default() }
    }
}

/// A template of pods. Unlike a pod it may have no metadata: its pods then have no labels.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Template<'a> {
    #[serde(borrow, deserialize_with = "fields::map")]
    metadata: PodMetadata<'a>,
    #[serde(deserialize_with = "fields::map")]
    spec: PodSpec,
}

fn template<'de: 'a, 'a, D: Deserializer<'de>>(deserializer: D) -> Result<Pod<'a>, D::Error> {
    let Template { metadata, spec } = fields::map(deserializer)?;
    Ok(Pod { metadata, spec })
}

/// A `CronJob`, whose template is in the template of its jobs.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CronJob<'a> {
    #[serde(borrow, deserialize_with = "fields::metadata")]
    metadata: WorkloadMetadata<'a>,
    #[serde(borrow, default, deserialize_with = "fields::map")]
    spec: CronJobSpec<'a>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct CronJobSpec<'a> {
    #[serde(borrow, deserialize_with = "fields::map")]
    job_template: JobTemplate<'a>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct JobTemplate<'a> {
    #[serde(borrow, deserialize_with = "fields::map")]
    spec: WorkloadSpec<'a>,
}

impl<'a> From<CronJob<'a>> for Workload<'a> {
    fn from(job: CronJob<'a>) -> Self {
        Workload { metadata: job.metadata, spec: job.spec.job_template.spec }
    }
}
