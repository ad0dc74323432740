//! The facts that verdicts read: the fields of a request's objects, borrowed from its body.
//!
//! Each struct has the shape of its Kubernetes object, and `serde` reads it. It lists only the fields that a
//! verdict reads; all others are ignored. `null` means the same as a missing field. To read another field, add it
//! here.
//!
//! | file | content |
//! |---|---|
//! | `objects` | the new and the old object of a request |
//! | `pod` | pods and bindings |
//! | `workload` | workloads, whose templates are pods |
//! | `network_policy` | policies |
//! | `namespace` | namespaces |
//! | `labels`, `annotations` | label maps; the annotations that a verdict reads |
//! | `fields` | how `serde` reads fields, maps and lists |

mod annotations;
pub mod fields;
mod labels;
mod namespace;
mod network_policy;
mod objects;
mod pod;
mod workload;

use super::subject::WorkloadKind;
use crate::documents::node::Node;
pub use crate::verdict::text::Text;
pub use annotations::{Annotated, Annotations, WithAnnotations};
pub use labels::{DuplicateKey, Labels};
pub use namespace::{Namespace, NamespaceMetadata};
pub use network_policy::{DeletedPolicy, NetworkPolicy, OwnerReference, PolicyMetadata};
pub use objects::{Objects, Step};
pub use pod::{OnlyMetadata, Owner, Pod, PodMetadata, PodSpec};
pub use workload::{ControllerRevision, CronJob, PodTemplate, WholeTemplate, Workload, WorkloadMetadata, WorkloadSpec};

/// The facts about the objects of one request.
#[derive(Debug, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "there is one per request, on the stack")]
pub enum Facts<'a> {
    /// None: the request is admitted unchanged.
    Nothing,
    /// Unknown, because the request lacks this field.
    Missing(&'static str),
    /// A pod.
    Pod(Objects<Pod<'a>>),
    /// The metadata of a pod.
    PodMetadata(Objects<OnlyMetadata<'a>>),
    /// A binding.
    Binding(Objects<OnlyMetadata<'a>>),
    /// A workload.
    Workload(WorkloadKind, Objects<Workload<'a>>),
    /// A `NetworkPolicy` that is created or updated.
    NetworkPolicy(Objects<NetworkPolicy<'a>>),
    /// A `NetworkPolicy` that is deleted; `None` if the request has no old object.
    DeletedPolicy(Option<DeletedPolicy<'a>>),
    /// A foreign policy as a whole.
    ForeignPolicy(Objects<Node<'a>>),
    /// A foreign policy that is deleted; `None` if the request has no old object.
    DeletedForeignPolicy(Option<DeletedPolicy<'a>>),
    /// A namespace.
    Namespace(Objects<Namespace<'a>>),
}

impl Facts<'_> {
    /// Returns the name of the object, or its `generateName`; empty if neither is known.
    pub fn name(&self) -> &str {
        let (name, generate_name) = match self {
            Facts::Nothing | Facts::Missing(_) | Facts::ForeignPolicy(_) => return "",
            Facts::Pod(objects) => objects.either(|pod| (&pod.metadata.name, &pod.metadata.generate_name)),
            Facts::PodMetadata(objects) | Facts::Binding(objects) => {
                objects.either(|object| (&object.metadata.name, &object.metadata.generate_name))
            }
            Facts::Workload(_, objects) => objects.either(|workload| (&workload.metadata.name, &workload.metadata.generate_name)),
            Facts::NetworkPolicy(objects) => objects.either(|policy| (&policy.metadata.name, &policy.metadata.generate_name)),
            Facts::DeletedPolicy(policy) | Facts::DeletedForeignPolicy(policy) => {
                policy.as_ref().map(|policy| (&policy.metadata.name, &policy.metadata.generate_name))
            }
            Facts::Namespace(objects) => objects.either(|namespace| (&namespace.metadata.name, &namespace.metadata.generate_name)),
        }
        .unzip();
        name.filter(|name| !name.is_empty()).or(generate_name).map_or("", |name| &**name)
    }
}
