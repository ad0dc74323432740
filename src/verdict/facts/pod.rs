//! Pods and bindings.

use serde::Deserialize;

use super::annotations::{Annotations, WithAnnotations};
use super::fields;
use super::labels::Labels;
use crate::verdict::text::Text;

/// A pod, or a template of pods.
#[derive(Debug, Default, PartialEq, Deserialize)]
pub struct Pod<'a> {
    /// The metadata.
    #[serde(borrow, deserialize_with = "fields::metadata")]
    pub metadata: PodMetadata<'a>,
    /// The spec.
    #[serde(borrow, default, deserialize_with = "fields::map")]
    pub spec: PodSpec<'a>,
}

/// The metadata of a pod or binding.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PodMetadata<'a> {
    /// The name; empty if it has none yet.
    #[serde(borrow, deserialize_with = "fields::value")]
    pub name: Text<'a>,
    /// The prefix from which the API server makes the name.
    #[serde(borrow, deserialize_with = "fields::value")]
    pub generate_name: Text<'a>,
    /// The labels.
    #[serde(borrow, deserialize_with = "fields::value")]
    pub labels: Labels<'a>,
    /// The annotations that a verdict reads.
    #[serde(borrow, deserialize_with = "fields::value")]
    pub annotations: Annotations<'a>,
    /// Whether there is a `deletionTimestamp`.
    #[serde(rename = "deletionTimestamp", deserialize_with = "fields::is_present")]
    pub is_terminating: bool,
    /// The owners.
    #[serde(borrow, deserialize_with = "fields::maps")]
    pub owner_references: Vec<Owner<'a>>,
}

/// An owner of a pod or workload.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Owner<'a> {
    /// Its kind.
    #[serde(borrow, deserialize_with = "fields::value")]
    pub kind: Text<'a>,
    /// Whether it is the controller.
    #[serde(deserialize_with = "fields::value")]
    pub controller: bool,
}

/// The spec of a pod.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PodSpec<'a> {
    /// Whether the pod uses the network of its node.
    #[serde(deserialize_with = "fields::value")]
    pub host_network: bool,
    #[serde(borrow, deserialize_with = "fields::value")]
    service_account_name: Text<'a>,
    /// The deprecated name of the same field. The API server sets both.
    #[serde(borrow, deserialize_with = "fields::value")]
    service_account: Text<'a>,
    #[serde(borrow, deserialize_with = "fields::maps")]
    containers: Vec<Container<'a>>,
    #[serde(borrow, deserialize_with = "fields::maps")]
    init_containers: Vec<Container<'a>>,
    #[serde(borrow, deserialize_with = "fields::maps")]
    ephemeral_containers: Vec<Container<'a>>,
    #[serde(borrow, deserialize_with = "fields::maps")]
    volumes: Vec<Volume<'a>>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Container<'a> {
    #[serde(borrow, deserialize_with = "fields::value")]
    image: Text<'a>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Volume<'a> {
    #[serde(borrow, deserialize_with = "fields::optional_map")]
    image: Option<ImageVolume<'a>>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct ImageVolume<'a> {
    #[serde(borrow, deserialize_with = "fields::value")]
    reference: Text<'a>,
}

impl PodSpec<'_> {
    /// Returns the name of the service account as which the pod runs.
    pub fn account(&self) -> &str {
        let stated = [&self.service_account_name, &self.service_account].into_iter().find(|name| !name.is_empty());
        stated.map_or("default", |name| name)
    }

    /// Returns the images of all containers and of image volumes, in order.
    pub fn images(&self) -> impl Iterator<Item = &str> + Clone {
        let containers = self.containers.iter().chain(&self.init_containers).chain(&self.ephemeral_containers);
        let volumes = self.volumes.iter().filter_map(|volume| volume.image.as_ref());
        containers.map(|container| &*container.image).chain(volumes.map(|image| &*image.reference))
    }
}

/// A pod or binding of which only the metadata are read.
#[derive(Debug, PartialEq, Deserialize)]
pub struct OnlyMetadata<'a> {
    /// The metadata. The API server copies labels and annotations of a binding to the pod.
    #[serde(borrow, deserialize_with = "fields::metadata")]
    pub metadata: PodMetadata<'a>,
}

impl<'a> WithAnnotations<'a> for Pod<'a> {
    fn annotations(&mut self) -> &mut Annotations<'a> {
        &mut self.metadata.annotations
    }
}

impl<'a> WithAnnotations<'a> for OnlyMetadata<'a> {
    fn annotations(&mut self) -> &mut Annotations<'a> {
        &mut self.metadata.annotations
    }
}
