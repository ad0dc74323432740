//! Maps kinds to resources: manifests state kinds, reviews state resources.

use crate::canon::foreign_kinds::{Foreign, plural};
use crate::verdict::Subject;
use crate::verdict::foreign::GivenKind;

/// The resource that the API uses for a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// The plural in lower case, as in API paths.
    pub plural: String,
    /// Whether the kind is namespaced. Unknown kinds are assumed to be.
    pub namespaced: bool,
    subject: Subject,
}

impl Resource {
    /// Returns the resource of a kind.
    ///
    /// The scope of a kind that a flag adds is that of the object: `is_in_namespace` states whether it has a namespace.
    pub fn of(group: &str, kind: &str, is_in_namespace: bool, given: &[GivenKind]) -> Resource {
        match Foreign::of(group, kind, given) {
            Some(Foreign::Known(known)) => {
                let subject = Subject::ForeignPolicy(known);
                return Resource { plural: known.resource.to_owned(), namespaced: known.namespaced, subject };
            }
            Some(Foreign::Given(given)) => {
                return Resource { plural: given.resource.clone(), namespaced: is_in_namespace, subject: Subject::GivenPolicy };
            }
            None => {}
        }
        let plural = plural(kind);
        let (subject, _) = Subject::of(group, &plural, "");
        Resource { plural, namespaced: subject != Subject::Namespace, subject }
    }

    /// Returns whether netpol evaluates the kind.
    pub fn is_judged(&self) -> bool {
        self.subject != Subject::Other
    }

    /// Returns whether netpol evaluates the kind in every namespace: namespaces and cluster-scoped kinds.
    pub fn is_judged_everywhere(&self) -> bool {
        self.is_judged() && !self.namespaced
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::foreign;

    #[test]
    fn kinds_map_to_resources() {
        for (group, kind, plural) in [
            ("", "Pod", "pods"),
            ("", "Binding", "bindings"),
            ("", "ReplicationController", "replicationcontrollers"),
            ("networking.k8s.io", "NetworkPolicy", "networkpolicies"),
            ("apps", "Deployment", "deployments"),
            ("apps", "StatefulSet", "statefulsets"),
            ("apps", "DaemonSet", "daemonsets"),
            ("apps", "ReplicaSet", "replicasets"),
            ("batch", "Job", "jobs"),
            ("batch", "CronJob", "cronjobs"),
            ("cilium.io", "CiliumNetworkPolicy", "ciliumnetworkpolicies"),
            ("k8s.cni.cncf.io", "MultiNetworkPolicy", "multi-networkpolicies"),
        ] {
            let resource = Resource::of(group, kind, true, &[]);
            assert_eq!((resource.plural.as_str(), resource.is_judged(), resource.namespaced), (plural, true, true), "{kind}");
        }
        for (group, kind) in [("", "Namespace"), ("policy.networking.k8s.io", "AdminNetworkPolicy"), ("crd.projectcalico.org", "Tier")] {
            assert!(Resource::of(group, kind, true, &[]).is_judged_everywhere(), "{kind}");
        }
        for (group, kind) in [("", "ConfigMap"), ("", "Endpoints"), ("networking.k8s.io", "Ingress"), ("extensions", "NetworkPolicy")] {
            assert!(!Resource::of(group, kind, true, &[]).is_judged(), "{kind}");
        }
    }

    #[test]
    fn a_given_kind_has_the_scope_of_its_object() {
        let given = ["example.org/flow-policies".parse().unwrap()];
        let of = |is_in_namespace| Resource::of("example.org", "FlowPolicy", is_in_namespace, &given);
        assert!(of(true).is_judged() && of(true).namespaced && of(false).is_judged_everywhere());
        assert_eq!(of(true).plural, "flow-policies");
        assert!(!Resource::of("example.org", "FlowPolicy", true, &[]).is_judged());
    }

    #[test]
    fn every_foreign_resource_has_a_kind() {
        // The kind in lower case, derived from the plural.
        for known in foreign::KINDS {
            let plural = known.resource.replace('-', "");
            let kind = plural.strip_suffix("ies").map_or_else(|| plural.trim_end_matches('s').to_owned(), |stem| format!("{stem}y"));
            assert_eq!(Resource::of(known.group, &kind, true, &[]).plural, known.resource);
        }
    }
}
