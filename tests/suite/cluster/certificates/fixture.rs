//! The objects that the chart installs, without the servers: namespaces, roles, the Lease, the registration.

use std::fs;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hyper::Method;
use serde_json::{Value, json};

use super::super::harness::api::{Call, Reply};
use super::super::harness::forwarder::Forwarder;
use super::super::harness::guard::{create_namespace, wait_until_called};
use super::super::harness::netpol::{Server, Starting, netpol};
use super::super::harness::plane::plane;
use super::super::harness::wait::until;

/// One installation. `name` is the name of the guarded namespace, the registration, the Secret and the Lease.
pub(super) struct Installed {
    pub(super) name: &'static str,
    /// The namespace of the Secret and the Lease.
    pub(super) system: String,
    pub(super) forwarder: Forwarder,
}

pub(super) const KINDS: [&str; 2] = ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"];

impl Installed {
    pub(super) fn new(name: &'static str) -> Installed {
        let installed = Installed { name, system: format!("{name}-system"), forwarder: Forwarder::start().expect("a forwarder") };
        create_namespace(name);
        create_namespace(&installed.system);
        Installed::apply(&installed.role());
        Installed::apply(&[json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": name, "namespace": installed.system}, "spec": {},
        })]);
        installed
    }

    fn user(&self) -> String {
        format!("system:serviceaccount:{}:netpol", self.system)
    }

    /// The rights of the account.
    pub(super) fn role(&self) -> Vec<Value> {
        let (name, system, user) = (self.name, &self.system, self.user());
        let subject = json!([{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}]);
        let api = "rbac.authorization.k8s.io/v1";
        let reference = |kind: &str| json!({"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": system});
        vec![
            json!({"apiVersion": api, "kind": "Role", "metadata": {"name": system, "namespace": system}, "rules": [
                {"apiGroups": [""], "resources": ["secrets"], "verbs": ["create"]},
                {"apiGroups": [""], "resources": ["secrets"], "resourceNames": [name], "verbs": ["get", "update"]},
                {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "resourceNames": [name], "verbs": ["get", "update"]},
            ]}),
            json!({"apiVersion": api, "kind": "RoleBinding", "metadata": {"name": system, "namespace": system}, "subjects": subject, "roleRef": reference("Role")}),
            json!({"apiVersion": api, "kind": "ClusterRole", "metadata": {"name": system}, "rules": [
                {"apiGroups": ["admissionregistration.k8s.io"], "resources": KINDS, "resourceNames": [name], "verbs": ["get", "patch"]},
            ]}),
            json!({"apiVersion": api, "kind": "ClusterRoleBinding", "metadata": {"name": system}, "subjects": subject, "roleRef": reference("ClusterRole")}),
        ]
    }

    pub(super) fn apply(manifests: &[Value]) {
        let list = json!({"apiVersion": "v1", "kind": "List", "items": manifests});
        plane().kubectl.run(["apply", "-f", "-"], &list.to_string()).expect("kubectl apply");
    }

    /// Returns a kubeconfig of the account.
    pub(super) fn kubeconfig(&self) -> PathBuf {
        self.kubeconfig_at(None)
    }

    /// Returns a kubeconfig of the account for an API server at another port.
    pub(super) fn kubeconfig_at(&self, port: Option<u16>) -> PathBuf {
        let folder = plane().reaper.folder();
        let mut config: Value = serde_json::from_slice(&fs::read(folder.join("admin.json")).expect("a kubeconfig")).expect("it is JSON");
        config["users"][0]["user"]["as"] = json!(self.user());
        if let Some(port) = port {
            config["clusters"][0]["cluster"]["server"] = json!(format!("https://127.0.0.1:{port}"));
        }
        let path = folder.join(format!("{}-{}.json", self.name, port.unwrap_or_default()));
        fs::write(&path, config.to_string()).expect("a kubeconfig is written");
        path
    }

    /// Returns the flags of a replica.
    pub(super) fn flags(&self) -> Vec<String> {
        let words = [
            "--namespace",
            self.name,
            "--registration",
            self.name,
            "--tls-name",
            &format!("guard.{}.svc", self.system),
            "--tls-name",
            "127.0.0.1",
            "--tls-secret",
            &format!("{}/{}", self.system, self.name),
            "--drain-delay",
            "2s",
        ];
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    /// Starts a replica and does not wait for it.
    pub(super) fn starting(&self) -> Starting {
        Starting::new(self.name, &self.flags(), Some(&self.kubeconfig()))
    }

    /// Starts a replica behind the Service and waits until it is ready.
    pub(super) fn replica(&self) -> Server {
        let mut starting = self.starting();
        let (port, admin) = until("a replica has a certificate", || starting.line("ready"));
        let server = starting.into_server(port, admin);
        self.forwarder.add(server.port, &server.admin);
        until("a replica is ready", || server.admin.get("/readyz").ok().then_some(()));
        server
    }

    /// Registers the guard by Service without a CA: the servers publish it.
    pub(super) fn register(&self) {
        let service = json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "guard", "namespace": self.system},
            "spec": {"type": "ExternalName", "externalName": "localhost"},
        });
        Installed::apply(&[service]);
        let endpoint = format!("{}/guard:{}", self.system, self.forwarder.port);
        let manifests = netpol(["render", "registration", "--name", self.name, "--namespace", self.name, "--service", &endpoint]);
        plane().kubectl.run(["apply", "-f", "-"], &manifests.expect("render registration")).expect("kubectl apply");
    }

    pub(super) fn wait_until_called(&self) {
        wait_until_called(self.name, self.name, &|| false);
    }

    fn secret_path(&self) -> String {
        format!("/api/v1/namespaces/{}/secrets/{}", self.system, self.name)
    }

    /// Returns the Secret, if it exists.
    pub(super) fn secret(&self) -> Option<Value> {
        let reply: Reply = plane().api.get(&self.secret_path());
        reply.ok().then_some(reply.body)
    }

    /// Returns the value of a key of the Secret.
    pub(super) fn value(&self, key: &str) -> Option<String> {
        let secret = self.secret()?;
        Some(String::from_utf8(BASE64.decode(secret["data"][key].as_str()?).ok()?).expect("it is text"))
    }

    pub(super) fn delete_secret(&self) {
        plane().api.call(&Call::new(Method::DELETE, self.secret_path())).expect("the secret is deleted");
    }

    pub(super) fn patch_secret(&self, patch: &Value) {
        plane().api.call(&Call::patch(self.secret_path(), "application/merge-patch+json", patch)).expect("the secret is patched");
    }

    /// Requests a renewal and waits until it is done.
    pub(super) fn renew(&self, what: &str) {
        let before = self.value("tls.crt").expect("a certificate");
        let place = ["--namespace", &self.system, "secret", self.name];
        let asked = format!("netpol.abcdesktop.io/renew={what}");
        plane().kubectl.run(["annotate", place[0], place[1], place[2], place[3], &asked], "").expect("kubectl annotate");
        until("a renewal is done", || {
            let done = self.secret()?["metadata"]["annotations"]["netpol.abcdesktop.io/renew"].is_null();
            (done && self.value("tls.crt")? != before).then_some(())
        });
    }

    /// Returns the caBundle of each webhook.
    pub(super) fn bundles(&self) -> Vec<String> {
        let mut all = Vec::new();
        for kind in KINDS {
            let path = format!("/apis/admissionregistration.k8s.io/v1/{kind}/{}", self.name);
            for hook in plane().api.get(&path).expect("a registration")["webhooks"].as_array().into_iter().flatten() {
                let text = BASE64.decode(hook["clientConfig"]["caBundle"].as_str().unwrap_or_default()).expect("it is base64");
                all.push(String::from_utf8(text).expect("it is text"));
            }
        }
        all
    }
}
