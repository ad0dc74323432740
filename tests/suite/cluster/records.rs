//! The audit logs of the run: what they contain, and what they must not contain.

use hyper::Method;
use serde_json::json;

use super::harness::act::{call, kubectl};
use super::harness::api::Call;
use super::harness::audit::{events, uids};
use super::harness::guard::scene;
use super::harness::netpol::netpol;
use super::harness::scene::pod;
use super::harness::wait::until;

/// Secrets that pyos writes into the labels of desktops.
const SECRET: &str = "d34b796e90f7f13ff21a4a23fa32d969";

#[test]
fn no_log_or_metric_contains_a_secret() {
    let scene = scene();
    let desktop = |name: &str, more: &[(&str, &str)]| {
        let mut desktop = pod(name, &[("type", "x11server"), ("xauthkey", SECRET), ("pulseaudio_cookie", SECRET)]);
        for (key, value) in more {
            desktop["metadata"]["labels"][*key] = json!(value);
        }
        desktop["metadata"]["annotations"] = json!({"note": SECRET});
        desktop["spec"]["containers"][0]["env"] = json!([{"name": "KEY", "value": SECRET}]);
        desktop
    };
    scene.given(&desktop("desktop", &[]));
    let mut result = vec![
        scene.denied(&kubectl("create -f -").stdin(&desktop("thief", &[("netpol/mongodb", "true")])), &["netpol/mongodb"]),
        scene.denied(&kubectl("create -f -").stdin(&desktop("wrong", &[("netpol/ocuser", SECRET)])), &["netpol/ocuser"]),
        scene.denied(&kubectl("label pod desktop netpol/pyos=true"), &["netpol/pyos"]),
        scene.denied(&kubectl("label pod desktop run=pyos-od"), &["run"]),
        scene.admitted(&kubectl(&format!("annotate pod desktop k8s.v1.cni.cncf.io/networks={SECRET}"))),
    ];
    let binding = json!({
        "apiVersion": "v1", "kind": "Binding", "metadata": {"name": "desktop", "labels": {"netpol/dns": "true", "xauthkey": SECRET}},
        "target": {"apiVersion": "v1", "kind": "Node", "name": "n1"},
    });
    let path = "/api/v1/namespaces/{ns}/pods/desktop/binding";
    result.push(scene.denied(&call(Call::new(Method::POST, path).json(&binding)), &["netpol/dns"]));
    for result in &result {
        let words = format!("{} {}", result.sentence(), result.warned());
        // The message repeats a wrong value of a capability label. It comes from the client, and its key shows that it is not a secret.
        assert!(!words.contains(SECRET) || words.contains("netpol/ocuser"), "{words}");
    }
    let server = scene.guard.server.lock().expect("the server");
    let records = [
        ("audit log", std::fs::read_to_string(&server.audit_log).expect("the audit log")),
        ("log", std::fs::read_to_string(&server.process.log).expect("the log")),
        ("metrics", server.metrics()),
    ];
    for (what, text) in records {
        assert!(!text.is_empty(), "the {what} is not empty");
        let told: Vec<&str> = text.lines().filter(|line| line.contains(SECRET) && !line.contains("netpol/ocuser")).collect();
        assert!(told.is_empty(), "the {what} contains a secret: {told:?}");
        assert!(!text.contains("xauthkey"), "the {what} contains a label map");
    }
}

/// Each scene compares both logs at its end. This test shows the details once.
#[test]
fn a_denial_is_one_line_with_the_uid_of_the_api_servers_event() {
    let scene = scene();
    scene.denied(&kubectl("create -f -").stdin(&pod("thief", &[("app", "thief"), ("netpol/mongodb", "true")])), &["netpol/mongodb"]);
    let lines = until("two lines", || {
        let lines = scene.guard.audit_lines();
        let ours: Vec<_> = lines.into_iter().filter(|line| line["namespace"] == *scene.guarded).collect();
        (ours.len() >= 2).then_some(ours)
    });
    let [dry, earnest] = lines.as_slice() else { panic!("one line for each denial: {lines:?}") };
    assert_eq!((&dry["dryRun"], &earnest["dryRun"]), (&json!(true), &json!(false)));
    let told = until("the API server's events", || {
        let events = events(&scene.guarded);
        let told: Vec<_> = events.into_iter().filter(|event| !uids(event).is_empty()).collect();
        (told.len() >= 2).then_some(told)
    });
    for (line, event) in lines.iter().zip(&told) {
        assert_eq!(uids(event), [line["uid"].as_str().expect("a uid")]);
        assert_eq!(event["annotations"]["pods.validate.netpol.abcdesktop.io/rule"], "ungranted-label");
        assert_eq!((line["operation"].as_str(), line["user"].as_str()), (Some("CREATE"), Some("admin")), "{line}");
    }
}

#[test]
fn the_audit_chain_of_the_run_is_intact() {
    let scene = scene();
    scene.denied(&kubectl("run thief --image=registry.example/c --labels=netpol/dns=true"), &["netpol/dns"]);
    let log = scene.guard.server.lock().expect("the server").audit_log.clone();
    let verified = netpol([std::ffi::OsStr::new("audit"), "verify".as_ref(), log.as_os_str()]);
    assert!(verified.ok, "{}{}", verified.stdout, verified.stderr);
}
