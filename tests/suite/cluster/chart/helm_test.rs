//! `helm test`: it passes on a fresh installation, with the rights of its account alone, and fails when the guard is not what it was.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use hyper::Method;
use serde_json::{Value, json};

use super::configurations;
use super::lifecycle::{Installation, guarded};
use crate::cluster::harness::api::Call;
use crate::cluster::harness::guard::{create_namespace, wait_until_called};
use crate::cluster::harness::kubelet::{account_client, account_kubeconfig};
use crate::cluster::harness::netpol::NETPOL;
use crate::cluster::harness::plane::plane;
use crate::cluster::harness::scene::path;
use crate::cluster::harness::wait::{TIMEOUT, until, within};
use crate::support::helm::objects;

const NAME: &str = "chart-tested";
const ACCOUNT: &str = "chart-tested-test";

/// Runs `helm test` and returns whether it passed, and what it said.
fn test(installation: &Installation) -> (bool, String) {
    let ran = installation.release.run("test", &Value::Null, &["--timeout", "60s"]);
    (ran.ok, ran.out + &ran.err)
}

/// The command of the test pod, with the rights of its account.
struct Check {
    args: Vec<String>,
    kubeconfig: PathBuf,
}

impl Check {
    /// Creates the account and its rights as Helm does for a test, and deletes afterward.
    fn new(installation: &Installation) -> Check {
        let hooks = objects(&installation.release.run_in_namespace(&["get", "hooks", NAME]).expect("helm get hooks"));
        let (pods, rights): (Vec<Value>, Vec<Value>) = hooks.into_iter().partition(|hook| hook["kind"] == "Pod");
        let list = json!({"apiVersion": "v1", "kind": "List", "items": rights});
        plane().kubectl.run(["apply", "-f", "-"], &list.to_string()).expect("the rights");
        assert_eq!((pods.len(), &pods[0]["spec"]["serviceAccountName"]), (1, &json!(ACCOUNT)));
        let args = pods[0]["spec"]["containers"][0]["args"].as_array().expect("arguments");
        let kubeconfig = plane().reaper.folder().join("chart-tested.json");
        fs::write(&kubeconfig, account_kubeconfig(NAME, ACCOUNT).to_string()).expect("a kubeconfig");
        Check { args: args.iter().map(|argument| argument.as_str().expect("text").to_owned()).collect(), kubeconfig }
    }

    fn run(&self) -> (Option<i32>, String) {
        let ran = Command::new(NETPOL).args(&self.args).env_clear().env("KUBECONFIG", &self.kubeconfig).output().expect("netpol starts");
        (ran.status.code(), String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr))
    }

    /// Waits until the command exits with a code and says what it should. The API server takes a moment to notice changes.
    fn exits(&self, code: i32, words: &[&str]) {
        let mut last = (None, String::new());
        let found = within(TIMEOUT, || {
            last = self.run();
            (last.0 == Some(code) && words.iter().all(|words| last.1.contains(words))).then_some(())
        });
        assert!(found.is_some(), "not {code} with {words:?}, but {:?}: {}", last.0, last.1);
    }
}

fn weaken() {
    let [_, path] = configurations(NAME);
    let patch = json!([{"op": "replace", "path": "/webhooks/0/failurePolicy", "value": "Ignore"}]);
    plane().api.call(&Call::patch(path, "application/json-patch+json", &patch)).expect("a weaker registration");
}

#[test]
fn helm_test_passes_on_a_fresh_installation_and_fails_on_a_weaker_one() {
    let installation = Installation::new(NAME, &json!({}));
    // Nothing of abcdesktop is there yet: no policy and no pod.
    installation.release.install(&installation.values(&json!({})), &["--wait", "--timeout", "90s"]);
    wait_until_called(NAME, &guarded(NAME), &|| false);
    installation.settle();
    let (ok, said) = test(&installation);
    assert!(ok, "{said} {:?}", installation.kubelet.unexpected_exits());
    let account = format!("/api/v1/namespaces/{NAME}/serviceaccounts/{ACCOUNT}");
    assert_eq!(plane().api.get(&account).status, 404, "the rights end with the test");

    // The same command, with the rights of the test.
    let check = Check::new(&installation);
    check.exits(0, &[]);
    weaken();
    check.exits(1, &["failurePolicy"]);
    minimal_rights();
    let (ok, said) = test(&installation);
    assert!(!ok, "a weaker registration passes: {said}");
    assert_eq!(plane().api.get(&account).status, 404, "the rights end with a test that failed, too");

    installation.release.upgrade(&installation.values(&json!({})), &["--force-conflicts", "--wait", "--timeout", "90s"]);
    let (ok, said) = test(&installation);
    assert!(ok, "{said}");
    // Without one of its rights, a part is not evaluated, and that is no pass.
    let check = Check::new(&installation);
    let role = format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{}/roles/{ACCOUNT}", guarded(NAME));
    plane().api.call(&Call::new(Method::DELETE, role)).expect("a deletion");
    check.exits(3, &["probe"]);

    // Without a registration, the API server asks nobody.
    for path in configurations(NAME) {
        plane().api.call(&Call::new(Method::DELETE, path)).expect("a deletion");
    }
    let (ok, said) = test(&installation);
    assert!(!ok, "without a registration, it passes: {said}");
    Check::new(&installation).exits(1, &["does not exist", "it admits a policy that every server denies"]);
    // Without the guarded namespace, nothing can be tested there, and that is no pass.
    let namespace = format!("/api/v1/namespaces/{}", guarded(NAME));
    plane().api.call(&Call::new(Method::DELETE, namespace.clone())).expect("a deletion");
    until("the guarded namespace is gone", || (plane().api.get(&namespace).status == 404).then_some(()));
    let (ok, said) = test(&installation);
    assert!(!ok && said.contains(&format!("namespaces \"{}\" not found", guarded(NAME))), "{said}");
    installation.release.run("uninstall", &Value::Null, &["--wait", "--timeout", "90s"]).expect("helm uninstall");
}

/// The account reads what its three sections need, and nothing else.
fn minimal_rights() {
    let account = account_client(NAME, ACCOUNT);
    let elsewhere = format!("{NAME}-elsewhere");
    create_namespace(&elsewhere);
    let guarded = guarded(NAME);
    let open = json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "open"},
        "spec": {"podSelector": {}, "ingress": [{}]}});
    let secrets = path(NAME, "secrets");
    let refused = |call: &Call| {
        let reply = account.call(call);
        assert!(reply.status == 403 && reply.message().contains("cannot"), "{} {}: {}", call.method, call.path, reply.message());
    };
    account.call(&Call::new(Method::GET, format!("{secrets}/{NAME}-tls"))).expect("the Secret of the certificate");
    refused(&Call::new(Method::GET, secrets.clone()));
    refused(&Call::new(Method::GET, format!("{secrets}/other")));
    refused(&Call::new(Method::PUT, format!("{secrets}/{NAME}-tls")).json(&json!({})));
    refused(&Call::new(Method::GET, path(&guarded, "networkpolicies")));
    refused(&Call::new(Method::DELETE, format!("{}/open", path(&guarded, "networkpolicies"))));
    refused(&Call::new(Method::POST, path(&elsewhere, "networkpolicies")).json(&open));
    refused(&Call::new(Method::POST, path(NAME, "networkpolicies")).json(&open));
    refused(&Call::new(Method::GET, path(&guarded, "pods")));
    refused(&Call::new(Method::GET, "/api/v1/namespaces"));
    for path in configurations(NAME) {
        account.call(&Call::new(Method::GET, path.clone())).expect("a configuration");
        refused(&Call::new(Method::DELETE, path.clone()));
        refused(&Call::patch(path, "application/json-patch+json", &json!([])));
    }
    // What it may create in the guarded namespace, the servers judge: the probe is refused, and so is a policy that opens anything.
    let reply = account.post(&path(&guarded, "networkpolicies"), &open);
    assert!(!reply.ok() && reply.message().contains("denied the request"), "{} {}", reply.status, reply.message());
}
