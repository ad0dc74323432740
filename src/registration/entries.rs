//! The webhooks, one an errand: what it is asked about, what becomes of a request when nobody
//! answers, and how long the API server waits.
//!
//! Fail where an unjudged request could open the network, Ignore where the worst is a warning that
//! does not come. Nothing that a namespace needs to go away, a node to report or a scheduler to bind
//! is Fail.
//!
//! Every canon has the same webhooks, and one that was ever released stays, if need be with a condition that
//! nothing meets. The `caBundle` of each may belong to another field manager than the rest of it: where that one
//! applied it, whoever applies the configuration without the webhook leaves half of it behind, which is refused.

use serde_json::{Map, Value, json};

use super::Registration;
use super::conditions::{self, Condition};
use crate::verdict::foreign;

/// Seconds that the API server waits for labels: their lack is refused later, and a retry heals it.
const MUTATE_TIMEOUT: u8 = 3;
/// Seconds that it waits for a decision.
const VALIDATE_TIMEOUT: u8 = 5;

const CREATE: &[&str] = &["CREATE"];
const WRITE: &[&str] = &["CREATE", "UPDATE"];
const UPDATE: &[&str] = &["UPDATE"];

/// What becomes of a request that is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unanswered {
    Fail,
    Ignore,
}

/// One webhook.
#[derive(Debug)]
struct Entry {
    /// What it is for: the first part of its name.
    errand: &'static str,
    unanswered: Unanswered,
    /// Whether only the guarded namespaces are asked about.
    guarded: bool,
    rules: Vec<Value>,
    conditions: Vec<Condition>,
}

/// The webhooks of `/mutate`.
pub(super) fn mutating(registration: &Registration<'_>) -> Vec<Value> {
    let pods = Entry {
        errand: "pods",
        unanswered: Unanswered::Ignore,
        guarded: true,
        rules: vec![rule("", &["pods"], WRITE, "Namespaced")],
        conditions: vec![conditions::labels_change()],
    };
    let mut webhook = pods.webhook(registration, "mutate", MUTATE_TIMEOUT);
    // Another webhook that changes the pod after us may change what it is granted.
    webhook.insert("reinvocationPolicy".to_owned(), Value::from("IfNeeded"));
    vec![Value::Object(webhook)]
}

/// The webhooks of `/validate`.
pub(super) fn validating(registration: &Registration<'_>) -> Vec<Value> {
    let canon = registration.canon;
    let controllers = registration.namespace_controllers.iter().map(String::as_str);
    let entries = vec![
        Entry {
            errand: "pods",
            unanswered: Unanswered::Fail,
            guarded: true,
            rules: vec![rule("", &["pods", "pods/status"], WRITE, "Namespaced")],
            conditions: vec![conditions::labels_or_network_change()],
        },
        Entry {
            errand: "bindings",
            unanswered: Unanswered::Fail,
            guarded: true,
            rules: vec![rule("", &["bindings", "pods/binding"], CREATE, "Namespaced")],
            conditions: vec![conditions::binding_carries(canon.identity_keys())],
        },
        Entry {
            errand: "policies",
            unanswered: Unanswered::Fail,
            guarded: true,
            rules: vec![rule("networking.k8s.io", &["networkpolicies"], &["CREATE", "UPDATE", "DELETE"], "Namespaced")],
            conditions: vec![conditions::not_by_namespace_controller(controllers), conditions::ends_no_deletion()],
        },
        Entry {
            errand: "deleted-policies",
            unanswered: Unanswered::Ignore,
            guarded: true,
            rules: vec![rule("networking.k8s.io", &["networkpolicies"], UPDATE, "Namespaced")],
            conditions: vec![conditions::ends_a_deletion()],
        },
        Entry {
            errand: "workload-selectors",
            unanswered: Unanswered::Fail,
            guarded: true,
            rules: workloads(),
            conditions: vec![conditions::selector_reads_capabilities()],
        },
        Entry {
            errand: "workloads",
            unanswered: Unanswered::Ignore,
            guarded: true,
            rules: workloads(),
            conditions: vec![conditions::spec_changes(), conditions::selector_reads_no_capabilities()],
        },
        Entry {
            errand: "foreign-policies",
            unanswered: Unanswered::Ignore,
            // Objects of cluster scope are asked about all the same.
            guarded: true,
            rules: foreign_policies(),
            conditions: Vec::new(),
        },
        // Also for a canon without neighbors, where no request matches: the set of webhooks is always the same.
        Entry {
            errand: "neighbors",
            unanswered: Unanswered::Ignore,
            guarded: false,
            rules: vec![rule("", &["namespaces", "namespaces/finalize", "namespaces/status"], WRITE, "Cluster")],
            conditions: vec![conditions::neighbor_labels_change(canon.neighbor_keys())],
        },
    ];
    entries.into_iter().map(|entry| Value::Object(entry.webhook(registration, "validate", VALIDATE_TIMEOUT))).collect()
}

impl Entry {
    fn webhook(&self, registration: &Registration<'_>, stage: &str, timeout: u8) -> Map<String, Value> {
        let failure_policy = match self.unanswered {
            Unanswered::Fail => "Fail",
            Unanswered::Ignore => "Ignore",
        };
        let mut webhook = Map::new();
        let mut set = |field: &str, value: Value| webhook.insert(field.to_owned(), value);
        set("name", Value::from(format!("{}.{stage}.netpol.abcdesktop.io", self.errand)));
        set("admissionReviewVersions", json!(["v1"]));
        set("clientConfig", registration.endpoint.client_config(&format!("/{stage}"), registration.authorities));
        set("failurePolicy", Value::from(failure_policy));
        set("matchPolicy", Value::from("Equivalent"));
        set("sideEffects", Value::from("None"));
        set("timeoutSeconds", Value::from(timeout));
        if self.guarded {
            // The one label of a namespace that nobody can take off or give to another.
            let names = json!({"key": "kubernetes.io/metadata.name", "operator": "In", "values": registration.namespaces});
            set("namespaceSelector", json!({"matchExpressions": [names]}));
        }
        set("rules", Value::from(self.rules.clone()));
        if !self.conditions.is_empty() {
            set("matchConditions", self.conditions.iter().map(Condition::manifest).collect());
        }
        webhook
    }
}

fn rule(group: &str, resources: &[&str], operations: &[&str], scope: &str) -> Value {
    json!({"apiGroups": [group], "apiVersions": ["*"], "resources": resources, "operations": operations, "scope": scope})
}

fn workloads() -> Vec<Value> {
    vec![
        rule("", &["replicationcontrollers"], WRITE, "Namespaced"),
        rule("apps", &["daemonsets", "deployments", "replicasets", "statefulsets"], WRITE, "Namespaced"),
        rule("batch", &["cronjobs", "jobs"], WRITE, "Namespaced"),
    ]
}

/// A rule for each group of the one table of policy kinds.
fn foreign_policies() -> Vec<Value> {
    let mut rules = Vec::new();
    let mut groups: Vec<&str> = Vec::new();
    for kind in foreign::KINDS {
        if !groups.contains(&kind.group) {
            groups.push(kind.group);
            let resources: Vec<&str> =
                foreign::KINDS.iter().filter(|other| other.group == kind.group).map(|other| other.resource).collect();
            rules.push(rule(kind.group, &resources, WRITE, "*"));
        }
    }
    rules
}
