//! A kubelet for the pods of the chart, whose containers are processes on this machine.
//!
//! It implements what the pods of `netpol` need: volumes become files, and the token of the service account becomes a kubeconfig. A
//! ready server or controller makes its pod ready, and a deleted pod gets SIGTERM and its grace period. The forwarder acts as the Service.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hyper::Method;
use serde_json::{Value, json};

use super::api::{Api, Call};
use super::forwarder::Forwarder;
use super::netpol::{NETPOL, ports};
use super::plane::plane;
use super::reaper::Process;

/// The interval at which it reads the pods.
const EVERY: Duration = Duration::from_millis(50);

/// A running kubelet. Dropping it stops it and its processes.
pub(crate) struct Kubelet {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    result: Arc<Mutex<Vec<String>>>,
    controllers: Controllers,
}

/// The admin ports of all controllers so far.
type Controllers = Arc<Mutex<Vec<Api>>>;

impl Kubelet {
    /// Starts a kubelet for the pods of a namespace. Ready servers get connections from `forwarder`.
    pub(crate) fn start(namespace: &str, forwarder: &Forwarder) -> Kubelet {
        let (stop, result) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let controllers = Controllers::default();
        let mut node = Node {
            namespace: namespace.to_owned(),
            forwarder: forwarder.clone(),
            pods: BTreeMap::new(),
            result: Arc::clone(&result),
            controllers: Arc::clone(&controllers),
        };
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                node.look();
                thread::sleep(EVERY);
            }
        });
        Kubelet { stop, thread: Some(thread), result, controllers }
    }

    /// Returns the metrics of the controllers that run.
    pub(crate) fn controller_metrics(&self) -> Vec<String> {
        let controllers = self.controllers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let replies = controllers.iter().filter_map(|admin| admin.try_call(&Call::new(Method::GET, "/metrics")).ok());
        replies.filter_map(|reply| reply.body.as_str().map(str::to_owned)).collect()
    }

    /// Returns how servers exited that were not stopped.
    pub(crate) fn unexpected_exits(&self) -> Vec<String> {
        self.result.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Kubelet {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Node {
    namespace: String,
    forwarder: Forwarder,
    /// The pods by uid.
    pods: BTreeMap<String, Pod>,
    result: Arc<Mutex<Vec<String>>>,
    controllers: Controllers,
}

struct Pod {
    name: String,
    process: Process,
    /// The webhook port (0 for a controller) and the admin port; none until the process listens.
    listens: Option<(u16, Api)>,
    ready: bool,
    told_to_end: bool,
    crashed: bool,
}

impl Node {
    fn look(&mut self) {
        let reply = plane().api.get(&format!("/api/v1/namespaces/{}/pods", self.namespace));
        let pods = reply.body["items"].as_array().cloned().unwrap_or_default();
        for pod in &pods {
            let uid = pod["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
            let leaving = pod["metadata"]["deletionTimestamp"].is_string();
            match self.pods.get_mut(&uid) {
                None if leaving => self.forget(pod),
                // A completed pod, such as a test pod, is not started again.
                None if matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed")) => {}
                None => {
                    let started = self.started(pod);
                    self.pods.insert(uid, started);
                }
                Some(known) if leaving => {
                    if !known.told_to_end {
                        known.told_to_end = true;
                        if known.process.ended().is_none() {
                            known.process.signal("TERM");
                        }
                    }
                    if known.process.ended().is_some() {
                        if let Some((port, _)) = &known.listens {
                            self.forwarder.remove(*port);
                        }
                        self.pods.remove(&uid);
                        self.forget(pod);
                    }
                }
                Some(_) => self.tend(&uid, pod),
            }
        }
        // Pods that no longer exist were deleted with force.
        let there: Vec<&str> = pods.iter().filter_map(|pod| pod["metadata"]["uid"].as_str()).collect();
        if reply.status == 200 {
            self.pods.retain(|uid, _| there.contains(&uid.as_str()));
        }
    }

    fn started(&self, pod: &Value) -> Pod {
        let name = pod["metadata"]["name"].as_str().expect("a pod has a name").to_owned();
        let folder = plane().reaper.folder().join(format!("pod-{}-{name}", self.namespace));
        fs::create_dir_all(&folder).expect("a folder");
        self.volumes(pod, &folder);
        // Without a node, a pod is deleted at once, without its grace period.
        let binding = json!({"apiVersion": "v1", "kind": "Binding", "metadata": {"name": name}, "target": {"apiVersion": "v1", "kind": "Node", "name": "n1"}});
        plane().api.post(&format!("/api/v1/namespaces/{}/pods/{name}/binding", self.namespace), &binding).expect("a binding");
        let container = &pod["spec"]["containers"][0];
        let mounted = folder.display().to_string();
        // Two processes cannot share a port here.
        let mut args = vec!["NETPOL_LOG_FORMAT=json".to_owned(), "NETPOL_REPORT_LISTEN=127.0.0.1:0".to_owned()];
        if pod["spec"]["automountServiceAccountToken"] == true {
            args.push(format!("KUBECONFIG={}", self.kubeconfig(pod, &folder).display()));
        }
        args.push(NETPOL.to_owned());
        for argument in container["args"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            // Two processes cannot share a port here, and the ready line is parsed from JSON.
            let argument = match argument.split_once('=') {
                Some((flag @ ("--listen" | "--admin-listen"), _)) => format!("{flag}=127.0.0.1:0"),
                Some(("--audit-log", _)) => format!("--audit-log={mounted}/audit.log"),
                Some(("--log-format", _)) => "--log-format=json".to_owned(),
                // Only the API server can resolve the name of the Service here.
                Some(("--connect", address)) => format!("--connect=127.0.0.1:{}", address.rsplit_once(':').map_or("", |(_, port)| port)),
                _ => argument.replace("/etc/netpol", &mounted),
            };
            args.push(argument);
        }
        let process = plane().reaper.start(&format!("{}-{name}", self.namespace), Path::new("/usr/bin/env"), &args);
        Pod { name, process: process.expect("a server starts"), listens: None, ready: false, told_to_end: false, crashed: false }
    }

    /// Writes Secrets and `ConfigMap`s to the folders where the container mounts them.
    fn volumes(&self, pod: &Value, folder: &Path) {
        for volume in pod["spec"]["volumes"].as_array().into_iter().flatten() {
            let (resource, source) = match (volume["secret"]["secretName"].as_str(), volume["configMap"]["name"].as_str()) {
                (Some(secret), _) => ("secrets", secret),
                (_, Some(map)) => ("configmaps", map),
                _ => continue,
            };
            let object = plane().api.get(&format!("/api/v1/namespaces/{}/{resource}/{source}", self.namespace)).expect("a volume");
            let target = folder.join(volume["name"].as_str().expect("a volume has a name"));
            fs::create_dir_all(&target).expect("a folder");
            for (file, content) in object["data"].as_object().into_iter().flatten() {
                let content = content.as_str().unwrap_or_default();
                let bytes = if resource == "secrets" { BASE64.decode(content).expect("base64") } else { content.into() };
                fs::write(target.join(file), bytes).expect("a file");
            }
        }
    }

    /// Writes a kubeconfig for the service account of a pod.
    fn kubeconfig(&self, pod: &Value, folder: &Path) -> PathBuf {
        let account = pod["spec"]["serviceAccountName"].as_str().expect("an account");
        let path = folder.join("kubeconfig");
        fs::write(&path, account_kubeconfig(&self.namespace, account).to_string()).expect("a kubeconfig");
        path
    }

    fn tend(&mut self, uid: &str, object: &Value) {
        let Some(pod) = self.pods.get_mut(uid) else { return };
        if let Some(status) = pod.process.ended() {
            // The container has exited, as test pods do, or has crashed. A server that crashes is not started again: it would
            // crash again.
            let container = &object["spec"]["containers"][0];
            if !status.success() && object["spec"]["restartPolicy"] == "Always" {
                if !pod.crashed {
                    pod.crashed = true;
                    self.result.lock().unwrap_or_else(PoisonError::into_inner).push(format!(
                        "{}: {status}\n{}",
                        pod.name,
                        pod.process.tail()
                    ));
                    let waiting = json!({"waiting": {"reason": "CrashLoopBackOff"}});
                    let status = json!({"name": container["name"], "image": container["image"], "imageID": "none", "ready": false, "restartCount": 1, "state": waiting});
                    patch_status(&self.namespace, &pod.name, &json!({"phase": "Running", "containerStatuses": [status]}));
                }
                return;
            }
            let phase = if status.success() { "Succeeded" } else { "Failed" };
            if !status.success() {
                self.result.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{}: {status}\n{}", pod.name, pod.process.tail()));
            }
            let terminated = json!({"terminated": {"exitCode": status.code().unwrap_or(1), "reason": "Completed"}});
            let status = json!({"name": container["name"], "image": container["image"], "imageID": "none", "ready": false, "restartCount": 0, "state": terminated});
            patch_status(&self.namespace, &pod.name, &json!({"phase": phase, "containerStatuses": [status]}));
            self.pods.remove(uid);
            return;
        }
        let is_controller = object["spec"]["containers"][0]["args"][0] == "controller";
        if pod.listens.is_none()
            && let Some((port, admin)) = ports(&pod.process.log, if is_controller { "watching" } else { "ready" })
        {
            let admin = Api::plain(admin);
            if is_controller {
                self.controllers.lock().unwrap_or_else(PoisonError::into_inner).push(admin.clone());
            } else {
                self.forwarder.add(port, &admin);
            }
            pod.listens = Some((port, admin));
        }
        let Some((_, admin)) = &pod.listens else { return };
        let ready = admin.try_call(&Call::new(Method::GET, "/readyz")).is_ok_and(|reply| reply.ok());
        if ready != pod.ready {
            pod.ready = ready;
            let container = &object["spec"]["containers"][0];
            let container = json!({"name": container["name"], "image": container["image"], "imageID": "none", "ready": ready, "started": true,
                "restartCount": 0, "state": {"running": {"startedAt": object["metadata"]["creationTimestamp"]}}});
            let condition = |kind: &str| json!({"type": kind, "status": if ready { "True" } else { "False" }});
            let conditions = json!([condition("Ready"), condition("ContainersReady"), {"type": "Initialized", "status": "True"}, {"type": "PodScheduled", "status": "True"}]);
            let status = json!({"phase": "Running", "conditions": conditions, "containerStatuses": [container], "podIP": "192.0.2.1", "podIPs": [{"ip": "192.0.2.1"}]});
            patch_status(&self.namespace, &pod.name, &status);
        }
    }

    /// Deletes a pod whose containers have exited.
    fn forget(&self, pod: &Value) {
        let name = pod["metadata"]["name"].as_str().unwrap_or_default();
        let path = format!("/api/v1/namespaces/{}/pods/{name}", self.namespace);
        let options = json!({"gracePeriodSeconds": 0, "preconditions": {"uid": pod["metadata"]["uid"]}});
        let _ = plane().api.try_call(&Call::new(Method::DELETE, path).json(&options));
    }
}

fn token(namespace: &str, account: &str) -> Value {
    let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token");
    let request = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}});
    plane().api.post(&path, &request).expect("a token")["status"]["token"].clone()
}

/// Returns an API client with the token of a service account.
pub(crate) fn account_client(namespace: &str, account: &str) -> Api {
    plane().api_with_token(token(namespace, account).as_str().expect("a token"))
}

/// Returns a kubeconfig with the token of a service account.
pub(crate) fn account_kubeconfig(namespace: &str, account: &str) -> Value {
    let token = token(namespace, account);
    let folder = plane().reaper.folder();
    let admin = fs::read_to_string(folder.join("admin.json")).expect("the administrator's kubeconfig");
    let mut config: Value = serde_json::from_str(&admin).expect("it is JSON");
    config["users"][0]["user"] = json!({"token": token});
    config["contexts"][0]["context"]["namespace"] = Value::from(namespace);
    config
}

fn patch_status(namespace: &str, pod: &str, status: &Value) {
    let path = format!("/api/v1/namespaces/{namespace}/pods/{pod}/status");
    let call = Call::patch(path, "application/strategic-merge-patch+json", &json!({"status": status}));
    // The pod may already be deleted.
    let _ = plane().api.try_call(&call);
}
