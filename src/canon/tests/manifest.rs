//! The manifests and neighbors of a canon in its guarded namespaces.

use serde_json::json;

use super::{alone, canon, policy};
use crate::canon::{Canon, Documents};
use crate::documents::Node;
use crate::policy::{Comparison, Home, Policy, compare};

#[test]
fn the_guarded_namespace_replaces_the_namespace_of_the_canon() {
    let spec = "{podSelector: {}, ingress: [{from: [\
        {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: own, name: own}}, podSelector: {matchLabels: {kubernetes.io/metadata.name: own}}},\
        {namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: In, values: [own, other]}, {key: name, operator: In, values: [own]}]}}]}],\
        egress: [{to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: other}}}]}]}";
    let canon = canon(&policy("{name: a, namespace: own}", spec));
    let guarded = &canon.namespaces["home"].by_name["a"];
    assert_eq!(guarded.manifest["metadata"], json!({"name": "a", "namespace": "home"}));
    assert_eq!(
        guarded.manifest["spec"],
        json!({"podSelector": {}, "ingress": [{"from": [
            {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "home", "name": "own"}},
                "podSelector": {"matchLabels": {"kubernetes.io/metadata.name": "own"}},
            },
            {"namespaceSelector": {"matchExpressions": [
                {"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["home", "other"]},
                {"key": "name", "operator": "In", "values": ["own"]},
            ]}},
        ]}], "egress": [{"to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "other"}}}]}]})
    );
}

#[test]
fn a_manifest_means_what_its_policy_means() {
    let namespaces = ["abcdesktop".to_owned(), "desks".to_owned()];
    let own = policy(
        "{name: a, namespace: own}",
        "{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: NotIn, values: [own]}]}}]}]}",
    );
    let documents = ["abcdesktop", "abcdesktop-4.4"].map(|name| Documents::read(name).unwrap());
    for documents in documents.iter().chain([&Documents::from_text("canon.yaml", &own)]) {
        let canon = Canon::from_documents(documents, &namespaces).unwrap();
        for (namespace, policies) in &canon.namespaces {
            for (name, canonical) in &policies.by_name {
                assert_eq!(
                    (&canonical.manifest["metadata"]["name"], &canonical.manifest["metadata"]["namespace"]),
                    (&json!(name), &json!(namespace))
                );
                let reread = Policy::parse(&Node::from(&canonical.manifest["spec"]), Home { namespace, written_for: None }).unwrap();
                assert_eq!(compare(&canonical.policy, &reread), Comparison::Same, "{name} in {namespace}");
            }
        }
    }
}

#[test]
fn fields_that_a_cluster_adds_are_removed() {
    let metadata = "{name: a, namespace: x, uid: u, resourceVersion: '1', generation: 3, creationTimestamp: 2024-01-01T00:00:00Z, selfLink: /x, \
        generateName: a-, deletionTimestamp: null, managedFields: [{manager: kubectl}], labels: {app: x}, \
        annotations: {kubectl.kubernetes.io/last-applied-configuration: '{}', note: kept}}";
    let text = format!(
        "{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {metadata}, spec: {{podSelector: {{}}}}, status: {{}}}}"
    );
    assert_eq!(
        canon(&text).namespaces["home"].by_name["a"].manifest,
        json!({
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": "a", "namespace": "home", "labels": {"app": "x"}, "annotations": {"note": "kept"}},
            "spec": {"podSelector": {}},
        })
    );
}

#[test]
fn owners_and_finalizers_of_the_canon_are_kept() {
    let owner = "{apiVersion: v1, kind: ConfigMap, name: x, uid: u}";
    let canon = canon(&policy(&format!("{{name: a, ownerReferences: [{owner}], finalizers: [a.b/c]}}"), "{podSelector: {}}"));
    let canonical = &canon.namespaces["home"].by_name["a"];
    assert_eq!(canonical.owner_references, [json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "u"})]);
    assert_eq!(canonical.finalizers, ["a.b/c"]);
    assert_eq!(canonical.manifest["metadata"]["ownerReferences"], json!(canonical.owner_references));
    assert_eq!(canonical.manifest["metadata"]["finalizers"], json!(canonical.finalizers));
}

#[test]
fn neighbors_are_namespaces_that_peers_select_by_labels_that_users_can_set() {
    let peer = |selector: &str| format!("{{podSelector: {{}}, ingress: [{{from: [{{namespaceSelector: {selector}}}]}}]}}");
    let texts = [
        policy("{name: a}", &peer("{matchLabels: {name: kube-monitor}}")),
        policy("{name: b}", &peer("{matchExpressions: [{key: name, operator: In, values: [kube-monitor]}]}")),
        policy("{name: c}", &peer("{matchLabels: {kubernetes.io/metadata.name: x}}")),
        policy("{name: d}", &peer("{}")),
        policy("{name: e}", &peer("{matchLabels: {kubernetes.io/metadata.name: x, tier: web}}")),
        policy("{name: f}", "{podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {run: db}}}]}]}"),
    ];
    let canon = alone(&texts.join("---\n"));
    let found: Vec<(String, bool, Vec<&str>)> = canon
        .neighbors()
        .iter()
        .map(|neighbor| (neighbor.selects.clone(), neighbor.needs_a_label(), neighbor.policies.iter().map(String::as_str).collect()))
        .collect();
    assert_eq!(
        found,
        [("kubernetes.io/metadata.name=x,tier=web".to_owned(), true, vec!["e"]), ("name=kube-monitor".to_owned(), true, vec!["a", "b"]),]
    );
}

#[test]
fn the_policies_that_select_a_pod_are_found() {
    let canon = canon(&format!(
        "{}---\n{}",
        policy("{name: b}", "{podSelector: {}}"),
        policy("{name: a}", "{podSelector: {matchLabels: {run: db}}}")
    ));
    let selecting = |labels: &[(&str, &str)]| {
        let label = |key: &str| labels.iter().find(|(name, _)| *name == key).map(|(_, value)| *value);
        canon.policies("home").unwrap().selecting(label).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(selecting(&[("run", "db")]), ["a", "b"]);
    assert_eq!(selecting(&[]), ["b"]);
    assert!(canon.policies("other").is_none());
}
