//! `netpol lint`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;

use netpol::analysis::lint::LintRule;
use serde_json::{Value, json};

use crate::support::command::{Ran, netpol, netpol_reading};
use crate::support::{HARDENED, root};

const SHOP: &str = r"
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {run: web}}
  policyTypes: [Ingress, Egress]
  ingress: [{ports: [{port: 443}]}]
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: shop}, spec: {template: {metadata: {labels: {run: web, cookie: 5ecret}}}}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: bank, annotations: {netpol.abcdesktop.io/lint-ignore: selects-nothing Comes with the next release.}}
spec: {podSelector: {matchLabels: {run: db}}}
---
{apiVersion: v1, kind: Pod, metadata: {name: teller, namespace: bank}}
";

fn shop(args: &[&str]) -> Ran {
    netpol_reading(&[&["lint", "-f", "-", "-n", "shop"], args].concat(), SHOP.as_bytes())
}

fn report(ran: &Ran) -> Value {
    assert_eq!(ran.err, "");
    serde_json::from_str(&ran.out).unwrap()
}

fn ids(report: &Value) -> Vec<&str> {
    report["findings"].as_array().unwrap().iter().map(|finding| finding["id"].as_str().unwrap()).collect()
}

#[test]
fn the_text_groups_findings_by_rule() {
    let ran = shop(&[]);
    assert_eq!((ran.code, ran.err.as_str()), (1, ""));
    insta::assert_snapshot!(ran.out, @r"
    open-peer: a rule that allows every peer
      warning  web ingress rule 1 (standard input, document 1): allows TCP 443 from every pod of every namespace, and every address. List the peers that need it
               witness: any pod in any namespace -> pods run=web TCP 443

    no-dns-path: an identity that is isolated for egress and reaches no DNS server
      info     shop/Deployment/web (web) (standard input, document 1): isolated for egress, and port 53 is open to nothing: names do not resolve. It opens no connection at all

    2 findings: 0 errors, 1 warning, 1 info (2 policies in 1 file); 1 ignored by annotations
    ");
}

#[test]
fn only_what_is_in_the_files_is_known() {
    let policies = netpol(&["render", "policies", "--canon", "abcdesktop-4.4"]).out;
    let rules = |input: &str| -> BTreeSet<String> {
        let report = report(&netpol_reading(&["lint", "-f", "-", "--output", "json"], input.as_bytes()));
        report["findings"].as_array().unwrap().iter().map(|finding| finding["rule"].as_str().unwrap().to_owned()).collect()
    };
    let without_pods = rules(&policies);
    for needs_pods in ["selects-nothing", "no-dns-path", "one-sided-port", "redundant-policy", "ungranted-label", "reaches-own-kind"] {
        assert!(!without_pods.contains(needs_pods), "{needs_pods}");
    }
    assert!(without_pods.contains("dead-rule") && without_pods.contains("unset-namespace-label"));
    let namespace =
        |name: &str| format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: {name}, labels: {{name: {name}}}}}}}\n---\n");
    let desktop = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: x}, spec: {template: {metadata: {labels: {type: x11server, netpol/ocuser: 'true'}}}}}\n---\n";
    let all = [namespace("kube-monitor"), namespace("abcdesktop"), desktop.to_owned(), policies].concat();
    let with_pods = rules(&all);
    assert!(!with_pods.contains("unset-namespace-label"));
    for found in ["selects-nothing", "one-sided-port", "reaches-own-kind", "mixed-directions", "hard-coded-namespace"] {
        assert!(with_pods.contains(found), "{found}: {with_pods:?}");
    }
}

#[test]
fn json_has_the_documented_form() {
    let report = report(&shop(&["--output", "json"]));
    assert_eq!(report["schema"], "netpol.abcdesktop.io/lint/v1");
    assert_eq!(ids(&report), ["open-peer/web/ingress-1", "no-dns-path/shop/Deployment/web"]);
    assert_eq!(
        report["findings"][0],
        json!({
            "id": "open-peer/web/ingress-1", "rule": "open-peer", "severity": "warning", "policy": "web", "namespace": "shop",
            "place": {"direction": "ingress", "rule": 1},
            "message": "allows TCP 443 from every pod of every namespace, and every address. List the peers that need it",
            "witness": {"from": "any pod in any namespace", "to": "pods run=web", "ports": "TCP 443"},
            "file": "standard input", "document": 1, "line": 2,
        })
    );
    let ignored = &report["ignored"][0];
    assert_eq!((&ignored["id"], &ignored["reason"]), (&json!("selects-nothing/bank:db"), &json!("Comes with the next release.")));
    assert!(!report.to_string().contains("5ecret"));
}

#[test]
fn every_field_and_every_rule_is_documented() {
    let page = fs::read_to_string(root().join("docs/lint.md")).unwrap();
    let report = report(&netpol(&["lint", "--canon", "abcdesktop-4.4", "--output", "json"]));
    let files = report_of_files();
    let fields = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    for report in [&report, &files] {
        let findings = report["findings"].as_array().unwrap().iter().chain(report["ignored"].as_array().unwrap());
        let parts = findings.flat_map(|finding| {
            let witness = Some(&finding["witness"]).filter(|witness| !witness.is_null());
            [Some(finding), Some(&finding["place"]), witness].into_iter().flatten()
        });
        for field in fields(report).into_iter().chain(parts.flat_map(fields)) {
            assert!(page.contains(&format!("`{field}`")), "{field}");
        }
    }
    for rule in LintRule::ALL {
        let heading = format!("\n### {rule}\n");
        let section = page.split_once(&heading).unwrap_or_else(|| panic!("no section {rule}")).1;
        let section = section.split("\n#").next().unwrap();
        assert!(section.contains(&format!("\n{}\n", rule.mend())), "{rule} does not say: {}", rule.mend());
        assert!(section.contains(&format!("Severity `{}`", rule.severity())), "{rule}: {}", rule.severity());
    }
    assert_eq!(page.matches("\n### ").count(), LintRule::ALL.len());
}

fn report_of_files() -> Value {
    report(&shop(&["--output", "json"]))
}

/// Returns the first three findings of a section.
fn shortened(section: &str) -> String {
    let is_finding = |line: &str| !line.starts_with("   ");
    // The first line is the title.
    let end = section.lines().enumerate().filter(|(_, line)| is_finding(line)).nth(4).map(|(end, _)| end);
    let kept: Vec<&str> = section.lines().take(end.unwrap_or(usize::MAX)).chain(end.map(|_| "  …")).collect();
    kept.join("\n") + "\n"
}

/// Returns `docs/lint.md` with the findings of each rule in its section.
fn rewritten(page: &str) -> String {
    let (mut written, mut rule) = (String::new(), "");
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        written.push_str(line);
        written.push('\n');
        rule = line.strip_prefix("### ").unwrap_or(rule);
        if let Some(canon) = line.strip_prefix("<!-- found in ").and_then(|rest| rest.strip_suffix(" -->")) {
            assert_eq!(lines.next(), Some("```text"));
            let found = netpol(&["lint", "--canon", canon]).out;
            let section = found.split("\n\n").find(|section| section.starts_with(&format!("{rule}: "))).unwrap_or_else(|| panic!("{rule}"));
            let _ = write!(written, "```text\n{}```\n", shortened(section));
            assert!(lines.any(|line| line == "```"), "a block has no end");
        }
    }
    written
}

#[test]
fn the_examples_of_the_page_are_real_output() {
    let path = root().join("docs/lint.md");
    let page = fs::read_to_string(&path).unwrap();
    let written = rewritten(&page);
    if std::env::var_os("NETPOL_BLESS").is_some() {
        fs::write(&path, &written).unwrap();
        return;
    }
    assert!(page == written, "docs/lint.md is out of date: run NETPOL_BLESS=1 cargo test lint and review the change");
}

#[test]
fn the_exit_code_depends_on_the_severity() {
    let code = |args: &[&str]| netpol(&[&["lint", "--canon", "abcdesktop-4.4"], args].concat()).code;
    assert_eq!((code(&["--fail-on", "error"]), code(&[]), code(&["--fail-on", "info"])), (1, 1, 1));
    let errors = ["--allow", "or-instead-of-and", "--allow", "metadata-address/ocuser-rights/egress-2"];
    assert_eq!(code(&[&errors[..], &["--fail-on", "error"]].concat()), 0);
    assert_eq!(code(&errors), 1);
    let open = |args: &[&str]| shop(&[&["--allow", "open-peer"], args].concat()).code;
    assert_eq!((open(&[]), open(&["--fail-on", "info"])), (0, 1));
    let wrong = shop(&["--allow", "open-peers"]);
    assert_eq!(wrong.code, 2);
    assert!(wrong.err.contains("open-peer, "), "{}", wrong.err);
    assert_eq!(netpol(&["lint", "--canon", "no-such-canon"]).code, 2);
}

/// Asserts what the schema of SARIF 2.1.0 requires of the properties that are used.
fn assert_sarif(log: &Value) {
    let only = |value: &Value, known: &[&str]| {
        for key in value.as_object().unwrap().keys() {
            assert!(known.contains(&key.as_str()), "{key}");
        }
    };
    let text = |value: &Value| assert!(value.as_str().is_some_and(|text| !text.is_empty()), "{value}");
    only(log, &["$schema", "version", "runs"]);
    assert_eq!(log["version"], "2.1.0");
    let [run] = log["runs"].as_array().unwrap().as_slice() else { panic!("one run") };
    only(run, &["tool", "columnKind", "results"]);
    assert_eq!(run["columnKind"], "unicodeCodePoints");
    let driver = &run["tool"]["driver"];
    only(driver, &["name", "version", "rules"]);
    text(&driver["name"]);
    let levels = ["none", "note", "warning", "error"];
    let rules = driver["rules"].as_array().unwrap();
    for rule in rules {
        only(rule, &["id", "shortDescription", "help", "defaultConfiguration"]);
        text(&rule["id"]);
        text(&rule["shortDescription"]["text"]);
        text(&rule["help"]["text"]);
        assert!(levels.contains(&rule["defaultConfiguration"]["level"].as_str().unwrap()));
    }
    let distinct: BTreeSet<&str> = rules.iter().map(|rule| rule["id"].as_str().unwrap()).collect();
    assert_eq!(distinct.len(), rules.len());
    for result in run["results"].as_array().unwrap() {
        only(result, &["ruleId", "ruleIndex", "level", "message", "locations", "partialFingerprints", "suppressions"]);
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(result["ruleId"], rules[index]["id"]);
        assert!(levels.contains(&result["level"].as_str().unwrap()));
        text(&result["message"]["text"]);
        assert!(result["partialFingerprints"].as_object().unwrap().values().all(Value::is_string));
        for location in result["locations"].as_array().unwrap() {
            only(location, &["logicalLocations", "physicalLocation", "message"]);
            text(&location["logicalLocations"][0]["fullyQualifiedName"]);
            if let Some(physical) = location.get("physicalLocation") {
                only(physical, &["artifactLocation", "region"]);
                only(&physical["artifactLocation"], &["uri"]);
                text(&physical["artifactLocation"]["uri"]);
                only(&physical["region"], &["startLine"]);
                assert!(physical["region"]["startLine"].as_u64().is_some_and(|line| line >= 1), "{physical}");
            }
        }
        for suppression in result.get("suppressions").and_then(Value::as_array).into_iter().flatten() {
            assert_eq!(suppression["kind"], "inSource");
            text(&suppression["justification"]);
        }
    }
}

#[test]
fn sarif_is_valid_and_has_the_same_findings() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("my policies.yaml");
    fs::write(&file, SHOP).unwrap();
    let file = file.to_str().unwrap();
    for source in [&["--canon", "abcdesktop-4.4"][..], &["--canon", HARDENED], &["-n", "shop", "-f", file]] {
        let of = |format| report(&netpol(&[&["lint", "--output", format], source].concat()));
        let (log, json) = (of("sarif"), of("json"));
        assert_sarif(&log);
        let results = log["runs"][0]["results"].as_array().unwrap();
        let found: Vec<&Value> = results.iter().map(|result| &result["partialFingerprints"]["findingId/v1"]).collect();
        let findings = json["findings"].as_array().unwrap().iter().chain(json["ignored"].as_array().unwrap());
        assert_eq!(found, findings.map(|finding| &finding["id"]).collect::<Vec<_>>());
        let suppressed = results.iter().filter(|result| result.get("suppressions").is_some()).count();
        assert_eq!(suppressed, json["ignored"].as_array().unwrap().len());
    }
    let log = report(&netpol(&["lint", "--output", "sarif", "-n", "shop", "-f", file]));
    let uri = log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].as_str().unwrap();
    assert!(uri.ends_with("/my%20policies.yaml"), "{uri}");
}

/// Returns the lines of the results about some policies in a file, with this name and content.
fn lines_of_results(name: &str, content: &str) -> Vec<(String, u64)> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(name);
    fs::write(&file, content).unwrap();
    let of = |format| report(&netpol(&["lint", "--output", format, "-f", file.to_str().unwrap()]));
    let (log, json) = (of("sarif"), of("json"));
    assert_sarif(&log);
    let results = log["runs"][0]["results"].as_array().unwrap().iter();
    let findings = json["findings"].as_array().unwrap().iter().chain(json["ignored"].as_array().unwrap());
    let lines = results.zip(findings).map(|(result, finding)| {
        let line = &result["locations"][0]["physicalLocation"]["region"]["startLine"];
        assert_eq!(line, &finding["line"]);
        (finding["policy"].as_str().unwrap().to_owned(), line.as_u64().unwrap())
    });
    lines.collect::<BTreeSet<_>>().into_iter().collect()
}

#[test]
fn sarif_has_the_line_where_the_document_of_the_policy_starts() {
    let expected = |lines: &[(&str, u64)]| lines.iter().map(|(name, line)| ((*name).to_owned(), *line)).collect::<Vec<_>>();
    // Blank lines, comments and the separator are before a document.
    let yaml = SHOP.replace("\n---\n", "\n---\n# The next one.\n\n");
    assert_eq!(lines_of_results("x.yaml", SHOP), expected(&[("db", 12), ("web", 2)]));
    assert_eq!(lines_of_results("x.yaml", &yaml), expected(&[("db", 16), ("web", 2)]));
    let policy = |name: &str| {
        json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": name},
            "spec": {"podSelector": {}, "ingress": [{}]}})
    };
    let (one, two) = (policy("one"), policy("two"));
    assert_eq!(lines_of_results("x.json", &format!("{one:#}\n{two:#}\n")), expected(&[("one", 1), ("two", 14)]));
    // The items of a list are in one document.
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [one, two]});
    assert_eq!(lines_of_results("x.json", &format!("\n{list:#}")), expected(&[("one", 2), ("two", 2)]));
}

#[test]
fn the_hardened_canon_has_no_findings() {
    for namespace in ["abcdesktop", "desktops"] {
        let ran = netpol(&["lint", "--canon", HARDENED, "-n", namespace, "--fail-on", "info", "--output", "json"]);
        assert_eq!(ran.code, 0);
        let report = report(&ran);
        assert_eq!(ids(&report), [""; 0]);
        let ignored: Vec<&str> = report["ignored"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap()).collect();
        let expected = [
            "open-peer/router-rights/ingress-1",
            "reaches-own-kind/mongodb",
            "no-dns-path/application",
            "no-dns-path/console",
            "no-dns-path/memcached",
            "no-dns-path/nginx",
            "no-dns-path/speedtest",
        ];
        assert_eq!(ignored, expected);
    }
}

#[test]
fn the_hardened_canon_allows_nothing_that_release_4_4_does_not() {
    let connections = |canon| {
        let report = report(&netpol(&["reach", "--canon", canon, "--output", "json"]));
        let connections = report["connections"].as_array().unwrap().clone();
        connections
            .into_iter()
            .flat_map(|connection| {
                let ends = [&connection["from"], &connection["to"]].map(|end| end.as_str().unwrap().to_owned());
                let ports = connection["ports"].as_object().unwrap().clone().into_iter();
                ports
                    .flat_map(|(protocol, ports)| {
                        ports.as_array().unwrap().iter().map(|port| format!("{protocol} {}", port.as_str().unwrap())).collect::<Vec<_>>()
                    })
                    .map(|port| (ends.clone(), port))
                    .collect::<Vec<_>>()
            })
            .collect::<BTreeSet<([String; 2], String)>>()
    };
    let (before, after) = (connections("abcdesktop-4.4"), connections(HARDENED));
    // Endpoints that both canons have.
    let names = |set: &BTreeSet<([String; 2], String)>| set.iter().flat_map(|(ends, _)| ends.clone()).collect::<BTreeSet<String>>();
    let (known, others) = (names(&before), names(&after));
    let is_common = |(ends, _): &&([String; 2], String)| ends.iter().all(|end| known.contains(end) && others.contains(end));
    let opened: Vec<String> =
        after.difference(&before).filter(is_common).map(|([from, to], port)| format!("{from} -> {to} {port}")).collect();
    assert_eq!(opened, ["pyos -> router TCP 80"]);
    let closed = before.difference(&after).filter(is_common).map(|([from, to], port)| format!("{from} -> {to} {port}"));
    let closed: BTreeSet<String> = closed.collect();
    for expected in ["desktop -> desktop TCP 4714", "*/* -> openldap TCP 389", "*/* -> nginx TCP 443"] {
        assert!(closed.contains(expected), "{expected}: {closed:#?}");
    }
}
