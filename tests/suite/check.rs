//! `netpol check`: files compared with the canon.

use std::fs;

use serde_json::{Value, json};

use crate::support::command::{Ran, command, netpol, netpol_reading};
use crate::support::{HARDENED, canons, shared};

fn check(args: &[&str], input: &str) -> Ran {
    netpol_reading(&[&["check"], args, &["-"]].concat(), input.as_bytes())
}

fn report(args: &[&str], input: &str) -> Value {
    let ran = check(&[&["--output", "json"], args].concat(), input);
    assert_eq!(ran.err, "");
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(report["clean"], ran.code == 0);
    report
}

fn rendered(args: &[&str]) -> String {
    netpol(&[&["render", "policies"], args].concat()).out
}

/// The rule and the name of each finding.
fn findings(report: &Value) -> Vec<(&str, &str)> {
    report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| (finding["rule"].as_str().unwrap(), finding["name"].as_str().unwrap()))
        .collect()
}

fn policy(name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": name}, "spec": spec})
}

/// The canonical manifest of a policy.
fn canonical(name: &str) -> Value {
    let list = rendered(&["--only", name, "--output", "json"]);
    serde_json::from_str::<Value>(&list).unwrap()["items"][0].clone()
}

#[test]
fn the_output_of_render_is_clean() {
    for canon in canons() {
        for namespace in ["abcdesktop", "desktops"] {
            let args = ["--canon", canon, "--namespace", namespace];
            let ran = check(&args, &rendered(&args));
            assert_eq!((ran.code, ran.err.as_str()), (0, ""));
            let policies = match canon {
                "abcdesktop-3.3" => 26,
                HARDENED => 28,
                _ => 27,
            };
            assert_eq!(ran.out, format!("clean: {policies} of {policies} policies match the canon {canon}\n"));
        }
    }
    let args = ["-n", "a", "-n", "b"];
    assert_eq!(report(&args, &rendered(&args))["policies"], json!({"canonical": 54, "same": 54, "drifted": 0, "missing": 0, "extra": 0}));
}

#[test]
fn release_4_4_is_clean_against_its_own_canon() {
    let Some(path) = shared("upstream/netpol-default-4.4.yaml") else { return };
    let ran = netpol(&["check", "--canon", "abcdesktop-4.4", path.to_str().unwrap()]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert_eq!(ran.out, "clean: 27 of 27 policies match the canon abcdesktop-4.4\n");
}

#[test]
fn release_4_4_drifts_from_the_documented_canon_in_two_policies() {
    let Some(path) = shared("upstream/netpol-default-4.4.yaml") else { return };
    let text = fs::read_to_string(path).unwrap();
    let documented = ["--canon", "abcdesktop"];
    let report = report(&documented, &text);
    assert_eq!(findings(&report), [("policy-drift", "ocuser-rights"), ("policy-drift", "ocuser-permits"), ("nearest-canon", "abcdesktop")]);
    assert_eq!(report["policies"], json!({"canonical": 27, "same": 25, "drifted": 2, "missing": 0, "extra": 0}));
    let message = report["findings"][0]["message"].as_str().unwrap();
    assert!(message.contains(". It is the policy of the built-in canon abcdesktop-4.4. To restore it: "), "{message}");
    let ran = check(&documented, &text);
    assert_eq!(ran.code, 1);
    insta::assert_snapshot!(ran.out, @r#"
    policy-drift: NetworkPolicy "ocuser-rights" in abcdesktop (standard input, document 17)
        wider: ingress rule 1 also allows TCP 6000 from pods netpol/ocapplication=true
        wider: ingress rule 2 also allows TCP 6000, 29787-29789 from pods netpol/ocuser=true
        narrower: TCP 8000 from pods netpol/ocuser=true is missing (canonical ingress rule 1) (this breaks now)
        wider: egress rule 1 also allows TCP 53, UDP 53 to anyone
        witness: pods netpol/ocapplication=true could reach a pod labeled type=x11server on TCP 6000
    policy-drift: NetworkPolicy "ocuser-permits" in abcdesktop (standard input, document 18)
        wider: egress rule 1 also allows TCP 631, 29787-29789 to pods type=x11server
        witness: a pod labeled netpol/ocuser=true could reach pods type=x11server on TCP 631
    warning, nearest-canon: Namespace "abcdesktop"
        all 27 policies in the namespace abcdesktop are those of the built-in canon abcdesktop-4.4, which is not accepted. To accept it: --canon abcdesktop-4.4
    not clean: 25 of 27 policies match the canon abcdesktop, 2 drifted
    to accept the policies of the namespace abcdesktop: --canon abcdesktop-4.4
    "#);
}

#[test]
fn by_default_release_4_4_and_the_documented_policies_are_both_clean() {
    let Some(path) = shared("upstream/netpol-default-4.4.yaml") else { return };
    let ran = netpol(&["check", path.to_str().unwrap()]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    insta::assert_snapshot!(ran.out.replace(path.to_str().unwrap(), "release.yaml"), @r#"
    note, other-canon: NetworkPolicy "ocuser-rights" in abcdesktop (release.yaml, document 17)
        NetworkPolicy "ocuser-rights" is that of the canon "abcdesktop-4.4", which is accepted, not of the canon "abcdesktop"
    note, other-canon: NetworkPolicy "ocuser-permits" in abcdesktop (release.yaml, document 18)
        NetworkPolicy "ocuser-permits" is that of the canon "abcdesktop-4.4", which is accepted, not of the canon "abcdesktop"
    clean: 27 of 27 policies match the canons abcdesktop, abcdesktop-4.4
    "#);
    let documented = check(&[], &rendered(&["--canon", "abcdesktop"]));
    assert_eq!((documented.code, documented.out.as_str()), (0, "clean: 27 of 27 policies match the canons abcdesktop, abcdesktop-4.4\n"));
}

/// Each differing policy, of either canon.
fn of(canon: &str, name: &str) -> String {
    rendered(&["--canon", canon, "--only", name]) + "---\n"
}

#[test]
fn policies_of_several_canons_in_one_namespace_are_a_warning() {
    let mixed = of("abcdesktop", "ocuser-rights") + &of("abcdesktop-4.4", "ocuser-permits");
    let report = report(&["--partial"], &mixed);
    assert_eq!(findings(&report), [("other-canon", "ocuser-permits"), ("mixed-canons", "abcdesktop")]);
    assert_eq!(
        report["findings"][1]["message"],
        "the namespace abcdesktop mixes the policies of several canons: ocuser-rights of \"abcdesktop\"; ocuser-permits of \"abcdesktop-4.4\""
    );
    assert_eq!(report["clean"], true);
}

#[test]
fn a_drifted_policy_is_compared_with_the_canon_that_most_policies_match() {
    let mut open =
        serde_json::from_str::<Value>(&rendered(&["--canon", "abcdesktop-4.4", "--only", "ocuser-rights", "--output", "json"])).unwrap();
    open["items"][0]["spec"]["ingress"].as_array_mut().unwrap().push(json!({"ports": [{"port": 22}]}));
    let text = of("abcdesktop-4.4", "ocuser-permits") + &open.to_string();
    let report = report(&["--partial"], &text);
    assert_eq!(findings(&report), [("other-canon", "ocuser-permits"), ("policy-drift", "ocuser-rights")]);
    let drift = &report["findings"][1];
    assert_eq!(drift["differences"].as_array().unwrap().len(), 1, "{drift}");
    let command = "netpol render policies --canon abcdesktop-4.4 --only ocuser-rights | kubectl apply -f -";
    assert!(drift["message"].as_str().unwrap().ends_with(command), "{drift}");
    assert!(check(&["--partial"], &text).out.ends_with(&format!("to restore it: {command}\n")));
}

#[test]
fn where_equally_fitting_canons_differ_each_has_its_command() {
    let commands = "\
to restore them, choose the canon of the release that runs: the accepted canons differ here
    of abcdesktop: netpol render policies --canon abcdesktop --only ocuser-permits,ocuser-rights | kubectl apply -f -
    of abcdesktop-4.4: netpol render policies --canon abcdesktop-4.4 --only ocuser-permits,ocuser-rights | kubectl apply -f -
";
    let mut list: Value = serde_json::from_str(&rendered(&["--output", "json"])).unwrap();
    let is_common = |item: &Value| !["ocuser-permits", "ocuser-rights"].contains(&item["metadata"]["name"].as_str().unwrap());
    list["items"].as_array_mut().unwrap().retain(is_common);
    let ran = check(&[], &list.to_string());
    assert!(
        ran.out.ends_with(&format!(" 25 of 27 policies match the canons abcdesktop, abcdesktop-4.4, 2 missing\n{commands}")),
        "{}",
        ran.out
    );
    let missing = report(&[], &list.to_string())["findings"][0]["message"].as_str().unwrap().to_owned();
    assert!(missing.contains("To create that of abcdesktop: ") && missing.contains(". To create that of abcdesktop-4.4: "), "{missing}");

    // Where they agree, there is nothing to choose.
    list["items"].as_array_mut().unwrap().retain(|item| item["metadata"]["name"] != "memcached-rights");
    let both = of("abcdesktop", "ocuser-rights") + &of("abcdesktop", "ocuser-permits") + &list.to_string();
    assert!(check(&[], &both).out.ends_with("\nto restore it: netpol render policies --only memcached-rights | kubectl apply -f -\n"));

    let mut drifted = canonical("ocuser-rights");
    drifted["spec"]["ingress"] = json!([{}]);
    let out = check(&["--partial"], &drifted.to_string()).out;
    assert!(out.contains(" (the command of abcdesktop below closes this)\n"), "{out}");
    assert!(
        out.contains("not clean: 0 of the 1 policies in these files match the canons abcdesktop, abcdesktop-4.4, 1 drifted, "),
        "{out}"
    );
    let mut narrow = canonical("memcached-rights");
    narrow["spec"]["ingress"] = json!([{"ports": [{"port": 22}]}]);
    let out = check(&["--partial"], &narrow.to_string()).out;
    assert!(out.contains(" (the command below closes this)\n") && out.contains(" (this breaks now)\n"), "{out}");
    let message = report(&["--partial"], &drifted.to_string())["findings"][0]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("The accepted canons differ in it: choose that of "), "{message}");
}

#[test]
fn every_built_in_canon_that_fits_equally_is_named() {
    let ran = check(&["--partial"], &of("abcdesktop-4.4", "speedtest-rights"));
    assert_eq!(ran.code, 0, "{}", ran.out);
    let ran = check(&["--partial", "--canon", "abcdesktop-3.3"], &of("abcdesktop-4.4", "ocuser-permits"));
    assert!(ran.out.contains("the only policy of the namespace abcdesktop in these files is that of the built-in canon"), "{}", ran.out);
    let ran = check(&["--partial", "--canon", "abcdesktop-4.0"], &rendered(&["--only", "speedtest-rights"]));
    assert!(ran.out.contains(" is that of the built-in canons abcdesktop and abcdesktop-4.4, which are not accepted. "), "{}", ran.out);
    assert!(ran.out.contains("To accept one: --canon abcdesktop or --canon abcdesktop-4.4\n"), "{}", ran.out);
    assert!(!ran.out.contains("to restore"), "{}", ran.out);
}

#[test]
fn older_releases_have_drift_and_missing_policies() {
    for (release, drifted, missing) in [
        ("4.0", &["speedtest-rights", "speedtest-permits"][..], &[][..]),
        ("3.3", &["speedtest-rights", "speedtest-permits", "ocuser-rights", "ocuser-permits"], &["ocapplications-permits"]),
    ] {
        let Some(path) = shared(&format!("upstream/netpol-default-{release}.yaml")) else { return };
        let text = fs::read_to_string(path).unwrap();
        let expected: Vec<(&str, &str)> =
            drifted.iter().map(|name| ("policy-drift", *name)).chain(missing.iter().map(|name| ("policy-missing", *name))).collect();
        let report = report(&["--canon", "abcdesktop-4.4"], &text);
        let mut found = findings(&report);
        assert_eq!(found.pop(), Some(("nearest-canon", "abcdesktop")));
        assert_eq!(found, expected, "{release}");
        let message = report["findings"].as_array().unwrap().last().unwrap()["message"].as_str().unwrap();
        assert!(message.ends_with(&format!("To accept it: --canon abcdesktop-{release}")), "{message}");
    }
}

#[test]
fn a_missing_policy_is_a_finding_unless_partial_is_set() {
    let one = rendered(&["--only", "memcached-rights"]);
    assert_eq!(findings(&report(&[], &one)).len(), 26);
    let ran = check(&["--partial"], &one);
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (0, "clean: the only policy in these files matches the canons abcdesktop, abcdesktop-4.4, 26 not in these files\n")
    );
}

#[test]
fn a_policy_without_a_namespace_is_checked_for_every_guarded_one() {
    let mut rights = canonical("memcached-rights");
    rights["metadata"].as_object_mut().unwrap().remove("namespace");
    let report = report(&["--partial", "-n", "a", "-n", "b"], &rights.to_string());
    assert_eq!((report["policies"]["same"].as_u64(), report["clean"].as_bool()), (Some(2), Some(true)));
}

#[test]
fn a_policy_of_another_namespace_is_reported_as_not_judged() {
    let mut rights = canonical("memcached-rights");
    rights["metadata"]["namespace"] = json!("other");
    rights["spec"] = json!({"podSelector": {}});
    let ran = check(&["--partial"], &rights.to_string());
    assert_eq!(ran.code, 0);
    assert_eq!(
        ran.out,
        "not judged: NetworkPolicy \"memcached-rights\" in other (standard input, document 1): the namespace is not guarded\n\
         clean: no policy of the canons abcdesktop, abcdesktop-4.4 in these files, 1 object not judged\n"
    );
}

#[test]
fn owners_and_finalizers_are_findings() {
    let mut rights = canonical("memcached-rights");
    rights["metadata"]["ownerReferences"] = json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": "u"}]);
    rights["metadata"]["finalizers"] = json!(["example.com/hold"]);
    let report = report(&["--partial"], &rights.to_string());
    assert_eq!(findings(&report), [("policy-owner", "memcached-rights"), ("policy-finalizer", "memcached-rights")]);
}

#[test]
fn a_leftover_break_glass_annotation_of_a_stored_policy_is_named_as_that() {
    let mut rights = canonical("memcached-rights");
    rights["metadata"]["annotations"] = json!({"netpol.abcdesktop.io/break-glass": "incident 7"});
    let report_ = report(&["--partial"], &rights.to_string());
    assert_eq!(findings(&report_), [("break-glass", "memcached-rights")], "who applies the file must be a member");
    assert_eq!((report_["clean"].as_bool(), report_["policies"]["same"].as_u64()), (Some(false), Some(1)));
    let message = report_["findings"][0]["message"].as_str().unwrap();
    let expected =
        "in the file carries the annotation netpol.abcdesktop.io/break-glass: only a member of a break-glass group can apply it. ";
    assert!(message.contains(expected) && !message.contains("the user"), "{message}");
    assert!(check(&["--partial"], &rights.to_string()).out.contains(", 1 with the break-glass annotation, 26 not in these files\n"));

    rights["metadata"]["uid"] = json!("9b2f3d1c-0000-4000-8000-000000000001");
    let report_ = report(&["--partial"], &rights.to_string());
    assert_eq!((report_["clean"].as_bool(), report_["policies"]["same"].as_u64()), (Some(true), Some(1)));
    let finding = &report_["findings"][0];
    assert_eq!((&finding["rule"], &finding["severity"]), (&json!("break-glass"), &json!("warn")));
    let cure = "kubectl -n abcdesktop annotate networkpolicy memcached-rights netpol.abcdesktop.io/break-glass-";
    assert!(finding["message"].as_str().unwrap().ends_with(cure), "{finding}");
}

#[test]
fn a_pause_of_a_stored_namespace_is_named_as_that() {
    let mut namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "abcdesktop", "annotations": {
        "netpol.abcdesktop.io/repair-paused-until": "2026-11-28T17:00:00Z"}}});
    let found = |namespace: &Value| report(&["--partial", "--break-glass-group", "sre"], &namespace.to_string());
    let report_ = found(&namespace);
    assert_eq!((findings(&report_), &report_["clean"]), (vec![("repair-pause", "abcdesktop")], &json!(false)));
    let message = report_["findings"][0]["message"].as_str().unwrap();
    assert!(message.contains("only a member of a break-glass group can apply it") && !message.contains("the user"), "{message}");
    namespace["status"] = json!({"phase": "Active"});
    let report_ = found(&namespace);
    assert_eq!((findings(&report_), &report_["clean"]), (vec![("repair-pause", "abcdesktop")], &json!(true)));
    let message = report_["findings"][0]["message"].as_str().unwrap();
    assert!(message.ends_with("kubectl annotate namespace abcdesktop netpol.abcdesktop.io/repair-paused-until-"), "{message}");
}

#[test]
fn an_extra_policy_is_a_finding_if_it_allows_more() {
    let subject = json!({"matchLabels": {"run": "mongodb-od"}});
    let closed = policy("closed", &json!({"podSelector": subject, "policyTypes": ["Ingress"]}));
    let open = policy("open", &json!({"podSelector": subject, "policyTypes": ["Ingress"], "ingress": [{}]}));
    let report_ = report(&["--partial"], &json!({"apiVersion": "v1", "kind": "List", "items": [closed, open]}).to_string());
    assert_eq!(findings(&report_), [("extra-policy", "open")]);
    assert_eq!(report_["policies"]["extra"], 2);
    assert_eq!(report_["findings"][0]["item"], 1);
    assert!(report_["findings"][0]["witness"]["subject"].as_str().unwrap().contains("run=mongodb-od"));
    let message = report_["findings"][0]["message"].as_str().unwrap();
    assert!(message.contains("every port of every protocol, for example ") && !message.contains("example other"), "{message}");
    let one = policy("one", &json!({"podSelector": subject, "policyTypes": ["Ingress"], "ingress": [{"ports": [{"port": 22}]}]}));
    let message = report(&["--partial"], &one.to_string())["findings"][0]["message"].as_str().unwrap().to_owned();
    assert!(message.contains(" on TCP 22. "), "{message}");
    assert_eq!(findings(&report(&["--partial", "--extra-policies", "deny"], &closed.to_string())), [("extra-policy", "closed")]);
}

#[test]
fn an_invalid_policy_is_a_finding_and_not_an_error() {
    let mut rights = canonical("memcached-rights");
    rights["spec"]["ingress"][0]["ports"][0]["port"] = json!(70000);
    let ran = check(&["--partial"], &rights.to_string());
    assert_eq!(ran.code, 1);
    assert!(ran.out.contains("policy-drift") && ran.out.contains("spec.ingress[0].ports[0].port"), "{}", ran.out);
    rights["spec"] = json!(7);
    assert_eq!(findings(&report(&["--partial"], &rights.to_string())), [("not-understood", "memcached-rights")]);
}

#[test]
fn a_policy_that_is_in_the_files_twice_is_a_finding() {
    let rights = rendered(&["--only", "memcached-rights"]);
    let report = report(&["--partial"], &format!("{rights}{rights}"));
    assert_eq!(findings(&report), [("policy-twice", "memcached-rights")]);
    assert!(report["findings"][0]["message"].as_str().unwrap().contains("standard input, document 1"));
}

#[test]
fn other_kinds_are_evaluated_as_by_review() {
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "thief", "labels": {"netpol/mongodb": "true"}}});
    assert_eq!(findings(&report(&["--partial"], &pod.to_string())), [("ungranted-label", "thief")]);
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "thieves"}, "spec": {
        "selector": {"matchLabels": {"app": "thief"}},
        "template": {"metadata": {"labels": {"app": "thief", "netpol/mongodb": "true"}}}}});
    let warned = report(&["--partial"], &deployment.to_string());
    assert_eq!((findings(&warned), warned["clean"].as_bool()), (vec![("workload-template", "thieves")], Some(true)));
    assert_eq!(warned["findings"][0]["severity"], "warn");
    assert_eq!(report(&["--partial", "--workloads", "deny"], &deployment.to_string())["clean"], false);
}

#[test]
fn enforcement_does_not_change_a_check() {
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "thief", "labels": {"netpol/mongodb": "true"}}});
    assert_eq!(check(&["--partial", "--enforcement", "audit"], &pod.to_string()).code, 1);
}

#[test]
fn without_files_and_without_a_cluster_it_says_where_it_looked() {
    let output = command(&["check"]).env("KUBECONFIG", "/no/such/config").env_remove("KUBERNETES_SERVICE_HOST").output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{err}");
    assert!(err.contains("no cluster is configured: there is no kubeconfig with a cluster at \"/no/such/config\""), "{err}");
}

#[test]
fn the_flags_of_files_and_of_a_cluster_exclude_each_other() {
    for args in [
        &["--section", "policies", "-"][..],
        &["--no-probe", "-"],
        &["--fail-on", "error", "-"],
        &["--allow-partial", "-"],
        &["--context", "x", "-"],
        &["--partial"],
        &["--section", "nothing"],
    ] {
        assert_eq!(netpol(&[&["check"], args].concat()).code, 2, "{args:?}");
    }
}

#[test]
fn the_short_output_has_only_what_is_not_ok() {
    assert_eq!(check(&["--output", "short"], &rendered(&[])).out, "");
    let ran = check(&["--output", "short", "--partial"], &policy("open", &json!({"podSelector": {}, "ingress": [{}]})).to_string());
    assert!(ran.code == 1 && ran.out.starts_with("extra-policy: ") && !ran.out.contains("not clean"), "{}", ran.out);
}

#[test]
fn unreadable_input_is_exit_code_2_without_output() {
    for (args, input, words) in [
        (&["-"][..], "", "standard input is empty"),
        (&["-"], "a: [", "document 1"),
        (&["-"], r#"{"kind":"AdmissionReview"}"#, "use netpol review"),
        (&["/no/such/file"], "", "cannot read /no/such/file"),
        (&["--canon", "no-such-canon", "-"], "", "no-such-canon"),
        (&["--namespace", "Not.A.Namespace", "-"], "", "lowercase letters"),
    ] {
        let ran = netpol_reading(&[&["check"], args].concat(), input.as_bytes());
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{args:?}");
        assert!(ran.err.contains(words), "{words}: {}", ran.err);
    }
}

/// A canon whose grant has limits.
const LIMITED: &str = "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: all}, spec: {podSelector: {}}}
---
{apiVersion: netpol.abcdesktop.io/v1alpha1, kind: Grants, metadata: {name: own}, grants: [
  {name: web, podSelector: {matchLabels: {run: web}}, labels: {}, claims: {users: [alice]}, serviceAccountName: web, images: ['a.b/*']}]}
";

#[test]
fn the_account_and_the_images_of_a_running_pod_are_findings_and_its_creator_is_not() {
    let file = tempfile::NamedTempFile::with_suffix(".yaml").unwrap();
    fs::write(file.path(), LIMITED).unwrap();
    let pod = |account: &str, image: &str, live: bool| {
        let mut pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web-1", "namespace": "abcdesktop", "labels": {"run": "web"}},
            "spec": {"serviceAccountName": account, "containers": [{"name": "c", "image": image}]},
        });
        if live {
            pod["metadata"]["uid"] = json!("0c1f6ef8");
        }
        pod.to_string()
    };
    let canon = file.path().to_str().unwrap();
    let checked = |args: &[&str], input: &str| report(&[&["--canon", canon, "--partial"], args].concat(), input);
    let deny = &["--claims", "deny"][..];
    for args in [&[][..], deny] {
        assert_eq!(findings(&checked(args, &pod("web", "a.b/c", true))), []);
        for (account, image) in [("default", "a.b/c"), ("web", "x.y/c")] {
            let found = checked(args, &pod(account, image, true));
            assert_eq!((findings(&found), &found["clean"]), (vec![("claim", "web-1")], &json!(false)), "{account} {image}");
        }
    }
    // A file is judged by the flag.
    assert_eq!(checked(&[], &pod("default", "a.b/c", false))["clean"], true);
    assert_eq!(checked(deny, &pod("default", "a.b/c", false))["clean"], false);
    assert_eq!(findings(&checked(&["--claims", "allow"], &pod("default", "a.b/c", true))), []);
}

/// A canon with a policy of another API: it counts among the canonical policies, and is compared literally.
#[test]
fn canonical_policies_of_other_apis_are_compared_with_the_canon() {
    let folder = tempfile::tempdir().unwrap();
    let canon = folder.path().join("canon.yaml").to_str().unwrap().to_owned();
    let all = policy("all", &json!({"podSelector": {}}));
    let crew = |port: u64| json!({"apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy", "metadata": {"name": "crew"}, "spec": {"port": port}});
    let text = |documents: &[Value]| documents.iter().map(Value::to_string).collect::<Vec<_>>().join("\n---\n");
    fs::write(&canon, text(&[all.clone(), crew(80)])).unwrap();
    let run = |documents: &[Value], more: &[&str]| {
        let args = [&["check", "--canon", &canon, "--output", "json"], more, &["-"]].concat();
        let ran = netpol_reading(&args, text(documents).as_bytes());
        (ran.code, serde_json::from_str::<Value>(&ran.out).unwrap_or_else(|_| panic!("{}{}", ran.out, ran.err)))
    };
    let (code, report) = run(&[all.clone(), crew(80)], &[]);
    assert_eq!((code, findings(&report)), (0, vec![]));
    assert_eq!((&report["policies"]["canonical"], &report["policies"]["same"]), (&json!(2), &json!(2)));
    // Without a namespace, it is checked for each guarded one.
    let (code, report) = run(&[all.clone(), crew(443)], &["--namespace", "one", "--namespace", "two"]);
    assert_eq!((code, findings(&report)), (1, vec![("policy-drift", "crew"); 2]));
    assert!(report["findings"][0]["message"].as_str().unwrap().contains("spec.port is not 80"), "{report}");
    let (code, report) = run(std::slice::from_ref(&all), &["--foreign-policies", "allow"]);
    assert_eq!((code, findings(&report)), (1, vec![("policy-missing", "crew")]));
    let missing = &report["findings"][0];
    assert_eq!(missing["kind"], "CiliumNetworkPolicy.cilium.io");
    assert!(
        missing["message"].as_str().unwrap().starts_with("CiliumNetworkPolicy \"crew\" is missing. To create it: netpol render policies"),
        "{missing}"
    );
    assert_eq!(run(std::slice::from_ref(&all), &["--partial"]).0, 0);
    let (code, report) = run(&[all, crew(80), crew(80)], &[]);
    assert_eq!((code, findings(&report)), (1, vec![("policy-twice", "crew")]));

    // What is printed is clean.
    let printed = rendered(&["--canon", &canon]);
    assert_eq!(netpol_reading(&["check", "--canon", &canon, "-"], printed.as_bytes()).code, 0, "{printed}");
    assert!(rendered(&["--canon", &canon, "--only", "crew"]).starts_with("---\napiVersion: cilium.io/v2\n"));
}
