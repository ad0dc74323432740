//! Canonical policies of other APIs: which are accepted, and what is compared.

use serde_json::{Value, json};

use super::{POLICIES, alone, canon, problem, problems};
use crate::canon::{Canon, Canons, Documents, ForeignPolicy};
use crate::documents::Node;

/// Returns a canon of [`POLICIES`] and a policy of another API, whose fields are a YAML flow map.
fn with(api_version: &str, kind: &str, metadata: &str, fields: &str) -> String {
    format!("{POLICIES}---\n{{apiVersion: {api_version}, kind: {kind}, metadata: {metadata}, {fields}}}\n")
}

fn cilium(metadata: &str, spec: &str) -> String {
    with("cilium.io/v2", "CiliumNetworkPolicy", metadata, &format!("spec: {spec}"))
}

fn only(canon: &Canon) -> &ForeignPolicy {
    let policies = canon.policies("home").unwrap();
    assert_eq!(policies.foreign.len(), 1);
    &policies.foreign[0]
}

fn difference(policy: &ForeignPolicy, found: &Value) -> Option<String> {
    policy.difference(&Node::from(found)).map(|difference| difference.to_string())
}

#[test]
fn a_policy_of_another_api_is_canonical_by_group_resource_and_name() {
    let canon = canon(&cilium("{name: crew, namespace: elsewhere, labels: {a: b}}", "{endpointSelector: {}}"));
    let policies = canon.policies("home").unwrap();
    let policy = policies.foreign("cilium.io", "ciliumnetworkpolicies", "crew").unwrap();
    assert_eq!(
        policy.manifest,
        json!({
            "apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy",
            "metadata": {"name": "crew", "namespace": "home", "labels": {"a": "b"}}, "spec": {"endpointSelector": {}},
        })
    );
    for (group, resource, name) in
        [("cilium.io", "ciliumnetworkpolicies", "other"), ("cilium.io", "ciliumendpoints", "crew"), ("", "ciliumnetworkpolicies", "crew")]
    {
        assert!(policies.foreign(group, resource, name).is_none());
    }
    assert_eq!(policies.count(), 3);
}

#[test]
fn everything_but_metadata_and_status_is_compared() {
    let canon = canon(&cilium("{name: crew}", "{endpointSelector: {matchLabels: {'k8s:run': web}}, ingress: [{}]}"));
    let policy = only(&canon);
    let found = |changed: Value| {
        let mut found = json!({
            "apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy", "status": {"conditions": []},
            "metadata": {"name": "crew", "uid": "1", "annotations": {"a": "b"}, "labels": {"a": "b"}},
            "spec": {"ingress": [{}], "endpointSelector": {"matchLabels": {"k8s:run": "web"}}},
        });
        json_patch::merge(&mut found, &changed);
        difference(policy, &found)
    };
    assert_eq!(found(json!({})), None);
    assert_eq!(found(json!({"specs": []})).unwrap(), "specs is not in the canon");
    assert_eq!(found(json!({"spec": {"ingress": [{}, {}]}})).unwrap(), "spec.ingress[1] is not in the canon");
    assert_eq!(found(json!({"spec": null})).unwrap(), "spec is missing, and is a map in the canon");
    assert_eq!(found(json!({"apiVersion": "cilium.io/v3"})).unwrap(), r#"apiVersion is not "cilium.io/v2""#);
    let other = json!({"spec": {"endpointSelector": {"matchLabels": {"k8s:run": "s3cr3t"}}}});
    assert_eq!(found(other).unwrap(), r#"spec.endpointSelector.matchLabels["k8s:run"] is not "web""#);
}

/// The networks of a `MultiNetworkPolicy` are in an annotation, and Calico selects sets by label.
#[test]
fn metadata_with_a_meaning_is_compared() {
    let policy_for = "k8s.v1.cni.cncf.io/policy-for";
    let text = with(
        "k8s.cni.cncf.io/v1beta1",
        "MultiNetworkPolicy",
        &format!("{{name: crew, annotations: {{{policy_for}: lan}}}}"),
        "spec: {podSelector: {}}",
    );
    let canon_of_networks = canon(&text);
    let policy = only(&canon_of_networks);
    assert_eq!(policy.resource.qualified(), "multi-networkpolicies.k8s.cni.cncf.io");
    let found = |annotations: Value| {
        let found = json!({
            "apiVersion": "k8s.cni.cncf.io/v1beta1", "kind": "MultiNetworkPolicy", "metadata": {"annotations": annotations},
            "spec": {"podSelector": {}},
        });
        (difference(policy, &found), policy.restoring(&found))
    };
    assert_eq!(found(json!({policy_for: "lan", "a": "b"})), (None, Vec::new()));
    let field = r#"metadata.annotations["k8s.v1.cni.cncf.io/policy-for"]"#;
    let path = "/metadata/annotations/k8s.v1.cni.cncf.io~1policy-for";
    let (difference_found, operations) = found(json!({policy_for: "none"}));
    assert_eq!(difference_found.unwrap(), format!("{field} is not \"lan\""));
    assert_eq!(operations, [json!({"op": "add", "path": path, "value": "lan"})]);
    let (difference_found, operations) = found(Value::Null);
    assert_eq!(difference_found.unwrap(), format!("{field} is missing, and is \"lan\" in the canon"));
    assert_eq!(operations, [json!({"op": "add", "path": "/metadata/annotations", "value": {policy_for: "lan"}})]);

    let canon = canon(&with("crd.projectcalico.org/v1", "NetworkSet", "{name: lan, labels: {net: lan}}", "spec: {nets: []}"));
    let set = |labels: Value| json!({"apiVersion": "crd.projectcalico.org/v1", "kind": "NetworkSet", "metadata": {"labels": labels}, "spec": {"nets": []}});
    assert_eq!(difference(only(&canon), &set(json!({"net": "lan"}))), None);
    assert_eq!(difference(only(&canon), &set(json!({"net": "lan", "more": "x"}))).unwrap(), "metadata.labels.more is not in the canon");
}

#[test]
fn the_patch_of_a_repair_gives_an_object_the_canonical_content() {
    let canon = canon(&with("cilium.io/v2", "CiliumNetworkPolicy", "{name: crew}", "spec: {a: [1]}, specs: [{b/c: 2}]"));
    let policy = only(&canon);
    for content in [
        json!({"spec": {"a": [2]}, "specs": [{"b/c": 2}]}),
        json!({"spec": {"a": [1]}}),
        json!({"spec": {"a": [1]}, "specs": [{"b/c": 2}], "x/y~z": 1}),
        json!({"apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy"}),
    ] {
        let mut found = content;
        json_patch::merge(
            &mut found,
            &json!({"apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy", "metadata": {"name": "crew"}, "status": 1}),
        );
        let patch: json_patch::Patch = serde_json::from_value(Value::Array(policy.restoring(&found))).unwrap();
        assert!(!patch.0.is_empty() && difference(policy, &found).is_some());
        json_patch::patch(&mut found, &patch).unwrap();
        assert_eq!(difference(policy, &found), None);
        assert_eq!(found["status"], 1);
    }
}

#[test]
fn kinds_that_cannot_be_canonical_are_refused() {
    let refused = |api_version: &str, kind: &str| problem(&with(api_version, kind, "{name: a}", "spec: {}"));
    assert_eq!(
        refused("cilium.io/v2", "CiliumClusterwideNetworkPolicy"),
        "canon.yaml, document 3 (CiliumClusterwideNetworkPolicy \"a\"), kind: CiliumClusterwideNetworkPolicy is of cluster scope, and a canon \
         is about namespaces; --foreign-policies deny refuses such policies"
    );
    assert!(refused("cilium.io/v2", "CiliumEndpoint").ends_with("is written by the network plugin itself, so a canon cannot fix it"));
    assert!(
        refused("example.org/v1", "FlowPolicy")
            .ends_with("kind: must be NetworkPolicy, Grants, or a kind of policies of another API; --foreign-kind adds such a kind")
    );
    assert!(refused("extensions/v1beta1", "NetworkPolicy").ends_with("must be networking.k8s.io/v1 for kind NetworkPolicy"));
    let given = ["example.org/flowpolicies".parse().unwrap()];
    let documents = Documents::from_text("canon.yaml", &with("example.org/v1", "FlowPolicy", "{name: a}", "spec: {}")).with_kinds(&given);
    let canon = Canon::from_documents(&documents, &["home".to_owned()]).unwrap();
    assert_eq!(only(&canon).resource.resource, "flowpolicies");
}

/// Other APIs have kinds of the same name.
#[test]
fn a_network_policy_of_another_api_is_not_one_of_kubernetes() {
    let canon = canon(&with("crd.projectcalico.org/v1", "NetworkPolicy", "{name: all}", "spec: {selector: all()}"));
    assert_eq!(only(&canon).resource.qualified(), "networkpolicies.crd.projectcalico.org");
    assert!(canon.policies("home").unwrap().named("all").is_some(), "both have the name");
}

#[test]
fn documents_that_cannot_be_compared_are_refused() {
    let place = "canon.yaml, document 3 (CiliumNetworkPolicy \"a\")";
    let of = |metadata: &str, fields: &str| problem(&with("cilium.io/v2", "CiliumNetworkPolicy", metadata, fields));
    assert_eq!(of("{name: a}", "status: {}"), format!("{place}: has nothing but metadata, so there is nothing to compare"));
    let many = format!("spec: [{}]", vec!["1"; 10_000].join(","));
    assert_eq!(of("{name: a}", &many), format!("{place}: has 10003 values; at most 10000 can be compared. Split the policy"));
    assert!(of("{name: a, annotations: {netpol.abcdesktop.io/break-glass: x}}", "spec: {}").contains("must not be set in a canon"));
    assert!(of("{name: a, unknown: 1}", "spec: {}").contains("metadata.unknown: unknown field"));
    assert!(of("{}", "spec: {}").contains("metadata.name: is missing"));
}

#[test]
fn names_namespaces_and_versions_agree() {
    let one = "{apiVersion: cilium.io/v2, kind: CiliumNetworkPolicy, metadata: {name: a}, spec: {}}";
    let twice = format!("{POLICIES}---\n{one}\n---\n{one}\n");
    assert!(problem(&twice).contains("metadata.name: duplicate name \"a\"; another CiliumNetworkPolicy has the same name"));
    let versions = format!("{POLICIES}---\n{one}\n---\n{}\n", one.replace("v2", "v3").replace("name: a", "name: b"));
    assert_eq!(
        problems(&versions),
        [
            "canon.yaml, document 4 (CiliumNetworkPolicy \"b\"), apiVersion: differs from \"cilium.io/v2\" in canon.yaml, document 3; all policies of a kind must have the same version"
        ]
    );
    let spaces = format!(
        "{POLICIES}---\n{}\n---\n{}\n",
        one.replace("name: a", "name: a, namespace: west"),
        one.replace("name: a", "name: b, namespace: east")
    );
    assert!(problem(&spaces).contains("metadata.namespace: differs from \"west\""));

    let third = versions_of_two_canons("v3").unwrap_err();
    assert!(
        third.contains("has cilium.io/v2 CiliumNetworkPolicy, but canon") && third.contains("write both in the same version"),
        "{third}"
    );
    assert!(versions_of_two_canons("v2").is_ok());
}

fn versions_of_two_canons(version: &str) -> Result<Canons, String> {
    let of = |version: &str| canon(&with(&format!("cilium.io/{version}"), "CiliumNetworkPolicy", "{name: a}", "spec: {}"));
    Canons::new(of("v2"), vec![of(version)]).map_err(|error| error.to_string())
}

#[test]
fn the_names_of_all_canons_are_known_by_resource() {
    let canons = alone(&cilium("{name: crew}", "{}"));
    let names = canons.foreign_names();
    let names: Vec<(String, Vec<&str>)> =
        names.into_iter().map(|(resource, names)| (resource.qualified(), names.into_iter().collect())).collect();
    assert_eq!(names, [("ciliumnetworkpolicies.cilium.io".to_owned(), vec!["crew"])]);
    let policies = canons.policies("home").unwrap();
    assert!(policies.has_foreign("cilium.io", "ciliumnetworkpolicies") && !policies.has_foreign("cilium.io", "ciliumendpoints"));
}
