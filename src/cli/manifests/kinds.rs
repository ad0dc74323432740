//! Which resource a kind is: manifests state kinds, reviews state resources.

use crate::verdict::{Subject, foreign};

/// What the API calls objects of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// The plural, in lower case.
    pub plural: String,
    /// Whether its objects live in namespaces. Taken for granted of a kind that is not known.
    pub namespaced: bool,
    subject: Subject,
}

impl Resource {
    /// Answers the resource of a kind. The API derives plurals by rule, and every kind that is judged keeps to
    /// it, but for the dash in one.
    pub fn of(group: &str, kind: &str) -> Resource {
        let plural = plural(&kind.to_lowercase());
        if let Some(known) = foreign::KINDS.iter().find(|known| known.group == group && known.resource.replace('-', "") == plural) {
            let subject = Subject::ForeignPolicy(known);
            return Resource { plural: known.resource.to_owned(), namespaced: known.namespaced, subject };
        }
        let (subject, _) = Subject::of(group, &plural, "");
        Resource { plural, namespaced: subject != Subject::Namespace, subject }
    }

    /// Answers whether anybody judges it.
    pub fn is_judged(&self) -> bool {
        self.subject != Subject::Other
    }

    /// Answers whether it is judged wherever it is: a namespace, or a kind of cluster scope.
    pub fn is_judged_everywhere(&self) -> bool {
        self.is_judged() && !self.namespaced
    }
}

fn plural(kind: &str) -> String {
    if let Some(stem) = kind.strip_suffix('y').filter(|stem| !stem.ends_with(['a', 'e', 'o', 'u'])) {
        format!("{stem}ies")
    } else if ["s", "x", "ch", "sh"].iter().any(|ending| kind.ends_with(ending)) {
        format!("{kind}es")
    } else {
        format!("{kind}s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_find_their_judges() {
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
            let resource = Resource::of(group, kind);
            assert_eq!((resource.plural.as_str(), resource.is_judged(), resource.namespaced), (plural, true, true), "{kind}");
        }
        for (group, kind) in [("", "Namespace"), ("policy.networking.k8s.io", "AdminNetworkPolicy"), ("crd.projectcalico.org", "Tier")] {
            assert!(Resource::of(group, kind).is_judged_everywhere(), "{kind}");
        }
        for (group, kind) in [("", "ConfigMap"), ("", "Endpoints"), ("networking.k8s.io", "Ingress"), ("extensions", "NetworkPolicy")] {
            assert!(!Resource::of(group, kind).is_judged(), "{kind}");
        }
    }

    #[test]
    fn every_foreign_kind_can_be_named_by_a_kind() {
        // The kind in lower case, as the plural gives it away.
        for known in foreign::KINDS {
            let plural = known.resource.replace('-', "");
            let kind = plural.strip_suffix("ies").map_or_else(|| plural.trim_end_matches('s').to_owned(), |stem| format!("{stem}y"));
            assert_eq!(Resource::of(known.group, &kind).plural, known.resource);
        }
    }
}
