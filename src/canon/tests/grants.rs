//! Valid and invalid grants.

use super::{POLICIES, canon, policy, problem, problems, with_grants};
use crate::canon::Limits;

const AT: &str = "canon.yaml, document 3 (Grants \"set\"), grants";

#[test]
fn a_grant_has_all_of_its_fields() {
    let canon = canon(&with_grants(
        "[{name: web, podSelector: {matchLabels: {run: web}}, labels: {netpol/db: 'true'}}, \
          {name: rest, podSelector: {matchExpressions: [{key: run, operator: Exists}]}, labels: {}, shared: true}]",
    ));
    let [web, rest] = canon.grants.as_slice() else { panic!("{:?}", canon.grants) };
    assert_eq!((web.name.as_str(), web.selects.as_str(), web.shared), ("web", "run=web", false));
    assert_eq!(web.labels.iter().collect::<Vec<_>>(), [(&"netpol/db".to_owned(), &"true".to_owned())]);
    assert_eq!((rest.name.as_str(), rest.shared, rest.labels.len()), ("rest", true, 0));
}

#[test]
fn unknown_fields_are_rejected() {
    assert_eq!(
        problem(&with_grants("[{name: a, podSelector: {}, labels: {}, serviceAccount: x}]")),
        format!(
            "{AT}[0].serviceAccount: unknown field; the known fields are name, podSelector, labels, shared, claims, serviceAccountName, images"
        )
    );
    let text = format!(
        "{POLICIES}---\n{{apiVersion: netpol.abcdesktop.io/v1alpha1, kind: Grants, metadata: {{name: set}}, grants: [], spec: {{}}}}"
    );
    assert!(problem(&text).contains("(Grants \"set\"), spec: unknown field"));
    let text = format!(
        "{POLICIES}---\n{{apiVersion: netpol.abcdesktop.io/v1alpha1, kind: Grants, metadata: {{name: set, namespace: x}}, grants: []}}"
    );
    assert!(problem(&text).contains("(Grants \"set\"), metadata.namespace: unknown field"));
}

#[test]
fn name_selector_and_labels_are_required() {
    assert_eq!(
        problems(&with_grants("[{}]")),
        [
            format!("{AT}[0].name: is missing"),
            format!("{AT}[0].podSelector: is missing; write {{}} to select every pod"),
            format!("{AT}[0].labels: is missing; write {{}} for a grant without labels"),
        ]
    );
    let text = format!("{POLICIES}---\n{{apiVersion: netpol.abcdesktop.io/v1alpha1, kind: Grants, metadata: {{}}}}");
    assert_eq!(
        problems(&text),
        [
            "canon.yaml, document 3 (Grants), metadata.name: is missing",
            "canon.yaml, document 3 (Grants), grants: is missing; a list of grants is required"
        ]
    );
}

#[test]
fn a_field_of_another_type_is_rejected() {
    let cases = [
        ("1", "grants: must be a list, not a number"),
        ("[1]", "grants[0]: must be a map, not a number"),
        ("[{name: 1, podSelector: {}, labels: {}}]", "grants[0].name: must be a string, not a number"),
        ("[{name: A, podSelector: {}, labels: {}}]", "grants[0].name: must have at most 63 lowercase letters"),
        ("[{name: a, podSelector: [], labels: {}}]", "grants[0].podSelector: must be a map, not a list"),
        ("[{name: a, podSelector: {}, labels: [netpol/db]}]", "grants[0].labels: must be a map, not a list"),
        (
            "[{name: a, podSelector: {}, labels: {netpol/db: true}}]",
            "grants[0].labels[\"netpol/db\"]: must be a string (in YAML, quote it), not a boolean",
        ),
        ("[{name: a, podSelector: {}, labels: {}, shared: 'true'}]", "grants[0].shared: must be true or false, not a string"),
    ];
    for (grants, message) in cases {
        let problem = problem(&with_grants(grants));
        assert!(problem.starts_with(&format!("canon.yaml, document 3 (Grants \"set\"), {message}")), "{problem}");
    }
}

#[test]
fn two_grants_with_one_name_are_rejected() {
    assert_eq!(
        problem(&with_grants("[{name: a, podSelector: {}, labels: {}}, {name: a, podSelector: {}, labels: {}}]")),
        format!("{AT}[1].name: duplicate name \"a\"; another grant has the same name (canon.yaml, document 3)")
    );
    let set = "{apiVersion: netpol.abcdesktop.io/v1alpha1, kind: Grants, metadata: {name: set}, grants: []}";
    assert_eq!(
        problem(&format!("{POLICIES}---\n{set}\n---\n{set}")),
        "canon.yaml, document 4 (Grants \"set\"), metadata.name: duplicate name \"set\"; another Grants has the same name (canon.yaml, document 3)"
    );
}

#[test]
fn two_grants_that_give_one_key_different_values_are_rejected() {
    let reads = "{podSelector: {matchExpressions: [{key: netpol/db, operator: In, values: ['true', 'false']}]}}";
    let text = format!(
        "{}---\n{}",
        policy("{name: x}", reads),
        "{apiVersion: netpol.abcdesktop.io/v1alpha1, kind: Grants, metadata: {name: set}, grants: [\
         {name: a, podSelector: {matchLabels: {run: a}}, labels: {netpol/db: 'true'}},\
         {name: b, podSelector: {matchLabels: {run: b}}, labels: {netpol/db: 'false'}}]}"
    );
    assert_eq!(
        problem(&text),
        "canon.yaml, document 2 (Grants \"set\"), grants[1].labels[\"netpol/db\"]: grant \"a\" gives this label the value \"true\"; use the same value in both grants"
    );
}

#[test]
fn a_label_that_no_policy_reads_is_rejected() {
    assert_eq!(
        problem(&with_grants("[{name: a, podSelector: {}, labels: {netpol/dbs: 'true'}}]")),
        format!("{AT}[0].labels[\"netpol/dbs\"]: no policy reads this label; correct the key or remove the label")
    );
    assert_eq!(
        problem(&with_grants("[{name: a, podSelector: {}, labels: {netpol/db: 'yes'}}]")),
        format!("{AT}[0].labels[\"netpol/db\"]: no policy selects this value of the label; correct the value or remove the label")
    );
}

#[test]
fn a_label_that_only_a_peer_reads_is_accepted() {
    let peer = "{podSelector: {}, ingress: [{from: [{namespaceSelector: {}, podSelector: {matchLabels: {netpol/metrics: 'true'}}}]}]}";
    let grants = "{apiVersion: netpol.abcdesktop.io/v1alpha1, kind: Grants, metadata: {name: set}, grants: [{name: a, podSelector: {}, labels: {netpol/metrics: 'true'}}]}";
    assert_eq!(canon(&format!("{}---\n{grants}", policy("{name: x}", peer))).grants.len(), 1);
}

#[test]
fn a_label_that_only_an_inert_rule_reads_is_rejected() {
    let inert = "{podSelector: {}, policyTypes: [Egress], ingress: [{from: [{podSelector: {matchLabels: {netpol/x: 'true'}}}]}]}";
    let grants = "{apiVersion: netpol.abcdesktop.io/v1alpha1, kind: Grants, metadata: {name: set}, grants: [{name: a, podSelector: {}, labels: {netpol/x: 'true'}}]}";
    assert!(problem(&format!("{}---\n{grants}", policy("{name: x}", inert))).contains("no policy reads this label"));
}

#[test]
fn a_label_outside_the_prefix_is_rejected() {
    for key in ["run", "netpol", "xnetpol/db", "netpol.io/db"] {
        let problem = problem(&with_grants(&format!("[{{name: a, podSelector: {{}}, labels: {{{key}: 'true'}}}}]")));
        assert!(
            problem.starts_with(&format!("{AT}[0].labels"))
                && problem.ends_with(": must start with netpol/; grants cannot give other labels"),
            "{problem}"
        );
    }
    for label in ["netpol/: 'true'", "netpol/a/b: 'true'", "'netpol/a b': 'true'", "netpol/db: 'a b'"] {
        assert!(problem(&with_grants(&format!("[{{name: a, podSelector: {{}}, labels: {{{label}}}}}]"))).contains("a label "), "{label}");
    }
}

#[test]
fn a_selector_that_reads_a_capability_is_rejected() {
    let selectors = [
        "{matchLabels: {netpol/db: 'true'}}",
        "{matchExpressions: [{key: netpol/db, operator: DoesNotExist}]}",
        "{matchExpressions: [{key: run, operator: Exists}, {key: netpol/other, operator: NotIn, values: [a]}]}",
    ];
    for selector in selectors {
        assert_eq!(
            problem(&with_grants(&format!("[{{name: a, podSelector: {selector}, labels: {{}}}}]"))),
            format!("{AT}[0].podSelector: must not read netpol/ labels; select the pods by other labels")
        );
    }
}

#[test]
fn an_invalid_selector_is_rejected_with_its_field() {
    let cases = [
        ("{matchLabels: {run: true}}", "podSelector.matchLabels.run: must be a string"),
        ("{matchLabels: {'r n': a}}", "podSelector.matchLabels[\"r n\"]: the name in a label key"),
        ("{matchExpressions: [{key: run, operator: in, values: [a]}]}", "podSelector.matchExpressions[0].operator: "),
        ("{matchLabel: {run: a}}", "podSelector.matchLabel: unknown field"),
        (
            "{matchExpressions: [{key: run, operator: In, values: [a]}, {key: run, operator: In, values: [b]}]}",
            "podSelector: selects no pods",
        ),
    ];
    for (selector, message) in cases {
        let problems = problems(&with_grants(&format!("[{{name: a, podSelector: {selector}, labels: {{}}}}]")));
        assert!(problems.iter().any(|problem| problem.starts_with(&format!("{AT}[0].{message}"))), "{problems:?}");
    }
}

#[test]
fn a_grant_has_its_limits() {
    let canon = canon(&with_grants(
        "[{name: web, podSelector: {matchLabels: {run: web}}, labels: {}, serviceAccountName: runner, images: ['b/*', 'a:1', 'b/*'], \
          claims: {users: [alice], groups: ['cn=ops,ou=x'], serviceAccounts: [pyos, other/pyos]}}, \
          {name: rest, podSelector: {}, labels: {}, shared: true}]",
    ));
    let [web, rest] = canon.grants.as_slice() else { panic!("{:?}", canon.grants) };
    assert_eq!(
        web.limits.claims.as_ref().unwrap().to_string(),
        "service account pyos, service account other/pyos, user alice, group cn=ops,ou=x"
    );
    assert_eq!(web.limits.service_account.as_deref(), Some("runner"));
    assert_eq!(web.limits.images.iter().map(ToString::to_string).collect::<Vec<_>>(), ["a:1", "b/*"]);
    assert_eq!(rest.limits, Limits::default());
}

#[test]
fn each_wrong_limit_is_named_with_its_field() {
    for (limit, expected) in [
        (
            "claims: {}",
            "claims: must list at least one of users, groups and serviceAccounts; without claims everybody may claim the identity",
        ),
        (
            "claims: {users: []}",
            "claims: must list at least one of users, groups and serviceAccounts; without claims everybody may claim the identity",
        ),
        ("claims: [alice]", "claims: must be a map, not a list"),
        ("claims: {users: [a], roles: [b]}", "claims.roles: unknown field; the known fields are users, groups, serviceAccounts"),
        ("claims: {users: alice}", "claims.users: must be a list, not a string"),
        ("claims: {users: [a, 1]}", "claims.users[1]: must be a string, not a number"),
        ("claims: {users: ['']}", "claims.users[0]: must be a name without control characters"),
        ("claims: {groups: [a, \"b\\nc\"]}", "claims.groups[1]: must be a name without control characters"),
        ("claims: {users: ['system:serviceaccount:a:b']}", "claims.users[0]: is a service account; write a/b in serviceAccounts"),
        ("claims: {serviceAccounts: ['a/b/c']}", "claims.serviceAccounts[0]: must be NAME (in the namespace of the pod) or NAMESPACE/NAME"),
        ("claims: {serviceAccounts: ['A']}", "claims.serviceAccounts[0]: must be NAME (in the namespace of the pod) or NAMESPACE/NAME"),
        ("serviceAccountName: true", "serviceAccountName: must be a string, not a boolean"),
        (
            "serviceAccountName: ''",
            "serviceAccountName: must have at most 253 lowercase letters, digits, '-' or '.', and each part must start and end with a letter or digit",
        ),
        ("images: []", "images: must list at least one pattern; without images every image is allowed"),
        ("images: 'a'", "images: must be a list, not a string"),
        ("images: ['a b']", "images[0]: must be an image reference in which * matches any characters: 1 to 4096 characters, no spaces"),
        ("images: [a, '']", "images[1]: must be an image reference in which * matches any characters: 1 to 4096 characters, no spaces"),
    ] {
        let grants = format!("[{{name: a, podSelector: {{}}, labels: {{}}, {limit}}}]");
        assert!(problems(&with_grants(&grants)).contains(&format!("{AT}[0].{expected}")), "{limit}: {:?}", problems(&with_grants(&grants)));
    }
}

#[test]
fn protected_labels_are_keys_outside_the_prefix() {
    let with = |keys: &str| with_grants(&format!("[], protectedLabels: {keys}"));
    let canons = super::alone(&with("[shipcrew, example.org/team, shipcrew]"));
    assert_eq!(canons.first().protected_labels.iter().collect::<Vec<_>>(), ["example.org/team", "shipcrew"]);
    assert!(canons.is_identity_key("shipcrew") && canons.is_identity_key("example.org/team") && !canons.is_identity_key("team"));
    let at = "canon.yaml, document 3 (Grants \"set\"), protectedLabels";
    for (keys, expected) in [
        ("a", format!("{at}: must be a list, not a string")),
        ("[1]", format!("{at}[0]: must be a string, not a number")),
        ("[a, netpol/x]", format!("{at}[1]: must not start with netpol/; grants protect these labels")),
        (
            "['a b']",
            format!(
                "{at}[0]: the name in a label key must have 1 to 63 letters, digits, '-', '_' or '.', and start and end with a letter or digit"
            ),
        ),
    ] {
        assert_eq!(problem(&with(keys)), expected);
    }
}
