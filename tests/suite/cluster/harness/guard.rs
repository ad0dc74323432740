//! A guard: a server, its registration, and its guarded namespaces.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::Method;
use serde_json::{Value, json};

use super::api::{Call, Reply};
use super::netpol::{Server, netpol};
use super::plane::plane;
use super::scene::Scene;
use super::wait::{until, within};

/// The number of namespaces of the shared guard. It must be larger than the number of tests, because the flags are set at start.
const POOL: usize = 160;

/// The flags of a server that the registration has too. Not `--plugin-writer`: that tells what is not sent from what is admitted.
const REGISTERED: [&str; 7] = [
    "--neighbors",
    "--foreign-policies",
    "--foreign-kind",
    "--network-annotations",
    "--network-annotation",
    "--claims",
    "--workload-controller",
];

/// A guard.
pub(crate) struct Guard {
    /// The name of its registration. A guard of one test has a namespace of the same name.
    pub(crate) name: String,
    pub(crate) namespaces: Vec<String>,
    pub(crate) server: Mutex<Server>,
    /// The flags that the server and the registration share.
    common: Vec<String>,
    ca: String,
}

impl Guard {
    /// Starts a guard with its own flags, each with a value, for one namespace NAME. It is not registered yet: a test can create objects that exist
    /// before the guard, then call [`Guard::register`].
    pub(crate) fn start(name: &str, canon: &str, flags: &[&str]) -> Guard {
        Guard::over(name, vec![name.to_owned()], canon, flags)
    }

    /// Starts and registers a guard with its own flags.
    pub(crate) fn registered(name: &str, flags: &[&str]) -> Guard {
        let guard = Guard::start(name, "abcdesktop", flags);
        guard.register();
        guard
    }

    /// Starts and registers a guard for reviews of the largest size. The API server waits longer for it than by default,
    /// because the machine may be busy.
    pub(crate) fn patient(name: &str, flags: &[&str]) -> Guard {
        let guard = Guard::start(name, "abcdesktop", flags);
        for mut manifest in guard.registration() {
            for webhook in manifest["webhooks"].as_array_mut().expect("webhooks") {
                webhook["timeoutSeconds"] = json!(30);
            }
            apply(&manifest);
        }
        guard.wait_until_called();
        guard
    }

    /// Starts a guard of several namespaces, and creates the first one.
    pub(crate) fn over(name: &str, namespaces: Vec<String>, canon: &str, flags: &[&str]) -> Guard {
        let folder = plane().reaper.folder().join(format!("{name}-tls"));
        let mut common = vec!["--canon".to_owned(), canon.to_owned(), "--namespace".to_owned(), namespaces.join(",")];
        let mut args = Vec::new();
        for flag in flags.chunks(2) {
            let is_common = flag.first().is_some_and(|name| REGISTERED.contains(name));
            (if is_common { &mut common } else { &mut args }).extend(flag.iter().map(|word| (*word).to_owned()));
        }
        args.extend(common.iter().cloned());
        args.extend(["--self-signed-dir".to_owned(), folder.display().to_string()]);
        let server = Server::start(name, &args);
        let ca = folder.join("ca.crt").display().to_string();
        let guard = Guard { name: name.to_owned(), namespaces, server: Mutex::new(server), common, ca };
        create_namespace(&guard.namespaces[0]);
        guard
    }

    /// Returns the output of `netpol render registration`, as two documents.
    pub(crate) fn registration(&self) -> Vec<Value> {
        let url = format!("https://127.0.0.1:{}", self.port());
        rendered(&self.name, &url, &self.ca, &self.common)
    }

    /// Registers the guard and waits until the API server calls it.
    pub(crate) fn register(&self) {
        for manifest in self.registration() {
            apply(&manifest);
        }
        self.wait_until_called();
    }

    /// Registers the guard without the conditions for new pods.
    pub(crate) fn register_for_all_pods(&self) {
        for mut manifest in self.registration() {
            for webhook in manifest["webhooks"].as_array_mut().expect("webhooks") {
                if let Some(conditions) = webhook["matchConditions"].as_array_mut() {
                    conditions
                        .retain(|condition| !["lacks-labels", "not-plainly-right"].contains(&condition["name"].as_str().expect("a name")));
                }
            }
            apply(&manifest);
        }
        self.wait_until_called();
    }

    /// Waits until the API server calls both endpoints.
    pub(crate) fn wait_until_called(&self) {
        let written = || self.audit_lines().iter().any(|line| line["name"] == "probe");
        wait_until_called(&self.name, &self.namespaces[0], &written);
    }

    /// Deletes the registration and waits until the API server stops calling the guard.
    pub(crate) fn unregister(&self) {
        for path in ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"] {
            let path = format!("/apis/admissionregistration.k8s.io/v1/{path}/{}", self.name);
            plane().api.call(&Call::new(Method::DELETE, path)).expect("the registration is deleted");
        }
        until(&format!("{} is not called any more", self.name), || {
            let unlabeled = probe(&self.namespaces[0], "type", "x11server").body["metadata"]["labels"]["netpol/ocuser"].is_null();
            (unlabeled && probe(&self.namespaces[0], "netpol/probe", "true").ok()).then_some(())
        });
    }

    /// Returns its namespace and an unguarded one.
    pub(crate) fn scene(&self) -> Scene<'_> {
        let guarded = self.namespaces[0].clone();
        let open = format!("{guarded}-open");
        create_namespace(&open);
        Scene::new(self, guarded, open)
    }

    pub(crate) fn port(&self) -> u16 {
        self.server.lock().unwrap_or_else(PoisonError::into_inner).port
    }

    /// Returns the path of the CA certificate.
    pub(crate) fn ca(&self) -> &str {
        &self.ca
    }

    pub(crate) fn audit_lines(&self) -> Vec<Value> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner).audit_lines()
    }
}

/// Waits until the API server calls both endpoints of a guard: it learns of a registration through a watch. `written` returns
/// whether a guard that only records violations has recorded one.
pub(crate) fn wait_until_called(name: &str, namespace: &str, written: &dyn Fn() -> bool) {
    until(&format!("{name} is called for labels"), || {
        let reply = probe(namespace, "type", "x11server");
        reply.body["metadata"]["labels"]["netpol/ocuser"].is_string().then_some(())
    });
    until(&format!("{name} is called for a decision"), || {
        let reply = probe(namespace, "netpol/probe", "true");
        let denied = !reply.ok() && reply.message().contains("denied the request");
        (denied || !reply.warnings.is_empty() || written()).then_some(())
    });
}

/// Creates a guarded namespace of the shared guard, which has default flags, and an unguarded one.
pub(crate) fn scene() -> Scene<'static> {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    let guard = shared();
    let index = NEXT.fetch_add(1, Ordering::Relaxed);
    let guarded = guard.namespaces.get(index).unwrap_or_else(|| panic!("there are more tests than namespaces: increase POOL")).clone();
    let open = format!("open-{index:03}");
    create_namespace(&guarded);
    create_namespace(&open);
    Scene::new(guard, guarded, open)
}

/// Returns the guard with default flags that most tests share.
pub(crate) fn shared() -> &'static Guard {
    static SHARED: LazyLock<Guard> = LazyLock::new(|| {
        let namespaces = (0..POOL).map(|index| format!("guarded-{index:03}")).collect();
        let guard = Guard::over("shared", namespaces, "abcdesktop", &[]);
        guard.register();
        guard
    });
    &SHARED
}

/// Returns the output of `netpol render registration` for a Service `NAMESPACE/NAME:PORT` and one guarded namespace NAME.
pub(crate) fn rendered_for_service(name: &str, service: &str, ca: &Path) -> Vec<Value> {
    let ca = ca.display().to_string();
    listed(&["render", "registration", "--name", name, "--namespace", name, "--service", service, "--ca", &ca, "--output", "json"])
}

/// Returns the output of `netpol render registration` for a URL.
pub(crate) fn rendered(name: &str, url: &str, ca: &str, common: &[String]) -> Vec<Value> {
    let mut args: Vec<&str> = vec!["render", "registration", "--name", name, "--url", url, "--ca", ca, "--output", "json"];
    args.extend(common.iter().map(String::as_str));
    listed(&args)
}

fn listed(args: &[&str]) -> Vec<Value> {
    let printed = netpol(args).expect("render registration");
    let list: Value = serde_json::from_str(&printed).expect("it is JSON");
    list["items"].as_array().expect("it is a list").clone()
}

/// Applies a manifest with `kubectl`.
#[track_caller]
pub(crate) fn apply(manifest: &Value) {
    plane().kubectl.run(["apply", "-f", "-"], &manifest.to_string()).expect("kubectl apply");
}

/// The name of the namespace of abcdesktop, which the manifests of a release and the documents contain.
pub(crate) const ABCDESKTOP: &str = "abcdesktop";

/// The right to use the namespace of abcdesktop, which one test at a time has. The namespace is deleted afterwards.
pub(crate) struct Abcdesktop(#[expect(dead_code, reason = "it is held")] MutexGuard<'static, ()>);

/// Waits for the right to use the namespace of abcdesktop. The namespace does not exist.
pub(crate) fn abcdesktop() -> Abcdesktop {
    static ONE: Mutex<()> = Mutex::new(());
    Abcdesktop(ONE.lock().unwrap_or_else(PoisonError::into_inner))
}

impl Drop for Abcdesktop {
    fn drop(&mut self) {
        let path = format!("/api/v1/namespaces/{ABCDESKTOP}");
        let _ = plane().api.call(&Call::new(Method::DELETE, &path));
        let gone = within(Duration::from_secs(60), || (plane().api.get(&path).status == 404).then_some(()));
        assert!(gone.is_some() || std::thread::panicking(), "the namespace {ABCDESKTOP} is not deleted");
    }
}

/// Creates a namespace.
#[track_caller]
pub(crate) fn create_namespace(name: &str) {
    let manifest = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    plane().api.post("/api/v1/namespaces", &manifest).expect("a namespace");
}

/// Creates a pod as a dry run.
fn probe(namespace: &str, key: &str, value: &str) -> Reply {
    let labels = json!({key: value});
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "probe", "labels": labels},
        "spec": {"containers": [{"name": "c", "image": "registry.example/c"}]},
    });
    plane().api.post(&format!("/api/v1/namespaces/{namespace}/pods?dryRun=All"), &pod)
}

/// Writes a canon and returns its path.
pub(crate) fn write_canon(name: &str, documents: &[Value]) -> String {
    let path = plane().reaper.folder().join(format!("{name}-canon.yaml"));
    // JSON is valid YAML.
    let text: Vec<String> = documents.iter().map(Value::to_string).collect();
    fs::write(&path, text.join("\n---\n")).expect("a canon is written");
    path.display().to_string()
}
