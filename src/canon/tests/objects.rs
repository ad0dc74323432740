//! Objects and fields that a canon does not accept.

use super::{POLICIES, canon, compile, policy, problem, problems};

const SPEC: &str = "{podSelector: {}}";

#[test]
fn another_kind_is_rejected() {
    let text = format!("{POLICIES}---\n{{apiVersion: v1, kind: Pod, metadata: {{name: p}}}}\n");
    assert_eq!(
        problem(&text),
        "canon.yaml, document 3 (\"p\"), kind: must be NetworkPolicy, Grants, or a kind of policies of another API; --foreign-kind adds such a kind"
    );
}

#[test]
fn another_api_version_is_rejected() {
    let text = "{apiVersion: extensions/v1beta1, kind: NetworkPolicy, metadata: {name: a}, spec: {podSelector: {}}}";
    assert_eq!(
        problem(text),
        "canon.yaml, document 1 (NetworkPolicy \"a\"), apiVersion: must be networking.k8s.io/v1 for kind NetworkPolicy"
    );
    let text = format!("{POLICIES}---\n{{apiVersion: netpol.abcdesktop.io/v1, kind: Grants, metadata: {{name: a}}, grants: []}}");
    assert!(problem(&text).ends_with("apiVersion: must be netpol.abcdesktop.io/v1alpha1 for kind Grants"));
}

#[test]
fn kind_and_api_version_are_required() {
    assert_eq!(
        problem("{kind: NetworkPolicy, metadata: {name: a}}"),
        "canon.yaml, document 1 (NetworkPolicy \"a\"), apiVersion: is missing"
    );
    assert_eq!(problem("{apiVersion: v1, metadata: {name: a}}"), "canon.yaml, document 1 (\"a\"), kind: is missing");
    assert_eq!(problem("{apiVersion: v1, kind: 1}"), "canon.yaml, document 1, kind: must be a string, not a number");
}

#[test]
fn unknown_fields_are_rejected_at_every_level() {
    let text = "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: a}, spec: {podSelector: {}}, extra: 1}";
    assert_eq!(
        problem(text),
        "canon.yaml, document 1 (NetworkPolicy \"a\"), extra: unknown field; the known fields are apiVersion, kind, metadata, spec, status"
    );
    assert!(problem(&policy("{name: a, nmespace: b}", SPEC)).contains("(NetworkPolicy \"a\"), metadata.nmespace: unknown field"));
    assert_eq!(
        problem(&policy("{name: a}", "{podSelector: {}, egres: []}")),
        "canon.yaml, document 1 (NetworkPolicy \"a\"), spec.egres: unknown field; the known fields are podSelector, policyTypes, ingress, egress"
    );
}

#[test]
fn a_valid_name_is_required() {
    assert_eq!(problem(&policy("{}", SPEC)), "canon.yaml, document 1 (NetworkPolicy), metadata.name: is missing");
    assert_eq!(problem(&policy("null", SPEC)), "canon.yaml, document 1 (NetworkPolicy), metadata: is missing; a name is required");
    assert_eq!(
        problem(&policy("{name: 1}", SPEC)),
        "canon.yaml, document 1 (NetworkPolicy), metadata.name: must be a string, not a number"
    );
    assert!(
        problem(&policy("{name: A_b}", SPEC)).contains("(NetworkPolicy \"A_b\"), metadata.name: must have at most 253 lowercase letters")
    );
    assert_eq!(problem(&policy("[]", SPEC)), "canon.yaml, document 1 (NetworkPolicy), metadata: must be a map, not a list");
}

#[test]
fn a_policy_without_a_spec_is_rejected() {
    let text = "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: a}}";
    assert_eq!(problem(text), "canon.yaml, document 1 (NetworkPolicy \"a\"), spec: is missing");
}

#[test]
fn two_policies_with_one_name_are_rejected() {
    let text = format!("{}---\n{}", policy("{name: a}", SPEC), policy("{name: a}", SPEC));
    assert_eq!(
        problem(&text),
        "canon.yaml, document 2 (NetworkPolicy \"a\"), metadata.name: duplicate name \"a\"; another NetworkPolicy has the same name (canon.yaml, document 1)"
    );
}

#[test]
fn two_namespaces_are_rejected() {
    let text = format!(
        "{}---\n{}---\n{}",
        policy("{name: a, namespace: one}", SPEC),
        policy("{name: b}", SPEC),
        policy("{name: c, namespace: two}", SPEC)
    );
    assert_eq!(
        problem(&text),
        "canon.yaml, document 3 (NetworkPolicy \"c\"), metadata.namespace: differs from \"one\" in canon.yaml, document 1; all policies of a canon must have the same namespace, or none"
    );
    for namespace in ["''", "a.b", "A"] {
        assert!(
            problem(&policy(&format!("{{name: a, namespace: {namespace}}}"), SPEC))
                .contains("metadata.namespace: must be a valid namespace name")
        );
    }
}

#[test]
fn invalid_metadata_is_rejected() {
    let cases = [
        ("labels: [a]", "metadata.labels: must be a map, not a list"),
        ("labels: {a: 1}", "metadata.labels.a: must be a string (in YAML, quote it), not a number"),
        ("labels: {a b: c}", "metadata.labels[\"a b\"]: the name in a label key must have 1 to 63"),
        ("annotations: {a: true}", "metadata.annotations.a: must be a string (in YAML, quote it), not a boolean"),
        ("finalizers: [1]", "metadata.finalizers[0]: must be a string, not a number"),
        ("ownerReferences: [{kind: Pod, apiVersion: v1, name: x}]", "metadata.ownerReferences[0].uid: is missing"),
        (
            "ownerReferences: [{kind: Pod, apiVersion: v1, name: x, uid: u, controller: 'yes'}]",
            "metadata.ownerReferences[0].controller: must be a boolean, not a string",
        ),
        ("ownerReferences: [{kind: Pod, apiVersion: v1, name: x, uid: u, extra: 1}]", "metadata.ownerReferences[0].extra: unknown field"),
        (
            "annotations: {netpol.abcdesktop.io/break-glass: why}",
            "metadata.annotations[\"netpol.abcdesktop.io/break-glass\"]: must not be set in a canon, only on a policy in the cluster; remove it",
        ),
    ];
    for (field, message) in cases {
        let problem = problem(&policy(&format!("{{name: a, {field}}}"), SPEC));
        assert!(problem.contains(message), "{problem}");
    }
}

#[test]
fn faults_of_a_policy_have_their_fields() {
    let cases = [
        ("{podSelector: {matchLabels: {'a b': c}}}", "spec.podSelector.matchLabels[\"a b\"]: "),
        ("{podSelector: {matchExpressions: [{key: a, operator: Is}]}}", "spec.podSelector.matchExpressions[0].operator: "),
        ("{podSelector: {matchExpressions: [{key: a, operator: In}]}}", "spec.podSelector.matchExpressions[0].values: "),
        ("{podSelector: {}, egress: [{to: [{ipBlock: {cidr: 10.0.0.0/33}}]}]}", "spec.egress[0].to[0].ipBlock.cidr: "),
        ("{podSelector: {}, egress: [{to: [{ipBlock: {cidr: 010.0.0.0/8}}]}]}", "spec.egress[0].to[0].ipBlock.cidr: "),
        (
            "{podSelector: {}, egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8, except: [11.0.0.0/16]}}]}]}",
            "spec.egress[0].to[0].ipBlock.except[0]: ",
        ),
        ("{podSelector: {}, egress: [{to: [{}]}]}", "spec.egress[0].to[0]: "),
        ("{podSelector: {}, ingress: [{ports: [{port: 0}]}]}", "spec.ingress[0].ports[0].port: "),
        ("{podSelector: {}, ingress: [{ports: [{port: '80'}]}]}", "spec.ingress[0].ports[0].port: "),
        ("{podSelector: {}, ingress: [{ports: [{port: 90, endPort: 80}]}]}", "spec.ingress[0].ports[0].endPort: "),
        ("{podSelector: {}, ingress: [{ports: [{endPort: 80}]}]}", "spec.ingress[0].ports[0].endPort: "),
        ("{podSelector: {}, ingress: [{ports: [{protocol: tcp}]}]}", "spec.ingress[0].ports[0].protocol: "),
        ("{podSelector: {}, policyTypes: [ingress]}", "spec.policyTypes[0]: "),
        ("{podSelector: {}, ingress: {}}", "spec.ingress: "),
        ("[]", "spec: must be a map, not a list"),
    ];
    for (spec, field) in cases {
        let problem = problem(&policy("{name: a}", spec));
        assert!(problem.starts_with(&format!("canon.yaml, document 1 (NetworkPolicy \"a\"), {field}")), "{spec}: {problem}");
    }
}

#[test]
fn the_items_of_a_list_are_objects() {
    let items: Vec<String> = ["a", "b"].iter().map(|name| policy(&format!("{{name: {name}}}"), SPEC)).collect();
    let list = |items: &str| format!("{{apiVersion: v1, kind: List, metadata: {{resourceVersion: ''}}, items: [{items}]}}");
    assert_eq!(canon(&list(&items.join(","))).namespaces["home"].by_name.len(), 2);
    assert_eq!(
        problems(&list(&format!("{},{},1", items[0], policy("{name: c}", "{podSelector: {}, x: 1}")))),
        [
            "canon.yaml, document 1, items[2]: must be a map with apiVersion, kind and metadata, not a number",
            "canon.yaml, document 1 (NetworkPolicy \"c\"), items[1].spec.x: unknown field; the known fields are podSelector, policyTypes, ingress, egress",
        ]
    );
    assert!(
        problem(&list(&format!("{},{}", items[0], list("")))).contains(
            "items[1].kind: must be NetworkPolicy, Grants, or a kind of policies of another API; --foreign-kind adds such a kind"
        )
    );
    assert!(problem("{apiVersion: v1, kind: List, items: {}}").contains("items: must be a list, not a map"));
}

#[test]
fn up_to_twenty_problems_are_reported_at_once() {
    let texts: Vec<String> = (0..30).map(|number| policy(&format!("{{name: p{number}}}"), "{x: 1}")).collect();
    let error = compile(&texts.join("---\n")).unwrap_err();
    assert_eq!((error.problems.len(), error.more), (20, 10));
    let text = error.to_string();
    assert!(
        text.starts_with("canon \"canon.yaml\" cannot be used, 30 problems:\n  canon.yaml, document 1 (NetworkPolicy \"p0\"), spec.x: "),
        "{text}"
    );
    assert!(text.ends_with("\n  and 10 more"), "{text}");
}
