//! `netpol review`: the responses of the webhook, and verdicts on manifests.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;

use netpol::admission;
use netpol::audit::Level;
use netpol::canon::{Canons, DEFAULT};
use netpol::documents::reading;
use netpol::verdict::{Guard, Settings, Stage};
use serde_json::{Value, json};

use crate::support::command::{Ran, command, netpol, netpol_reading};
use crate::support::{root, shared};

fn recordings() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(root().join("tests/reviews")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    files
}

fn recorded(name: &str) -> String {
    root().join("tests/reviews").join(name).to_str().unwrap().to_owned()
}

fn pod(name: &str, labels: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}, "spec": {"containers": []}})
}

fn review(args: &[&str], input: &str) -> Ran {
    netpol_reading(&[&["review"], args, &["-"]].concat(), input.as_bytes())
}

/// The verdicts on manifests, as JSON.
fn verdicts(args: &[&str], input: &str) -> Vec<Value> {
    let ran = review(&[&["--output", "json"], args].concat(), input);
    assert_eq!(ran.err, "");
    ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_review_gets_the_bytes_that_the_webhook_sends() {
    let canons = DEFAULT.map(str::to_owned);
    let guard = Guard::new(Arc::new(Canons::load(&canons, &Settings::default().namespaces).unwrap()), Arc::new(Settings::default()));
    let files = recordings();
    assert!(files.len() > 50);
    for path in files {
        let (stage, flag) =
            if path.to_str().unwrap().ends_with(".mutate.json") { (Stage::Mutate, "--mutate") } else { (Stage::Validate, "--validate") };
        let answer = admission::answer(&guard, stage, &fs::read(&path).unwrap(), Level::Denied);
        let ran = netpol(&["review", flag, path.to_str().unwrap()]);
        assert_eq!(ran.out.as_bytes(), answer.body, "{}", path.display());
        let allowed = serde_json::from_slice::<Value>(&answer.body).unwrap()["response"]["allowed"].as_bool().unwrap();
        assert_eq!(ran.code, i32::from(!allowed), "{}", path.display());
    }
}

#[test]
fn the_explanation_of_a_review_is_on_standard_error() {
    let file = recorded("pod-create-ungranted.validate.json");
    let ran = netpol(&["review", &file]);
    assert!(ran.err.starts_with(&format!("denied: {file}\n  ungranted-label: pod \"thief\" has label netpol/mongodb")), "{}", ran.err);
    assert_eq!(netpol(&["review", "--output", "json", &file]).err, "");
}

#[test]
fn several_reviews_get_one_line_each() {
    let ran = netpol(&["review", &recorded("pod-create-desktop.validate.json"), &recorded("netpol-delete.validate.json")]);
    assert_eq!(ran.code, 1);
    let allowed: Vec<bool> =
        ran.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["response"]["allowed"].as_bool().unwrap()).collect();
    assert_eq!(allowed, [true, false]);
}

#[test]
fn a_review_in_yaml_gets_the_same_response_as_in_json() {
    let json = fs::read_to_string(recorded("netpol-update-drift.validate.json")).unwrap();
    let yaml = reading::write(&serde_json::from_str(&json).unwrap()).unwrap();
    let (from_yaml, from_json) = (review(&[], &yaml), review(&[], &json));
    assert_eq!((from_yaml.code, from_yaml.out), (1, from_json.out));
}

#[test]
fn a_body_that_the_webhook_refuses_with_400_is_exit_code_2() {
    for (body, words) in [
        (
            r#"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1beta1","request":{"uid":"u"}}"#,
            "must be admission.k8s.io/v1, the only supported version",
        ),
        (r#"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1"}"#, "request"),
    ] {
        let ran = review(&[], body);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""));
        assert!(ran.err.starts_with("netpol: cannot answer standard input: ") && ran.err.contains(words), "{}", ran.err);
    }
}

#[test]
fn an_error_inside_a_review_gets_the_response_of_the_webhook() {
    let mut body = fs::read(recorded("pod-create-desktop.validate.json")).unwrap();
    let at = body.windows(7).position(|window| window == b"\"image\"").unwrap();
    body[at + 2] = 0xff;
    let ran = netpol_reading(&["review", "-"], &body);
    assert_eq!(ran.code, 1);
    let answer: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(answer["response"]["status"]["code"], 400);
}

#[test]
fn manifests_get_one_verdict_per_object() {
    let input = "\
apiVersion: v1
kind: Pod
metadata: {name: garbage, labels: {name: abcdesktop-cleaner}}
---
apiVersion: v1
kind: Pod
metadata: {name: thief, labels: {app: thief, netpol/mongodb: 'true'}}
---
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: ConfigMap, metadata: {name: settings}}
- {apiVersion: cilium.io/v2, kind: CiliumNetworkPolicy, metadata: {name: open}}
- {apiVersion: v1, kind: Pod, metadata: {name: elsewhere, namespace: other, labels: {netpol/mongodb: 'true'}}}
";
    let ran = review(&[], input);
    assert_eq!((ran.code, ran.err.as_str()), (1, ""));
    insta::assert_snapshot!(ran.out, @r#"
    allowed     Pod "garbage" in abcdesktop (standard input, document 1)
                /mutate adds netpol/dns=true, netpol/pyos=true
    denied      Pod "thief" in abcdesktop (standard input, document 2)
                ungranted-label: pod "thief" has label netpol/mongodb, which no grant allows for this pod (grants with this label: pyos for run=pyos-od, mongodb for run=mongodb-od). Remove the label or add it to a grant. What it opens: netpol explain netpol/mongodb=true run=mongodb-od
    not judged  ConfigMap "settings" in abcdesktop (standard input, document 3, items[0])
    warned      CiliumNetworkPolicy "open" in abcdesktop (standard input, document 3, items[1])
                warning, foreign-policy: CiliumNetworkPolicy "open" of cilium.io can allow traffic that NetworkPolicies deny, and its content is not checked. Use a NetworkPolicy if possible
    not judged  Pod "elsewhere" in other (standard input, document 3, items[2])
    5 objects: 1 allowed, 1 warned, 1 denied, 2 not judged
    "#);
}

#[test]
fn the_command_that_explains_an_ungranted_label_works() {
    for canon in netpol::canon::BUILT_IN {
        for namespace in ["abcdesktop", "desk"] {
            let thief = pod("thief", &json!({"netpol/mongodb": "true"})).to_string();
            let found = verdicts(&["--canon", canon, "--namespace", namespace], &thief);
            let message = found[0]["messages"][0].as_str().unwrap().to_owned();
            let (_, command) = message.split_once("What it opens: netpol ").unwrap_or_else(|| panic!("{message}"));
            let ran = netpol(&command.split(' ').collect::<Vec<_>>());
            assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{command}");
            assert!(ran.out.starts_with("allowed  netpol/mongodb=true -> run=mongodb-od  TCP 27017\n"), "{command}: {}", ran.out);
            assert!(ran.out.contains("mongodb-permits rule 1 allows TCP 27017"), "{}", ran.out);
        }
    }
}

#[test]
fn json_is_one_line_per_object() {
    let thief = pod("thief", &json!({"netpol/mongodb": "true"})).to_string();
    let message = "pod \"thief\" has label netpol/mongodb, which no grant allows for this pod (grants with this label: pyos for \
                   run=pyos-od, mongodb for run=mongodb-od). Remove the label or add it to a grant. What it opens: netpol explain \
                   netpol/mongodb=true run=mongodb-od";
    let expected = json!({"file": "standard input", "document": 1, "kind": "Pod", "name": "thief", "namespace": "abcdesktop", "verdict": "denied",
        "allowed": false, "rule": "ungranted-label", "messages": [message], "warnings": [], "differences": []});
    assert_eq!(verdicts(&[], &thief), [expected]);
    let [cleaner] = &verdicts(&[], &pod("garbage", &json!({"name": "abcdesktop-cleaner"})).to_string())[..] else { panic!() };
    assert_eq!((cleaner["verdict"].as_str(), cleaner["allowed"].as_bool()), (Some("allowed"), Some(true)));
    assert_eq!(cleaner["patch"][0], json!({"op": "add", "path": "/metadata/labels/netpol~1dns", "value": "true"}));
}

#[test]
fn a_policy_that_drifts_has_its_differences_and_a_witness() {
    let policy = json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "memcached-permits"}, "spec": {
        "podSelector": {"matchLabels": {"netpol/memcached": "true"}}, "policyTypes": ["Egress"],
        "egress": [{"to": [{"podSelector": {"matchLabels": {"run": "memcached-od"}}}], "ports": [{"port": 11211}, {"port": 443}]}]}});
    let [line] = &verdicts(&[], &policy.to_string())[..] else { panic!() };
    assert_eq!((line["kind"].as_str(), line["rule"].as_str()), (Some("NetworkPolicy.networking.k8s.io"), Some("policy-drift")));
    assert_eq!(line["witness"]["port"], "443");
    assert_eq!((line["differences"][0]["change"].as_str(), line["differences"][0]["direction"].as_str()), (Some("wider"), Some("egress")));
}

#[test]
fn the_flags_of_a_verdict_apply() {
    let thief = pod("thief", &json!({"netpol/mongodb": "true"})).to_string();
    for (args, verdict, code) in [
        (&["--enforcement", "audit"][..], "softened", 0),
        (&["--enforcement", "warn"], "softened", 0),
        (&["--ungranted-labels", "warn"], "warned", 0),
        (&["--ungranted-labels", "strip"], "warned", 0),
        (&["--namespace", "other"], "denied", 1),
        (&[], "denied", 1),
    ] {
        assert_eq!(verdicts(args, &thief)[0]["verdict"], verdict, "{args:?}");
        assert_eq!(review(args, &thief).code, code, "{args:?}");
    }
    let stripped = &verdicts(&["--ungranted-labels", "strip"], &thief)[0];
    assert_eq!(stripped["patch"], json!([{"op": "remove", "path": "/metadata/labels/netpol~1mongodb"}]));
}

#[test]
fn the_requesting_user_can_be_set() {
    let mut mirror = pod("static", &json!({"netpol/mongodb": "true"}));
    mirror["metadata"]["annotations"] = json!({"kubernetes.io/config.mirror": "0"});
    let mirror = mirror.to_string();
    assert_eq!(verdicts(&[], &mirror)[0]["verdict"], "denied");
    assert_eq!(verdicts(&["--as", "system:node:a", "--as-group", "system:nodes"], &mirror)[0]["verdict"], "warned");
}

#[test]
fn a_live_object_is_judged_as_if_it_were_created() {
    let mut pyos = pod("pyos", &json!({"run": "pyos-od"}));
    pyos["metadata"]["deletionTimestamp"] = json!("2026-11-22T16:16:10Z");
    assert_eq!(verdicts(&[], &pyos.to_string())[0]["verdict"], "allowed", "it is not being deleted when it is created");
    let controller = json!({"apiVersion": "v1", "kind": "ReplicationController", "metadata": {"name": "rc"},
        "spec": {"template": {"metadata": {"labels": {"run": "openldap-od", "netpol/dns": "true"}}}}});
    assert_eq!(verdicts(&[], &controller.to_string())[0]["rule"], "workload-selector", "its selector is made from its template");
}

#[test]
fn the_items_of_a_typed_list_may_leave_out_their_kind() {
    let list =
        json!({"apiVersion": "v1", "kind": "PodList", "items": [{"metadata": {"name": "thief", "labels": {"netpol/mongodb": "true"}}}]});
    let [line] = &verdicts(&[], &list.to_string())[..] else { panic!() };
    assert_eq!((line["kind"].as_str(), line["item"].as_u64(), line["verdict"].as_str()), (Some("Pod"), Some(0), Some("denied")));
}

#[test]
fn every_namespace_object_is_evaluated() {
    let neighbor = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "spy", "labels": {"name": "kube-monitor"}}});
    let [line] = &verdicts(&[], &neighbor.to_string())[..] else { panic!() };
    assert_eq!((line["verdict"].as_str(), line["namespace"].as_str()), (Some("warned"), Some("")));
    assert_eq!(verdicts(&["--neighbors", "deny"], &neighbor.to_string())[0]["rule"], "neighbor");
}

#[test]
fn unreadable_input_is_exit_code_2_without_output() {
    let folder = tempfile::tempdir().unwrap();
    let good = folder.path().join("good.yaml");
    fs::write(&good, pod("a", &json!({})).to_string()).unwrap();
    let good = good.to_str().unwrap();
    let binary = &fs::read(env!("CARGO_BIN_EXE_netpol")).unwrap()[..4096];
    for (input, words) in [
        (&b""[..], "standard input is empty"),
        (b"just words", "standard input, document 1, must be a map"),
        (b"a: [", "standard input, document 1: "),
        (b"{\"kind\": \"Pod\", ", "cannot be parsed as JSON"),
        (b"kind: Pod\nmetadata: {name: a}\n", "document 1, apiVersion: is missing"),
        (b"apiVersion: v1\nmetadata: {name: a}\n", "document 1, kind: is missing"),
        (b"apiVersion: v1\nkind: Pod\n---\napiVersion: v1\nkind: Pod\nmetadata: {}\n", "document 2, metadata.name: is missing"),
        (b"apiVersion: v1\nkind: Pod\nmetadata: {name: 7}\n", "metadata.name: must be a string"),
        (b"apiVersion: v1\nkind: List\nitems: 3\n", "items: must be a list"),
        (b"a: 1\na: 2\n", "duplicate key"),
        (b"a: \xff\n", "line 1 is not UTF-8"),
        (binary, "is not UTF-8"),
    ] {
        let ran = netpol_reading(&["review", good, "-"], input);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{words}");
        assert!(ran.err.starts_with("netpol: ") && ran.err.contains(words), "{words}: {}", ran.err);
    }
    for (files, words) in [
        (&["/no/such/file"][..], "cannot read /no/such/file: No such file"),
        (&["/"], "cannot read /: it is a folder"),
        (&["-", "-"], "standard input (-) can be read only once"),
        (&[], "<FILE>"),
    ] {
        let ran = netpol(&[&["review", good], files].concat());
        let ran = if files.is_empty() { netpol(&["review"]) } else { ran };
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{files:?}");
        assert!(ran.err.contains(words), "{words}: {}", ran.err);
    }
}

#[test]
fn reviews_and_manifests_are_not_mixed() {
    let file = recorded("pod-create-desktop.validate.json");
    let ran = netpol_reading(&["review", &file, "-"], pod("a", &json!({})).to_string().as_bytes());
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains("review them separately"), "{}", ran.err);
    let ran = review(&["--mutate"], &pod("a", &json!({})).to_string());
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains("--mutate applies only to AdmissionReviews"), "{}", ran.err);
    assert_eq!(netpol(&["review", "--mutate", "--validate", &file]).code, 2);
}

#[test]
fn secrets_in_labels_are_never_shown() {
    let secret = "3f1d9a0c77aa42";
    let mut desktop = pod("desktop", &json!({"type": "x11server", "xauthkey": secret, "netpol/mongodb": "true"}));
    desktop["metadata"]["annotations"] = json!({"note": secret});
    for args in [&[][..], &["--output", "json"]] {
        let ran = review(args, &desktop.to_string());
        assert_eq!(ran.code, 1);
        assert!(!ran.out.contains(secret) && !ran.err.contains(secret), "{}", ran.out);
    }
}

#[test]
fn color_is_for_terminals() {
    let run = |name: &str, value: &str| {
        let file = recorded("netpol-delete.validate.json");
        command(&["review", &file]).env_remove("NO_COLOR").env(name, value).output().unwrap().stderr
    };
    assert!(!run("TERM", "xterm-256color").contains(&0x1b), "a pipe gets no color");
    assert!(run("CLICOLOR_FORCE", "1").contains(&0x1b), "unless it is asked for");
}

#[test]
fn a_name_cannot_write_to_the_terminal() {
    let ran = review(&[], &pod("\u{1b}[2Jgone", &json!({})).to_string());
    assert!(!ran.out.contains('\u{1b}'), "{}", ran.out);
}

#[test]
fn a_closed_pipe_does_not_change_the_exit_code() {
    let thief = pod("thief", &json!({"netpol/mongodb": "true"}));
    let list = json!({"apiVersion": "v1", "kind": "List", "items": vec![thief; 500]});
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("list.json");
    fs::write(&path, list.to_string()).unwrap();
    let mut child = command(&["review", path.to_str().unwrap()]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(1), ""));
}

#[test]
fn the_workloads_of_the_release_pass() {
    let Some(path) = shared("upstream/abcdesktop-4.4.yaml") else { return };
    let ran = netpol(&["review", "--canon", "abcdesktop-4.4", path.to_str().unwrap()]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(ran.out.ends_with("27 objects: 8 allowed, 19 not judged\n"), "{}", ran.out);
}

#[test]
fn who_may_claim_an_identity_is_judged_for_a_stated_user() {
    let desktop = pod("desktop", &json!({"type": "x11server", "netpol/ocuser": "true"})).to_string();
    let verdict = |args: &[&str]| verdicts(&[&["--claims", "deny"], args].concat(), &desktop).remove(0);
    assert_eq!(verdict(&[])["verdict"], "allowed");
    for args in [&["--as", "alice"][..], &["--as-group", "operators"]] {
        let found = verdict(args);
        assert_eq!((&found["verdict"], &found["rule"]), (&json!("denied"), &json!("claim")), "{args:?}");
    }
    assert_eq!(verdict(&["--as", "system:serviceaccount:abcdesktop:pyos-serviceaccount"])["verdict"], "allowed");
    assert_eq!(verdict(&["--as-group", "system:masters"])["verdict"], "allowed");
}
