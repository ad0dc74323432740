//! `netpol canon diff`.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::support::command::{Ran, netpol};
use crate::support::{canons, root};

/// Returns a policy in one line.
fn policy(name: &str, spec: &str) -> String {
    format!("---\n{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{name: {name}}}, spec: {spec}}}\n")
}

fn grants(list: &str) -> String {
    format!("---\n{{apiVersion: netpol.abcdesktop.io/v1alpha1, kind: Grants, metadata: {{name: own}}, grants: {list}}}\n")
}

/// An isolating policy, a policy that opens a port for a label, and one that lets pods with the label use it.
fn base() -> String {
    policy("all", "{podSelector: {}, policyTypes: [Ingress, Egress]}")
        + &policy(
            "db-rights",
            "{podSelector: {matchLabels: {run: db}}, ingress: [{from: [{podSelector: {matchLabels: {netpol/db: 'true'}}}], ports: [{port: 5432}]}]}",
        )
        + &policy(
            "db-permits",
            "{podSelector: {matchLabels: {netpol/db: 'true'}}, policyTypes: [Egress], egress: [{to: [{podSelector: {matchLabels: {run: db}}}], ports: [{port: 5432}]}]}",
        )
}

fn web() -> String {
    grants("[{name: web, podSelector: {matchLabels: {run: web}}, labels: {netpol/db: 'true'}}]")
}

/// Compares two texts. The canons have the names `a.yaml` and `b.yaml`.
fn diff_as(format: &str, from: &str, to: &str) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("a.yaml"), from).unwrap();
    std::fs::write(path("b.yaml"), to).unwrap();
    let ran = netpol(&["canon", "diff", "--output", format, &path("a.yaml"), &path("b.yaml")]);
    Ran { out: ran.out.replace(&format!("{}/", folder.path().display()), ""), ..ran }
}

#[track_caller]
fn same(from: &str, to: &str) -> String {
    let ran = diff_as("text", from, to);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{}", ran.out);
    assert!(ran.out.ends_with("same: a.yaml and b.yaml mean the same\n"), "{}", ran.out);
    ran.out
}

#[track_caller]
fn differs(from: &str, to: &str) -> String {
    let ran = diff_as("text", from, to);
    assert_eq!((ran.code, ran.err.as_str()), (1, ""), "{}", ran.out);
    ran.out
}

#[test]
fn a_canon_means_the_same_as_itself() {
    for name in canons() {
        let ran = netpol(&["canon", "diff", name, name]);
        assert_eq!((ran.code, ran.out), (0, format!("same: {name} and {name} mean the same\n")));
    }
}

#[test]
fn each_difference_of_a_release_has_a_witness() {
    let ran = netpol(&["canon", "diff", "abcdesktop-4.0", "abcdesktop-4.4"]);
    assert_eq!((ran.code, ran.err.as_str()), (1, ""));
    insta::assert_snapshot!(ran.out, @r#"
    changed: NetworkPolicy "speedtest-permits"
        opens: egress rule 1 also allows TCP 8080 to pods run=speedtest-od
            witness: a pod labeled netpol/speedtest=true could reach pods run=speedtest-od on TCP 8080
        would break: TCP 80 to pods run=speedtest-od is missing (canonical egress rule 1)
            witness: a pod labeled netpol/speedtest=true without the label type could reach pods run=speedtest-od on TCP 80
    changed: NetworkPolicy "speedtest-rights"
        opens: ingress rule 1 also allows TCP 8080 from pods netpol/speedtest=true
            witness: pods netpol/speedtest=true could reach a pod labeled run=speedtest-od on TCP 8080
        opens: ingress rule 1 also allows TCP 8080 from pods netpol/metrics=true in namespaces name=kube-monitor
            witness: pods netpol/metrics=true in a namespace labeled name=kube-monitor could reach a pod labeled run=speedtest-od on TCP 8080
        would break: TCP 80 from pods netpol/speedtest=true is missing (canonical ingress rule 1)
            witness: pods netpol/speedtest=true could reach a pod labeled run=speedtest-od on TCP 80
        would break: TCP 80 from pods netpol/metrics=true in namespaces name=kube-monitor is missing (canonical ingress rule 1)
            witness: pods netpol/metrics=true in a namespace labeled name=kube-monitor could reach a pod labeled run=speedtest-od on TCP 80
    not the same: from abcdesktop-4.0 to abcdesktop-4.4, 2 policies differ
    "#);
}

#[test]
fn another_spelling_order_or_name_is_no_difference() {
    // Another order, defaults written out, another namespace, one rule as two, and other names of grants.
    let spelled = web().replace("name: web", "name: frontend")
        + &policy(
            "db-permits",
            "{podSelector: {matchExpressions: [{key: netpol/db, operator: In, values: ['true']}]}, policyTypes: [Egress], egress: [{ports: [{port: 5432, protocol: TCP}], to: [{podSelector: {matchLabels: {run: db}}}]}, {ports: [{port: 5432}], to: [{podSelector: {matchLabels: {run: db, more: x}}}]}]}",
        )
        + &policy("all", "{podSelector: {}, policyTypes: [Egress, Ingress]}")
        + &policy(
            "db-rights",
            "{podSelector: {matchLabels: {run: db}}, ingress: [{from: [{podSelector: {matchLabels: {netpol/db: 'true'}}}], ports: [{port: 5432}]}]}",
        );
    assert!(
        !same(
            &(base() + &web()),
            &spelled.replace("metadata: {", "metadata: {namespace: other, ").replace("namespace: other, name: own", "name: own")
        )
        .contains("note")
    );
    let renamed = base().replace("db-permits", "database-permits");
    let out = same(&base(), &renamed);
    assert!(out.starts_with("note: NetworkPolicy \"db-permits\" has the name \"database-permits\" and the same meaning\n"), "{out}");
}

#[test]
fn policies_of_one_side_say_what_they_open_or_take_away() {
    let more = base() + &policy("cache-rights", "{podSelector: {matchLabels: {run: cache}}, ingress: [{ports: [{port: 11211}]}]}");
    let added = differs(&base(), &more);
    let witness = "any pod in any namespace could reach a pod labeled run=cache on TCP 11211";
    assert_eq!(
        added,
        format!("added: NetworkPolicy \"cache-rights\"\n    opens: {witness}\nnot the same: from a.yaml to b.yaml, 1 policy differ\n")
            .replace("1 policy differ\n", "1 policy differs\n")
    );
    let removed = differs(&more, &base());
    assert!(removed.starts_with(&format!("removed: NetworkPolicy \"cache-rights\"\n    would break: {witness}\n")), "{removed}");
    // What another policy allows as well is lost by nothing.
    let twice = base()
        + &policy(
            "again",
            "{podSelector: {matchLabels: {run: db, tier: x}}, ingress: [{from: [{podSelector: {matchLabels: {netpol/db: 'true'}}}], ports: [{port: 5432}]}]}",
        );
    let removed = differs(&twice, &base());
    assert!(
        removed
            .starts_with("removed: NetworkPolicy \"again\"\n    no connection depends on it: other policies of the canon allow the same\n"),
        "{removed}"
    );
}

#[test]
fn a_rule_that_moved_to_another_policy_breaks_nothing() {
    let two = |first: &str, second: &str| {
        let rule = |port: &str| format!("{{podSelector: {{matchLabels: {{run: db}}}}, ingress: [{{ports: [{port}]}}]}}");
        base() + &policy("one", &rule(first)) + &policy("two", &rule(second))
    };
    let out = differs(&two("{port: 1}, {port: 2}", "{port: 3}"), &two("{port: 1}", "{port: 3}, {port: 2}"));
    assert!(!out.contains("would break") && !out.contains("opens"), "{out}");
    assert_eq!(out.matches("made up for by other policies: ").count(), 2, "{out}");
}

#[test]
fn pods_that_are_no_longer_isolated_are_open() {
    let less = base().replace("{podSelector: {}, policyTypes: [Ingress, Egress]}", "{podSelector: {}, policyTypes: [Ingress]}");
    let out = differs(&base(), &less);
    assert!(out.contains("isolation\n    opens: no policy isolates pods ") && out.contains(" for egress any longer"), "{out}");
    let out = differs(&less, &base());
    assert!(out.contains("isolation\n    would break: pods ") && out.contains(" become isolated for egress"), "{out}");
}

#[test]
fn grants_are_compared_by_the_labels_that_pods_get() {
    let with = |list: &str| base() + &grants(list);
    let web = "{name: web, podSelector: {matchLabels: {run: web}}, labels: {netpol/db: 'true'}}";
    let none = "{name: web, podSelector: {matchLabels: {run: web}}, labels: {}}";
    let other = "{name: web, podSelector: {matchLabels: {run: api}}, labels: {netpol/db: 'true'}}";
    let both = "{name: all, podSelector: {matchExpressions: [{key: run, operator: In, values: [web, api]}]}, labels: {netpol/db: 'true'}}";
    let api = other.replace("name: web", "name: api");
    let out = differs(&base(), &with(&format!("[{web}]")));
    assert!(out.starts_with("added: grant \"web\" for pods run=web\n    opens: pods run=web get the label netpol/db=true\n"), "{out}");
    let out = differs(&with(&format!("[{web}]")), &with(&format!("[{none}]")));
    assert!(
        out.starts_with("changed: grant \"web\" for pods run=web\n    would break: pods run=web no longer get the label netpol/db=true\n"),
        "{out}"
    );
    let out = differs(&with(&format!("[{web}]")), &with(&format!("[{other}]")));
    assert!(out.starts_with("changed: grant \"web\" (podSelector run=api instead of run=web)\n    would break: pods run=web "), "{out}");
    assert!(out.contains("    opens: pods run=api get the label netpol/db=true\n"), "{out}");
    // One grant as two: the same pods get the same labels.
    same(&with(&format!("[{web}, {api}]")), &with(&format!("[{both}]")));
    same(&with(&format!("[{both}]")), &with(&format!("[{web}, {api}]")));
    let shared = web.replace("labels:", "shared: true, labels:");
    let out = differs(&with(&format!("[{web}]")), &with(&format!("[{shared}]")));
    assert!(out.contains("(shared: true instead of false)\n    changes which grants exclude each other\n"), "{out}");
}

#[test]
fn owners_and_finalizers_count() {
    let held = base().replace("{name: db-rights}", "{name: db-rights, finalizers: [example.com/hold]}");
    let out = differs(&base(), &held);
    assert!(
        out.starts_with("changed: NetworkPolicy \"db-rights\"\n    opens: metadata.finalizers: expected nothing, found example.com/hold\n"),
        "{out}"
    );
}

#[test]
fn a_canon_that_cannot_be_read_is_an_input_error() {
    let ran = netpol(&["canon", "diff", "abcdesktop", "none-such"]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains("canon \"none-such\" cannot be used"), "{}", ran.err);
    assert_eq!(netpol(&["canon", "diff", "abcdesktop"]).code, 2);
}

/// Adds the names of all fields. A key of `labels` is no field.
fn fields(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| {
            found.insert(key.clone());
            if key != "labels" {
                fields(value, found);
            }
        }),
        Value::Array(items) => items.iter().for_each(|item| fields(item, found)),
        _ => {}
    }
}

#[test]
fn every_field_of_the_json_output_is_documented() {
    let text = std::fs::read_to_string(root().join("docs/canon.md")).unwrap();
    let (_, section) = text.split_once("## Comparing canons").expect("a section");
    let (section, _) = section.split_once("\n## ").unwrap_or((section, ""));
    let mut found = BTreeSet::new();
    let limited = base()
        + &web().replace(
            "'true'}}]",
            "'true'}, claims: {users: [a], groups: [b], serviceAccounts: [c]}, serviceAccountName: d, images: [e]}], protectedLabels: [f]",
        );
    let less = base().replace("policyTypes: [Ingress, Egress]", "policyTypes: [Ingress]").replace("db-rights", "db-right") + &web();
    let foreign = base() + &crew("{name: crew}", 80);
    for (from, to) in [(base(), less), (base(), limited), (base(), foreign), ("abcdesktop".to_owned(), "abcdesktop-4.4".to_owned())] {
        let ran = if Path::new(&to).extension().is_some_and(|end| end == "4") {
            netpol(&["canon", "diff", "--output", "json", &from, &to])
        } else {
            diff_as("json", &from, &to)
        };
        assert_eq!(ran.code, 1, "{}", ran.err);
        fields(&serde_json::from_str(&ran.out).unwrap(), &mut found);
    }
    for field in [
        "opens",
        "breaks",
        "isolation",
        "gains",
        "renamed",
        "witness",
        "podSelector",
        "pods",
        "serviceAccounts",
        "images",
        "protectedLabels",
    ] {
        assert!(found.contains(field), "{field} is not in the examples");
    }
    let unknown: Vec<&String> = found.iter().filter(|field| !section.contains(&format!("`{field}`"))).collect();
    assert_eq!(unknown, [] as [&String; 0]);
}

fn crew(metadata: &str, port: u16) -> String {
    format!("---\n{{apiVersion: cilium.io/v2, kind: CiliumNetworkPolicy, metadata: {metadata}, spec: {{ports: [{port}]}}}}\n")
}

/// They are compared literally, but for the order of keys and what is in the metadata.
#[test]
fn policies_of_other_apis_are_compared_literally() {
    let with = |metadata: &str, port| base() + &crew(metadata, port);
    same(&with("{name: crew}", 80), &with("{name: crew, labels: {a: b}}", 80));
    let changed = differs(&with("{name: crew}", 80), &with("{name: crew, finalizers: [example.org/kept]}", 443));
    assert!(changed.starts_with("changed: CiliumNetworkPolicy \"crew\" of cilium.io/v2\n    spec.ports[0] is not 80\n"), "{changed}");
    assert!(changed.contains("metadata.finalizers") && changed.ends_with("from a.yaml to b.yaml, 1 policy differs\n"), "{changed}");
    assert!(differs(&base(), &with("{name: crew}", 80)).starts_with("added: CiliumNetworkPolicy \"crew\" of cilium.io/v2\n"));
    assert!(differs(&with("{name: crew}", 80), &base()).starts_with("removed: CiliumNetworkPolicy"));
    let json: Value = serde_json::from_str(&diff_as("json", &with("{name: crew}", 80), &with("{name: crew}", 443)).out).unwrap();
    let found = &json["foreignPolicies"][0];
    assert_eq!((&found["change"], &found["difference"]), (&"changed".into(), &"spec.ports[0] is not 80".into()));
}

#[test]
fn limits_and_protected_labels_count() {
    let with = |limits: &str| base() + &web().replace("'true'}}]", &format!("'true'}}{limits}}}]"));
    let claims = ", claims: {serviceAccounts: [pyos], groups: [ops]}";
    insta::assert_snapshot!(differs(&with(""), &with(claims)), @r#"
    changed: grant "web" for pods run=web
        claims: service account pyos, group ops instead of everybody
    not the same: from a.yaml to b.yaml, 1 grant differs
    "#);
    insta::assert_snapshot!(differs(&with(&format!("{claims}, serviceAccountName: web, images: ['a/*']")), &with(", images: [b, 'a/*']")), @r#"
    changed: grant "web" for pods run=web
        claims: everybody instead of service account pyos, group ops
        serviceAccountName: any instead of web
        images: a/*, b instead of a/*
    not the same: from a.yaml to b.yaml, 1 grant differs
    "#);
    same(&with(", images: [b, 'a/*']"), &with(", images: ['a/*', b, b]"));
    let protected = |keys: &str| {
        with("").replace("labels: {netpol/db: 'true'}}]}", &format!("labels: {{netpol/db: 'true'}}}}], protectedLabels: {keys}}}"))
    };
    insta::assert_snapshot!(differs(&protected("[team, crew]"), &protected("[crew, shift]")), @r#"
    added: protected label "shift"
    removed: protected label "team"
    not the same: from a.yaml to b.yaml, 2 protected labels differ
    "#);
    same(&protected("[a, b]"), &protected("[b, a]"));
}
