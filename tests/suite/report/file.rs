//! The file that `netpol report` writes.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use netpol::canon::BUILT_IN;
use serde_json::Value;

use super::{report, size, written};
use crate::support::command::{command, netpol, netpol_reading};

/// The most bytes of the page of a built-in canon.
const MOST_BYTES: u64 = 300_000;

fn data(page: &str) -> Value {
    let (_, rest) = page.split_once("<script type=\"application/json\" id=\"data\">").unwrap();
    serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
}

/// Returns the text of a page, with its entities resolved.
fn text(page: &str) -> String {
    page.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}

#[test]
fn the_same_input_gives_the_same_bytes_and_a_small_file() {
    for canon in BUILT_IN {
        let (_folder, file) = written(&["--canon", canon], "");
        assert!(size(&file) < MOST_BYTES, "{canon}: {} bytes", size(&file));
    }
    let (_first, first) = written(&["-f", "-"], &super::made::large());
    let (_second, second) = written(&["-f", "-"], &super::made::large());
    assert!(fs::read(&first).unwrap() == fs::read(&second).unwrap());
}

#[test]
fn the_time_is_an_input() {
    let page = |name: &str, value: &str| {
        let output = command(&["report", "-o", "-"]).env(name, value).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(page("SOURCE_DATE_EPOCH", "1795364170").contains("2026-11-22 16:16 UTC"));
    assert_eq!(page("SOURCE_DATE_EPOCH", "1795364170"), report(&["-o", "-"], "").out);
    let wrong = netpol(&["report", "-o", "-", "--time", "soon"]);
    assert_eq!(wrong.code, 2);
    assert!(wrong.err.contains("write a time with its zone"), "{}", wrong.err);
}

#[test]
fn the_data_are_those_of_reach_and_lint() {
    // A Deployment and a pod that policies cannot tell apart are two rows.
    let mixed = "\
{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {template: {metadata: {labels: {run: web}}}}}
---
{apiVersion: v1, kind: Pod, metadata: {name: web-1, labels: {run: web}}}
---
{apiVersion: v1, kind: Pod, metadata: {name: web-2, labels: {run: web}}}
---
{apiVersion: v1, kind: Pod, metadata: {name: web-3, labels: {run: web}, namespace: other}}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: web}, spec: {podSelector: {matchLabels: {run: web}}, ingress: [{from: [{podSelector: {}}]}]}}
";
    let large = super::made::large();
    for (args, input) in
        [(&["--canon", "abcdesktop-4.4"][..], ""), (&["--canon", "abcdesktop"], ""), (&["-f", "-"], mixed), (&["-f", "-"], large.as_str())]
    {
        let json = |command: &str| -> Value {
            serde_json::from_str(&netpol_reading(&[&[command, "--output", "json"], args].concat(), input.as_bytes()).out).unwrap()
        };
        let page = data(&report(&[&["-o", "-"], args].concat(), input).out);
        let set = |value: &Value| value.as_array().unwrap().iter().map(Value::to_string).collect::<BTreeSet<_>>();
        let reach = json("reach");
        assert_eq!(set(&page["connections"]), set(&reach["connections"]));
        assert_eq!(page["endpoints"], reach["endpoints"]);
        // Of objects in files, lint has the place too.
        let mut lint = json("lint");
        for finding in lint["findings"].as_array_mut().unwrap().iter_mut().filter_map(Value::as_object_mut) {
            finding.retain(|field, _| !["file", "document", "line"].contains(&field.as_str()));
        }
        assert_eq!(page["findings"], lint["findings"]);
        assert_eq!(page["time"], "2026-11-22 16:16 UTC");
    }
}

#[test]
fn each_explanation_is_that_of_explain() {
    let page = text(&report(&["-o", "-"], "").out);
    for (from, to) in
        [("desktop", "memcached"), ("pyos", "mongodb"), ("router", "desktop"), ("desktop", "openldap"), ("desktop", "desktop")]
    {
        let explained = netpol(&["explain", from, to]).out;
        let mut sentences = Vec::new();
        for line in explained.lines().skip(1) {
            let line = line.trim();
            sentences.push(line.split_once(": ").filter(|(word, _)| *word == "to allow").map_or(line, |(_, change)| change));
        }
        // An entry has the sentences in this order, with other tags between them.
        let entry = page.split("<tr id=\"w").find(|entry| {
            sentences.iter().all(|sentence| {
                let words = sentence.strip_prefix("egress   ").or(sentence.strip_prefix("ingress  ")).unwrap_or(sentence);
                entry.contains(words)
            })
        });
        assert!(entry.is_some(), "{from} to {to}: {sentences:#?}");
    }
}

#[test]
fn a_file_is_replaced_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("page.html");
    fs::write(&file, "before").unwrap();
    let path = file.to_str().unwrap();
    let bad = report(&["-o", path, "-f", "-"], "{kind: NetworkPolicy");
    assert_eq!((bad.code, fs::read_to_string(&file).unwrap().as_str()), (2, "before"));
    assert_eq!(report(&["-o", path], "").code, 0);
    assert!(fs::read_to_string(&file).unwrap().starts_with("<!DOCTYPE html>"));
    let names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["page.html"], "no temporary file is left");
    let missing = folder.path().join("no/such/folder.html");
    let failed = report(&["-o", missing.to_str().unwrap()], "");
    assert_eq!(failed.code, 3);
    assert!(failed.err.contains("cannot write"), "{}", failed.err);
    assert!(!Path::new(&missing).exists());
}

#[test]
fn policies_of_the_canon_in_files_are_compared_with_it() {
    let canon = netpol(&["render", "policies"]).out;
    let state = |input: &str| {
        let page = report(&["-o", "-", "-f", "-"], input).out;
        let (_, rest) = page.split_once("<dt>Drift</dt><dd>").unwrap();
        text(rest.split_once("</dd>").unwrap().0)
    };
    assert_eq!(state(&canon), "<b class=\"yes\">none</b>: 27 policies as in the canon");
    let drifted = state(&canon.replacen("port: 11211", "port: 11212", 1));
    assert!(drifted.contains("<b class=\"no\">drift</b>: 26 policies as in the canon"), "{drifted}");
    assert!(drifted.contains("<b>memcached-permits</b> allows more than the canon in one place and less in another: "), "{drifted}");
    let one = netpol(&["render", "policies", "--only", "memcached-permits"]).out;
    assert!(state(&one).contains("missing: abcdesktop-rights, "), "{}", state(&one));
    let wider = format!(
        "{one}---\n{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{name: debug, namespace: abcdesktop}}, \
         spec: {{podSelector: {{}}, ingress: [{{}}]}}}}\n"
    );
    assert!(state(&wider).contains("<b>debug</b> is wider than the canon: "), "{}", state(&wider));
    let other =
        "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: own, namespace: abcdesktop}, spec: {podSelector: {}}}";
    assert_eq!(state(other), "not evaluated: no policy in the namespace abcdesktop has a name of the canon abcdesktop");
}

#[test]
fn what_is_not_evaluated_is_named() {
    let foreign = "{apiVersion: cilium.io/v2, kind: CiliumNetworkPolicy, metadata: {name: flows, namespace: abcdesktop}}";
    let ran = report(&["-o", "-", "-f", "-"], foreign);
    assert!(ran.out.contains("<li>CiliumNetworkPolicy &quot;flows&quot; is a policy of another API, which is not evaluated</li>"));
    assert_eq!(data(&ran.out)["notEvaluated"].as_array().unwrap().len(), 1);
}

#[test]
fn labels_of_pods_and_metadata_of_policies_are_not_in_the_page() {
    let input = "\
{apiVersion: v1, kind: Pod, metadata: {name: web, labels: {run: s3cret, netpol/ocuser: 'true', cookie: s3cret-cookie}, annotations: {a: s3cret-note}}}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: own, labels: {key: s3cret-label}, annotations: {kubectl.kubernetes.io/last-applied-configuration: s3cret-json}}, spec: {podSelector: {}}}";
    let page = report(&["-o", "-", "-f", "-"], input).out;
    assert!(page.contains("netpol/ocuser=true"));
    assert!(!page.contains("s3cret"));
}

#[test]
fn equal_pods_are_one_row() {
    let (_folder, file) = written(&["-f", "-"], &super::made::large());
    let page = fs::read_to_string(file).unwrap();
    assert!(page.contains("abcdesktop/Pod/k0-0 (and 4 more)"));
    assert!(!page.contains("<table class=\"matrix\">") && page.contains("are too many for a matrix of at most 40"));
    let several =
        data(&page)["endpoints"].as_array().unwrap().iter().filter(|it| it["pods"].as_array().is_some_and(|pods| pods.len() == 5)).count();
    assert_eq!(several, 60);
}
