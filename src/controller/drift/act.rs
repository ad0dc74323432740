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
        Action::Create { target, namespace, name, manifest } => cluster.create(&object(&Api::of(target), namespace, name), manifest).await,
        Action::Patch { target, namespace, name, operations } => {
            cluster.patch(&object(&Api::of(target), namespace, name), operations).await
        }
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

/// Where the API server serves the objects of a kind.
struct Api {
    path: String,
    resource: String,
    is_secret: bool,
}

impl Api {
    fn of(target: &Target) -> Api {
        let (path, resource) = match target {
            Target::NetworkPolicy => ("/apis/networking.k8s.io/v1".to_owned(), "networkpolicies"),
            Target::ForeignPolicy(foreign) => (format!("/apis/{}", foreign.api_version()), foreign.resource.as_str()),
            Target::Pod => ("/api/v1".to_owned(), "pods"),
        };
        // Messages about a pod could quote it, and its labels are secret.
        Api { path, resource: resource.to_owned(), is_secret: *target == Target::Pod }
    }
}

fn object<'t>(api: &'t Api, namespace: &'t str, name: &'t str) -> ObjectRef<'t> {
    let collection = Collection { api: &api.path, namespace: Some(namespace), resource: &api.resource };
    ObjectRef { collection, name, is_secret: api.is_secret }
}
