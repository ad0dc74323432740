//! `netpol explain`.

use serde_json::{Value, json};

use crate::support::command::{Ran, netpol, netpol_reading};
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

const SERVICES: &str = r"
{apiVersion: v1, kind: Pod, metadata: {name: db-0, labels: {run: db}}, spec: {containers: [{ports: [{name: sql, containerPort: 5432}]}]}, status: {podIP: 10.0.0.7}}
---
{apiVersion: v1, kind: Pod, metadata: {name: db-1, labels: {run: db, shard: b}}, spec: {containers: [{ports: [{name: sql, containerPort: 5433}]}]}, status: {podIP: 10.0.0.8}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {template: {metadata: {labels: {run: web}}}}}
---
{apiVersion: v1, kind: Service, metadata: {name: db}, spec: {selector: {run: db}, ports: [{port: 80, targetPort: sql}, {port: 81, targetPort: 9}, {port: 82, targetPort: none}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {clusterIP: None, selector: {run: web}}}
---
{apiVersion: v1, kind: Service, metadata: {name: alias}, spec: {type: ExternalName, externalName: db.example}}
---
{apiVersion: v1, kind: Service, metadata: {name: written}, spec: {ports: [{port: 80}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: empty}, spec: {selector: {run: nothing}, ports: [{port: 80}]}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db}
spec:
  podSelector: {matchLabels: {run: db}}
  policyTypes: [Ingress, Egress]
  ingress:
  - {from: [{podSelector: {matchLabels: {run: web}}}], ports: [{port: sql}]}
  egress:
  - {to: [{ipBlock: {cidr: 10.0.0.0/24}}], ports: [{port: 7}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: shard}
spec:
  podSelector: {matchLabels: {shard: b}}
  ingress: [{ports: [{port: 9}]}]
";

fn of_services(args: &[&str]) -> Ran {
    netpol_reading(&[&["explain", "-f", "-"], args].concat(), SERVICES.as_bytes())
}

#[test]
fn a_service_is_its_pods_and_their_ports() {
    let ran = of_services(&["web", "service/db:80"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    insta::assert_snapshot!(ran.out, @r"
    allowed  web -> service/db  TCP 5432
      service  abcdesktop/Service/db:80 leads to TCP 5432 and other ports of 2 pods; policies see that port, and whether they see the address of the Service depends on the network plugin
      egress   allowed: no policy isolates web for egress
      ingress  allowed: db rule 1 allows TCP 5432 from pods run=web
    ");
    let ran = of_services(&["web", "abcdesktop/Service/web:80", "--output", "json"]);
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(report["service"], "abcdesktop/Service/web is headless: it stands for 1 pod, and the port is that of the pods");
    let page = std::fs::read_to_string(root().join("docs/analysis.md")).unwrap();
    assert!(page.contains("| `service` |"));
    // The port of the Service is not that of the pods.
    assert_eq!(of_services(&["web", "pod/db-0:80"]).code, 1);
}

#[test]
fn a_service_that_is_no_pods_is_one_sentence() {
    for (to, expected) in [
        ("svc/db:81", "policies tell the pods of svc/db apart; write one of: abcdesktop/Pod/db-0 or abcdesktop/Pod/db-1"),
        ("svc/db", "a connection is to one port of abcdesktop/Service/db; write one of: abcdesktop/Service/db:80, "),
        ("svc/db:7/UDP", "UDP 7 is not a port of abcdesktop/Service/db; write one of: "),
        ("svc/db:82", "abcdesktop/Service/db:82 leads to the port none, which no pod of it has"),
        ("service/alias:80", "is another name for db.example, which netpol does not look up"),
        ("service/written:80", "has no selector, so its endpoints are addresses"),
        ("service/empty:80", "selects no pod that is known"),
        ("service/dbb:80", "there is no Service service/dbb; did you mean abcdesktop/Service/db?"),
    ] {
        let ran = of_services(&["web", to]);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{to}: {}", ran.err);
        assert!(ran.err.contains(expected), "{to}: {}", ran.err);
    }
    let ran = netpol(&["explain", "desktop", "service/memcached:11211"]);
    assert!(ran.code == 2 && ran.err.contains("a canon has no Services"), "{}", ran.err);
}

#[test]
fn a_flag_settles_what_blocks_mean_for_pods() {
    for (flags, code, to) in [
        (&[][..], 1, "web"),
        (&["--blocks-match-pods", "yes"], 1, "web"),
        (&["--blocks-match-pods", "no"], 1, "web"),
        (&["--blocks-match-pods", "yes"], 0, "written"),
    ] {
        let pods = format!("{SERVICES}---\n{{apiVersion: v1, kind: Pod, metadata: {{name: written}}, status: {{podIP: 10.0.0.9}}}}\n");
        let ran = netpol_reading(&[&["explain", "-f", "-", "db-0", &format!("{to}:7")], flags].concat(), pods.as_bytes());
        assert_eq!(ran.code, code, "{flags:?} {to}: {}{}", ran.out, ran.err);
        let word = if code == 0 {
            "allowed"
        } else if flags.last() == Some(&"no") {
            "denied"
        } else {
            "depends"
        };
        assert!(ran.out.starts_with(word), "{flags:?} {to}: {}", ran.out);
    }
    let ran = netpol(&["reach", "--blocks-match-pods", "no", "--output", "json"]);
    assert!(ran.code == 0 && !ran.out.contains("ipBlock"), "{}", ran.out);
}

/// Returns the commands in the verdicts on policies, without the name of the program.
fn commands(args: &[&str], policies: &[Value]) -> Vec<Option<String>> {
    let input = policies.iter().map(Value::to_string).collect::<Vec<_>>().join("\n---\n");
    let ran = netpol_reading(&[&["review", "--output", "json"], args, &["-"]].concat(), input.as_bytes());
    assert_eq!((ran.code, ran.err.as_str(), ran.out.lines().count()), (1, "", policies.len()), "{}", ran.out);
    let command = |line: &str| {
        let verdict: Value = serde_json::from_str(line).unwrap();
        let message = verdict["messages"][0].as_str().unwrap_or_else(|| panic!("{verdict}"));
        let (_, command) = message.split_once(". Why that connection is denied: netpol ")?;
        let (command, _) = command.split_once(". ").unwrap_or_else(|| panic!("the cure is not the end: {message}"));
        Some(command.to_owned())
    };
    ran.out.lines().map(command).collect()
}

/// Asserts that a command of a refusal can be pasted, and that the canon denies the connection.
fn assert_denied(command: &str) {
    let ran = netpol(&command.split(' ').map(|word| word.trim_matches('\'')).collect::<Vec<_>>());
    assert_eq!((ran.code, ran.err.as_str()), (1, ""), "{command}");
    assert!(ran.out.starts_with("denied "), "{command}: {}", ran.out);
}

#[test]
fn a_refused_policy_names_a_command_that_shows_what_the_canon_denies() {
    let policy = |name: &str, labels: &Value, direction: &str, rule: &Value| {
        let kind = if direction == "ingress" { "Ingress" } else { "Egress" };
        json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": name},
            "spec": {"podSelector": {"matchLabels": labels}, "policyTypes": [kind], direction: [rule]}})
    };
    let desktop = json!({"type": "x11server", "netpol/ocuser": "true"});
    let pods = |labels: &Value| json!({"podSelector": {"matchLabels": labels}});
    let mongodb = json!({"run": "mongodb-od"});
    let other = |labels: &Value| json!({"namespaceSelector": {"matchLabels": labels}});
    let cases = [
        (
            policy("a", &mongodb, "ingress", &json!({"from": [pods(&desktop)], "ports": [{"port": 27017}]})),
            Some("explain netpol/ocuser=true,type=x11server run=mongodb-od:27017"),
        ),
        (
            policy("b", &mongodb, "ingress", &json!({"from": [pods(&desktop)], "ports": [{"port": 53, "protocol": "UDP"}]})),
            Some("explain netpol/ocuser=true,type=x11server run=mongodb-od:53/UDP"),
        ),
        (
            policy("c", &mongodb, "ingress", &json!({"from": [other(&json!({"team": "x"}))], "ports": [{"port": 27017}]})),
            Some("explain *@team=x run=mongodb-od:27017"),
        ),
        (
            policy("d", &mongodb, "ingress", &json!({"from": [{"ipBlock": {"cidr": "203.0.113.7/32"}}], "ports": [{"port": 27017}]})),
            Some("explain 203.0.113.7 run=mongodb-od:27017"),
        ),
        (
            policy("e", &mongodb, "egress", &json!({"to": [{"ipBlock": {"cidr": "2001:db8::/32"}}], "ports": [{"port": 27017}]})),
            Some("explain run=mongodb-od [2001:db8::1]:27017"),
        ),
        // A named port has no number, and other protocols have no port.
        (policy("f", &mongodb, "ingress", &json!({"from": [pods(&desktop)], "ports": [{"port": "db"}]})), None),
        // A policy of the canon isolates pods of no identity too.
        (policy("g", &json!({"app": "x"}), "egress", &json!({"to": [pods(&json!({"app": "y"}))]})), Some("explain app=x app=y:443/UDP")),
    ];
    let (policies, expected): (Vec<Value>, Vec<Option<&str>>) = cases.into_iter().unzip();
    let found = commands(&[], &policies);
    let plain: Vec<Option<String>> = found.iter().map(|command| Some(command.as_ref()?.replace('\'', ""))).collect();
    assert_eq!(plain.iter().map(Option::as_deref).collect::<Vec<_>>(), expected);
    found.iter().flatten().for_each(|command| assert_denied(command));
}

#[test]
fn each_canonical_policy_that_is_opened_names_a_command_that_works() {
    for (canon, namespace) in [("abcdesktop-4.4", "abcdesktop"), ("abcdesktop-3.3", "desktops")] {
        let manifests = netpol(&["render", "policies", "--canon", canon, "--namespace", namespace, "--output", "json"]).out;
        let list: Value = serde_json::from_str(&manifests).unwrap();
        let mut opened = Vec::new();
        for policy in list["items"].as_array().unwrap() {
            for direction in ["ingress", "egress"].into_iter().filter(|direction| policy["spec"].get(*direction).is_some()) {
                let mut policy = policy.clone();
                policy["spec"][direction].as_array_mut().unwrap().push(json!({}));
                opened.push(policy);
            }
        }
        let found = commands(&["--canon", canon, "--namespace", namespace], &opened);
        let commands: Vec<&String> = found.iter().flatten().collect();
        assert!(opened.len() > 25 && commands.len() * 2 > opened.len(), "{} of {}", commands.len(), opened.len());
        for command in commands {
            assert!(command.contains(&format!(" --canon {canon} ")), "{command}");
            assert_denied(command);
        }
    }
}

#[test]
fn a_refusal_names_no_command_for_a_connection_that_another_policy_of_the_canon_allows() {
    let policy = |name: &str, ports: &[u16]| {
        let ports: Vec<Value> = ports.iter().map(|port| json!({"port": port})).collect();
        let egress = json!([{"to": [{"podSelector": {"matchLabels": {"run": "db"}}}], "ports": ports}]);
        json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": name},
            "spec": {"podSelector": {"matchLabels": {"run": "web"}}, "policyTypes": ["Egress"], "egress": egress}})
    };
    let grants = json!({"apiVersion": "netpol.abcdesktop.io/v1alpha1", "kind": "Grants", "metadata": {"name": "own"},
        "grants": [{"name": "web", "podSelector": {"matchLabels": {"run": "web"}}, "labels": {}}]});
    let folder = tempfile::tempdir().unwrap();
    let canon = folder.path().join("canon.yaml");
    std::fs::write(&canon, format!("{}\n---\n{}\n---\n{grants}\n", policy("a", &[443]), policy("b", &[80]))).unwrap();
    let canon = canon.to_str().unwrap();
    let found = commands(&["--canon", canon], &[policy("b", &[80, 443]), policy("b", &[80, 8080])]);
    assert_eq!(found, [None, Some(format!("explain --canon {canon} run=web run=db:8080"))]);
    assert_denied(found[1].as_ref().unwrap());
}
