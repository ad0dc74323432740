//! The service accounts and images of running pods, which are read only of the pods whose grants limit them.

use hyper::Method;
use serde_json::{Value, json};

use super::super::harness::api::Call;
use super::super::harness::guard::{create_namespace, write_canon};
use super::super::harness::plane::plane;
use super::super::harness::relay::{Failure, Relay};
use super::super::harness::scene::{create, path, pod};
use super::run::{check_as, ids, section};

const NAME: &str = "check-programs";
const GOOD: &str = "registry.example/c";
const EVIL: &str = "elsewhere.example/c";

/// A canon whose grants select pods in every way that a selector has.
fn canon() -> String {
    let policy = json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "all"},
        "spec": {"podSelector": {}}});
    let grant = |name: &str, expressions: Value| {
        json!({"name": name, "podSelector": {"matchExpressions": expressions}, "labels": {}, "shared": true,
            "serviceAccountName": "runner", "images": ["registry.example/*"]})
    };
    let grants = [
        json!({"name": "broker", "podSelector": {"matchLabels": {"run": "broker-od"}}, "labels": {},
            "claims": {"users": ["nobody"]}, "images": ["registry.example/*"]}),
        json!({"name": "free", "podSelector": {"matchLabels": {"run": "free-od"}}, "labels": {}, "claims": {"users": ["nobody"]}}),
        grant("listed", json!([{"key": "tier", "operator": "In", "values": ["", "in"]}])),
        grant("other", json!([{"key": "tier", "operator": "NotIn", "values": ["", "in", "out"]}, {"key": "tier", "operator": "Exists"}])),
        grant("bare", json!([{"key": "tier", "operator": "DoesNotExist"}, {"key": "run", "operator": "DoesNotExist"}])),
    ];
    let grants = json!({"apiVersion": "netpol.abcdesktop.io/v1alpha1", "kind": "Grants", "metadata": {"name": "own"}, "grants": grants});
    write_canon(NAME, &[policy, grants])
}

/// Creates a pod that runs as an account, with an image in its init container, too.
fn running(name: &str, labels: &[(&str, &str)], account: &str, image: &str) {
    let mut pod = pod(name, labels);
    pod["spec"]["serviceAccountName"] = json!(account);
    pod["spec"]["automountServiceAccountToken"] = json!(false);
    pod["spec"]["initContainers"] = json!([{"name": "init", "image": image}]);
    create(NAME, &pod);
}

fn patch(name: &str, subresource: &str, patch: &Value) {
    let target = format!("{}/{name}/{subresource}", path(NAME, "pods"));
    plane().api.call(&Call::patch(target, "application/strategic-merge-patch+json", patch)).expect("a change");
}

#[test]
fn what_a_grant_does_not_allow_is_found_and_nothing_is_read_of_other_pods() {
    create_namespace(NAME);
    let broker = [("run", "broker-od"), ("access_token", "s3cret")];
    running("good", &broker, "any", GOOD);
    running("evil", &broker, "any", EVIL);
    running("debugged", &broker, "any", GOOD);
    patch("debugged", "ephemeralcontainers", &json!({"spec": {"ephemeralContainers": [{"name": "debugger", "image": EVIL}]}}));
    running("ended", &broker, "any", EVIL);
    patch("ended", "status", &json!({"status": {"phase": "Succeeded"}}));
    running("leaving", &broker, "any", EVIL);
    running("free", &[("run", "free-od")], "any", EVIL);
    running("empty", &[("tier", "")], "any", GOOD);
    running("in", &[("tier", "in")], "runner", GOOD);
    running("out", &[("tier", "out")], "any", EVIL);
    running("third", &[("tier", "third")], "any", GOOD);
    running("bare", &[("app", "other")], "any", GOOD);
    let canon = canon();
    let run = |relay: &Relay, more: &[&str]| {
        check_as(&relay.kubeconfig(None), NAME, &[&["--section", "pods", "--output", "json"], more].concat())
    };

    let relay = Relay::start(&plane().api);
    relay.before("labelSelector", || {
        plane().api.call(&Call::new(Method::DELETE, format!("{}/leaving", path(NAME, "pods")))).expect("a deletion");
    });
    let checked = run(&relay, &["--canon", &canon, "--claims", "deny"]);
    let report = checked.json();
    let found = section(&report, "pods");
    let expected = ["bare", "debugged", "empty", "evil", "third"].map(|name| ("account-or-image-not-allowed".to_owned(), name.to_owned()));
    assert_eq!((checked.code, ids(&report)), (Some(1), expected.to_vec()), "{report}");
    let findings = found["findings"].as_array().expect("findings");
    assert!(findings.iter().all(|finding| finding["severity"] == "error"), "{report}");
    assert_eq!(found["notEvaluated"], json!([]), "a pod that ends between the lists is not missed");
    assert!(!checked.out.contains("s3cret"), "{}", checked.out);
    // The metadata, before and after a pod ended, the host network, and one list for each grant with such a limit.
    assert_eq!((relay.seen(&["/pods?"]).len(), relay.seen(&["labelSelector"]).len()), (7, 4), "{:?}", relay.seen(&[]));

    // The commands can be pasted.
    for finding in findings.iter().filter(|finding| finding["name"] == "evil") {
        let command = finding["command"].as_str().expect("a command");
        let output = plane().kubectl.script(plane().reaper.folder(), command, &[]);
        assert!(output.ok, "{command}: {}{}", output.stdout, output.stderr);
    }
    let relay = Relay::start(&plane().api);
    let warned = run(&relay, &["--canon", &canon, "--claims", "warn", "--fail-on", "error"]);
    assert_eq!((warned.code, ids(&warned.json()).len()), (Some(0), 4), "{}", warned.out);
    assert_eq!(relay.seen(&["/pods?"]).len(), 6);

    // What cannot be read is never ok.
    relay.fail("labelSelector", Failure::Status(403));
    let skipped = run(&relay, &["--canon", &canon]);
    let report = skipped.json();
    assert_eq!((skipped.code, &section(&report, "pods")["state"]), (Some(3), &json!("not-evaluated")), "{report}");

    // Without such limits, and where they are allowed to be violated, no further request is sent.
    for flags in [&["--canon", "abcdesktop"][..], &["--canon", &canon, "--claims", "allow"]] {
        let relay = Relay::start(&plane().api);
        let checked = run(&relay, flags);
        assert_eq!((checked.code, ids(&checked.json())), (Some(0), vec![]), "{}", checked.out);
        assert_eq!((relay.seen(&["/pods?"]).len(), relay.seen(&["labelSelector"]).len()), (2, 0), "{:?}", relay.seen(&[]));
    }
}
