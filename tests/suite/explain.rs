//! `netpol explain`.

use serde_json::Value;

use crate::support::command::{netpol, netpol_reading};
use crate::support::root;

/// Explains under release 4.4, and returns the text after the exit code.
fn explained(from: &str, to: &str) -> String {
    let ran = netpol(&["explain", "--canon", "abcdesktop-4.4", from, to]);
    assert_eq!(ran.err, "");
    format!("{}\n{}", ran.code, ran.out)
}

#[test]
fn a_refusal_names_the_rule_and_the_label_that_opens_it() {
    insta::assert_snapshot!(explained("desktop", "memcached:11211"), @r"
    1
    denied   desktop -> memcached  TCP 11211
      egress   denied: desktop is isolated for egress by abcdesktop-rights, ocuser-permits, ocuser-rights; none allows memcached on TCP 11211
      ingress  denied: memcached-rights rule 1 allows TCP 11211 only from pods netpol/memcached=true, or pods netpol/metrics=true in namespaces name=kube-monitor
      to allow: the label netpol/memcached=true on the source (granted to pyos) opens both directions
    ");
}

#[test]
fn the_label_that_is_proposed_opens_the_connection() {
    let ran = netpol(&["explain", "type=x11server,netpol/ocuser=true,netpol/memcached=true", "memcached:11211"]);
    assert_eq!(ran.code, 0, "{}", ran.out);
    let ran = netpol(&["explain", "type=x11server,netpol/ocuser=true", "memcached:11211", "--output", "json"]);
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((ran.code, &report["wouldOpen"][0]["label"]), (1, &Value::from("netpol/memcached=true")));
}

#[test]
fn an_allowed_connection_names_its_rules() {
    insta::assert_snapshot!(explained("pyos", "memcached"), @r"
    0
    allowed  pyos -> memcached  TCP 11211
      egress   allowed: memcached-permits rule 1 allows TCP 11211 to pods run=memcached-od
      ingress  allowed: memcached-rights rule 1 allows TCP 11211 from pods netpol/memcached=true, or pods netpol/metrics=true in namespaces name=kube-monitor
    ");
}

#[test]
fn a_closed_port_of_the_peer_is_the_closest() {
    insta::assert_snapshot!(explained("desktop", "desktop:631"), @r"
    1
    denied   desktop -> desktop  TCP 631
      egress   allowed: ocuser-permits rule 1 allows TCP 631 to pods type=x11server
      ingress  denied: ocuser-rights rule 2 allows only TCP 4714, 6000, 6081, 29780-29789 from desktop
      to allow: no change of up to two labels was found that keeps both identities
    ");
}

#[test]
fn what_depends_has_a_reason_and_exit_code_1() {
    insta::assert_snapshot!(explained("pyos", "*/*:139"), @r"
    1
    depends  pyos -> */*  TCP 139
      egress   depends: storage-permits rule 1 allows TCP 139 to every IPv4 address
      ingress  allowed: no policy isolates */* for ingress
      depends: whether the ipBlock in storage-permits egress rule 1 applies to pods depends on the network plugin
      to allow: no change of up to two labels was found that keeps both identities
    ");
}

#[test]
fn an_address_is_not_isolated() {
    insta::assert_snapshot!(explained("world", "router:443"), @r"
    0
    allowed  world -> router  TCP 443
      egress   allowed: world is not a pod, so no policy applies to it
      ingress  allowed: router-rights rule 1 allows TCP 443 from everyone
    ");
    assert!(explained("mongodb", "[2001:db8::1]:443").starts_with("1\n"));
    assert!(explained("desktop", "[2001:db8::1]:443").starts_with("0\n"));
    assert!(explained("desktop", "2001:db8::1").starts_with("0\n"));
}

#[test]
fn a_label_that_no_grant_gives_is_said_so() {
    let policy = "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: p}, spec: {podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {netpol/own: 'true', tier: a}}}], ports: [{port: 80}]}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: one, labels: {cookie: 5ecret}}}
---
{apiVersion: v1, kind: Pod, metadata: {name: two}}";
    let ran = netpol_reading(&["explain", "-f", "-", "one", "pod/two:80"], policy.as_bytes());
    assert_eq!(ran.code, 1);
    insta::assert_snapshot!(ran.out, @r"
    denied   one -> pod/two  TCP 80
      egress   allowed: no policy isolates one for egress
      ingress  denied: p rule 1 allows TCP 80 only from pods netpol/own=true,tier=a
      to allow: the label netpol/own=true on the source (granted to no identity) and the label tier=a on the source open ingress
    ");
    assert!(!ran.out.contains("5ecret"));
}

/// A canon with a policy and a grant that has claims.
const CLAIMED: &str = "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: db}, spec: {podSelector: {matchLabels: {run: db}}, ingress: [{from: [{podSelector: {matchLabels: {netpol/db: 'true'}}}], ports: [{port: 80}]}]}}
---
{apiVersion: netpol.abcdesktop.io/v1alpha1, kind: Grants, metadata: {name: own}, grants: [
  {name: web, podSelector: {matchLabels: {run: web}}, labels: {netpol/db: 'true'}, claims: {users: [alice], serviceAccounts: [maker]}},
  {name: api, podSelector: {matchLabels: {run: api}}, labels: {netpol/db: 'true'}}]}
";

#[test]
fn a_grant_with_claims_says_who_may_claim_it() {
    let file = tempfile::NamedTempFile::with_suffix(".yaml").unwrap();
    std::fs::write(file.path(), CLAIMED).unwrap();
    let args = ["explain", "--canon", file.path().to_str().unwrap(), "run=other", "run=db:80"];
    let ran = netpol(&args);
    let last = ran.out.lines().last().unwrap();
    assert_eq!(
        last,
        "  to allow: the label netpol/db=true on the source (granted to api, web; web is only for service account maker, user alice) opens ingress",
        "{}",
        ran.err
    );
    let report: Value = serde_json::from_str(&netpol(&[&args[..], &["--output", "json"]].concat()).out).unwrap();
    assert_eq!(
        report["wouldOpen"][0]["claims"],
        serde_json::json!([{"grant": "web", "claimants": ["service account maker", "user alice"]}])
    );
    let page = std::fs::read_to_string(root().join("docs/analysis.md")).unwrap();
    assert!(page.contains("`grant` and `claimants`"));
}

#[test]
fn json_has_exactly_the_documented_fields() {
    let page = std::fs::read_to_string(root().join("docs/analysis.md")).unwrap();
    for to in ["memcached:11211", "*/*:139", "desktop"] {
        let ran = netpol(&["explain", "desktop", to, "--output", "json"]);
        let report: Value = serde_json::from_str(&ran.out).unwrap();
        let keys: Vec<&str> = report.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys.len(), 8, "{keys:?}");
        let mut open = vec![&report];
        while let Some(value) = open.pop() {
            for (key, inner) in value.as_object().into_iter().flatten().filter(|(key, _)| !["TCP", "UDP", "SCTP"].contains(&key.as_str())) {
                assert!(page.contains(&format!("`{key}`")), "{key}");
                open.push(inner);
            }
            open.extend(value.as_array().into_iter().flatten());
        }
    }
}

#[test]
fn the_example_of_the_page_is_real_output() {
    let page = std::fs::read_to_string(root().join("docs/analysis.md")).unwrap();
    let ran = netpol(&["explain", "desktop", "memcached:11211"]);
    assert!(page.contains(&format!("$ netpol explain desktop memcached:11211\n{}", ran.out)), "{}", ran.out);
}

#[test]
fn bad_input_is_one_sentence_and_exit_code_2() {
    for (from, to, expected) in [
        ("desktp", "memcached", "there is no endpoint desktp; did you mean desktop"),
        ("desktop", "memcached:70000", "there is no endpoint memcached:70000; did you mean memcached"),
        ("*/*", "10.0.0.1", "neither is a pod of the namespace"),
        ("netpol/api=true", "0.0.0.0/0:443", "policies tell parts of 0.0.0.0/0 apart; write one of: "),
        ("pyos", "world", "policies tell parts of world apart; write one of: "),
    ] {
        let ran = netpol(&["explain", from, to]);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""));
        assert!(ran.err.contains(expected), "{}", ran.err);
    }
}
