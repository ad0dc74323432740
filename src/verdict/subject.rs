//! Which judge a review goes to: by its resource first, whatever its namespace.

use super::foreign::{self, ForeignKind};

/// What a verdict is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A pod itself.
    Pod,
    /// A pod through a subresource that stores what its metadata says.
    PodStatus,
    /// A binding, whose labels and annotations are copied onto the pod.
    Binding,
    /// What makes pods from a template.
    Workload(Workload),
    /// A `NetworkPolicy`.
    NetworkPolicy,
    /// A policy of another API.
    ForeignPolicy(&'static ForeignKind),
    /// A namespace.
    Namespace,
    /// Nothing that is judged.
    Other,
}

/// Where a workload keeps its selector and its template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Workload {
    /// `spec.selector` and `spec.template`.
    Plain,
    /// The same, and the selector is a map of labels.
    ReplicationController,
    /// In `spec.jobTemplate.spec`.
    CronJob,
}

/// A resource that is judged.
#[derive(Debug)]
struct Judged {
    group: &'static str,
    plural: &'static str,
    subresource: &'static str,
    /// Its name in metrics.
    label: &'static str,
    subject: Subject,
}

const fn main(group: &'static str, resource: &'static str, subject: Subject) -> Judged {
    Judged { group, plural: resource, subresource: "", label: resource, subject }
}

const fn sub(resource: &'static str, subresource: &'static str, label: &'static str, subject: Subject) -> Judged {
    Judged { group: "", plural: resource, subresource, label, subject }
}

const JUDGED: &[Judged] = &[
    main("", "pods", Subject::Pod),
    sub("pods", "status", "pods/status", Subject::PodStatus),
    sub("pods", "binding", "pods/binding", Subject::Binding),
    // Labels that are sent to these are not stored.
    sub("pods", "ephemeralcontainers", "pods/ephemeralcontainers", Subject::Other),
    sub("pods", "resize", "pods/resize", Subject::Other),
    sub("pods", "eviction", "pods/eviction", Subject::Other),
    main("", "bindings", Subject::Binding),
    main("networking.k8s.io", "networkpolicies", Subject::NetworkPolicy),
    Judged {
        group: "networking.k8s.io",
        plural: "networkpolicies",
        subresource: "status",
        label: "networkpolicies/status",
        subject: Subject::NetworkPolicy,
    },
    main("apps", "deployments", Subject::Workload(Workload::Plain)),
    main("apps", "replicasets", Subject::Workload(Workload::Plain)),
    main("apps", "statefulsets", Subject::Workload(Workload::Plain)),
    main("apps", "daemonsets", Subject::Workload(Workload::Plain)),
    main("batch", "jobs", Subject::Workload(Workload::Plain)),
    main("batch", "cronjobs", Subject::Workload(Workload::CronJob)),
    main("", "replicationcontrollers", Subject::Workload(Workload::ReplicationController)),
    // All three store labels.
    main("", "namespaces", Subject::Namespace),
    sub("namespaces", "status", "namespaces/status", Subject::Namespace),
    sub("namespaces", "finalize", "namespaces/finalize", Subject::Namespace),
];

impl Subject {
    /// Answers what a resource is to the verdicts, and its name in metrics. Any version of an API
    /// is the same to them: what a later one adds is an unknown field, which is never passed over.
    pub fn of(group: &str, resource: &str, subresource: &str) -> (Subject, &'static str) {
        if let Some(known) =
            JUDGED.iter().find(|known| known.plural == resource && known.group == group && known.subresource == subresource)
        {
            return (known.subject, known.label);
        }
        match foreign::KINDS.iter().find(|kind| kind.resource == resource && kind.group == group) {
            Some(kind) if subresource.is_empty() => (Subject::ForeignPolicy(kind), kind.resource),
            _ => (Subject::Other, "other"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_of_another_group_is_not_the_one_of_that_name() {
        assert_eq!(Subject::of("", "pods", ""), (Subject::Pod, "pods"));
        assert_eq!(Subject::of("metrics.k8s.io", "pods", ""), (Subject::Other, "other"));
        assert_eq!(Subject::of("", "networkpolicies", "").0, Subject::Other);
        let (Subject::ForeignPolicy(kind), label) = Subject::of("crd.antrea.io", "networkpolicies", "") else { panic!("not foreign") };
        assert_eq!((kind.group, kind.namespaced, label), ("crd.antrea.io", true, "networkpolicies"));
    }

    #[test]
    fn a_subresource_is_not_its_main_resource() {
        for (group, resource, subresource) in
            [("apps", "deployments", "scale"), ("", "pods", "log"), ("cilium.io", "ciliumnetworkpolicies", "status")]
        {
            assert_eq!(Subject::of(group, resource, subresource), (Subject::Other, "other"), "{resource}/{subresource}");
        }
    }
}
