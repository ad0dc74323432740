//! A request without its objects.

use super::text::Text;

/// The two endpoints of the webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// `POST /mutate` patches pods. It denies only requests that it cannot understand.
    Mutate,
    /// `POST /validate` decides about the final state.
    Validate,
}

/// The user, the object and the operation of a request.
#[derive(Debug, Default, PartialEq)]
pub struct Request<'a> {
    /// The uid of the request, which the answer repeats.
    pub uid: Text<'a>,
    /// The API group of the object's kind; empty for the core group.
    pub kind_group: Text<'a>,
    /// The object's kind.
    pub kind: Text<'a>,
    /// The API group of the resource; empty for the core group.
    pub group: Text<'a>,
    /// The plural name of the resource, in lower case.
    pub resource: Text<'a>,
    /// The subresource; empty for the main resource.
    pub subresource: Text<'a>,
    /// The object's name; empty if it has none yet, and in a deletecollection.
    pub name: Text<'a>,
    /// The namespace; empty for an object of cluster scope.
    pub namespace: Text<'a>,
    /// The operation.
    pub operation: Operation,
    /// The user's name.
    pub user: Text<'a>,
    /// The user's groups.
    pub groups: Vec<Text<'a>>,
    /// Whether the API server does not store the result.
    pub dry_run: bool,
}

impl Request<'_> {
    /// Returns whether the user is a member of a group.
    pub fn is_member(&self, group: &str) -> bool {
        self.groups.iter().any(|name| name == group)
    }
}

/// The operation of a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Operation {
    /// Creates an object.
    Create,
    /// Updates an object.
    Update,
    /// Deletes an object.
    Delete,
    /// Connects to an object.
    Connect,
    /// Another operation, or none.
    #[default]
    Unknown,
}

impl Operation {
    /// Parses the name that the API uses.
    pub fn parse(name: &str) -> Operation {
        match name {
            "CREATE" => Operation::Create,
            "UPDATE" => Operation::Update,
            "DELETE" => Operation::Delete,
            "CONNECT" => Operation::Connect,
            _ => Operation::Unknown,
        }
    }

    /// Returns the name that the API uses, or `unknown`.
    pub fn as_str(self) -> &'static str {
        match self {
            Operation::Create => "CREATE",
            Operation::Update => "UPDATE",
            Operation::Delete => "DELETE",
            Operation::Connect => "CONNECT",
            Operation::Unknown => "unknown",
        }
    }
}
