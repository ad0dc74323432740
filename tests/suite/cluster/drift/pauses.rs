//! Pauses of repair: only a member of a break-glass group makes one, and it ends.

use std::time::{Duration, Instant};

use hyper::Method;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::harness::act::{Act, call, kubectl};
use super::super::harness::api::{Api, Call, Reply};
use super::super::harness::guard::{Guard, apply, create_namespace};
use super::super::harness::plane::plane;
use super::super::harness::scene::{get, path};
use super::super::harness::wait::{until, within};
use super::process::{Controller, event};

const KEY: &str = "netpol.abcdesktop.io/repair-paused-until";
const MERGE: &str = "application/merge-patch+json";
const POLICY: &str = "memcached-permits";
const HOUR: i64 = 3600;

/// Returns the time some seconds ahead.
fn ahead(seconds: i64) -> String {
    Timestamp::from_second(Timestamp::now().as_second() + seconds).expect("a time").to_string()
}

fn url(namespace: &str, subresource: &str) -> String {
    format!("/api/v1/namespaces/{namespace}{subresource}")
}

/// Sets the annotation of a namespace, or removes it.
fn annotate(namespace: &str, value: Option<&str>, user: &str, groups: &[&str]) -> Reply {
    let patch = json!({"metadata": {"annotations": {KEY: value}}});
    plane().api.call(&Call::patch(url(namespace, ""), MERGE, &patch).by(user, groups))
}

fn annotation(namespace: &str) -> Value {
    plane().api.get(&url(namespace, "")).body["metadata"]["annotations"][KEY].clone()
}

/// Returns requests that set the annotation of the namespace, one for each way to store it.
fn acts(value: &str) -> Vec<Act> {
    let annotations = json!({KEY: value});
    let patch = json!({"metadata": {"annotations": annotations}});
    let escaped = format!("/metadata/annotations/{}", KEY.replace('/', "~1"));
    let whole = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "{ns}", "annotations": annotations}, "spec": {"finalizers": ["kubernetes"]}});
    let applied = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "{ns}", "annotations": annotations}});
    let operation = json!([{"op": "add", "path": "/metadata/annotations", "value": {}}, {"op": "add", "path": escaped, "value": value}]);
    vec![
        kubectl(&format!("annotate namespace {{ns}} --overwrite {KEY}={value}")),
        kubectl("apply --server-side --force-conflicts -f -").stdin(&applied),
        call(Call::patch(url("{ns}", ""), "application/json-patch+json", &operation)),
        call(Call::patch(url("{ns}", ""), "application/strategic-merge-patch+json", &patch)),
        call(Call::new(Method::PUT, url("{ns}", "")).json(&whole)),
        call(Call::patch(url("{ns}", "/status"), MERGE, &patch)),
        call(Call::new(Method::PUT, url("{ns}", "/finalize")).json(&whole)),
    ]
}

/// Gives a user a `ClusterRole` in a namespace, or a role that may change the namespace itself.
fn allow(user: &str, namespace: &str, role: Option<&str>) {
    let group = "rbac.authorization.k8s.io";
    let name = format!("{user}-here");
    let metadata = json!({"name": name, "namespace": namespace});
    let reference = if let Some(role) = role {
        json!({"apiGroup": group, "kind": "ClusterRole", "name": role})
    } else {
        let resources = ["namespaces", "namespaces/status", "namespaces/finalize"];
        apply(&json!({"apiVersion": format!("{group}/v1"), "kind": "Role", "metadata": metadata,
            "rules": [{"apiGroups": [""], "resources": resources, "verbs": ["get", "patch", "update"]}]}));
        json!({"apiGroup": group, "kind": "Role", "name": name})
    };
    apply(&json!({"apiVersion": format!("{group}/v1"), "kind": "RoleBinding", "metadata": metadata, "roleRef": reference,
        "subjects": [{"apiGroup": group, "kind": "User", "name": user}]}));
}

fn drift(namespace: &str) {
    let wider = json!([{"op": "replace", "path": "/spec/egress", "value": [{}]}]);
    let path = format!("{}/{POLICY}", path(namespace, "networkpolicies"));
    plane().api.call(&Call::patch(path, "application/json-patch+json", &wider)).expect("a change");
}

fn is_drifted(namespace: &str) -> bool {
    get(namespace, "networkpolicies", POLICY)["spec"]["egress"] == json!([{}])
}

fn repaired(namespace: &str) {
    until("the policy is repaired", || (!is_drifted(namespace)).then_some(()));
}

#[test]
fn nobody_else_can_pause_repair() {
    for enforcement in ["deny", "warn", "audit"] {
        let name = &format!("pause-{enforcement}");
        let guard = Guard::registered(name, &["--enforcement", enforcement, "--break-glass-group", "oncall"]);
        let scene = guard.scene();
        let value = ahead(HOUR);
        // An administrator of the cluster is not a member.
        for act in acts(&value) {
            scene.denied(&act.clone().by("dave", &["developers"]), &["repair-pause.validate", KEY, "not in a break-glass group (oncall)"]);
            assert_eq!(annotation(name), json!(null), "after {act}");
        }
        // A user who may change the namespace and nothing else.
        for namespace in [&scene.guarded, &scene.open] {
            allow("pauser", namespace, None);
            allow("editor", namespace, Some("edit"));
        }
        until("the role counts", || annotate(&scene.open, Some(&value), "pauser", &[]).ok().then_some(()));
        let reply = annotate(name, Some(&value), "pauser", &[]);
        assert!(reply.status == 403 && reply.message().contains("not in a break-glass group"), "{}", reply.message());
        for subresource in ["/status", "/finalize"] {
            let whole = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "annotations": {KEY: value}}});
            let reply = plane().api.call(&Call::new(Method::PUT, url(name, subresource)).json(&whole).by("pauser", &[]));
            assert!(reply.status == 403 && reply.message().contains("not in a break-glass group"), "{subresource}: {}", reply.message());
        }
        // Role `edit` does not have the right at all.
        let reply = annotate(name, Some(&value), "editor", &[]);
        assert!(reply.status == 403 && reply.message().contains("cannot patch resource"), "{}", reply.message());
        assert_eq!(annotation(name), json!(null));

        // Nobody else makes the pause of a member longer, and everybody may end it.
        assert!(annotate(name, Some(&value), "olga", &["oncall", "system:masters"]).ok());
        let longer = ahead(2 * HOUR);
        assert_eq!(annotate(name, Some(&longer), "pauser", &[]).status, 403);
        assert_eq!(annotate(name, Some(""), "pauser", &[]).status, 403);
        assert_eq!(annotation(name), json!(value));
        let reply = annotate(name, None, "pauser", &[]);
        assert!(reply.ok() && reply.warnings.is_empty(), "{}", reply.message());
        let denials = guard.audit_lines().into_iter().filter(|line| line["rule"] == "repair-pause" && line["verdict"] == "denied");
        assert!(denials.count() > 10, "each is recorded");
        assert!(!guard.audit_lines().iter().any(|line| line["rule"] == "repair-pause" && line["verdict"] == "softened"));
    }
}

#[test]
fn a_namespace_is_not_created_with_a_pause() {
    let name = "pause-created";
    let later = "pause-created-later";
    let guard = Guard::over(name, vec![name.to_owned(), later.to_owned()], "abcdesktop", &["--break-glass-group", "oncall"]);
    guard.register();
    let create = |name: &str, user: &str, groups: &[&str]| {
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "annotations": {KEY: ahead(HOUR)}}});
        plane().api.call(&Call::new(Method::POST, "/api/v1/namespaces").json(&namespace).by(user, groups))
    };
    let reply = create(later, "dave", &["system:masters"]);
    assert!(reply.status == 403 && reply.message().contains("not in a break-glass group"), "{}", reply.message());
    create("pause-created-open", "dave", &["system:masters"]).expect("a namespace that is not guarded");
    let reply = create(later, "olga", &["oncall", "system:masters"]);
    assert!(reply.ok() && reply.warnings.iter().any(|warning| warning.contains("olga pauses repair")), "{:?}", reply.warnings);
}

#[test]
fn without_a_group_nobody_can_pause_repair() {
    let guard = Guard::registered("pause-no-group", &["--enforcement", "audit"]);
    let scene = guard.scene();
    for act in acts(&ahead(HOUR)) {
        scene.denied(&act.by("olga", &["oncall"]), &["no break-glass group is named"]);
    }
}

#[test]
fn nobody_can_pause_repair_during_an_outage() {
    let name = "pause-outage";
    let guard = Guard::registered(name, &["--break-glass-group", "oncall"]);
    let value = ahead(HOUR);
    assert!(annotate(name, Some(&value), "olga", &["oncall", "system:masters"]).ok());
    {
        let mut server = guard.server.lock().expect("a server");
        server.process.signal("KILL");
        server.process.wait();
    }
    let longer = ahead(2 * HOUR);
    for act in acts(&longer) {
        let result = act.clone().by("dave", &[]).run(name, false);
        let called = "failed calling webhook \"repair-pause.validate.netpol.abcdesktop.io\"";
        assert!(!result.ok && result.text.contains(called), "{act}: {}", result.text);
        assert_eq!(annotation(name), json!(value), "after {act}");
    }
    // Everything else about the namespace passes, and so does the end of the pause.
    for act in [
        kubectl("annotate namespace {ns} example.org/note=x"),
        kubectl("label namespace {ns} color=blue"),
        kubectl(&format!("annotate namespace {{ns}} {KEY}-")),
    ] {
        let result = act.run(name, false);
        assert!(result.ok, "{act}: {}", result.text);
    }
    guard.unregister();
    for act in acts(&longer) {
        let result = act.clone().by("dave", &[]).run(name, false);
        assert!(result.ok, "control of {act}: {}", result.text);
        assert_eq!(annotation(name), json!(longer), "control of {act}");
        annotate(name, None, "dave", &["system:masters"]);
    }
}

#[test]
fn a_member_pauses_repair_until_the_pause_ends() {
    let name = "pause-member";
    let guard = Guard::registered(name, &["--enforcement", "audit", "--break-glass-group", "oncall"]);
    guard.scene().given_policies("abcdesktop", &[]);
    create_namespace("pause-member-system");
    let controller = Controller::leader(name, "pause-member-system", &["--mode", "repair", "--break-glass-group", "oncall"]);
    let member = |value: &str| {
        let reply = annotate(name, Some(value), "olga", &["oncall", "system:masters"]);
        assert!(reply.ok() && reply.warnings.iter().any(|warning| warning.contains("olga pauses repair")), "{}", reply.message());
    };
    let metric = |name: &str| controller.metric(name);

    // The pause holds for a change that follows it at once.
    let seconds = 12;
    let start = Instant::now();
    member(&ahead(seconds));
    drift(name);
    until("the repair waits", || (metric("netpol_repairs_paused") == Some(1.0)).then_some(()));
    // The metric is set a moment before the page.
    until("the page says so", || {
        let page = controller.state();
        let is_said = page.contains(&format!("repair in namespace \"{name}\" is paused until 20")) && page.contains(": 1 object waits");
        is_said.then_some(())
    });
    let report = Api::plain(controller.report).get("/report.json").expect("a report").to_string();
    assert!(report.contains("; repair is paused until 20") && !report.contains("it is known whether"), "{report}");
    let note = event("pause-member-system", "netpol-controller", "RepairPaused");
    assert!(note.contains(name) && note.contains("is paused until"), "{note}");
    until("the finding says so", || controller.log().contains("; repair is paused until 20").then_some(()));
    while start.elapsed() < Duration::from_secs(10) {
        assert!(is_drifted(name), "repaired after {:?}", start.elapsed());
        std::thread::sleep(Duration::from_millis(200));
    }
    repaired(name);
    // The API server stores whole seconds.
    assert!(start.elapsed() >= Duration::from_secs(11), "{:?}", start.elapsed());
    until("nothing waits", || (metric("netpol_repairs_paused") == Some(0.0)).then_some(()));
    assert_eq!(metric("netpol_repairs_total{kind=\"NetworkPolicy\",outcome=\"done\"}"), Some(1.0));
    let line = guard.audit_lines().into_iter().find(|line| line["rule"] == "repair-pause").expect("a line");
    assert_eq!((&line["user"], &line["verdict"], &line["name"]), (&json!("olga"), &json!("warned"), &json!(name)), "{line}");

    // Its removal by anybody resumes repair.
    member(&ahead(HOUR));
    drift(name);
    assert!(within(Duration::from_secs(3), || (!is_drifted(name)).then_some(())).is_none(), "it was repaired");
    assert!(annotate(name, None, "dave", &["system:masters"]).ok());
    repaired(name);

    // A time that is too far ahead is ignored.
    member(&ahead(25 * HOUR));
    until("it is a finding", || controller.log().contains("is more than 24 hours ahead").then_some(()));
    drift(name);
    repaired(name);
    assert_eq!(metric("netpol_repairs_paused"), Some(0.0));
}

/// Also where nothing is repaired, and nothing else changes.
#[test]
fn a_pause_that_ends_is_no_finding_any_more() {
    let name = "pause-report";
    let guard = Guard::registered(name, &["--break-glass-group", "oncall"]);
    guard.scene().given_policies("abcdesktop", &[]);
    let controller = Controller::start(name, &["--break-glass-group", "oncall", "--neighbors", "allow"]);
    let findings = |count: f64| controller.metric("netpol_findings{section=\"policies\"}") == Some(count);
    until("nothing is found", || findings(0.0).then_some(()));
    assert!(annotate(name, Some(&ahead(5)), "olga", &["oncall", "system:masters"]).ok());
    until("the pause is found", || findings(1.0).then_some(()));
    until("it has ended", || findings(0.0).then_some(()));
    assert!(!annotation(name).is_null());
}

/// The annotation of a namespace that was not guarded when it was set, for a controller without a group.
#[test]
fn a_controller_without_a_group_ignores_every_pause() {
    let name = "pause-ignored";
    let guard = Guard::start(name, "abcdesktop", &["--enforcement", "audit"]);
    guard.scene().given_policies("abcdesktop", &[]);
    assert!(annotate(name, Some(&ahead(HOUR)), "dave", &["system:masters"]).ok());
    guard.register();
    let controller = Controller::start(name, &["--mode", "repair"]);
    drift(name);
    repaired(name);
    until("it is a finding", || controller.log().contains("pause-ignored").then_some(()));
}
