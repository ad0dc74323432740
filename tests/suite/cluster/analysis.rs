//! `netpol reach --live` and `netpol explain --live`: the objects of a cluster, missing rights, and an API server that does not answer.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::harness::api::Call;
use super::harness::crds::cilium;
use super::harness::guard::create_namespace;
use super::harness::plane::{free_ports, plane};
use super::harness::scene::{create, path, pod};
use super::neighbors::foreign;
use crate::support::command::{Ran, netpol};

/// The kubeconfig of a cluster administrator.
fn admin() -> PathBuf {
    plane().reaper.folder().join("admin.json")
}

/// Runs a command with a kubeconfig.
fn live(command: &str, namespace: &str, kubeconfig: &Path, args: &[&str]) -> Ran {
    netpol(&[&[command, "--live", "-n", namespace, "--kubeconfig", kubeconfig.to_str().expect("a path")], args].concat())
}

fn policy(name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": name}, "spec": spec})
}

/// Sets the phase and the address of a pod.
#[track_caller]
fn status(namespace: &str, name: &str, status: &Value) {
    let path = format!("{}/{name}/status", path(namespace, "pods"));
    plane().api.call(&Call::patch(path, "application/merge-patch+json", &json!({"status": status}))).expect("a status");
}

/// Creates a namespace with a database, and two others: one whose pod may reach it, and one whose pod may connect to nothing.
fn shop(own: &str) -> [String; 3] {
    let [near, far] = ["near", "far"].map(|name| format!("{own}-{name}"));
    for namespace in [own, &near, &far] {
        create_namespace(namespace);
        create(namespace, &policy("deny-all", &json!({"podSelector": {}, "policyTypes": ["Ingress", "Egress"]})));
    }
    let label = json!({"metadata": {"labels": {"team": own}}});
    plane().api.call(&Call::patch(format!("/api/v1/namespaces/{near}"), "application/merge-patch+json", &label)).expect("a label");
    let ingress = json!([{"from": [{"namespaceSelector": {"matchLabels": {"team": own}}}, {"podSelector": {"matchLabels": {"run": "web"}}}], "ports": [{"port": "sql"}]}]);
    create(own, &policy("db", &json!({"podSelector": {"matchLabels": {"run": "db"}}, "policyTypes": ["Ingress"], "ingress": ingress})));
    let open = |label: &str| json!({"podSelector": {"matchLabels": {"run": label}}, "policyTypes": ["Egress"], "egress": [{}]});
    create(own, &policy("web", &open("web")));
    create(&near, &policy("cashier", &open("cashier")));
    let mut db = pod("db", &[("run", "db"), ("cookie", "5ecret")]);
    db["spec"]["containers"][0]["ports"] = json!([{"name": "sql", "containerPort": 5432}]);
    create(own, &db);
    for web in ["web-1", "web-2"] {
        create(own, &pod(web, &[("run", "web")]));
    }
    create(own, &pod("done", &[("run", "web")]));
    status(own, "done", &json!({"phase": "Succeeded"}));
    create(&near, &pod("cashier", &[("run", "cashier")]));
    create(&far, &pod("idle", &[]));
    let ports = json!([{"port": 80, "targetPort": "sql"}]);
    create(
        own,
        &json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "db"}, "spec": {"selector": {"run": "db"}, "ports": ports}}),
    );
    [own.to_owned(), near, far]
}

fn json_of(ran: &Ran) -> Value {
    assert_eq!(ran.code, 0, "{}", ran.err);
    serde_json::from_str(&ran.out).expect("it is JSON")
}

/// Returns the sources of connections to an endpoint, with their ports.
fn sources(report: &Value, to: &str) -> Vec<String> {
    let connections = report["connections"].as_array().expect("connections").iter();
    let certain = connections.filter(|it| it["to"] == to && it["dependsOnPlugin"] == false);
    certain.map(|it| format!("{} {}", it["from"].as_str().expect("an id"), it["ports"])).collect()
}

/// Returns what an answer leaves out, without what it says of the policies of other APIs that other tests create.
fn left_out(report: &Value) -> Vec<String> {
    let sentences = report["leftOut"].as_array().into_iter().flatten().map(|it| it.as_str().expect("text").to_owned());
    sentences.filter(|sentence| !sentence.contains("cilium.io")).collect()
}

#[test]
fn policies_of_other_apis_are_left_out_and_the_answer_says_so() {
    cilium();
    let namespaces @ [own, other, _] = &shop("live-foreign");
    let sentence = "1 object of ciliumnetworkpolicies.cilium.io, policies of another API that can apply to these pods, are not evaluated";
    let says = |namespace: &str, command: &str, args: &[&str]| {
        let ran = live(command, namespace, &admin(), &[args, &["--output", "json"]].concat());
        let report = json_of(&ran);
        let said = report["leftOut"].as_array().into_iter().flatten().filter(|it| **it == sentence).count();
        assert_eq!(ran.err.matches(sentence).count(), said, "{}", ran.err);
        said
    };
    let asked = ["web-1", "pod/db:5432"];
    assert_eq!((says(own, "reach", &[]), says(own, "explain", &asked)), (0, 0));
    let policies = format!("/apis/cilium.io/v2/namespaces/{own}/ciliumnetworkpolicies");
    plane().api.post(&policies, &foreign("CiliumNetworkPolicy", "closed")).expect("a policy of Cilium");
    assert_eq!((says(own, "reach", &[]), says(own, "explain", &asked)), (1, 1));
    // A policy of a namespace applies only there.
    assert_eq!(says(other, "reach", &[]), 0);

    let text = live("reach", own, &admin(), &[]);
    assert!(text.code == 0 && text.err.contains(sentence), "{}", text.err);
    let page = live("report", own, &admin(), &["-o", "-"]);
    assert!(page.code == 0 && page.out.contains(sentence), "{}", page.err);
    let namespaces: Vec<&str> = namespaces.iter().map(String::as_str).collect();
    let both = live("reach", &namespaces.join(","), &admin(), &["--output", "json"]);
    assert!(json_of(&both)["leftOut"].to_string().contains(sentence), "{}", both.out);
}

#[test]
fn a_cluster_is_evaluated() {
    let [own, near, far] = shop("live-shop");
    let ran = live("reach", &own, &admin(), &["--output", "json"]);
    let report = json_of(&ran);
    let ids: Vec<&str> = report["endpoints"].as_array().expect("endpoints").iter().filter_map(|endpoint| endpoint["id"].as_str()).collect();
    for id in [format!("{own}/Pod/db"), format!("{own}/Pod/web-1"), format!("{near}/Pod/cashier")] {
        assert!(ids.contains(&id.as_str()), "{id}: {ids:?}");
    }
    for id in [format!("{own}/Pod/web-2"), format!("{own}/Pod/done"), format!("{far}/Pod/idle")] {
        assert!(!ids.contains(&id.as_str()), "{id}: {ids:?}");
    }
    let expected = [format!("{near}/Pod/cashier"), format!("{own}/Pod/web-1")];
    let mut found = sources(&report, &format!("{own}/Pod/db"));
    found.sort();
    assert_eq!(found, expected.map(|from| format!("{from} {}", r#"{"TCP":["5432"]}"#)));
    assert_eq!(left_out(&report), [""; 0], "{report}");
    assert!(!ran.out.contains("5ecret") && !ran.err.contains("5ecret"));

    // The page shows the same, and findings about the own namespace only.
    let page = live("report", &own, &admin(), &["-o", "-"]);
    let (_, data) = page.out.split_once("id=\"data\">").expect("the data of the page");
    let data: Value = serde_json::from_str(data.split_once("</script>").expect("its end").0).expect("it is JSON");
    assert_eq!(data["endpoints"], report["endpoints"]);
    assert_eq!(data["connections"].as_array().map(Vec::len), report["connections"].as_array().map(Vec::len));
    let lint: Value = serde_json::from_str(&live("lint", &own, &admin(), &["--output", "json"]).out).expect("it is JSON");
    assert_eq!(data["findings"], lint["findings"]);
    assert!(lint["findings"].as_array().expect("findings").iter().all(|it| it["namespace"].is_null() || it["namespace"] == *own), "{lint}");

    // An argument can name what is not shown otherwise, also on both ends.
    let ran =
        live("reach", &own, &admin(), &["--from", &format!("{far}/Pod/idle"), "--to", &format!("{near}/Pod/cashier"), "--output", "csv"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "from,to,protocol,ports,dependsOnPlugin\n"), "{}", ran.err);
    let ran = live("explain", &own, &admin(), &["pod/cashier", "service/db:80"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains(&format!("{own}/Service/db:80 leads to TCP 5432 of 1 pod")), "{}", ran.out);
    let ran = live("explain", &own, &admin(), &["pod/idle", "service/db:80"]);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);

    // A file that opens more than the cluster.
    let policies = plane().kubectl.run(["get", "networkpolicies", "-n", &own, "-o", "yaml"], "").expect("the policies");
    let file = plane().reaper.folder().join("live-shop.yaml");
    fs::write(&file, policies.replace("port: sql", "port: 9")).expect("a file");
    let ran = netpol(&[
        "reach",
        "-n",
        &own,
        "--kubeconfig",
        admin().to_str().expect("a path"),
        "--diff",
        "live",
        file.to_str().expect("a path"),
        "--to",
        "pod/db",
        "--from",
        "web-1",
    ]);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains(&format!("changed  {own}/Pod/web-1 -> {own}/Pod/db  TCP 5432 => TCP 9\n")), "{}", ran.out);
}

/// Returns the kubeconfig of a service account that may list some resources in all namespaces, and some in its own.
fn reader(own: &str, name: &str, everywhere: &[&str], in_own: &[&str]) -> PathBuf {
    let api = &plane().api;
    let rules = |resources: &[&str]| json!([{"apiGroups": ["", "networking.k8s.io"], "resources": resources, "verbs": ["list"]}]);
    let rbac = "/apis/rbac.authorization.k8s.io/v1";
    let subjects = json!([{"kind": "ServiceAccount", "name": name, "namespace": own}]);
    api.post(&format!("/api/v1/namespaces/{own}/serviceaccounts"), &json!({"metadata": {"name": name}})).expect("an account");
    let of = |kind: &str, name: &str| json!({"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name});
    let global = format!("{own}-{name}");
    api.post(&format!("{rbac}/clusterroles"), &json!({"metadata": {"name": global}, "rules": rules(everywhere)})).expect("a role");
    let binding = json!({"metadata": {"name": global}, "roleRef": of("ClusterRole", &global), "subjects": subjects});
    api.post(&format!("{rbac}/clusterrolebindings"), &binding).expect("a binding");
    if !in_own.is_empty() {
        api.post(&format!("{rbac}/namespaces/{own}/roles"), &json!({"metadata": {"name": name}, "rules": rules(in_own)})).expect("a role");
        let binding = json!({"metadata": {"name": name}, "roleRef": of("Role", name), "subjects": subjects});
        api.post(&format!("{rbac}/namespaces/{own}/rolebindings"), &binding).expect("a binding");
    }
    let request = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}});
    let token = api.post(&format!("/api/v1/namespaces/{own}/serviceaccounts/{name}/token"), &request).expect("a token");
    let mut config: Value = serde_json::from_slice(&fs::read(admin()).expect("a kubeconfig")).expect("it is JSON");
    config["users"][0]["user"] = json!({"token": token["status"]["token"]});
    let file = plane().reaper.folder().join(format!("{global}.json"));
    fs::write(&file, config.to_string()).expect("a file");
    file
}

#[test]
fn missing_rights_are_said_with_what_the_answer_lacks() {
    let [own, near, _] = shop("live-rights");
    let db = format!("{own}/Pod/db");
    // Without the labels of namespaces.
    let config = reader(&own, "nameless", &["pods", "services", "networkpolicies"], &[]);
    let ran = live("reach", &own, &config, &["--output", "json"]);
    let report = json_of(&ran);
    let said = left_out(&report);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].contains("not allowed to list the namespaces of the cluster") && said[0].contains("labels of namespaces are not known"),
        "{said:?}"
    );
    assert!(ran.err.contains(&said[0]), "{}", ran.err);
    assert_eq!(sources(&report, &db), [format!("{own}/Pod/web-1 {}", r#"{"TCP":["5432"]}"#)]);
    let ran = live("explain", &own, &config, &["web-1", "pod/db:5432", "--output", "json"]);
    assert_eq!(left_out(&json_of(&ran)), said);

    // With nothing but a role in the own namespace.
    let config = reader(&own, "local", &["namespaces"], &["pods", "networkpolicies"]);
    let report = json_of(&live("reach", &own, &config, &["--output", "json"]));
    let said = left_out(&report).join("\n");
    for words in [
        "list the networkpolicies of the cluster",
        "list the pods of the cluster",
        "list the services in",
        "only those of \"live-rights\" are evaluated",
        "only pods of \"live-rights\" are shown",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(!report.to_string().contains(&near), "{report}");
    assert_eq!(sources(&report, &db), [format!("{own}/Pod/web-1 {}", r#"{"TCP":["5432"]}"#)]);

    // Without policies there is no answer.
    let config = reader(&own, "lawless", &["pods", "services", "namespaces"], &[]);
    let ran = live("reach", &own, &config, &[]);
    assert_eq!((ran.code, ran.out.as_str()), (3, ""), "{}", ran.err);
    assert!(ran.err.contains("not allowed to list the networkpolicies in \"live-rights\""), "{}", ran.err);
}

#[test]
fn a_cluster_that_does_not_answer_is_exit_code_3() {
    let [closed] = free_ports().expect("a free port");
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    for port in [closed, silent.local_addr().expect("an address").port()] {
        let mut config: Value = serde_json::from_slice(&fs::read(admin()).expect("a kubeconfig")).expect("it is JSON");
        config["clusters"][0]["cluster"]["server"] = format!("https://127.0.0.1:{port}").into();
        let file = plane().reaper.folder().join(format!("silent-{port}.json"));
        fs::write(&file, config.to_string()).expect("a file");
        let ran = live("reach", "abcdesktop", &file, &[]);
        assert_eq!((ran.code, ran.out.as_str()), (3, ""), "{}", ran.err);
        assert!(ran.err.contains(&format!("cannot reach the API server 127.0.0.1:{port}")), "{}", ran.err);
    }
    let ran = live("explain", "abcdesktop", &admin(), &["--context", "nowhere", "a", "b"]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{}", ran.err);
    assert!(ran.err.contains("nowhere"), "{}", ran.err);
}
