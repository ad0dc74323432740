//! Namespaces.

use serde::Deserialize;

use super::annotations::{Annotations, WithAnnotations};
use super::fields;
use super::labels::Labels;
use crate::verdict::text::Text;

/// A namespace.
#[derive(Debug, PartialEq, Deserialize)]
pub struct Namespace<'a> {
    /// The metadata.
    #[serde(borrow, deserialize_with = "fields::metadata")]
    pub metadata: NamespaceMetadata<'a>,
}

/// The metadata of a namespace.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct NamespaceMetadata<'a> {
    /// The name; empty if it has none yet.
    #[serde(borrow, deserialize_with = "fields::value")]
    pub name: Text<'a>,
    /// The prefix from which the API server makes the name.
    #[serde(borrow, deserialize_with = "fields::value")]
    pub generate_name: Text<'a>,
    /// The labels.
    #[serde(borrow, deserialize_with = "fields::value")]
    pub labels: Labels<'a>,
    /// The annotations.
    #[serde(borrow, deserialize_with = "fields::value")]
    pub annotations: Annotations<'a>,
}

impl<'a> WithAnnotations<'a> for Namespace<'a> {
    fn annotations(&mut self) -> &mut Annotations<'a> {
        &mut self.metadata.annotations
    }
}
