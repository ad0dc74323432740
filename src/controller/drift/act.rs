//! Writes repairs. Each has a precondition, so a repair that comes late changes nothing.

use crate::cluster::{CallCause, CallError, Cluster, Collection, ObjectRef};
use crate::drift::{Action, Target};

/// How a repair ended.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The object is repaired.
    Done,
    /// The object changed since it was read. The next plan decides about it.
    Late,
    /// The repair failed.
    Failed(CallError),
}

impl Outcome {
    /// Returns the name of the outcome in metrics.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Outcome::Done => "done",
            Outcome::Late => "late",
            Outcome::Failed(_) => "failed",
        }
    }
}

/// Writes one repair.
pub(super) async fn act(cluster: &Cluster, action: &Action) -> Outcome {
    let result = match action {
        Action::Create { namespace, name, manifest } => cluster.create(&object(Target::NetworkPolicy, namespace, name), manifest).await,
        Action::Patch { target, namespace, name, operations } => cluster.patch(&object(*target, namespace, name), operations).await,
    };
    match result {
        Ok(_) => Outcome::Done,
        Err(error) if is_late(&error) => Outcome::Late,
        Err(error) => Outcome::Failed(error),
    }
}

/// Returns whether an object was created, changed or deleted since it was read.
fn is_late(error: &CallError) -> bool {
    matches!(error.cause, CallCause::Conflict | CallCause::Missing)
}

fn object<'t>(target: Target, namespace: &'t str, name: &'t str) -> ObjectRef<'t> {
    let (api, resource) = match target {
        Target::NetworkPolicy => ("/apis/networking.k8s.io/v1", "networkpolicies"),
        Target::Pod => ("/api/v1", "pods"),
    };
    // Messages about a pod could quote it, and its labels are secret.
    ObjectRef { collection: Collection { api, namespace: Some(namespace), resource }, name, is_secret: target == Target::Pod }
}
