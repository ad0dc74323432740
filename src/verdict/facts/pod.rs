//! Pods and bindings.

use json_skim::{Raw, Reader};
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
    // The images, which most verdicts do not need, are read later.
    #[serde(borrow)]
    containers: Option<Raw<'a>>,
    #[serde(borrow)]
    init_containers: Option<Raw<'a>>,
    #[serde(borrow)]
    ephemeral_containers: Option<Raw<'a>>,
    #[serde(borrow)]
    volumes: Option<Raw<'a>>,
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

impl<'a> PodSpec<'a> {
    /// Returns the name of the service account as which the pod runs.
    pub fn account(&self) -> &str {
        let stated = [&self.service_account_name, &self.service_account].into_iter().find(|name| !name.is_empty());
        stated.map_or("default", |name| name)
    }

    /// Returns the images of all containers and of image volumes, in order.
    ///
    /// # Errors
    /// The field that does not have the expected structure.
    pub fn images(&self) -> Result<Vec<Text<'a>>, &'static str> {
        let mut images = Vec::new();
        let lists = [
            ("spec.containers", self.containers),
            ("spec.initContainers", self.init_containers),
            ("spec.ephemeralContainers", self.ephemeral_containers),
        ];
        for (field, list) in lists {
            images.extend(items::<Container<'_>>(list).ok_or(field)?.into_iter().map(|container| container.image));
        }
        let volumes = items::<Volume<'_>>(self.volumes).ok_or("spec.volumes")?;
        images.extend(volumes.into_iter().filter_map(|volume| volume.image).map(|image| image.reference));
        Ok(images)
    }

    /// Returns whether two pods have the same containers and volumes, letter by letter.
    pub fn runs_the_same(&self, other: &PodSpec<'_>) -> bool {
        (self.containers, self.init_containers, self.ephemeral_containers, self.volumes)
            == (other.containers, other.init_containers, other.ephemeral_containers, other.volumes)
    }
}

/// Reads a list of structs; `None` if it is not one.
fn items<'a, T: Deserialize<'a>>(list: Option<Raw<'a>>) -> Option<Vec<T>> {
    let Some(raw) = list else { return Some(Vec::new()) };
    let mut reader = Reader::of_raw(raw);
    let quick = fields::maps(&mut reader).ok().filter(|_| reader.end().is_ok());
    quick.or_else(|| fields::maps(&mut serde_json::Deserializer::from_str(raw.text())).ok())
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
