//! The writes that repair an object. Each has a precondition, so that it never overwrites a change that the plan did not see.

use serde_json::Value;

use crate::canon::ForeignResource;

/// The field manager of repairs.
pub const FIELD_MANAGER: &str = "netpol-drift";

/// The kind of object that an action writes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// A `NetworkPolicy`.
    NetworkPolicy,
    /// A canonical policy of another API.
    ForeignPolicy(ForeignResource),
    /// A pod.
    Pod,
}

/// One write.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Creates a policy. If it exists already, a later plan decides about it.
    Create {
        /// The kind of the policy.
        target: Target,
        /// The namespace.
        namespace: String,
        /// The name.
        name: String,
        /// The canonical manifest.
        manifest: Value,
    },
    /// Changes an object by a JSON patch, whose first operations test that the object is the one that was read.
    Patch {
        /// The kind of the object.
        target: Target,
        /// The namespace.
        namespace: String,
        /// The name.
        name: String,
        /// The operations, as JSON.
        operations: Value,
    },
}

impl Action {
    /// Returns the kind, the namespace and the name of the object.
    pub fn object(&self) -> (&Target, &str, &str) {
        match self {
            Action::Create { target, namespace, name, .. } | Action::Patch { target, namespace, name, .. } => (target, namespace, name),
        }
    }
}

impl Target {
    /// Returns the kind in metrics, which do not tell policies of other APIs apart.
    pub fn kind(&self) -> &'static str {
        match self {
            Target::NetworkPolicy => "NetworkPolicy",
            Target::ForeignPolicy(_) => "ForeignPolicy",
            Target::Pod => "Pod",
        }
    }

    /// Returns the kind of its object in findings, events and the log: of a policy of another API, the resource and group.
    pub fn object_kind(&self) -> String {
        match self {
            Target::ForeignPolicy(resource) => resource.qualified(),
            Target::NetworkPolicy | Target::Pod => self.kind().to_owned(),
        }
    }
}
