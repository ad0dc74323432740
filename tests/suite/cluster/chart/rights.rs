//! The rights that the chart grants are sufficient for the servers, and no broader.

use hyper::Method;
use serde_json::{Value, json};

use super::{Release, configurations, define_foreign_kinds};
use crate::cluster::harness::api::{Api, Call, Reply};
use crate::cluster::harness::guard::create_namespace;
use crate::cluster::harness::kubelet::account_client;
use crate::cluster::harness::plane::plane;

const NAME: &str = "chart-rights";

struct Account(Api);

impl Account {
    fn call(&self, method: Method, path: &str, body: &Value) -> Reply {
        self.0.call(&Call::new(method, path).json(body))
    }

    #[track_caller]
    fn may(&self, call: &Call) -> Value {
        self.0.call(call).expect(&format!("{} {}", call.method, call.path))
    }

    /// Checks that a call is forbidden because the right is missing, and not because the object is: an administrator may do it.
    #[track_caller]
    fn may_not(&self, method: &Method, path: &str, body: &Value) {
        let reply = self.call(method.clone(), path, body);
        assert_eq!(reply.status, 403, "{method} {path}: {}", reply.message());
        assert!(reply.message().contains("cannot"), "{method} {path}: {}", reply.message());
    }
}

#[test]
fn the_rights_are_sufficient_and_minimal() {
    define_foreign_kinds();
    let release = Release::new(NAME);
    let other = format!("{NAME}-other");
    create_namespace(&other);
    release.install(&json!({"namespaces": ["chart-rights-guarded"], "fullnameOverride": "guard"}), &[]);
    let account = Account(account_client(NAME, "guard"));
    let secrets = format!("/api/v1/namespaces/{NAME}/secrets");
    let leases = format!("/apis/coordination.k8s.io/v1/namespaces/{NAME}/leases");

    // Calls that a server makes.
    let lease = account.may(&Call::new(Method::GET, format!("{leases}/guard-tls")));
    assert!(lease["spec"]["holderIdentity"].is_null());
    let mut held = lease.clone();
    held["spec"]["holderIdentity"] = Value::from("me");
    account.may(&Call::new(Method::PUT, format!("{leases}/guard-tls")).json(&held));
    let owner = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "name": "guard-tls", "uid": lease["metadata"]["uid"],
        "blockOwnerDeletion": false, "controller": false});
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
        "metadata": {"name": "guard-tls", "ownerReferences": [owner]}, "stringData": {"tls.crt": "", "tls.key": ""}});
    account.may(&Call::new(Method::POST, secrets.clone()).json(&secret));
    let made = account.may(&Call::new(Method::GET, format!("{secrets}/guard-tls")));
    account.may(&Call::new(Method::PUT, format!("{secrets}/guard-tls")).json(&made));
    for path in configurations("guard") {
        let registered = account.may(&Call::new(Method::GET, path.clone()));
        assert!(registered["webhooks"][0]["clientConfig"]["caBundle"].is_null());
        let body = json!([{"op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": ""}]);
        account.may(&Call::patch(format!("{path}?fieldManager=netpol-certificates"), "application/json-patch+json", &body));
    }

    // Calls that a server does not make, on objects that exist.
    let someone = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "someone"}});
    plane().api.post(&secrets, &someone).expect("a foreign Secret");
    let nothing = Value::Null;
    let (get, put, post, delete) = (Method::GET, Method::PUT, Method::POST, Method::DELETE);
    account.may_not(&get, &format!("{secrets}/someone"), &nothing);
    account.may_not(&put, &format!("{secrets}/someone"), &someone);
    account.may_not(&get, &secrets, &nothing);
    account.may_not(&get, &format!("{secrets}?watch=true"), &nothing);
    account.may_not(&delete, &format!("{secrets}/guard-tls"), &nothing);
    for path in [format!("{secrets}/guard-tls"), format!("{leases}/guard-tls")] {
        account.may_not(&Method::PATCH, &path, &nothing);
    }
    account.may_not(&post, &format!("/api/v1/namespaces/{other}/secrets"), &someone);
    account.may_not(&get, &leases, &nothing);
    account.may_not(&delete, &format!("{leases}/guard-tls"), &nothing);
    account.may_not(&post, &leases, &json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "other"}}));
    for path in configurations("guard") {
        let list = path.trim_end_matches("/guard");
        let mine = plane().api.get(&path).expect("mine");
        account.may_not(&put, &path, &mine);
        account.may_not(&delete, &path, &nothing);
        account.may_not(&get, list, &nothing);
        account.may_not(&get, &format!("{list}/another"), &nothing);
    }
    account.may_not(&get, &format!("/api/v1/namespaces/{NAME}/pods"), &nothing);
    account.may_not(&get, &format!("/api/v1/namespaces/{NAME}/configmaps"), &nothing);
    account.may_not(&get, "/api/v1/namespaces", &nothing);
    account.may_not(&get, &format!("/apis/networking.k8s.io/v1/namespaces/{NAME}/networkpolicies"), &nothing);

    // If netpol does not manage the certificate, the account has no rights.
    release.upgrade(
        &json!({"namespaces": ["chart-rights-guarded"], "fullnameOverride": "guard", "certificates": {"mode": "certManager"}, "networkPolicy": {"enabled": false}}),
        &["--dry-run=server"],
    );
    release.run("uninstall", &nothing, &["--wait"]).expect("helm uninstall");
    for path in configurations("guard") {
        assert_eq!(plane().api.get(&path).status, 404, "{path}");
    }
}
