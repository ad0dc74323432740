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
    #[serde(default, deserialize_with = "fields::map")]
    pub spec: PodSpec,
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
}

/// The spec of a pod.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PodSpec {
    /// Whether the pod uses the network of its node.
    #[serde(deserialize_with = "fields::value")]
    pub host_network: bool,
}

/// A binding of a pod to a node.
#[derive(Debug, PartialEq, Deserialize)]
pub struct Binding<'a> {
    /// The metadata. The API server copies labels and annotations to the pod.
    #[serde(borrow, deserialize_with = "fields::metadata")]
    pub metadata: PodMetadata<'a>,
}

impl<'a> WithAnnotations<'a> for Pod<'a> {
    fn annotations(&mut self) -> &mut Annotations<'a> {
        &mut self.metadata.annotations
    }
}

impl<'a> WithAnnotations<'a> for Binding<'a> {
    fn annotations(&mut self) -> &mut Annotations<'a> {
        &mut self.metadata.annotations
    }
}
