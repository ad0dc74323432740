//! Workloads: objects from whose template a controller creates pods.

use serde::{Deserialize, Deserializer};

use super::fields::{self, null};
use super::pod::{Owner, Pod, PodMetadata, PodSpec};
use crate::documents::node::Node;
use crate::verdict::text::Text;

/// A workload. A [`CronJob`], a [`PodTemplate`] and a [`ControllerRevision`] are converted to one.
#[derive(Debug, PartialEq, Deserialize)]
pub struct Workload<'a> {
    /// The metadata.
    #[serde(borrow, deserialize_with = "fields::metadata")]
    pub metadata: WorkloadMetadata<'a>,
    /// The spec.
    #[serde(borrow, default, deserialize_with = "fields::map")]
    pub spec: WorkloadSpec<'a>,
    /// The template as JSON, if the request has an old object. See [`WholeTemplate`].
    #[serde(skip)]
    pub whole: Option<Node<'a>>,
    /// Whether the template is only a part, which is merged into another one.
    #[serde(skip)]
    pub is_part: bool,
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
    /// The owners.
    #[serde(borrow, deserialize_with = "fields::maps")]
    pub owner_references: Vec<Owner<'a>>,
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
    #[serde(borrow, deserialize_with = "fields::map")]
    spec: PodSpec<'a>,
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

/// A `PodTemplate`, which has no spec.
#[derive(Debug, PartialEq, Deserialize)]
pub struct PodTemplate<'a> {
    #[serde(borrow, deserialize_with = "fields::metadata")]
    metadata: WorkloadMetadata<'a>,
    #[serde(borrow, default, deserialize_with = "template")]
    template: Pod<'a>,
}

/// A `ControllerRevision`: a patch of a `StatefulSet` or `DaemonSet`.
#[derive(Debug, PartialEq, Deserialize)]
pub struct ControllerRevision<'a> {
    #[serde(borrow, deserialize_with = "fields::metadata")]
    metadata: WorkloadMetadata<'a>,
    #[serde(borrow, default, deserialize_with = "fields::map")]
    data: RevisionData<'a>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct RevisionData<'a> {
    #[serde(borrow, deserialize_with = "fields::map")]
    spec: RevisionSpec<'a>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct RevisionSpec<'a> {
    #[serde(borrow, deserialize_with = "fields::map")]
    template: RevisionTemplate<'a>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct RevisionTemplate<'a> {
    /// `replace` in the revisions of the controllers. Otherwise the rest is merged into the template of the set.
    #[serde(borrow, rename = "$patch", deserialize_with = "fields::value")]
    directive: Text<'a>,
    #[serde(borrow, deserialize_with = "fields::map")]
    metadata: PodMetadata<'a>,
    #[serde(borrow, deserialize_with = "fields::map")]
    spec: PodSpec<'a>,
}

impl<'a> From<CronJob<'a>> for Workload<'a> {
    fn from(job: CronJob<'a>) -> Self {
        Workload { metadata: job.metadata, spec: job.spec.job_template.spec, whole: None, is_part: false }
    }
}

impl<'a> From<PodTemplate<'a>> for Workload<'a> {
    fn from(PodTemplate { metadata, template }: PodTemplate<'a>) -> Self {
        Workload { metadata, spec: WorkloadSpec { template, ..WorkloadSpec::default() }, whole: None, is_part: false }
    }
}

impl<'a> From<ControllerRevision<'a>> for Workload<'a> {
    fn from(revision: ControllerRevision<'a>) -> Self {
        let RevisionTemplate { directive, metadata, spec } = revision.data.spec.template;
        let spec = WorkloadSpec { template: Pod { metadata, spec }, ..WorkloadSpec::default() };
        Workload { metadata: revision.metadata, spec, whole: None, is_part: *directive != *"replace" }
    }
}

/// A workload of any kind with its whole template, to find out whether an update changes it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct WholeTemplate<'a> {
    #[serde(borrow, deserialize_with = "fields::map")]
    spec: WholeSpec<'a>,
    /// That of a `PodTemplate`.
    #[serde(borrow)]
    template: Option<Node<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct WholeSpec<'a> {
    #[serde(borrow)]
    template: Option<Node<'a>>,
    #[serde(borrow, deserialize_with = "fields::map")]
    job_template: WholeJob<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct WholeJob<'a> {
    #[serde(borrow, deserialize_with = "fields::map")]
    spec: WholeJobSpec<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct WholeJobSpec<'a> {
    #[serde(borrow)]
    template: Option<Node<'a>>,
}

impl<'a> From<WholeTemplate<'a>> for Node<'a> {
    fn from(whole: WholeTemplate<'a>) -> Self {
        whole.spec.template.or(whole.spec.job_template.spec.template).or(whole.template).unwrap_or(Node::Null)
    }
}
