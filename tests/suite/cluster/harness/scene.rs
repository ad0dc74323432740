//! A guarded namespace and an unguarded one: every denial has a control.

use serde_json::{Value, json};

use super::act::{Act, ActResult};
use super::audit;
use super::figures::note;
use super::guard::Guard;
use super::plane::plane;

/// The namespaces of a test.
pub(crate) struct Scene<'g> {
    pub(crate) guard: &'g Guard,
    /// The guarded namespace.
    pub(crate) guarded: String,
    /// The unguarded namespace.
    pub(crate) open: String,
}

impl<'g> Scene<'g> {
    pub(crate) fn new(guard: &'g Guard, guarded: String, open: String) -> Scene<'g> {
        Scene { guard, guarded, open }
    }

    /// Creates an object in both namespaces.
    #[track_caller]
    pub(crate) fn given(&self, manifest: &Value) {
        for namespace in [&self.guarded, &self.open] {
            create(namespace, manifest);
        }
    }

    /// Applies canonical policies to both namespaces.
    #[track_caller]
    pub(crate) fn given_policies(&self, canon: &str, names: &[&str]) {
        for namespace in [&self.guarded, &self.open] {
            let mut args = vec!["render", "policies", "--canon", canon, "--namespace", namespace];
            args.extend(names.iter().flat_map(|name| ["--only", name]));
            let manifests = super::netpol::netpol(args).expect("render policies");
            plane().kubectl.run(["apply", "-f", "-"], &manifests).expect("apply policies");
        }
    }

    /// Checks that the guard denies an act with a message that contains all of `words`, as a dry run and as a real request, and that
    /// both succeed in the unguarded namespace. Returns the result of the real request.
    #[track_caller]
    pub(crate) fn denied(&self, act: &Act, words: &[&str]) -> ActResult {
        let mut sentences = Vec::new();
        for dry in act.runs() {
            let result = act.run(&self.guarded, dry);
            assert!(!result.ok, "{act} (dry run: {dry}) is admitted: {}", result.text);
            assert!(result.text.contains("denied the request"), "{act} fails for another reason: {}", result.text);
            for word in words {
                assert!(result.text.contains(word), "{act}: {word:?} is not in {}", result.text);
            }
            sentences.push(result);
        }
        let [.., last] = sentences.as_slice() else { panic!("{act} did not run") };
        for other in &sentences {
            assert_eq!(without_quoted(other.sentence()), without_quoted(last.sentence()), "{act}: a dry run has the same result");
        }
        for dry in act.runs() {
            let result = act.run(&self.open, dry);
            assert!(result.ok, "control of {act} (dry run: {dry}): {}", result.text);
        }
        note("refused", json!({"act": act.to_string(), "tries": sentences.len()}));
        last.clone()
    }

    /// Checks that an act succeeds in both namespaces. Returns the result of the guarded one.
    #[track_caller]
    pub(crate) fn admitted(&self, act: &Act) -> ActResult {
        let mut answer = None;
        for dry in act.runs() {
            let result = act.run(&self.guarded, dry);
            assert!(result.ok, "{act} (dry run: {dry}) is denied: {}", result.text);
            if let Some(earlier) = answer.replace(result.clone()) {
                assert_eq!(earlier.warnings, result.warnings, "{act}: a dry run has the same result");
            }
        }
        let result = act.run(&self.open, false);
        assert!(result.ok, "control of {act}: {}", result.text);
        note("admitted", json!({"act": act.to_string()}));
        answer.unwrap_or_else(|| panic!("{act} did not run"))
    }

    /// Checks that an act succeeds without warnings.
    #[track_caller]
    pub(crate) fn admitted_without_warnings(&self, act: &Act) {
        let result = self.admitted(act);
        assert!(result.warnings.is_empty(), "{act}: {:?}", result.warnings);
    }

    /// Returns an object of the guarded namespace.
    #[track_caller]
    pub(crate) fn get(&self, resource: &str, name: &str) -> Value {
        get(&self.guarded, resource, name)
    }

    /// Returns the capability labels of a pod in the guarded namespace.
    #[track_caller]
    pub(crate) fn capabilities(&self, pod: &str) -> Vec<String> {
        capabilities(&self.get("pods", pod))
    }
}

impl Drop for Scene<'_> {
    /// Checks that every denial is recorded once with its uid.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            audit::matches(self.guard, &self.guarded);
        }
    }
}

/// Returns a message without quoted names, because generated names differ.
fn without_quoted(sentence: &str) -> String {
    sentence.split('"').step_by(2).collect()
}

/// Returns the path of a namespaced resource.
pub(crate) fn path(namespace: &str, resource: &str) -> String {
    let group = match resource.split('/').next().unwrap_or_default() {
        "networkpolicies" => "apis/networking.k8s.io/v1",
        "deployments" | "replicasets" | "statefulsets" | "daemonsets" => "apis/apps/v1",
        "jobs" | "cronjobs" => "apis/batch/v1",
        "ciliumnetworkpolicies" => "apis/cilium.io/v2",
        _ => "api/v1",
    };
    format!("/{group}/namespaces/{namespace}/{resource}")
}

/// Returns the plural of the kind of a manifest.
pub(crate) fn resource(manifest: &Value) -> String {
    let kind = manifest["kind"].as_str().expect("a manifest has a kind").to_lowercase();
    if kind.ends_with("policy") { format!("{}ies", kind.trim_end_matches('y')) } else { format!("{kind}s") }
}

/// Creates an object in a namespace.
#[track_caller]
pub(crate) fn create(namespace: &str, manifest: &Value) -> Value {
    plane().api.post(&path(namespace, &resource(manifest)), manifest).expect("an object")
}

#[track_caller]
pub(crate) fn get(namespace: &str, resource: &str, name: &str) -> Value {
    plane().api.get(&format!("{}/{name}", path(namespace, resource))).expect("an object")
}

/// Returns all objects of a resource in a namespace.
#[track_caller]
pub(crate) fn list(namespace: &str, resource: &str) -> Vec<Value> {
    plane().api.get(&path(namespace, resource)).expect("a list")["items"].as_array().cloned().unwrap_or_default()
}

/// Returns the keys of the capability labels of a pod, without the prefix `netpol/`, sorted.
pub(crate) fn capabilities(pod: &Value) -> Vec<String> {
    let labels = pod["metadata"]["labels"].as_object().cloned().unwrap_or_default();
    let mut keys = Vec::new();
    for (key, value) in labels {
        if let Some(name) = key.strip_prefix("netpol/") {
            assert_eq!(value, "true", "{key}");
            keys.push(name.to_owned());
        }
    }
    keys.sort();
    keys
}

/// Returns a pod that does nothing.
pub(crate) fn pod(name: &str, labels: &[(&str, &str)]) -> Value {
    let labels: serde_json::Map<String, Value> = labels.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}, "spec": pod_spec()})
}

/// Returns the spec of such a pod. It tolerates an unreachable node, because a `DaemonSet` would create no pod otherwise.
pub(crate) fn pod_spec() -> Value {
    let container = json!({"name": "c", "image": "registry.example/c"});
    json!({"containers": [container], "tolerations": [{"operator": "Exists"}], "terminationGracePeriodSeconds": 0})
}
