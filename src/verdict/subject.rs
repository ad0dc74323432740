//! Maps the resource of a request to the subject of its verdict.

use super::foreign::{self, ForeignKind, GivenKind};

/// The subject of a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A pod.
    Pod,
    /// A pod, changed through a subresource that stores its metadata.
    PodStatus,
    /// A pod to which a subresource adds containers.
    PodContainers,
    /// A binding. The API server copies its labels and annotations to the pod.
    Binding,
    /// A workload.
    Workload(WorkloadKind),
    /// A `NetworkPolicy`.
    NetworkPolicy,
    /// A foreign policy.
    ForeignPolicy(&'static ForeignKind),
    /// A foreign policy of a kind that a flag adds.
    GivenPolicy,
    /// A namespace.
    Namespace,
    /// A resource that is not judged.
    Other,
}

/// Where a workload has its selector and its template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkloadKind {
    /// `spec.selector` and `spec.template`.
    Plain,
    /// The same, with a label map as selector.
    ReplicationController,
    /// `selector` and `template` in `spec.jobTemplate.spec`.
    CronJob,
    /// `template`, without a selector.
    PodTemplate,
    /// `data.spec.template`, without a selector.
    ControllerRevision,
}

/// A resource that is judged.
#[derive(Debug)]
struct Judged {
    group: &'static str,
    plural: &'static str,
    subresource: &'static str,
    /// The name in metrics.
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
    // The API server does not store labels that are sent to these subresources.
    sub("pods", "ephemeralcontainers", "pods/ephemeralcontainers", Subject::PodContainers),
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
    main("apps", "deployments", Subject::Workload(WorkloadKind::Plain)),
    main("apps", "replicasets", Subject::Workload(WorkloadKind::Plain)),
    main("apps", "statefulsets", Subject::Workload(WorkloadKind::Plain)),
    main("apps", "daemonsets", Subject::Workload(WorkloadKind::Plain)),
    main("batch", "jobs", Subject::Workload(WorkloadKind::Plain)),
    main("batch", "cronjobs", Subject::Workload(WorkloadKind::CronJob)),
    main("", "replicationcontrollers", Subject::Workload(WorkloadKind::ReplicationController)),
    main("", "podtemplates", Subject::Workload(WorkloadKind::PodTemplate)),
    main("apps", "controllerrevisions", Subject::Workload(WorkloadKind::ControllerRevision)),
    // The API server stores labels for all three.
    main("", "namespaces", Subject::Namespace),
    sub("namespaces", "status", "namespaces/status", Subject::Namespace),
    sub("namespaces", "finalize", "namespaces/finalize", Subject::Namespace),
];

/// The name in metrics of every kind that a flag adds.
const GIVEN: &str = "given-kind";

impl Subject {
    /// Returns the subject for a resource, and its name in metrics. All versions of an API have the same subject: a
    /// field that a later version adds is an unknown field, which is never ignored in a policy.
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

    /// Returns the same as [`Subject::of`], or [`Subject::GivenPolicy`] for another resource in `given`.
    pub fn with(given: &[GivenKind], group: &str, resource: &str, subresource: &str) -> (Subject, &'static str) {
        let found = Subject::of(group, resource, subresource);
        let is_given = || subresource.is_empty() && given.iter().any(|kind| kind.resource == resource && kind.group == group);
        if found.0 == Subject::Other && is_given() { (Subject::GivenPolicy, GIVEN) } else { found }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_of_another_group_is_another_subject() {
        assert_eq!(Subject::of("", "pods", ""), (Subject::Pod, "pods"));
        assert_eq!(Subject::of("metrics.k8s.io", "pods", ""), (Subject::Other, "other"));
        assert_eq!(Subject::of("", "networkpolicies", "").0, Subject::Other);
        let (Subject::ForeignPolicy(kind), label) = Subject::of("crd.antrea.io", "networkpolicies", "") else { panic!("not foreign") };
        assert_eq!((kind.group, kind.namespaced, label), ("crd.antrea.io", true, "networkpolicies"));
    }

    #[test]
    fn a_given_kind_is_never_another_subject() {
        let given: Vec<GivenKind> = ["example.org/flowpolicies", "apps/deployments"].map(|text| text.parse().unwrap()).to_vec();
        assert_eq!(Subject::with(&given, "example.org", "flowpolicies", ""), (Subject::GivenPolicy, "given-kind"));
        for (group, resource, subresource) in
            [("example.org", "flowpolicies", "status"), ("example.org", "others", ""), ("", "flowpolicies", "")]
        {
            assert_eq!(Subject::with(&given, group, resource, subresource).0, Subject::Other, "{resource}");
        }
        assert_eq!(Subject::with(&given, "apps", "deployments", "").0, Subject::Workload(WorkloadKind::Plain));
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
