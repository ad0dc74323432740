//! `netpol reach`.

use netpol::canon::BUILT_IN;
use serde_json::Value;

use crate::support::command::{Ran, netpol, netpol_reading};
use crate::support::root;

const SHOP: &str = r"
{apiVersion: v1, kind: Namespace, metadata: {name: bank, labels: {team: money}}}
---
{apiVersion: v1, kind: Pod, metadata: {name: db, namespace: shop, labels: {run: db}}, spec: {containers: [{ports: [{name: sql, containerPort: 5432}]}]}, status: {podIP: 10.0.0.7}}
---
{apiVersion: v1, kind: Pod, metadata: {name: done, namespace: shop}, status: {phase: Succeeded}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: shop}, spec: {template: {metadata: {labels: {run: web}}}}}
---
{apiVersion: batch/v1, kind: CronJob, metadata: {name: audit, namespace: bank}, spec: {jobTemplate: {spec: {template: {metadata: {labels: {run: audit}}}}}}}
---
{apiVersion: v1, kind: Pod, metadata: {name: agent, namespace: shop}, spec: {hostNetwork: true}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {run: db}}
  policyTypes: [Ingress, Egress]
  ingress:
  - {from: [{podSelector: {matchLabels: {run: web}}}], ports: [{port: sql}, {protocol: SCTP, port: 7, endPort: 9}]}
  - {from: [{namespaceSelector: {matchLabels: {team: money}}}], ports: [{protocol: UDP, port: 53}]}
  egress:
  - {to: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.0.0.0/24]}}, {ipBlock: {cidr: '2001:db8::/64'}}]}
";

fn shop(args: &[&str]) -> Ran {
    netpol_reading(&[&["reach", "-f", "-", "-n", "shop"], args].concat(), SHOP.as_bytes())
}

fn json(ran: &Ran) -> Value {
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    serde_json::from_str(&ran.out).unwrap()
}

/// Returns the connections of JSON as lines.
fn lines(report: &Value) -> Vec<String> {
    let connections = report["connections"].as_array().unwrap().iter();
    connections
        .map(|it| format!("{} {} {} {}", it["from"].as_str().unwrap(), it["to"].as_str().unwrap(), it["ports"], it["dependsOnPlugin"]))
        .collect()
}

#[test]
fn the_text_is_a_table_if_it_fits() {
    let ran = netpol(&["reach", "--from", "pyos", "--from", "desktop", "--to", "memcached", "--to", "desktop"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    insta::assert_snapshot!(ran.out, @r"
    from \ to  memcached  desktop
    pyos       TCP 11211  -
    desktop    -          TCP 4714, 6081, 29780-29786
    3 endpoints, 2 connections (canon abcdesktop, namespace abcdesktop)
    ");
}

#[test]
fn a_wide_table_is_a_list_in_which_every_endpoint_is_visible() {
    let ran = netpol(&["reach", "--canon", "abcdesktop-4.4", "--from", "desktop", "--from", "memcached", "--from", "*/*"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    insta::assert_snapshot!(ran.out, @r"
    desktop
      -> router                                     TCP 80, 443
      -> nginx                                      TCP 80, 443
      -> desktop                                    TCP 4714, 6081, 29780-29789
      -> *@kubernetes.io/metadata.name=kube-system  TCP 53, 80, 88, 443, UDP 53, 88
      -> k8s-app=graylog@name=kube-monitor          TCP 53, 80, 88, 443, UDP 53, 88
      -> netpol/metrics=true@name=kube-monitor      TCP 53, 80, 88, 443, UDP 53, 88
      -> netpol/nginx=true@name=abcdesktop          TCP 53, 80, 88, 443, UDP 53, 88
      -> */*                                        TCP 53, 80, 88, 443, UDP 53, 88
      -> 0.0.0.0/0 except 10.96.0.0/12              TCP 53, 80, 88, 443, UDP 53, 88
      -> 10.96.0.0/12                               TCP 53, 80, 88, 443, UDP 53, 88
      -> ::/0                                       TCP 53, 80, 88, 443, UDP 53, 88
    memcached  no connections
    */*
      -> router                                     TCP 80, 443
      -> openldap                                   TCP 389, 636, 10389, 10636
      -> nginx                                      TCP 80, 443
    22 endpoints, 14 connections (canon abcdesktop-4.4, namespace abcdesktop)
    ");
}

#[test]
fn json_has_the_documented_form() {
    let report = json(&shop(&["--output", "json"]));
    assert_eq!(report["schema"], "netpol.abcdesktop.io/reach/v1");
    let db = report["endpoints"].as_array().unwrap().iter().find(|endpoint| endpoint["id"] == "shop/Pod/db").unwrap();
    assert_eq!(*db, serde_json::json!({"id": "shop/Pod/db", "kind": "Pod", "namespace": "shop", "name": "db"}));
    let of_db: Vec<String> = lines(&report).into_iter().filter(|line| line.contains("shop/Pod/db") && !line.contains("agent")).collect();
    insta::assert_snapshot!(of_db.join("\n"), @r#"
    bank/CronJob/audit shop/Pod/db {"UDP":["53"]} false
    shop/Deployment/web shop/Pod/db {"SCTP":["7-9"],"TCP":["5432"]} false
    shop/Pod/db bank/CronJob/audit {"SCTP":["1-65535"],"TCP":["1-65535"],"UDP":["1-65535"]} true
    shop/Pod/db shop/Deployment/web {"SCTP":["1-65535"],"TCP":["1-65535"],"UDP":["1-65535"]} true
    shop/Pod/db shop/Pod/db {"SCTP":["1-65535"],"TCP":["1-65535"],"UDP":["1-65535"]} true
    shop/Pod/db 10.0.1.0/24,10.0.2.0/23,10.0.4.0/22,10.0.8.0/21,10.0.16.0/20,10.0.32.0/19,10.0.64.0/18,10.0.128.0/17,10.1.0.0/16,10.2.0.0/15,10.4.0.0/14,10.8.0.0/13,10.16.0.0/12,10.32.0.0/11,10.64.0.0/10,10.128.0.0/9 {"SCTP":["1-65535"],"TCP":["1-65535"],"UDP":["1-65535"]} false
    shop/Pod/db 2001:db8::/64 {"SCTP":["1-65535"],"TCP":["1-65535"],"UDP":["1-65535"]} false
    "#);
    for connection in report["connections"].as_array().unwrap() {
        assert_eq!(connection["dependsOnPlugin"] == true, connection.get("reasons").is_some(), "{connection}");
    }
    let text = report.to_string();
    assert!(!text.contains("shop/Pod/done") && text.contains("bank/CronJob/audit"));
}

#[test]
fn every_field_of_the_json_is_documented() {
    let report = json(&shop(&["--output", "json"]));
    let page = std::fs::read_to_string(root().join("docs/analysis.md")).unwrap();
    let fields = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let of_lists = ["endpoints", "connections"].into_iter().flat_map(|list| report[list].as_array().unwrap().iter().flat_map(fields));
    for field in fields(&report).into_iter().chain(of_lists) {
        assert!(page.contains(&format!("`{field}`")), "{field}");
    }
}

#[test]
fn every_built_in_canon_has_all_of_its_identities() {
    for canon in BUILT_IN {
        let report = json(&netpol(&["reach", "--canon", canon, "--output", "json"]));
        let ids: Vec<&str> = report["endpoints"].as_array().unwrap().iter().map(|endpoint| endpoint["id"].as_str().unwrap()).collect();
        for id in ["pyos", "desktop", "memcached", "abcdesktop/*", "*/*", "netpol/smtp=true", "netpol/metrics=true@name=kube-monitor"] {
            assert!(ids.contains(&id), "{canon}: {id}");
        }
        assert_eq!(report["endpoints"].as_array().unwrap().iter().filter(|endpoint| endpoint["kind"] == "Addresses").count(), 3);
        let expected = format!("pyos memcached {} false", r#"{"TCP":["11211"]}"#);
        assert!(lines(&report).contains(&expected), "{canon}");
        assert!(!lines(&report).iter().any(|line| line.starts_with("desktop memcached")), "{canon}");
    }
}

#[test]
fn a_port_restricts_every_format() {
    let ran = shop(&["--to", "pod/db", "--port", "53/udp", "--output", "csv", "--from", "web", "--from", "bank/cronjob/audit"]);
    assert_eq!(ran.out, "from,to,protocol,ports,dependsOnPlugin\nbank/CronJob/audit,shop/Pod/db,UDP,53,false\n");
    let ran = shop(&["--to", "db", "--from", "deploy/web", "--port", "5432", "--output", "markdown"]);
    assert_eq!(ran.out, "| from \\ to | shop/Pod/db |\n|---|---|\n| shop/Deployment/web | TCP 5432 |\n");
    let ran = shop(&["--from", "db", "--to", "10.0.0.0/23", "--port", "7/SCTP", "--output", "csv"]);
    assert_eq!(ran.out, "from,to,protocol,ports,dependsOnPlugin\nshop/Pod/db,10.0.1.0/24,SCTP,7,false\n");
}

#[test]
fn labels_and_addresses_are_endpoints() {
    let ran = shop(&["--from", "run=audit@team=money", "--from", "run=audit", "--to", "db"]);
    insta::assert_snapshot!(ran.out, @r"
    from \ to             shop/Pod/db
    run=audit@team=money  UDP 53
    run=audit             -
    3 endpoints, 1 connection (1 policy in 1 file)
    ");
    for address in ["fd00:1:2:3:4:5:6:7", "fd00:1:2:3:4:5:6:7/128", "fd00:1:2:3:4:5:6:0/124"] {
        let ran = shop(&["--from", "db", "--to", address]);
        assert!(ran.code == 0 && ran.out.contains("fd00:1:2:3:4:5:6:"), "{}", ran.err);
    }
    let ran = netpol(&["reach", "--from", "*@name=kube-monitor", "--to", "pyos"]);
    assert!(ran.out.contains("*@name=kube-monitor  -"), "{}", ran.out);
}

/// Three pods that the policy of the shop does not tell apart.
fn pods_of_one_class(args: &[&str]) -> Ran {
    let pod = |number: u32| {
        format!(
            "{{apiVersion: v1, kind: Pod, metadata: {{name: web-{number}, namespace: shop, labels: {{run: web, number: '{number}'}}}}}}\n---\n"
        )
    };
    let text: String = (1..=3).map(pod).chain([SHOP.trim_start().to_owned()]).collect();
    netpol_reading(&[&["reach", "-f", "-", "-n", "shop"], args].concat(), text.as_bytes())
}

#[test]
fn pods_that_policies_do_not_tell_apart_are_one_endpoint() {
    let ran = pods_of_one_class(&["--to", "db", "--port", "5432"]);
    assert!(ran.out.contains("\nshop/Pod/web-1 (+2)\n  -> shop/Pod/db  TCP 5432\n"), "{}", ran.out);
    let report = json(&pods_of_one_class(&["--output", "json"]));
    let web: Vec<&Value> =
        report["endpoints"].as_array().unwrap().iter().filter(|it| it["name"].as_str().unwrap_or_default().starts_with("web-")).collect();
    assert_eq!(
        web,
        [
            &serde_json::json!({"id": "shop/Pod/web-1", "kind": "Pod", "namespace": "shop", "name": "web-1", "pods": ["web-1", "web-2", "web-3"]})
        ]
    );
    // Two pods of an endpoint can connect.
    assert!(
        lines(&report)
            .contains(&r#"shop/Pod/web-1 shop/Pod/web-1 {"SCTP":["1-65535"],"TCP":["1-65535"],"UDP":["1-65535"]} false"#.to_owned())
    );
}

#[test]
fn each_pod_is_an_endpoint_if_asked_for() {
    let report = json(&pods_of_one_class(&["--by", "pod", "--output", "json"]));
    let to_db: Vec<String> =
        lines(&report).into_iter().filter(|line| line.starts_with("shop/Pod/web") && line.contains(" shop/Pod/db ")).collect();
    assert_eq!(to_db.len(), 3, "{to_db:?}");
    assert!(report["endpoints"].as_array().unwrap().iter().all(|it| it.get("pods").is_none()));
    // A pod that an argument names is not one of several.
    let ran = pods_of_one_class(&["--from", "web-2", "--port", "7/SCTP", "--output", "csv"]);
    assert!(ran.out.contains("\nshop/Pod/web-2,shop/Pod/db,SCTP,7,false\n"), "{}", ran.out);
    assert!(ran.out.contains("\nshop/Pod/web-2,shop/Pod/web-1,SCTP,7,false\n") && !ran.out.contains("web-3"), "{}", ran.out);
}

#[test]
fn bad_input_is_one_sentence_and_exit_code_2() {
    let fails = |ran: Ran, expected: &str| {
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{}", ran.err);
        assert!(ran.err.contains(expected), "{}", ran.err);
    };
    fails(netpol(&["reach", "--to", "memcache"]), "there is no endpoint memcache; did you mean memcached");
    fails(netpol(&["reach", "--to", "zzz"]), "there is no endpoint zzz; the endpoints are router, ");
    fails(netpol(&["reach", "--to", "10.0.0.0/40"]), "must have a prefix length from 0 to 32");
    fails(netpol(&["reach", "--to", "run=a b"]), "the value of the label run");
    fails(netpol(&["reach", "-f", "missing.yaml"]), "cannot read missing.yaml");
    fails(netpol(&["reach", "--canon", "missing"]), "missing");
    fails(netpol(&["reach", "--port", "0"]), "write a port number from 1 to 65535");
    let twice = format!("{SHOP}---\n{{apiVersion: v1, kind: Pod, metadata: {{name: db, namespace: bank}}}}\n");
    let ran = netpol_reading(&["reach", "-f", "-", "--to", "db"], twice.as_bytes());
    fails(ran, "db can be any of several endpoints; write one of: bank/Pod/db, shop/Pod/db");
    let again = format!("{SHOP}---\n{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{name: db, namespace: shop}}}}\n");
    let ran = netpol_reading(&["reach", "-f", "-", "-n", "shop"], again.as_bytes());
    fails(ran, "NetworkPolicy \"db\" (standard input, document 8): another document has the same namespace and name");
    let again = format!("{SHOP}---\n{{apiVersion: v1, kind: Namespace, metadata: {{name: bank}}}}\n");
    fails(
        netpol_reading(&["reach", "-f", "-"], again.as_bytes()),
        "Namespace \"bank\" (standard input, document 8): another document has the same",
    );
    let invalid = "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: p}, spec: {ingress: [{ports: [{port: 0}]}]}}";
    let ran = netpol_reading(&["reach", "-f", "-"], invalid.as_bytes());
    fails(ran, "NetworkPolicy \"p\" (standard input, document 1): spec.ingress[0].ports[0].port: must be from 1 to 65535");
    let labels = "{apiVersion: v1, kind: Pod, metadata: {name: p, labels: {cookie: 5}}}";
    fails(netpol_reading(&["reach", "-f", "-"], labels.as_bytes()), "metadata.labels[cookie]: must be a string");
}

#[test]
fn files_without_policies_and_with_foreign_ones_are_told() {
    let pods =
        "{apiVersion: v1, kind: Pod, metadata: {name: p}}\n---\n{apiVersion: cilium.io/v2, kind: CiliumNetworkPolicy, metadata: {name: c}}";
    let ran = netpol_reading(&["reach", "-f", "-"], pods.as_bytes());
    assert_eq!(ran.code, 0);
    assert!(ran.err.contains("CiliumNetworkPolicy \"c\" is a policy of another API, which is not evaluated"), "{}", ran.err);
    assert!(ran.err.contains("there is no NetworkPolicy in these files"), "{}", ran.err);
}

#[test]
fn label_values_of_pods_are_not_printed() {
    let pods = "{apiVersion: v1, kind: Pod, metadata: {name: p, labels: {cookie: 5ecret}}}";
    for format in ["text", "json", "csv", "markdown"] {
        let ran = netpol_reading(&["reach", "-f", "-", "--output", format], pods.as_bytes());
        assert!(ran.code == 0 && !ran.out.contains("5ecret") && !ran.err.contains("5ecret"));
    }
}

#[test]
fn policies_tell_pods_of_one_grant_apart() {
    let canon = "{apiVersion: netpol.abcdesktop.io/v1alpha1, kind: Grants, metadata: {name: own}, grants: [{name: web, podSelector: {matchExpressions: [{key: run, operator: In, values: [a, b, c]}]}, labels: {}}]}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: p}, spec: {podSelector: {matchLabels: {run: a}}, ingress: [{from: [{namespaceSelector: {}, podSelector: {matchLabels: {tier: x}}}]}]}}
";
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("own.yaml"), canon).unwrap();
    let report = json(&netpol(&["reach", "--canon", folder.path().join("own.yaml").to_str().unwrap(), "--output", "json"]));
    let ids: Vec<&str> = report["endpoints"].as_array().unwrap().iter().map(|endpoint| endpoint["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["web[run=a]", "web[run=b]", "*/tier=x", "abcdesktop/*", "*/*", "0.0.0.0/0", "::/0"]);
    let to_a: Vec<&str> = report["connections"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|it| it["to"] == "web[run=a]")
        .map(|it| it["from"].as_str().unwrap())
        .collect();
    assert_eq!(to_a, ["*/tier=x"]);
}

#[test]
fn graphs_have_every_endpoint() {
    let ends = ["--from", "web", "--from", "agent", "--to", "db", "--to", "web", "--port", "5432"];
    insta::assert_snapshot!(shop(&[&ends[..], &["--output", "dot"]].concat()).out, @r#"
    digraph netpol {
      rankdir=LR;
      node [shape=box];
      n1 [label="shop/Deployment/web"];
      n2 [label="shop/Pod/agent"];
      n3 [label="shop/Pod/db"];
      n1 -> n3 [label="TCP 5432"];
      n1 -> n1 [label="TCP 5432"];
      n2 -> n3 [label="depends: TCP 5432", style=dashed];
      n2 -> n1 [label="TCP 5432"];
    }
    "#);
    insta::assert_snapshot!(shop(&[&ends[..], &["--output", "mermaid"]].concat()).out, @r#"
    flowchart LR
      n1["shop/Deployment/web"]
      n2["shop/Pod/agent"]
      n3["shop/Pod/db"]
      n1 -->|"TCP 5432"| n3
      n1 -->|"TCP 5432"| n1
      n2 -.->|"depends: TCP 5432"| n3
      n2 -->|"TCP 5432"| n1
    "#);
    let ran = netpol(&["reach", "--from", "memcached", "--to", "*/*", "--output", "mermaid"]);
    assert_eq!(ran.out.lines().count(), 3, "{}", ran.out);
    assert!(ran.out.contains("[\"#42;/#42;\"]"), "{}", ran.out);
}

/// Writes two files, and compares them.
fn compared(before: &str, after: &str, args: &[&str]) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let [before, after] = [("before.yaml", before), ("after.yaml", after)].map(|(name, text)| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    });
    let mut ran = netpol(&[&["reach", "-n", "shop", "--diff", &before, &after], args].concat());
    ran.out = ran.out.replace(&format!("{}/", folder.path().display()), "");
    ran
}

#[test]
fn a_difference_is_the_connections_that_change() {
    let after = SHOP
        .replace("run: web}}}], ports: [{port: sql}", "run: audit}}}], ports: [{port: 80}")
        .replace("protocol: UDP, port: 53", "protocol: UDP, port: 54");
    let ran = compared(SHOP, &after, &["--to", "db", "--from", "web", "--from", "bank/CronJob/audit", "--from", "run=audit"]);
    assert_eq!((ran.code, ran.err.as_str()), (1, ""));
    insta::assert_snapshot!(ran.out, @r"
    added    run=audit -> shop/Pod/db  TCP 80, SCTP 7-9
    removed  shop/Deployment/web -> shop/Pod/db  TCP 5432, SCTP 7-9
    changed  bank/CronJob/audit -> shop/Pod/db  UDP 53 => UDP 54
    1 added, 1 removed, 1 changed (before.yaml -> after.yaml)
    ");
    let ran = compared(SHOP, SHOP, &[]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "0 added, 0 removed, 0 changed (before.yaml -> after.yaml)\n"));
    let ran = compared(SHOP, &after, &["--output", "markdown", "--to", "db", "--from", "bank/CronJob/audit"]);
    assert!(ran.out.contains("| changed | bank/CronJob/audit | shop/Pod/db | UDP 53 | UDP 54 |\n"), "{}", ran.out);
    let ran = compared(SHOP, &after, &["--output", "json", "--to", "db"]);
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    let page = std::fs::read_to_string(root().join("docs/analysis.md")).unwrap();
    for field in ["added", "removed", "changed"] {
        for change in report[field].as_array().unwrap() {
            assert!(change["before"] != change["after"], "{change}");
            assert!(change.as_object().unwrap().keys().all(|key| page.contains(&format!("`{key}`"))), "{change}");
        }
        assert!(page.contains(&format!("`{field}`")), "{field}");
    }
    assert_eq!(compared(SHOP, SHOP, &["--output", "csv"]).code, 2);
}

#[test]
fn a_pod_on_one_side_only_is_added_with_its_connections() {
    let pod = "---\n{apiVersion: v1, kind: Pod, metadata: {name: fresh, namespace: shop, labels: {run: web}}}\n";
    let ran = compared(SHOP, &format!("{SHOP}{pod}"), &["--to", "db", "--port", "5432"]);
    assert_eq!(ran.out, "added    shop/Pod/fresh -> shop/Pod/db  TCP 5432\n1 added, 0 removed, 0 changed (before.yaml -> after.yaml)\n");
}

#[test]
fn policies_without_pods_are_compared_for_the_identities_of_the_canon() {
    let before = netpol(&["render", "policies"]).out;
    let after = before.replace("11211", "11212");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("netpol.yaml");
    std::fs::write(&file, after).unwrap();
    let ran = netpol(&["reach", "--diff", "abcdesktop", file.to_str().unwrap(), "--to", "memcached", "--from", "pyos"]);
    assert_eq!((ran.code, ran.err.as_str()), (1, ""));
    assert!(ran.out.starts_with("changed  pyos -> memcached  TCP 11211 => TCP 11212\n0 added, 0 removed, 1 changed"), "{}", ran.out);
    let ran = netpol(&["reach", "--diff", "abcdesktop", folder.path().to_str().unwrap(), "--to", "memcached", "--from", "desktop"]);
    assert_eq!(ran.code, 0, "a folder is its files: {}{}", ran.out, ran.err);
}

#[test]
fn a_canon_is_compared_for_the_pods_of_a_file() {
    let pods = "{apiVersion: v1, kind: Pod, metadata: {name: web, labels: {netpol/memcached: 'true'}}}
---
{apiVersion: v1, kind: Pod, metadata: {name: cache, labels: {run: memcached-od}}}";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pods.yaml");
    std::fs::write(&file, pods).unwrap();
    let ran = netpol(&["reach", "--diff", "abcdesktop", file.to_str().unwrap(), "--to", "cache", "--from", "web"]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.out.starts_with("changed  abcdesktop/Pod/web -> abcdesktop/Pod/cache  TCP 11211 => every port of every protocol\n"),
        "{}",
        ran.out
    );
    let ran = netpol(&["reach", "--diff", "abcdesktop", "nowhere"]);
    assert!(
        ran.code == 2 && ran.err.contains("there is no file or folder nowhere, and it is neither a built-in canon (abcdesktop, "),
        "{}",
        ran.err
    );
    let ran = netpol(&["reach", "--context", "x"]);
    assert!(ran.code == 2 && ran.err.contains("--context chooses a cluster: add --live"), "{}", ran.err);
}
