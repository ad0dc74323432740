//! The writes that repair an object. Each has a precondition, so that it never overwrites a change that the plan did not see.

use serde_json::Value;

/// The field manager of repairs.
pub const FIELD_MANAGER: &str = "netpol-drift";

/// The kind of object that an action writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// A `NetworkPolicy`.
    NetworkPolicy,
    /// A pod.
    Pod,
}

impl Target {
    /// Returns the kind as the API names it.
    pub fn kind(self) -> &'static str {
        match self {
            Target::NetworkPolicy => "NetworkPolicy",
            Target::Pod => "Pod",
        }
    }
}

/// One write.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Creates a policy. If it exists already, a later plan decides about it.
    Create {
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
