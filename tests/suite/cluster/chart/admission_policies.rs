//! What RBAC cannot restrict: the Secrets that the account of the servers writes, and deletions by the namespace controller.

use std::fs;

use hyper::Method;
use serde_json::{Value, json};

use super::Release;
use crate::cluster::harness::api::{Api, Call};
use crate::cluster::harness::guard::create_namespace;
use crate::cluster::harness::kubelet::{account_client, account_kubeconfig};
use crate::cluster::harness::netpol::{Starting, netpol};
use crate::cluster::harness::plane::plane;
use crate::cluster::harness::scene::{create, path};
use crate::cluster::harness::wait::until;

/// An attempt of the account: what it is, a path, and a body.
type Attempt = (&'static str, Call);

fn secret(name: &str, kind: &str, metadata: &Value) -> Value {
    let mut secret = json!({"apiVersion": "v1", "kind": "Secret", "type": kind, "metadata": metadata});
    secret["metadata"]["name"] = json!(name);
    if kind == "kubernetes.io/tls" {
        secret["stringData"] = json!({"tls.crt": "", "tls.key": ""});
    }
    secret
}

/// Returns writes of Secrets that the account does not need. `made` is its Secret.
fn attempts(namespace: &str, made: &Value) -> Vec<Attempt> {
    let secrets = format!("/api/v1/namespaces/{namespace}/secrets?dryRun=All");
    let own = format!("/api/v1/namespaces/{namespace}/secrets/account-guard-tls?dryRun=All");
    let create = |secret: Value| Call::new(Method::POST, secrets.clone()).json(&secret);
    let token = json!({"annotations": {"kubernetes.io/service-account.name": "default"}});
    let config_map = json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "gone", "uid": "00000000-0000-4000-8000-000000000001"});
    let mut owned = made.clone();
    owned["metadata"]["ownerReferences"].as_array_mut().expect("the Lease").push(config_map.clone());
    vec![
        ("a token of another account", create(secret("token", "kubernetes.io/service-account-token", &token))),
        ("another name", create(secret("other", "kubernetes.io/tls", &json!({})))),
        (
            "a generated name",
            create(json!({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
            "metadata": {"generateName": "account-guard-tls"}, "stringData": {"tls.crt": "", "tls.key": ""}})),
        ),
        ("an owner that does not exist", Call::new(Method::PUT, own).json(&owned)),
    ]
}

/// Returns whether the API server denies a call by the policy, and not by RBAC.
fn is_denied(account: &Api, call: &Call) -> bool {
    let reply = account.call(call);
    assert!(reply.ok() || reply.message().contains("account-guard-secrets"), "{}: {}", call.path, reply.message());
    !reply.ok()
}

#[test]
fn the_account_of_the_servers_writes_only_its_secret() {
    let name = "chart-account";
    let release = Release::new(name);
    let values = |secrets: bool| json!({"namespaces": ["chart-account-guarded"], "fullnameOverride": "account-guard", "replicas": 1, "admissionPolicies": {"secrets": secrets}});
    release.install(&values(true), &[]);
    let account = account_client(name, "account-guard");
    let path = format!("/api/v1/namespaces/{name}/secrets/account-guard-tls");

    // A server with the account manages its Secret, and restores a deleted one.
    let kubeconfig = plane().reaper.folder().join("chart-account.json");
    fs::write(&kubeconfig, account_kubeconfig(name, "account-guard").to_string()).expect("a kubeconfig");
    let (secret_name, server_name) = (format!("{name}/account-guard-tls"), format!("account-guard.{name}.svc"));
    let flags = [
        "--namespace",
        "chart-account-guarded",
        "--tls-secret",
        &secret_name,
        "--registration",
        "account-guard",
        "--tls-name",
        &server_name,
    ];
    let mut starting = Starting::new(name, &flags, Some(&kubeconfig));
    let (port, admin) = until("the server has a certificate", || starting.line("ready"));
    let server = starting.into_server(port, admin);
    until("the server is ready", || server.admin.get("/readyz").ok().then_some(()));
    let cert = || plane().api.get(&path).body["data"]["tls.crt"].as_str().map(str::to_owned);
    let before = cert().expect("a certificate");
    plane().api.call(&Call::new(Method::DELETE, path.clone())).expect("the secret is deleted");
    until("the secret is restored", || cert().filter(|cert| *cert != before && !cert.is_empty()));
    until("the server is ready again", || server.admin.get("/readyz").ok().then_some(()));
    drop(server);

    let made = plane().api.get(&path).expect("the Secret");
    assert_eq!((&made["type"], made["metadata"]["ownerReferences"].as_array().map(Vec::len)), (&json!("kubernetes.io/tls"), Some(1)));
    for (what, call) in attempts(name, &made) {
        until(&format!("{what} is denied"), || is_denied(&account, &call).then_some(()));
        plane().api.call(&call).expect("an administrator may");
    }
    // With the name of its Secret, another type is denied too.
    plane().api.call(&Call::new(Method::DELETE, path.clone())).expect("the secret is deleted");
    let token = json!({"annotations": {"kubernetes.io/service-account.name": "default"}});
    let call = Call::new(Method::POST, format!("/api/v1/namespaces/{name}/secrets?dryRun=All")).json(&secret(
        "account-guard-tls",
        "kubernetes.io/service-account-token",
        &token,
    ));
    assert!(is_denied(&account, &call));
    plane()
        .api
        .post(&format!("/api/v1/namespaces/{name}/secrets"), &secret("account-guard-tls", "kubernetes.io/tls", &json!({})))
        .expect("it may");

    // The control: without the policy, the same writes succeed.
    release.upgrade(&values(false), &[]);
    let mut made = made;
    made["metadata"]["resourceVersion"] = Value::Null;
    made["metadata"]["uid"] = Value::Null;
    for (what, call) in attempts(name, &made) {
        until(&format!("{what} is admitted"), || (!is_denied(&account, &call)).then_some(()));
    }
    release.run("uninstall", &Value::Null, &["--wait"]).expect("helm uninstall");
}

const POLICY: &str = "memcached-permits";
const CONTROLLER: &str = "system:serviceaccount:kube-system:namespace-controller";

/// Applies the policy. Returns whether the API server accepts it.
fn given_policy(namespace: &str) -> bool {
    let manifests = netpol(["render", "policies", "--namespace", namespace, "--only", POLICY]).expect("render policies");
    plane().kubectl.run(["apply", "-f", "-"], &manifests).ok
}

/// Role `edit` in kube-system has the right to impersonate its service accounts.
#[test]
fn the_namespace_controller_deletes_policies_only_in_a_terminating_namespace() {
    let name = "chart-controller";
    let (guarded, open) = (format!("{name}-guarded"), format!("{name}-open"));
    let release = Release::new(name);
    for namespace in [&guarded, &open] {
        create_namespace(namespace);
        assert!(given_policy(namespace));
    }
    create(name, &json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "member"}}));
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "chart-controller-member"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"},
        "subjects": [{"kind": "ServiceAccount", "name": "member", "namespace": name}],
    });
    plane().api.post("/apis/rbac.authorization.k8s.io/v1/namespaces/kube-system/rolebindings", &binding).expect("edit in kube-system");
    let member = account_client(name, "member");
    let delete = |namespace: &str, more: &str| {
        let path = format!("{}{more}", path(namespace, "networkpolicies"));
        member.call(&Call::new(Method::DELETE, path).by(CONTROLLER, &[]))
    };
    let one = format!("/{POLICY}?dryRun=All");
    assert!(delete(&guarded, &one).ok(), "without a guard, it may delete");

    let values =
        |enabled: bool| json!({"namespaces": [guarded], "fullnameOverride": name, "admissionPolicies": {"namespaceController": enabled}});
    release.install(&values(true), &[]);
    let is_denied = |more: &str| {
        let reply = delete(&guarded, more);
        assert!(reply.ok() || reply.message().contains("only in a namespace that is being deleted"), "{}", reply.message());
        !reply.ok()
    };
    until("the policy is enforced", || is_denied(&one).then_some(()));
    assert!(is_denied(&format!("/{POLICY}")) && is_denied("") && is_denied("?dryRun=All"));
    assert!(plane().api.get(&format!("{}/{POLICY}", path(&guarded, "networkpolicies"))).ok());
    assert!(delete(&open, &one).ok(), "the namespace is not guarded");

    // The control: without the policy, the deletion is not even sent to the webhook, which no server answers.
    release.upgrade(&values(false), &[]);
    until("the policy is not enforced", || (!is_denied(&one)).then_some(()));
    assert!(delete(&guarded, &format!("/{POLICY}")).ok());
    assert!(!plane().api.get(&format!("{}/{POLICY}", path(&guarded, "networkpolicies"))).ok());

    // The real namespace controller: the namespace ends, although no server answers. The policy exists again before it is guarded.
    release.run("uninstall", &Value::Null, &["--wait"]).expect("helm uninstall");
    until("the webhooks are gone", || given_policy(&guarded).then_some(()));
    release.install(&values(true), &[]);
    until("the policy is enforced", || is_denied(&one).then_some(()));
    plane().api.call(&Call::new(Method::DELETE, format!("/api/v1/namespaces/{guarded}"))).expect("the namespace is deleted");
    until("the namespace is gone", || (plane().api.get(&format!("/api/v1/namespaces/{guarded}")).status == 404).then_some(()));
    release.run("uninstall", &Value::Null, &["--wait"]).expect("helm uninstall");
}
