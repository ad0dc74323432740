//! The network plugins of a cluster.

use hyper::Method;
use serde_json::{Value, json};

use super::super::harness::api::Call;
use super::super::harness::guard::{Guard, create_namespace};
use super::super::harness::plane::plane;
use super::super::harness::scene::{create, path};
use super::super::harness::wait::until;
use super::run::{check, ids, section};

const FLAGS: [&str; 6] = ["--canon", "abcdesktop", "--section", "plugins", "--output", "json"];

fn notes(report: &Value) -> Vec<&str> {
    let findings = section(report, "plugins")["findings"].as_array().into_iter().flatten();
    findings.filter(|finding| finding["severity"] == "note").filter_map(|finding| finding["id"].as_str()).collect()
}

#[test]
fn kube_router_is_found_with_the_policies_of_which_it_opens_more() {
    let guard = Guard::start("check-plugins", "abcdesktop", &[]);
    let name = &guard.namespaces[0];
    // The control plane of the tests has no network plugin.
    let found = check(name, &FLAGS);
    assert_eq!((found.code, notes(&found.json())), (Some(0), vec!["plugin-unknown"]), "{}{}", found.out, found.err);
    let text = check(name, &[&FLAGS[..4], &["--output", "text"]].concat());
    assert!(text.out.ends_with("all ok\n"), "{}", text.out);

    let labels = json!({"k8s-app": "kube-router"});
    let containers = json!([{"name": "kube-router", "image": "kube-router", "args": ["--run-router=true", "--run-firewall=true"]}]);
    create_namespace("plugins");
    create(
        "plugins",
        &json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "kube-router", "labels": labels}, "spec": {
            "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": {"tolerations": [{"operator": "Exists"}], "containers": containers}},
        }}),
    );
    let expected = ["ocuser-rights", "pyos-rights"].map(|policy| ("mixed-directions".to_owned(), policy.to_owned()));
    let found = until("the DaemonSet has pods", || {
        let found = check(name, &FLAGS);
        (ids(&found.json()) == expected).then_some(found)
    });
    assert_eq!((found.code, section(&found.json(), "plugins")["state"].as_str()), (Some(1), Some("finding")));

    // Accepting the canon that the command prints ends the finding.
    let canon = plane().reaper.folder().join("check-plugins");
    std::fs::create_dir_all(&canon).expect("a folder");
    let command = section(&found.json(), "plugins")["findings"][0]["command"].as_str().expect("a command").to_owned();
    let output = plane().kubectl.script(&canon, &command, &[]);
    assert!(output.ok, "{command}: {}{}", output.stdout, output.stderr);
    let split = canon.join("canon.yaml").display().to_string();
    let found = check(name, &["--canon", &split, "--section", "plugins", "--output", "json"]);
    assert_eq!((found.code, ids(&found.json())), (Some(0), vec![]), "{}{}", found.out, found.err);
    plane().api.call(&Call::new(Method::DELETE, format!("{}/kube-router", path("plugins", "daemonsets")))).expect("a deletion");
}
