//! The control plane of the run: etcd, kube-apiserver and kube-controller-manager on loopback.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hyper::Method;
use serde_json::{Value, json};

use super::api::{Api, Call};
use super::assets::Assets;
use super::kubectl::Kubectl;
use super::pki::{Authority, Pair, Validity, signing_key};
use super::reaper::{Process, Reaper};
use super::wait::{until, within};

/// How long a control plane may take to start. It takes four seconds on an idle machine.
const STARTUP: Duration = Duration::from_secs(120);

/// A running control plane.
pub(crate) struct Plane {
    pub(crate) reaper: Reaper,
    /// A client with the rights of a cluster administrator.
    pub(crate) api: Api,
    pub(crate) kubectl: Kubectl,
    /// The audit log of the API server, one event per line.
    pub(crate) audit_log: PathBuf,
    /// `v1.37.2`
    pub(crate) version: String,
    /// The flags of additional API servers of the cluster.
    etcd: String,
    assets: Assets,
    admin: Pair,
    ca: String,
    _processes: Vec<Process>,
}

/// An additional API server of the cluster, as in a cluster with several control plane nodes.
pub(crate) struct Another {
    /// A client with the rights of a cluster administrator.
    pub(crate) api: Api,
    process: Process,
}

impl Another {
    /// Kills it.
    pub(crate) fn kill(mut self) {
        self.process.signal("KILL");
        self.process.wait();
    }

    /// Returns the CPU time that its process has used.
    pub(crate) fn cpu(&self) -> Duration {
        /// Clock ticks in a second: on Linux the same for every program.
        const TICKS: f64 = 100.0;
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id())).expect("it runs");
        // The name of the program, which may contain spaces, is in parentheses. utime and stime are fields 14 and 15.
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        let ticks: f64 = fields.skip(11).take(2).map(|field| field.parse::<f64>().expect("a number")).sum();
        Duration::from_secs_f64(ticks / TICKS)
    }
}

impl Plane {
    /// Returns a client that authenticates with a token only.
    pub(crate) fn api_with_token(&self, token: &str) -> Api {
        let ca = fs::read_to_string(self.reaper.folder().join("ca.crt")).expect("the run's authority");
        let mut api = Api::new(self.api.port(), &ca, None).expect("a client");
        api.bearer = Some(token.to_owned());
        api
    }

    /// Returns the minor version of Kubernetes, for features that older API servers do not have.
    pub(crate) fn minor(&self) -> u32 {
        let minor = self.version.split('.').nth(1).and_then(|minor| minor.parse().ok());
        minor.unwrap_or_else(|| panic!("{} has no minor version", self.version))
    }

    /// Starts an additional API server with its own flags and waits until it is ready.
    pub(crate) fn another(&self, name: &str, more: &[String]) -> Another {
        let [port] = free_ports().expect("a free port");
        let folder = self.reaper.folder();
        let mut flags = api_server_flags(folder, &self.etcd, port);
        flags.push(format!("--cert-dir={}", folder.join(name).display()));
        flags.extend_from_slice(more);
        let mut process = self.reaper.start(name, &self.assets.apiserver, &flags).expect("an API server");
        let api = Api::new(port, &self.ca, Some(&self.admin)).expect("a client");
        until("another API server is ready", || {
            assert!(process.ended().is_none(), "it exited: {}", process.tail());
            api.try_call(&Call::new(Method::GET, "/readyz")).is_ok_and(|reply| reply.ok()).then_some(())
        });
        Another { api, process }
    }
}

/// Returns the control plane of the run. The first call starts it.
///
/// # Panics
/// The control plane cannot be started. The message says what to do.
pub(crate) fn plane() -> &'static Plane {
    static PLANE: OnceLock<Result<Plane, String>> = OnceLock::new();
    match PLANE.get_or_init(start) {
        Ok(plane) => plane,
        Err(sentence) => panic!("{sentence}"),
    }
}

fn start() -> Result<Plane, String> {
    let assets = Assets::obtain()?;
    let mut failures = Vec::new();
    // Another process may take a free port before it is used.
    for _ in 0..3 {
        match attempt(&assets) {
            Ok(plane) => return Ok(plane),
            Err(failure) => failures.push(failure),
        }
    }
    Err(format!("no control plane came up: {}", failures.join("\n\n")))
}

fn attempt(assets: &Assets) -> Result<Plane, String> {
    let fault = |what: &str, error: &dyn std::fmt::Display| format!("{what}: {error}");
    let reaper = Reaper::new().map_err(|error| fault("cannot make the run's folder", &error))?;
    let folder = reaper.folder().to_owned();
    let [etcd_port, peer_port, port] = free_ports().map_err(|error| fault("no free port", &error))?;
    let files = write_files(&folder, port).map_err(|error| fault("cannot write the run's files", &error))?;
    let path = |name: &str| folder.join(name).display().to_string();
    let mut processes = Vec::new();
    let mut launch = |name: &str, program: &Path, flags: &[String]| -> Result<(), String> {
        processes.push(reaper.start(name, program, flags).map_err(|error| fault(&program.display().to_string(), &error))?);
        Ok(())
    };

    let etcd = format!("http://127.0.0.1:{etcd_port}");
    let peer = format!("http://127.0.0.1:{peer_port}");
    launch(
        "etcd",
        &assets.etcd,
        &[
            format!("--data-dir={}", path("etcd")),
            format!("--listen-client-urls={etcd}"),
            format!("--advertise-client-urls={etcd}"),
            format!("--listen-peer-urls={peer}"),
            format!("--initial-advertise-peer-urls={peer}"),
            format!("--initial-cluster=default={peer}"),
            // The data does not outlive the run, so etcd need not sync it.
            "--unsafe-no-fsync".to_owned(),
            "--log-level=warn".to_owned(),
        ],
    )?;
    let mut flags = api_server_flags(&folder, &etcd, port);
    flags.push(format!("--cert-dir={}", path("apiserver")));
    flags.push(format!("--audit-policy-file={}", path("audit-policy.json")));
    flags.push(format!("--audit-log-path={}", path("apiserver-audit.log")));
    launch("kube-apiserver", &assets.apiserver, &flags)?;

    let api = Api::new(port, &files.ca, Some(&files.admin))?;
    let ready = within(STARTUP, || {
        let dead = processes.iter_mut().find_map(|process| process.ended().map(|status| format!("{} ended: {status}", process.name)));
        match (dead, api.try_call(&Call::new(Method::GET, "/readyz"))) {
            (Some(dead), _) => Some(Err(dead)),
            (None, Ok(reply)) if reply.ok() => Some(Ok(())),
            _ => None,
        }
    });
    let story =
        |processes: &[Process]| processes.iter().map(|process| format!("{}:\n{}", process.name, process.tail())).collect::<Vec<_>>();
    match ready {
        Some(Ok(())) => {}
        Some(Err(dead)) => return Err(format!("{dead}\n{}", story(&processes).join("\n"))),
        None => return Err(format!("the API server is not ready\n{}", story(&processes).join("\n"))),
    }
    let flags = [
        format!("--kubeconfig={}", path("controller-manager.json")),
        format!("--service-account-private-key-file={}", path("accounts.key")),
        format!("--root-ca-file={}", path("ca.crt")),
        format!("--cert-dir={}", path("controller-manager")),
        "--use-service-account-credentials=true".to_owned(),
        "--leader-elect=false".to_owned(),
        "--secure-port=0".to_owned(),
        "--kube-api-qps=200".to_owned(),
        "--kube-api-burst=400".to_owned(),
    ];
    processes.push(
        reaper
            .start("kube-controller-manager", &assets.controller_manager, flags)
            .map_err(|error| fault("kube-controller-manager", &error))?,
    );
    let account = "/api/v1/namespaces/default/serviceaccounts/default";
    within(STARTUP, || api.get(account).ok().then_some(()))
        .ok_or_else(|| format!("the controllers do not run\n{}", story(&processes).join("\n")))?;
    // A node without a kubelet: pods can be bound to it but never run.
    let labels = json!({"topology.kubernetes.io/zone": "zone-a", "topology.kubernetes.io/region": "region-a"});
    api.post("/api/v1/nodes", &json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1", "labels": labels}})).expect("a node");
    let version = api.get("/version").body["gitVersion"].as_str().unwrap_or("unknown").to_owned();
    let kubectl = Kubectl::new(assets.kubectl.clone(), &folder, &folder.join("admin.json"));
    let audit_log = folder.join("apiserver-audit.log");
    Ok(Plane {
        audit_log,
        reaper,
        api,
        kubectl,
        version,
        etcd,
        assets: assets.clone(),
        admin: files.admin,
        ca: files.ca,
        _processes: processes,
    })
}

/// Returns the flags that all API servers of the run share.
fn api_server_flags(folder: &Path, etcd: &str, port: u16) -> Vec<String> {
    let path = |name: &str| folder.join(name).display().to_string();
    vec![
        format!("--etcd-servers={etcd}"),
        "--bind-address=127.0.0.1".to_owned(),
        format!("--secure-port={port}"),
        // Endpoints cannot have loopback addresses.
        "--endpoint-reconciler-type=none".to_owned(),
        format!("--tls-cert-file={}", path("apiserver.crt")),
        format!("--tls-private-key-file={}", path("apiserver.key")),
        format!("--client-ca-file={}", path("ca.crt")),
        format!("--service-account-key-file={}", path("accounts.pub")),
        format!("--service-account-signing-key-file={}", path("accounts.key")),
        "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
        "--service-cluster-ip-range=10.96.0.0/16".to_owned(),
        "--authorization-mode=RBAC".to_owned(),
        "--allow-privileged=true".to_owned(),
        // Without this plugin, pods do not need the default service account of their namespace.
        "--disable-admission-plugins=ServiceAccount".to_owned(),
    ]
}

/// Returns different free ports.
pub(crate) fn free_ports<const N: usize>() -> std::io::Result<[u16; N]> {
    let listeners = (0..N).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<Result<Vec<_>, _>>()?;
    let mut ports = [0; N];
    for (port, listener) in ports.iter_mut().zip(&listeners) {
        *port = listener.local_addr()?.port();
    }
    Ok(ports)
}

struct Files {
    ca: String,
    admin: Pair,
}

fn write_files(folder: &Path, port: u16) -> std::io::Result<Files> {
    let made = || -> Result<_, rcgen::Error> {
        let authority = Authority::new("control-plane")?;
        let server = authority.server(&["127.0.0.1", "localhost", "kubernetes.default.svc"], Validity::Long)?;
        let admin = authority.client("admin", &["system:masters"])?;
        let controllers = authority.client("system:kube-controller-manager", &[])?;
        Ok((authority, server, admin, controllers, signing_key()?))
    };
    let (authority, server, admin, controllers, (private, public)) = made().map_err(std::io::Error::other)?;
    fs::write(folder.join("ca.crt"), &authority.pem)?;
    server.write(folder, "apiserver")?;
    fs::write(folder.join("accounts.key"), private)?;
    fs::write(folder.join("accounts.pub"), public)?;
    for (name, pair) in [("admin", &admin), ("controller-manager", &controllers)] {
        fs::write(folder.join(format!("{name}.json")), kubeconfig(port, &authority.pem, pair).to_string())?;
    }
    // One event per request, at the response, with the audit annotations of webhooks.
    let policy = json!({
        "apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived", "ResponseStarted"],
        "rules": [{"level": "None", "verbs": ["get", "list", "watch"]}, {"level": "Metadata"}],
    });
    fs::write(folder.join("audit-policy.json"), policy.to_string())?;
    Ok(Files { ca: authority.pem, admin })
}

fn kubeconfig(port: u16, ca: &str, pair: &Pair) -> Value {
    let encoded = |text: &str| BASE64.encode(text);
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "run",
        "clusters": [{"name": "run", "cluster": {"server": format!("https://127.0.0.1:{port}"), "certificate-authority-data": encoded(ca)}}],
        "users": [{"name": "run", "user": {"client-certificate-data": encoded(&pair.certificate), "client-key-data": encoded(&pair.key)}}],
        "contexts": [{"name": "run", "context": {"cluster": "run", "user": "run"}}],
    })
}
