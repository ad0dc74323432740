//! A good example without findings, and what one change of it makes each rule find.

use super::super::scene::Scene;
use super::super::{Input, LintRule, Severity, of as evaluate};
use super::{NAMESPACE, compiled, ids, of};
use crate::analysis::identities::of_canon;

const GOOD: &str = include_str!("good.yaml");

/// A change: the text, what replaces it, and the ids of all findings after it.
type Mutation = (&'static str, &'static str, &'static [&'static str]);

const DB_PORT: &str = "ports: [{port: 5432}]\n---";
const DB_EGRESS: &str = "  - {to: [{podSelector: {matchLabels: {run: db}}}], ports: [{port: 5432}]}\n";

const MUTATIONS: [Mutation; 28] = [
    // Pods of the own namespace that are known, and every pod of another one, are two peers.
    ("monitor}}\n      podSelector: {matchLabels: {app: collector}}", "monitor}}", &[]),
    (
        "podSelector: {matchLabels: {netpol/mail: 'true'}}",
        "podSelector: {matchLabels: {netpol/mail: 'true'}, matchExpressions: [{key: run, operator: NotIn, values: [web]}]}",
        &["unused-grant/web/netpol/mail", "selects-nothing/mail-permits"],
    ),
    ("kube-system}}\n      podSelector", "kube-system}}\n    - podSelector", &["or-instead-of-and/dns-permits/egress-1-1"]),
    (", except: [169.254.169.254/32]", "", &["metadata-address/mail-permits/egress-1-1"]),
    (", except: [169.254.169.254/32]}}], ports: [{port: 80}, ", "}}], ports: [", &["metadata-address/mail-permits/egress-1-1"]),
    (DB_PORT, "ports: [{port: 5432}]\n  - ports: [{port: 80}]\n---", &["open-peer/db-rights/ingress-2"]),
    (
        DB_PORT,
        "ports: [{port: 5432}]\n  - {from: [{namespaceSelector: {}}], ports: [{port: 80}]}\n---",
        &["open-peer/db-rights/ingress-2-1"],
    ),
    (
        DB_PORT,
        "ports: [{port: 5432}]\n  - {from: [{ipBlock: {cidr: '::/0'}}], ports: [{port: 80}]}\n---",
        &["open-peer/db-rights/ingress-2-1"],
    ),
    (
        "- {to: [{ipBlock: {cidr: 0.0.0.0/0, except: [169.254.169.254/32]}}], ports: [{port: 80}, {port: 587}]}",
        "- {ports: [{port: 587}]}",
        &["metadata-address/mail-permits/egress-1", "open-peer/mail-permits/egress-1"],
    ),
    ("  labels: {netpol/dns: 'true'}\n", "  labels: {netpol/dns: 'true', netpol/db: 'true'}\n", &["reaches-own-kind/db"]),
    (
        "  policyTypes: [Ingress]\n  ingress:",
        "  policyTypes: [Ingress, Egress]\n  egress: [{to: [{ipBlock: {cidr: 192.0.2.1/32}}], ports: [{port: 123}]}]\n  ingress:",
        &["mixed-directions/db-rights"],
    ),
    ("kubernetes.io/metadata.name: monitor", "name: monitor", &["unset-namespace-label/db-rights/ingress-1-2"]),
    (
        "    - podSelector: {matchLabels: {netpol/db: 'true'}}",
        "    - podSelector: {matchLabels: {netpol/db: 'true'}}\n      namespaceSelector: {matchLabels: {name: shop}}",
        &["unset-namespace-label/db-rights/ingress-1-1", "hard-coded-namespace/db-rights/ingress-1-1", "dead-rule/db-permits/egress-1"],
    ),
    (
        "    - podSelector: {matchLabels: {netpol/db: 'true'}}",
        "    - podSelector: {matchLabels: {netpol/db: 'true'}}\n      namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: store}}",
        &["hard-coded-namespace/db-rights/ingress-1-1", "dead-rule/db-permits/egress-1"],
    ),
    (
        "    - podSelector: {matchLabels: {netpol/db: 'true'}}\n",
        "    - podSelector: {matchLabels: {netpol/db: 'true'}}\n    - podSelector: {matchLabels: {netpol/backup: 'true'}}\n",
        &["ungranted-label/db-rights/ingress-1-2/netpol/backup"],
    ),
    (
        "- name: db\n",
        "- {name: spare, podSelector: {matchLabels: {run: spare}}, labels: {netpol/dns: 'true'}}\n- {name: idle, podSelector: {matchLabels: {run: idle}}, labels: {}}\n- name: db\n",
        &["unused-grant/idle", "no-dns-path/idle"],
    ),
    (
        "    - podSelector: {matchLabels: {netpol/db: 'true'}}\n    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: monitor}}\n      podSelector: {matchLabels: {app: collector}}",
        "    - podSelector: {matchLabels: {run: web}}\n    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: monitor}}\n      podSelector: {matchLabels: {netpol/mail: 'true'}}",
        &["hard-coded-namespace/db-rights/ingress-1-2"],
    ),
    (
        "podSelector: {matchLabels: {netpol/mail: 'true'}}",
        "podSelector: {matchLabels: {netpol/mail: 'true', run: mailer}}",
        &["unused-grant/web/netpol/mail", "selects-nothing/mail-permits"],
    ),
    (
        DB_PORT,
        "ports: [{port: 5432}]\n  - {from: [{podSelector: {matchLabels: {netpol/db: 'true', run: web}}}], ports: [{port: 5432}]}\n---",
        &["dead-rule/db-rights/ingress-2"],
    ),
    (
        DB_EGRESS,
        "  - {to: [{podSelector: {matchLabels: {run: db}}}], ports: [{port: 5432}]}\n  - {to: [{podSelector: {matchLabels: {run: db}}}], ports: [{port: 25}]}\n",
        &["dead-rule/db-permits/egress-2"],
    ),
    (
        DB_EGRESS,
        "  - {to: [{podSelector: {matchLabels: {run: db}}}], ports: [{port: 5432}, {port: 25}]}\n",
        &["one-sided-port/db-permits/egress-1"],
    ),
    ("    ports: [{port: 5432}]\n---", "    ports: [{port: 5432}, {protocol: UDP, port: 7}]\n---", &[]),
    (
        "  - from:\n    - podSelector",
        "  - {from: [{podSelector: {matchLabels: {netpol/db: 'true'}}}], ports: [{port: 5432}, {protocol: SCTP, port: 7}]}\n  - from:\n    - podSelector",
        &["one-sided-port/db-rights/ingress-1"],
    ),
    ("  labels: {netpol/dns: 'true'}\n", "  labels: {}\n", &["no-dns-path/db"]),
    (", netpol/dns: 'true', netpol/mail", ", netpol/mail", &["no-dns-path/web"]),
    (
        "---\napiVersion: netpol.",
        "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: web-permits}\nspec: {podSelector: {matchLabels: {run: web}}, policyTypes: [Egress], egress: [{to: [{podSelector: {matchLabels: {run: db}}}], ports: [{port: 5432}]}]}\n---\napiVersion: netpol.",
        &["redundant-policy/web-permits"],
    ),
    ("{name: deny}", "{name: deny, annotations: {netpol.abcdesktop.io/lint-ignore: no reason}}", &["lint-ignore/deny"]),
    ("{name: deny}", "{name: deny, annotations: {netpol.abcdesktop.io/lint-ignore: 'open-peer Nothing is open'}}", &["lint-ignore/deny"]),
];

#[test]
fn the_good_example_has_no_findings() {
    let found = of(&compiled(GOOD, NAMESPACE), NAMESPACE);
    assert_eq!(ids(&found.findings), [""; 0]);
    assert!(found.ignored.is_empty());
}

#[test]
fn each_mutation_is_found_and_nothing_else() {
    for (text, replacement, expected) in MUTATIONS {
        assert_eq!(GOOD.matches(text).count(), 1, "{text}");
        let found = of(&compiled(&GOOD.replacen(text, replacement, 1), NAMESPACE), NAMESPACE);
        let mut expected = expected.to_vec();
        let mut found: Vec<&str> = ids(&found.findings);
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected, "{replacement}");
    }
}

#[test]
fn every_rule_has_a_mutation() {
    let found: Vec<&str> = MUTATIONS.iter().flat_map(|(.., expected)| expected.iter()).map(|id| id.split('/').next().unwrap()).collect();
    let missing: Vec<&LintRule> = LintRule::ALL.iter().filter(|rule| !found.contains(&rule.id())).collect();
    assert_eq!(missing, [&LintRule::NotEvaluated]);
}

#[test]
fn what_takes_too_many_steps_is_a_finding() {
    let canons = compiled(GOOD, NAMESPACE);
    let (policies, endpoints) = of_canon(&canons, NAMESPACE);
    let namespaces = std::collections::BTreeMap::new();
    let input = Input {
        policies: &policies,
        endpoints: &endpoints,
        namespaces: &namespaces,
        canon: Some(&canons),
        namespace: NAMESPACE,
        ignores: &[],
    };
    let found = evaluate(&Scene::within(input, 3));
    assert!(!found.findings.is_empty() && found.findings.iter().all(|finding| finding.rule == LintRule::NotEvaluated), "{found:?}");
    assert!(found.findings.iter().all(|finding| finding.severity == Severity::Warning));
}

#[test]
fn a_finding_is_ignored_with_its_reason() {
    let text = GOOD.replace(", except: [169.254.169.254/32]", "");
    for id in ["metadata-address", "metadata-address/mail-permits/egress-1-1"] {
        let annotation =
            format!("{{name: mail-permits, annotations: {{netpol.abcdesktop.io/lint-ignore: '{id}, The mail server is there'}}}}");
        let found = of(&compiled(&text.replace("{name: mail-permits}", &annotation), NAMESPACE), NAMESPACE);
        assert_eq!(ids(&found.findings), [""; 0]);
        let [ignored] = found.ignored.as_slice() else { panic!("{:?}", found.ignored) };
        assert_eq!(
            (ignored.finding.id.as_str(), ignored.reason.as_str()),
            ("metadata-address/mail-permits/egress-1-1", "The mail server is there")
        );
    }
    // The annotation of another policy, and an unknown rule, ignore nothing.
    let elsewhere = text
        .replace("{name: deny}", "{name: deny, annotations: {netpol.abcdesktop.io/lint-ignore: 'metadata-address,open-peers because'}}");
    let found = of(&compiled(&elsewhere, NAMESPACE), NAMESPACE);
    assert_eq!(ids(&found.findings), ["metadata-address/mail-permits/egress-1-1", "lint-ignore/deny", "lint-ignore/deny#2"]);
    let messages: Vec<&str> = found.findings.iter().skip(1).map(|finding| finding.message.as_str()).collect();
    assert!(
        messages[0].contains("names metadata-address") && messages[1].contains("names open-peers, but there is no such rule"),
        "{messages:?}"
    );
}

#[test]
fn no_severity_is_higher_than_that_of_the_rule() {
    for (text, replacement, _) in MUTATIONS {
        let found = of(&compiled(&GOOD.replacen(text, replacement, 1), NAMESPACE), NAMESPACE);
        assert!(found.findings.iter().all(|finding| finding.severity <= finding.rule.severity()));
    }
}
