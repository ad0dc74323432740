//! A guarded namespace and an unguarded one, side by side: every refusal has its control.

use serde_json::{Value, json};

use super::act::{Act, Said};
use super::audit;
use super::figures::note;
use super::guard::Guard;
use super::plane::plane;

/// Where a test acts.
pub(crate) struct Scene<'g> {
    pub(crate) guard: &'g Guard,
    /// The guarded namespace.
    pub(crate) guarded: String,
    /// The other one.
    pub(crate) open: String,
}

impl<'g> Scene<'g> {
    pub(crate) fn new(guard: &'g Guard, guarded: String, open: String) -> Scene<'g> {
        Scene { guard, guarded, open }
    }

    /// Makes something in both namespaces.
    #[track_caller]
    pub(crate) fn given(&self, manifest: &Value) {
        for namespace in [&self.guarded, &self.open] {
            create(namespace, manifest);
        }
    }

    /// Applies the canonical policies of these names to both namespaces.
    #[track_caller]
    pub(crate) fn given_policies(&self, canon: &str, names: &[&str]) {
        for namespace in [&self.guarded, &self.open] {
            let mut args = vec!["render", "policies", "--canon", canon, "--namespace", namespace];
            args.extend(names.iter().flat_map(|name| ["--only", name]));
            let manifests = super::netpol::netpol(args).expect("render policies");
            plane().kubectl.run(["apply", "-f", "-"], &manifests).expect("apply policies");
        }
    }

    /// The guard refuses an act with a sentence that has all of `words`, as a dry run and in earnest
    /// alike; where nobody guards, both succeed. Answers what was said in earnest.
    #[track_caller]
    pub(crate) fn refused(&self, act: &Act, words: &[&str]) -> Said {
        let mut sentences = Vec::new();
        for dry in act.runs() {
            let said = act.run(&self.guarded, dry);
            assert!(!said.ok, "{act} (dry run: {dry}) is admitted: {}", said.text);
            assert!(said.text.contains("denied the request"), "{act} fails for another reason: {}", said.text);
            for word in words {
                assert!(said.text.contains(word), "{act}: {word:?} is not in {}", said.text);
            }
            sentences.push(said);
        }
        let [.., last] = sentences.as_slice() else { panic!("{act} is not tried") };
        for other in &sentences {
            assert_eq!(without_quoted(other.sentence()), without_quoted(last.sentence()), "{act}: a dry run gets the same answer");
        }
        for dry in act.runs() {
            let said = act.run(&self.open, dry);
            assert!(said.ok, "control of {act} (dry run: {dry}): {}", said.text);
        }
        note("refused", json!({"act": act.to_string(), "tries": sentences.len()}));
        last.clone()
    }

    /// The guard admits an act; so does the unguarded namespace. Answers what the guard said.
    #[track_caller]
    pub(crate) fn admitted(&self, act: &Act) -> Said {
        let mut answer = None;
        for dry in act.runs() {
            let said = act.run(&self.guarded, dry);
            assert!(said.ok, "{act} (dry run: {dry}) is refused: {}", said.text);
            if let Some(earlier) = answer.replace(said.clone()) {
                assert_eq!(earlier.warnings, said.warnings, "{act}: a dry run gets the same answer");
            }
        }
        let said = act.run(&self.open, false);
        assert!(said.ok, "control of {act}: {}", said.text);
        note("admitted", json!({"act": act.to_string()}));
        answer.unwrap_or_else(|| panic!("{act} is not tried"))
    }

    /// The guard admits an act and says nothing.
    #[track_caller]
    pub(crate) fn admitted_in_silence(&self, act: &Act) {
        let said = self.admitted(act);
        assert!(said.warnings.is_empty(), "{act}: {:?}", said.warnings);
    }

    /// An object of the guarded namespace.
    #[track_caller]
    pub(crate) fn get(&self, resource: &str, name: &str) -> Value {
        get(&self.guarded, resource, name)
    }

    /// The labels of a pod in the guarded namespace that are capabilities.
    #[track_caller]
    pub(crate) fn capabilities(&self, pod: &str) -> Vec<String> {
        capabilities(&self.get("pods", pod))
    }
}

impl Drop for Scene<'_> {
    /// Whatever was refused here is on record, once and with its uid.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            audit::matches(self.guard, &self.guarded);
        }
    }
}

/// A sentence without the names in it: a generated one is another each time.
fn without_quoted(sentence: &str) -> String {
    sentence.split('"').step_by(2).collect()
}

/// The path of a namespaced resource.
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

/// The plural of a manifest's kind.
pub(crate) fn resource(manifest: &Value) -> String {
    let kind = manifest["kind"].as_str().expect("a manifest has a kind").to_lowercase();
    if kind.ends_with("policy") { format!("{}ies", kind.trim_end_matches('y')) } else { format!("{kind}s") }
}

/// Makes something in one namespace.
#[track_caller]
pub(crate) fn create(namespace: &str, manifest: &Value) -> Value {
    plane().api.post(&path(namespace, &resource(manifest)), manifest).expect("something is given")
}

#[track_caller]
pub(crate) fn get(namespace: &str, resource: &str, name: &str) -> Value {
    plane().api.get(&format!("{}/{name}", path(namespace, resource))).expect("something is there")
}

/// Everything of a resource in a namespace.
#[track_caller]
pub(crate) fn list(namespace: &str, resource: &str) -> Vec<Value> {
    plane().api.get(&path(namespace, resource)).expect("a list")["items"].as_array().cloned().unwrap_or_default()
}

/// The keys under `netpol/` that a pod wears, without the prefix, in order.
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

/// A pod that does nothing.
pub(crate) fn pod(name: &str, labels: &[(&str, &str)]) -> Value {
    let labels: serde_json::Map<String, Value> = labels.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}, "spec": pod_spec()})
}

/// What such a pod is made of. It tolerates a node that nobody ever hears of: a `DaemonSet` makes none otherwise.
pub(crate) fn pod_spec() -> Value {
    let container = json!({"name": "c", "image": "registry.example/c"});
    json!({"containers": [container], "tolerations": [{"operator": "Exists"}], "terminationGracePeriodSeconds": 0})
}
