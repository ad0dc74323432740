//! `netpol render registration`.

use serde_json::Value;

use crate::support::command::{netpol, netpol_reading};

/// Asserts that the command line is rejected with this text.
#[track_caller]
fn rejected(args: &[&str], text: &str) {
    let ran = netpol(&[&["render", "registration"], args].concat());
    assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{args:?}");
    assert!(ran.err.contains(text), "{args:?}: {}", ran.err);
}

#[test]
fn both_configurations_are_yaml_that_kubectl_accepts() {
    // A file of the chart has the condition for new pods.
    let ran = netpol(&["render", "registration", "--send", "all"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    insta::assert_snapshot!(ran.out);
}

#[test]
fn both_configurations_are_one_list_as_json() {
    let ran = netpol(&["render", "registration", "--url", "https://127.0.0.1:8443", "-n", "a,b", "--name", "second", "--output", "json"]);
    let list: Value = serde_json::from_str(&ran.out).unwrap();
    let items = list["items"].as_array().unwrap();
    let kinds: Vec<_> = items.iter().map(|item| item["kind"].as_str().unwrap()).collect();
    assert_eq!(
        (list["kind"].as_str(), kinds.as_slice()),
        (Some("List"), &["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"][..])
    );
    assert!(items.iter().all(|item| item["metadata"]["name"] == "second"));
    assert_eq!(items[0]["webhooks"][0]["clientConfig"]["url"], "https://127.0.0.1:8443/mutate");
    assert_eq!(items[1]["webhooks"][0]["clientConfig"]["url"], "https://127.0.0.1:8443/validate");
}

#[test]
fn arguments_that_the_api_server_would_reject_are_usage_errors() {
    rejected(&["--service", "netpol"], "NAMESPACE/NAME");
    rejected(&["--url", "http://guard"], "https://");
    rejected(&["--url", "https://guard", "--service", "a/b"], "cannot be used with");
    rejected(&["--name", "Upper"], "lowercase");
    rejected(&["--namespace", "a_b"], "namespace");
    rejected(&["--ca", "no/such/file"], "no/such/file");
    let ran = netpol_reading(&["render", "registration", "--ca", "-"], b"nothing of the kind");
    assert_eq!((ran.code, ran.err.as_str()), (2, "netpol: cannot use standard input: no PEM certificate found\n"));
}

/// The registration depends on the labels that the canon reads.
#[test]
fn conditions_have_the_labels_that_the_canon_reads() {
    let canon = "\
        apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: only}\n\
        spec:\n  podSelector: {matchLabels: {tier: front}}\n  ingress:\n  - from:\n    - podSelector: {matchLabels: {role: client}}\n";
    let file = tempfile::NamedTempFile::with_suffix(".yaml").unwrap();
    std::fs::write(file.path(), canon).unwrap();
    let ran = netpol(&["render", "registration", "--canon", file.path().to_str().unwrap()]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains(r#"key in ["role", "tier"]"#), "{}", ran.out);
    // The canon has no neighbors, so the condition of this webhook never matches. The webhook itself remains.
    assert!(
        ran.out.contains("name: neighbors.validate") && ran.out.contains("request.operation == 'UPDATE' ? false : false"),
        "{}",
        ran.out
    );
}

/// Both stages get a condition for new pods unless all are sent, and `--print` has that of `/validate` alone.
#[test]
fn a_pod_that_is_plainly_right_is_not_sent() {
    let conditions = |args: &[&str]| {
        let ran = netpol(&[&["render", "registration", "--output", "json"], args].concat());
        assert_eq!((ran.code, ran.err.as_str()), (0, ""));
        let list: Value = serde_json::from_str(&ran.out).unwrap();
        let found = list["items"].as_array().unwrap().iter().flat_map(|item| item["webhooks"].as_array().unwrap());
        let found = found.filter(|webhook| webhook["name"].as_str().unwrap().starts_with("pods."));
        let of = |condition: &Value, field: &str| condition[field].as_str().unwrap().to_owned();
        let conditions = found.flat_map(|webhook| webhook["matchConditions"].as_array().into_iter().flatten());
        conditions.map(|condition| (of(condition, "name"), of(condition, "expression"))).collect::<Vec<_>>()
    };
    let printed = netpol(&["render", "registration", "--print", "pod-condition"]);
    assert_eq!((printed.code, printed.err.as_str()), (0, ""));
    let plain = ("not-plainly-right".to_owned(), printed.out.trim_end().to_owned());
    let found = conditions(&[]);
    assert_eq!((found.len(), found[0].0.as_str(), &found[1]), (2, "lacks-labels", &plain));
    assert_eq!(conditions(&["--send", "needed"]), found);
    assert_eq!(conditions(&["--ungranted-labels", "strip"]), [plain.clone(), plain]);
    assert_eq!(conditions(&["--send", "all"]), []);
    rejected(&["--print", "pod-condition", "--send", "all"], "cannot be used with");
}

/// Without a condition, all pods are sent.
#[test]
fn a_canon_with_too_many_grants_has_no_condition_for_pods_and_says_so() {
    let grants: Vec<String> = (0..5000)
        .map(|n| format!("- {{name: g{n}, podSelector: {{matchLabels: {{run: r{n}}}}}, labels: {{netpol/x: 'true'}}}}\n"))
        .collect();
    let canon = format!(
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: only}}\n\
         spec:\n  podSelector: {{matchLabels: {{netpol/x: 'true'}}}}\n  ingress:\n  - {{}}\n---\n\
         apiVersion: netpol.abcdesktop.io/v1alpha1\nkind: Grants\nmetadata: {{name: own}}\ngrants:\n{}",
        grants.concat()
    );
    let file = tempfile::NamedTempFile::with_suffix(".yaml").unwrap();
    std::fs::write(file.path(), canon).unwrap();
    let canon = file.path().to_str().unwrap();
    for command in ["registration", "install"] {
        let ran = netpol(&["render", command, "--canon", canon]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(ran.err.contains("(at most 65536), so every new pod is sent"), "{command}: {}", ran.err);
        assert!(!ran.out.contains("not-plainly-right") && !ran.out.contains("lacks-labels"), "{command}");
        let ran = netpol(&["render", command, "--canon", canon, "--send", "all"]);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{command}");
    }
    let ran = netpol(&["render", "registration", "--canon", canon, "--print", "pod-condition"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, ""));
    assert!(ran.err.contains("every new pod is sent"), "{}", ran.err);
}
