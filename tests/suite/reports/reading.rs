//! How files are read: encodings, several documents, lists, and values that are not what they look like.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{POLICY, THIEF, on_report, run};
use crate::support::command::netpol_reading;

#[test]
fn alias_ratio() {
    let pods = |aliases: usize| {
        let mut text = "apiVersion: v1\nkind: List\nitems:\n".to_owned();
        for index in 0..=aliases {
            let labels = if index == 0 { "&common {run: plain, team: desk}" } else { "*common" };
            writeln!(text, "- {{apiVersion: v1, kind: Pod, metadata: {{name: p{index}, labels: {labels}}}, spec: {{containers: []}}}}")
                .unwrap();
        }
        text
    };
    let ran = netpol_reading(&["review", "-"], pods(100).as_bytes());
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(ran.out.ends_with("101 objects: 101 allowed\n"), "{}", ran.out);
    let ran = netpol_reading(&["review", "-"], pods(10_001).as_bytes());
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains("more than 10000 aliases"), "{}", ran.err);

    let policies = format!("a: &rules [{{ports: [{{port: 1}}]}}]\nb: [{}]\n", vec!["*rules"; 200].join(", "));
    let ran = run(&["check", "--canon"], &[("canon.yaml", policies.as_bytes())]);
    assert!(!ran.err.contains("alias"), "{}", ran.err);

    let Some(ran) = on_report("alias-ratio", &["review"], &["alias100.yaml"]) else { return };
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
}

#[test]
fn concatenated_json() {
    let thief = |name: &str| json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"netpol/mongodb": "true"}}});
    let lines = format!("{}\n{}\n", thief("a"), thief("b"));
    let pretty = format!("{:#}\n{:#}", thief("a"), thief("b"));
    for text in [&lines, &pretty, &format!("{}{}", thief("a"), thief("b"))] {
        let ran = netpol_reading(&["review", "-"], text.as_bytes());
        assert_eq!((ran.code, ran.err.as_str()), (1, ""));
        assert!(ran.out.contains("Pod \"b\" in abcdesktop (standard input, document 2)"), "{}", ran.out);
        assert!(ran.out.ends_with("2 objects: 2 denied\n"), "{}", ran.out);
    }
    // Nothing is dropped without an error.
    for (text, words) in [
        (format!("{lines}x"), "document 3: cannot be parsed as JSON"),
        (format!("{}{{\"kind\": \"a\", \"kind\": \"b\"}}", thief("a")), "document 2: cannot be parsed as JSON: duplicate key \"kind\""),
    ] {
        let ran = netpol_reading(&["review", "-"], text.as_bytes());
        assert_eq!((ran.code, ran.out.as_str()), (2, ""));
        assert!(ran.err.contains(words), "{}", ran.err);
    }
    let Some(ran) = on_report("concatenated-json", &["review"], &["stream.json"]) else { return };
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert!(ran.out.ends_with("2 objects: 2 denied\n"), "{}", ran.out);
}

#[test]
fn depth_words() {
    let mut deep = "apiVersion: example.com/v1\nkind: Schema\nmetadata: {name: deep}\n".to_owned();
    for level in 0..70 {
        writeln!(deep, "{}p:", " ".repeat(level)).unwrap();
    }
    let ran = run(&["review"], &[("deep.yaml", deep.as_bytes()), ("policy.yaml", POLICY.as_bytes())]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert_eq!(
        ran.err,
        "netpol: cannot read deep.yaml, document 1: line 68: the document is nested too deeply: more than 64 lists and maps contain each other; flatten it\n"
    );
    let Some(ran) = on_report("depth-words", &["review"], &["deep.yaml", "policy.yaml"]) else { return };
    assert!(ran.code == 2 && ran.err.contains("nested too deeply") && !ran.err.contains("alias"), "{}", ran.err);
}

#[test]
fn empty_file_among_files() {
    let files = [("policy.yaml", POLICY.as_bytes()), ("comments.yaml", b"---\n# nothing\n---\n# here\n" as &[u8]), ("empty.yaml", b"")];
    let ran = run(&["check", "--partial"], &files);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert_eq!(ran.out, "clean: the only policy in these files matches the canons abcdesktop, abcdesktop-4.4, 26 not in these files\n");
    for (name, content) in &files[1..] {
        let ran = run(&["review"], &[(name, content)]);
        assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (0, "0 objects\n", ""));
        let ran = run(&["check", "--partial"], &[(name, content)]);
        assert_eq!((ran.code, ran.out.as_str()), (0, "clean: no policy of the canons abcdesktop, abcdesktop-4.4 in these files\n"));
    }
    assert_eq!(netpol_reading(&["review", "-"], b"# nothing\n").out, "0 objects\n");
    // Without --partial the policies are missing.
    assert_eq!(run(&["check"], &[("empty.yaml", b"")]).code, 1);
    let Some(ran) = on_report("empty-file-among-files", &["check", "--partial"], &["policy.yaml", "comments.yaml"]) else { return };
    assert!(ran.code == 0 && ran.out.starts_with("clean: the only policy in these files matches "), "{}{}", ran.out, ran.err);
}

#[test]
fn items_null() {
    for list in ["{apiVersion: v1, kind: List, items: null}", "{apiVersion: v1, kind: List}", "{apiVersion: v1, kind: PodList, items: }"] {
        let ran = run(&["check", "--partial"], &[("policy.yaml", POLICY.as_bytes()), ("list.yaml", list.as_bytes())]);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{list}");
        assert!(ran.out.starts_with("clean: the only policy in these files matches "), "{}", ran.out);
    }
    let Some(ran) = on_report("items-null", &["check", "--partial"], &["policy.yaml", "list.yaml"]) else { return };
    assert!(ran.code == 0 && ran.out.starts_with("clean: the only policy in these files matches "), "{}{}", ran.out, ran.err);
}

#[test]
fn metadata_not_strings() {
    let policy = POLICY
        .replace("namespace: abcdesktop", "namespace: abcdesktop, labels: {app.kubernetes.io/instance: 123}, annotations: {ok: true}");
    for command in [&["check", "--partial"][..], &["review"]] {
        let ran = run(command, &[("policy.yaml", policy.as_bytes())]);
        assert_eq!((ran.code, ran.err.as_str()), (1, ""));
        for sentence in [
            "not-understood: metadata.labels[\"app.kubernetes.io/instance\"]: must be a string (in YAML, quote it), not a number\n",
            "metadata.annotations.ok: must be a string (in YAML, quote it), not a boolean\n",
        ] {
            let sentence = if command == ["review"] { sentence } else { sentence.strip_prefix("not-understood: ").unwrap_or(sentence) };
            assert!(ran.out.contains(sentence), "{}", ran.out);
        }
        assert!(ran.out.contains("(policy.yaml, document 1)"), "{}", ran.out);
    }
    let Some(ran) = on_report("metadata-not-strings", &["check", "--partial"], &["policy.yaml"]) else { return };
    assert!(ran.code == 1 && ran.out.contains("must be a string (in YAML, quote it), not a number"), "{}{}", ran.out, ran.err);
}

#[test]
fn nested_list() {
    let wide: Value = json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "memcached-permits"},
        "spec": {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{}]}});
    let list = |kind: &str, items: Value| json!({"apiVersion": "v1", "kind": kind, "items": items});
    let nested = list(
        "List",
        json!([list("List", json!([])), list("List", json!([{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}, wide]))]),
    );
    for command in [&["check", "--partial", "-"][..], &["review", "-"]] {
        let ran = netpol_reading(command, nested.to_string().as_bytes());
        assert_eq!((ran.code, ran.err.as_str()), (1, ""));
        assert!(ran.out.contains("(standard input, document 1, items[1].items[1])"), "{}", ran.out);
    }
    let ran = netpol_reading(&["check", "--partial", "--output", "json", "-"], nested.to_string().as_bytes());
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((&report["findings"][0]["item"], &report["findings"][0]["nested"]), (&json!(1), &json!([1])));
    // kubectl takes an object of any kind for a list if it has items.
    let mut disguised = list("Pod", json!([wide]));
    disguised["metadata"] = json!({"name": "p"});
    for text in [
        list("Things", json!([wide])),
        disguised,
        list(
            "PodList",
            json!([{"kind": "NetworkPolicy", "apiVersion": "networking.k8s.io/v1", "metadata": {"name": "memcached-permits"}, "spec": {"podSelector": {}, "egress": [{}]}}]),
        ),
    ] {
        assert_eq!(netpol_reading(&["check", "--partial", "-"], text.to_string().as_bytes()).code, 1, "{text}");
    }
    let Some(ran) = on_report("nested-list", &["check", "--partial"], &["nested.json"]) else { return };
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
}

#[test]
fn null_label_value() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a, labels: {run: plain, app.kubernetes.io/version: }, annotations: {b: ~}}\nspec: {containers: []}\n";
    let ran = netpol_reading(&["review", "-"], pod.as_bytes());
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{}", ran.out);
    let Some(ran) = on_report("null-label-value", &["review"], &["pod.yaml"]) else { return };
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
}

#[test]
fn unquoted_pod_label() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: desk, labels: {type: x11server, netpol/ocuser: true}}\nspec: {containers: []}\n";
    let deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: desk}\nspec:\n  selector: {matchLabels: {type: x11server}}\n  \
                      template:\n    metadata: {labels: {type: x11server, netpol/ocuser: true}}\n    spec: {containers: []}\n";
    let files = [("pod.yaml", pod.as_bytes()), ("deployment.yaml", deployment.as_bytes())];
    let ran = run(&["review"], &files);
    assert_eq!((ran.code, ran.err.as_str()), (1, ""));
    insta::assert_snapshot!(ran.out, @r#"
    denied      Pod "desk" in abcdesktop (pod.yaml, document 1)
                not-understood: metadata.labels["netpol/ocuser"]: must be a string (in YAML, quote it), not a boolean
    denied      Deployment "desk" in abcdesktop (deployment.yaml, document 1)
                not-understood: spec.template.metadata.labels["netpol/ocuser"]: must be a string (in YAML, quote it), not a boolean
    2 objects: 2 denied
    "#);
    assert_eq!(run(&["check", "--partial"], &files).code, 1);
    let selector =
        deployment.replace("ocuser: true", "ocuser: 'true'").replace("{matchLabels: {type: x11server}}", "{matchLabels: {type: on}}");
    let ran = run(&["review"], &[("deployment.yaml", selector.as_bytes())]);
    assert!(ran.code == 1 && ran.out.contains("not-understood: spec.selector.matchLabels.type: must be a string"), "{}", ran.out);
    // No other message has a position in a request that the user did not write.
    let ran =
        run(&["review"], &[("pod.yaml", pod.replace("{containers: []}", "{hostNetwork: maybe}").replace("true", "'true'").as_bytes())]);
    assert!(ran.code == 1 && !ran.out.contains("(line") && !ran.out.contains("request.object"), "{}", ran.out);
    let Some(ran) = on_report("unquoted-pod-label", &["review"], &["pod.yaml", "deployment.yaml"]) else { return };
    assert_eq!((ran.code, ran.out.matches("[\"netpol/ocuser\"]: must be a string (in YAML, quote it), not a boolean").count()), (1, 2));
}

#[test]
fn utf_16_and_byte_order_marks() {
    let encoded = |text: &str, unit: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(unit).collect::<Vec<u8>>();
    let thieves = format!("{THIEF}---\n{THIEF}");
    let marked = format!("\u{feff}{THIEF}---\n\u{feff}{THIEF}");
    let files: Vec<Vec<u8>> = vec![
        encoded(&format!("\u{feff}{thieves}"), u16::to_le_bytes),
        encoded(&format!("\u{feff}{thieves}"), u16::to_be_bytes),
        marked.into_bytes(),
        format!("{THIEF}\u{feff}---\n# next\n\u{feff}{THIEF}").into_bytes(),
    ];
    for file in files {
        let ran = run(&["review"], &[("thieves.yaml", &file)]);
        assert_eq!((ran.code, ran.err.as_str()), (1, ""));
        assert!(ran.out.ends_with("2 objects: 2 denied\n"), "{}", ran.out);
    }
    let json = format!("\u{feff}{}", json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}));
    assert_eq!(
        run(&["review"], &[("a.json", json.as_bytes())]).out,
        "allowed     Pod \"a\" in abcdesktop (a.json, document 1)\n1 object: 1 allowed\n"
    );
    for (bytes, words) in [
        (encoded(&thieves, u16::to_le_bytes), "it is not UTF-8 (UTF-16 requires a byte order mark)"),
        (b"\xff\xfe\0\0a\0\0\0".to_vec(), "is UTF-32; save it as UTF-8"),
        ("kind: Pod\n\u{feff}metadata: {}\n".as_bytes().to_vec(), "BOM"),
    ] {
        let ran = run(&["review"], &[("x.yaml", &bytes)]);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""));
        assert!(ran.err.starts_with("netpol: cannot read x.yaml") && ran.err.contains(words), "{}", ran.err);
    }
}

#[test]
fn numbers_are_read_as_kubectl_reads_them() {
    for port in ["11211.0", "1.1211e4", "0x2bcb"] {
        let ran = run(&["check", "--partial"], &[("policy.yaml", POLICY.replace("11211", port).as_bytes())]);
        assert_eq!(ran.code, 0, "{port}: {}{}", ran.out, ran.err);
    }
    // YAML parsers disagree about these, so they are refused, and the message says what to write.
    for (port, hint) in [("011211", "without leading zeros"), ("11_211", "without underscores")] {
        let ran = run(&["check", "--partial"], &[("policy.yaml", POLICY.replace("11211", port).as_bytes())]);
        assert!(ran.code == 1 && ran.out.contains(hint), "{port}: {}{}", ran.out, ran.err);
    }
}
