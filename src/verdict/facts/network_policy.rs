//! `NetworkPolicies`.

use serde::Deserialize;

use super::annotations::Annotations;
use super::fields::{self, null};
use crate::documents::node::Node;
use crate::verdict::text::Text;

/// A `NetworkPolicy`.
#[derive(Debug, PartialEq, Deserialize)]
pub struct NetworkPolicy<'a> {
    /// The metadata.
    #[serde(borrow, deserialize_with = "fields::metadata")]
    pub metadata: PolicyMetadata<'a>,
    /// The whole spec.
    #[serde(borrow, default = "null")]
    pub spec: Node<'a>,
}

/// A `NetworkPolicy` that is deleted. Its spec is not read.
#[derive(Debug, PartialEq, Deserialize)]
pub struct DeletedPolicy<'a> {
    /// The metadata.
    #[serde(borrow, deserialize_with = "fields::metadata")]
    pub metadata: PolicyMetadata<'a>,
}

/// The metadata of a `NetworkPolicy`.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PolicyMetadata<'a> {
    /// The name; empty if it has none yet.
    #[serde(borrow, deserialize_with = "fields::value")]
    pub name: Text<'a>,
    /// The prefix from which the API server makes the name.
    #[serde(borrow, deserialize_with = "fields::value")]
    pub generate_name: Text<'a>,
    /// The annotations that a verdict reads.
    #[serde(borrow, deserialize_with = "fields::value")]
    pub annotations: Annotations<'a>,
    /// The owner references.
    #[serde(borrow, deserialize_with = "fields::maps")]
    pub owner_references: Vec<OwnerReference<'a>>,
    /// The finalizers.
    #[serde(borrow, deserialize_with = "fields::list")]
    pub finalizers: Vec<Text<'a>>,
}

impl<'n> PolicyMetadata<'n> {
    /// Returns the metadata of an object that was read as a whole.
    ///
    /// # Errors
    /// The field that has the wrong type.
    pub fn of(object: &'n Node<'_>) -> Result<PolicyMetadata<'n>, &'static str> {
        let Some(metadata) = object.get("metadata") else { return Err("metadata") };
        let texts = |node: &'n Node<'_>, field: &str, name| match node.get(field) {
            None => Ok(Text::default()),
            Some(Node::String(text)) => Ok(Text::from(&**text)),
            Some(_) => Err(name),
        };
        let list = |field: &str, name| match metadata.get(field) {
            None => Ok(&[][..]),
            Some(Node::Array(items)) => Ok(&**items),
            Some(_) => Err(name),
        };
        let owner = |owner: &'n Node<'_>| {
            const FIELD: &str = "metadata.ownerReferences";
            let Node::Object(_) = owner else { return Err(FIELD) };
            let field = |field| texts(owner, field, FIELD);
            Ok(OwnerReference { api_version: field("apiVersion")?, kind: field("kind")?, name: field("name")?, uid: field("uid")? })
        };
        let finalizer = |finalizer: &'n Node<'_>| finalizer.as_str().map(Text::from).ok_or("metadata.finalizers");
        Ok(PolicyMetadata {
            name: texts(metadata, "name", "metadata.name")?,
            generate_name: texts(metadata, "generateName", "metadata.generateName")?,
            annotations: Annotations::of(metadata.get("annotations"))?,
            owner_references: list("ownerReferences", "metadata.ownerReferences")?.iter().map(owner).collect::<Result<_, _>>()?,
            finalizers: list("finalizers", "metadata.finalizers")?.iter().map(finalizer).collect::<Result<_, _>>()?,
        })
    }
}

/// An owner reference, as far as it identifies the owner.
#[derive(Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct OwnerReference<'a> {
    /// The owner's API version.
    #[serde(borrow)]
    pub api_version: Text<'a>,
    /// The owner's kind.
    #[serde(borrow)]
    pub kind: Text<'a>,
    /// The owner's name.
    #[serde(borrow)]
    pub name: Text<'a>,
    /// The owner's uid.
    #[serde(borrow)]
    pub uid: Text<'a>,
}
