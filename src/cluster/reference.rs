//! References to objects and collections of the API, and the sentences of calls that fail.

use std::fmt;

use kube::core::Status;

use super::failure::{CallCause, CallError};

/// A reference to the objects of one resource.
#[derive(Debug, Clone, Copy)]
pub struct Collection<'t> {
    /// The path of its API group and version: `/api/v1`, `/apis/coordination.k8s.io/v1`.
    pub api: &'t str,
    /// The namespace; `None` for all namespaces, and for objects that are in none.
    pub namespace: Option<&'t str>,
    /// The plural name of its resource: `networkpolicies`.
    pub resource: &'t str,
}

/// A reference to one object of the cluster.
#[derive(Debug, Clone, Copy)]
pub struct ObjectRef<'t> {
    /// Where it is.
    pub collection: Collection<'t>,
    /// Its name.
    pub name: &'t str,
    /// Whether messages of the API server about a write must not be repeated, because they could quote the object.
    pub is_secret: bool,
}

/// Names the objects in messages: `the pods in "ns"`.
impl fmt::Display for Collection<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.namespace {
            Some(namespace) => write!(formatter, "the {} in \"{namespace}\"", self.resource),
            None => write!(formatter, "the {} of the cluster", self.resource),
        }
    }
}

/// Names the object in messages: `the secret "ns/name"`.
impl fmt::Display for ObjectRef<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.collection.resource.strip_suffix("ies") {
            Some(stem) => format!("{stem}y"),
            None => self.collection.resource.trim_end_matches('s').to_owned(),
        };
        match self.collection.namespace {
            Some(namespace) => write!(formatter, "the {kind} \"{namespace}/{}\"", self.name),
            None => write!(formatter, "the {kind} \"{}\"", self.name),
        }
    }
}

impl Collection<'_> {
    /// Returns the path of the collection.
    pub(super) fn path(&self) -> String {
        let Collection { api, resource, .. } = self;
        match self.namespace {
            Some(namespace) => format!("{api}/namespaces/{namespace}/{resource}"),
            None => format!("{api}/{resource}"),
        }
    }

    /// Returns the error for a response to a list that is a failure.
    pub(super) fn error(&self, verb: &str, status: &Status) -> CallError {
        error(self, &self.to_string(), verb, status, &status.message)
    }
}

impl ObjectRef<'_> {
    /// Returns the path of the object.
    pub(super) fn path(&self) -> String {
        format!("{}/{}", self.collection.path(), self.name)
    }

    /// Returns the error for a response that is a failure.
    pub(super) fn error(&self, verb: &str, status: &Status) -> CallError {
        let code = format!("{} {}", status.code, status.reason);
        error(&self.collection, &self.to_string(), verb, status, if self.is_secret { &code } else { &status.message })
    }
}

/// Returns the error for a failure; `said` is what may be repeated of the message.
fn error(collection: &Collection<'_>, what: &str, verb: &str, status: &Status, said: &str) -> CallError {
    let (cause, sentence) = match status.code {
        401 => (
            CallCause::Unauthorized,
            "the API server rejects the credentials: the token or client certificate of the kubeconfig is not valid".to_owned(),
        ),
        403 => (CallCause::Forbidden, forbidden(collection, what, verb, &status.message)),
        404 => (CallCause::Missing, format!("{what} does not exist")),
        409 => (CallCause::Conflict, format!("another client changed {what} at the same time")),
        // A test of a JSON patch failed.
        422 if status.message.contains("test failed") => (CallCause::Conflict, format!("another client changed {what} at the same time")),
        410 => (CallCause::Expired, format!("the API server no longer has the version of {what} to continue from")),
        429 | 500.. => (CallCause::Unreachable, format!("the API server currently cannot {verb} {what}: {}", status.reason)),
        _ => (CallCause::Refused, format!("the API server rejects the request to {verb} {what}: {said}")),
    };
    CallError { cause, sentence }
}

/// Returns the sentence for a call that is not allowed. It names the rule that a role lacks.
fn forbidden(collection: &Collection<'_>, what: &str, verb: &str, message: &str) -> String {
    let group = collection.api.strip_prefix("/apis/").and_then(|rest| rest.split_once('/')).map_or("", |(group, _)| group);
    let role = collection.namespace.map_or_else(|| "a ClusterRole".to_owned(), |namespace| format!("a Role in \"{namespace}\""));
    // Admission plugins deny with the same status code.
    if message.contains("cannot set an ownerRef on a resource you can't delete") {
        return format!(
            "the admission plugin OwnerReferencesPermissionEnforcement denies the request to {verb} {what}: only a user who may delete an \
             object may change its owner references"
        );
    }
    // Only an authorizer says who may not do it.
    if !message.contains("forbidden: User \"") {
        return format!("an admission plugin or webhook denies the request to {verb} {what}");
    }
    format!("not allowed to {verb} {what}: {role} must allow the verb \"{verb}\" on \"{}\" (apiGroup \"{group}\")", collection.resource)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_and_collections_have_names() {
        let collection = Collection { api: "/apis/networking.k8s.io/v1", namespace: Some("desk"), resource: "networkpolicies" };
        let object = ObjectRef { collection, name: "web", is_secret: false };
        assert_eq!(object.to_string(), "the networkpolicy \"desk/web\"");
        assert_eq!(object.path(), "/apis/networking.k8s.io/v1/namespaces/desk/networkpolicies/web");
        let all = Collection { api: "/api/v1", namespace: None, resource: "pods" };
        assert_eq!((all.to_string(), all.path()), ("the pods of the cluster".to_owned(), "/api/v1/pods".to_owned()));
    }

    #[test]
    fn only_the_refusal_of_an_authorizer_names_a_missing_rule() {
        let collection = Collection { api: "/apis/networking.k8s.io/v1", namespace: Some("desk"), resource: "networkpolicies" };
        let of = |message: &str| forbidden(&collection, "the networkpolicy \"desk/web\"", "patch", message);
        assert_eq!(
            of("networkpolicies.networking.k8s.io \"web\" is forbidden: User \"drift\" cannot patch resource \"networkpolicies\""),
            "not allowed to patch the networkpolicy \"desk/web\": a Role in \"desk\" must allow the verb \"patch\" on \"networkpolicies\" \
             (apiGroup \"networking.k8s.io\")"
        );
        assert_eq!(
            of("\"web\" is forbidden: cannot set an ownerRef on a resource you can't delete: , <nil>"),
            "the admission plugin OwnerReferencesPermissionEnforcement denies the request to patch the networkpolicy \"desk/web\": only a \
             user who may delete an object may change its owner references"
        );
        for other in ["admission webhook \"x\" denied the request: pod \"web\" cannot do this", "exceeded quota"] {
            assert_eq!(of(other), "an admission plugin or webhook denies the request to patch the networkpolicy \"desk/web\"");
        }
    }
}
