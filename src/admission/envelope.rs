//! The envelope of a review: everything except the objects, which are JSON text or already read.

use serde::Deserialize;

use crate::verdict::facts::{Objects, Text, fields};
use crate::verdict::request::{Operation, Request};

/// An `AdmissionReview` with objects of type `T`.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "T: Deserialize<'de>"))]
pub(super) struct Review<'a, T> {
    #[serde(borrow, default, deserialize_with = "fields::value")]
    pub(super) kind: Text<'a>,
    #[serde(borrow, default, deserialize_with = "fields::value")]
    pub(super) api_version: Text<'a>,
    #[serde(borrow, default, deserialize_with = "fields::optional_map")]
    pub(super) request: Option<AdmissionRequest<'a, Option<T>>>,
}

/// An `AdmissionRequest` with an optional object and old object of type `O`. `null` means the same as a missing field.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct AdmissionRequest<'a, O: Default> {
    #[serde(borrow, deserialize_with = "fields::value")]
    pub(super) uid: Text<'a>,
    #[serde(borrow, deserialize_with = "fields::map")]
    kind: GroupKind<'a>,
    #[serde(borrow, deserialize_with = "fields::map")]
    resource: GroupResource<'a>,
    #[serde(borrow, deserialize_with = "fields::value")]
    sub_resource: Text<'a>,
    #[serde(borrow, deserialize_with = "fields::value")]
    name: Text<'a>,
    #[serde(borrow, deserialize_with = "fields::value")]
    namespace: Text<'a>,
    #[serde(borrow, deserialize_with = "fields::value")]
    operation: Text<'a>,
    #[serde(borrow, deserialize_with = "fields::map")]
    user_info: UserInfo<'a>,
    object: O,
    old_object: O,
    #[serde(deserialize_with = "fields::value")]
    dry_run: bool,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct GroupKind<'a> {
    #[serde(borrow, deserialize_with = "fields::value")]
    group: Text<'a>,
    #[serde(borrow, deserialize_with = "fields::value")]
    kind: Text<'a>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct GroupResource<'a> {
    #[serde(borrow, deserialize_with = "fields::value")]
    group: Text<'a>,
    #[serde(borrow, deserialize_with = "fields::value")]
    resource: Text<'a>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct UserInfo<'a> {
    #[serde(borrow, deserialize_with = "fields::value")]
    username: Text<'a>,
    #[serde(borrow, deserialize_with = "fields::list")]
    groups: Vec<Text<'a>>,
}

impl<'a, T> AdmissionRequest<'a, Option<T>> {
    /// Returns the request for its verdict, and its objects.
    pub(super) fn split(self) -> (Request<'a>, Objects<T>) {
        let request = Request {
            uid: self.uid,
            kind_group: self.kind.group,
            kind: self.kind.kind,
            group: self.resource.group,
            resource: self.resource.resource,
            subresource: self.sub_resource,
            name: self.name,
            namespace: self.namespace,
            operation: Operation::parse(&self.operation),
            user: self.user_info.username,
            groups: self.user_info.groups,
            dry_run: self.dry_run,
        };
        (request, Objects { new: self.object, old: self.old_object })
    }
}
