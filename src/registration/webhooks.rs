//! The webhooks of both configurations: their rules, failure policy and timeout.
//!
//! The failure policy is Fail if a request without a review could open the network, and Ignore if the worst
//! result is a missing warning or record. Requests that a namespace needs for its deletion, a node for its
//! status or the scheduler for a binding do not depend on a webhook with Fail.
//!
//! The set of webhooks is the same for every canon, and a released webhook is never removed: if necessary, it
//! gets a condition that no request meets. The `caBundle` of a webhook may have another field manager than the
//! rest. Then applying a configuration without the webhook would leave an entry that has only a `caBundle`,
//! which the API server rejects.

use serde_json::{Map, Value, json};

use super::conditions::{self, Condition};
use super::endpoint::{Authorities, Endpoint};
use crate::canon::Canons;
use crate::verdict::foreign::{self, ForeignKind, GivenKind};

/// The timeout of `/mutate` in seconds. A pod without its labels is denied by `/validate`, and a retry succeeds.
const MUTATE_TIMEOUT: u8 = 3;
/// The timeout of `/validate` in seconds.
const VALIDATE_TIMEOUT: u8 = 5;

const CREATE: &[&str] = &["CREATE"];
const WRITE: &[&str] = &["CREATE", "UPDATE"];
const UPDATE: &[&str] = &["UPDATE"];

/// Everything that the registration depends on.
#[derive(Debug)]
pub struct Registration<'a> {
    /// The accepted canons, for the keys that they read.
    pub canons: &'a Canons,
    /// The guarded namespaces.
    pub namespaces: &'a [String],
    /// The user names of the namespace controller.
    pub namespace_controllers: &'a [String],
    /// The user names of the network plugin.
    pub plugin_writers: &'a [String],
    /// The keys of network annotations in addition to the known ones.
    pub network_annotations: &'a [String],
    /// The foreign policy kinds in addition to the known ones.
    pub foreign_kinds: &'a [GivenKind],
    /// The name of both configurations.
    pub name: &'a str,
    /// The address of the server.
    pub endpoint: &'a Endpoint,
    /// The CA bundle. `None` if the API server's own trust store is enough, or a bundle is added later.
    pub authorities: Option<&'a Authorities>,
}

impl Registration<'_> {
    /// Renders both configurations, the mutating one first.
    pub fn manifests(&self) -> [Value; 2] {
        let (mutating, validating) = (mutating(self), validating(self));
        [self.manifest("MutatingWebhookConfiguration", &mutating), self.manifest("ValidatingWebhookConfiguration", &validating)]
    }

    fn manifest(&self, kind: &str, webhooks: &[Value]) -> Value {
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": kind,
            "metadata": {"name": self.name, "labels": {"app.kubernetes.io/name": "abcdesktop-netpol"}},
            "webhooks": webhooks,
        })
    }
}

/// What the API server does with a request if the webhook does not respond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FailurePolicy {
    Fail,
    Ignore,
}

/// One webhook.
#[derive(Debug)]
struct Webhook {
    /// The first part of the name.
    name: &'static str,
    failure_policy: FailurePolicy,
    /// Whether requests outside the guarded namespaces are excluded.
    guarded: bool,
    rules: Vec<Value>,
    conditions: Vec<Condition>,
}

/// Returns the webhooks of `/mutate`.
fn mutating(registration: &Registration<'_>) -> Vec<Value> {
    let pods = Webhook {
        name: "pods",
        failure_policy: FailurePolicy::Ignore,
        guarded: true,
        rules: vec![rule("", &["pods"], WRITE, "Namespaced")],
        conditions: vec![conditions::labels_change()],
    };
    let mut webhook = pods.manifest(registration, "mutate", MUTATE_TIMEOUT);
    // A webhook that is called later may change the labels that decide what the pod is granted.
    webhook.insert("reinvocationPolicy".to_owned(), Value::from("IfNeeded"));
    vec![Value::Object(webhook)]
}

/// Returns the webhooks of `/validate`.
fn validating(registration: &Registration<'_>) -> Vec<Value> {
    let canons = registration.canons;
    let controllers = registration.namespace_controllers.iter().map(String::as_str);
    let plugin_writers = registration.plugin_writers.iter().map(String::as_str);
    let webhooks = vec![
        Webhook {
            name: "pods",
            failure_policy: FailurePolicy::Fail,
            guarded: true,
            rules: vec![rule("", &["pods", "pods/status"], WRITE, "Namespaced")],
            conditions: vec![conditions::labels_or_network_change(registration.network_annotations)],
        },
        Webhook {
            name: "bindings",
            failure_policy: FailurePolicy::Fail,
            guarded: true,
            rules: vec![rule("", &["bindings", "pods/binding"], CREATE, "Namespaced")],
            conditions: vec![conditions::binding_carries(canons.identity_keys(), registration.network_annotations)],
        },
        Webhook {
            name: "policies",
            failure_policy: FailurePolicy::Fail,
            guarded: true,
            rules: vec![rule("networking.k8s.io", &["networkpolicies"], &["CREATE", "UPDATE", "DELETE"], "Namespaced")],
            conditions: vec![conditions::not_by_namespace_controller(controllers), conditions::ends_no_deletion()],
        },
        Webhook {
            name: "deleted-policies",
            failure_policy: FailurePolicy::Ignore,
            guarded: true,
            rules: vec![rule("networking.k8s.io", &["networkpolicies"], UPDATE, "Namespaced")],
            conditions: vec![conditions::ends_a_deletion()],
        },
        Webhook {
            name: "workload-selectors",
            failure_policy: FailurePolicy::Fail,
            guarded: true,
            rules: workloads(),
            conditions: vec![conditions::selector_reads_capabilities()],
        },
        Webhook {
            name: "workloads",
            failure_policy: FailurePolicy::Ignore,
            guarded: true,
            rules: workloads(),
            conditions: vec![conditions::spec_changes(), conditions::selector_reads_no_capabilities()],
        },
        Webhook {
            name: "foreign-policies",
            failure_policy: FailurePolicy::Ignore,
            // Cluster-scoped objects match regardless of the namespaceSelector.
            guarded: true,
            rules: foreign_policies(|kind| !kind.plugin_written, registration.foreign_kinds),
            conditions: Vec::new(),
        },
        // Without neighbors no request matches, but the set of webhooks is always the same.
        Webhook {
            name: "neighbors",
            failure_policy: FailurePolicy::Ignore,
            guarded: false,
            rules: vec![rule("", &["namespaces", "namespaces/finalize", "namespaces/status"], WRITE, "Cluster")],
            conditions: vec![conditions::neighbor_labels_change(canons.neighbor_keys())],
        },
        Webhook {
            name: "plugin-policies",
            // Without it, an account of the plugin that is not known would cut off pods.
            failure_policy: FailurePolicy::Ignore,
            guarded: true,
            rules: foreign_policies(|kind| kind.plugin_written, &[]),
            conditions: vec![conditions::not_by_plugin(plugin_writers.clone())],
        },
        Webhook {
            name: "namespaces",
            failure_policy: FailurePolicy::Fail,
            guarded: true,
            rules: vec![rule("", &["namespaces", "namespaces/finalize", "namespaces/status"], WRITE, "Cluster")],
            conditions: vec![conditions::network_annotations_change(plugin_writers, registration.network_annotations)],
        },
    ];
    webhooks.into_iter().map(|webhook| Value::Object(webhook.manifest(registration, "validate", VALIDATE_TIMEOUT))).collect()
}

impl Webhook {
    fn manifest(&self, registration: &Registration<'_>, stage: &str, timeout: u8) -> Map<String, Value> {
        let failure_policy = match self.failure_policy {
            FailurePolicy::Fail => "Fail",
            FailurePolicy::Ignore => "Ignore",
        };
        let mut webhook = Map::new();
        let mut set = |field: &str, value: Value| webhook.insert(field.to_owned(), value);
        set("name", Value::from(format!("{}.{stage}.netpol.abcdesktop.io", self.name)));
        set("admissionReviewVersions", json!(["v1"]));
        set("clientConfig", registration.endpoint.client_config(&format!("/{stage}"), registration.authorities));
        set("failurePolicy", Value::from(failure_policy));
        set("matchPolicy", Value::from("Equivalent"));
        set("sideEffects", Value::from("None"));
        set("timeoutSeconds", Value::from(timeout));
        if self.guarded {
            // The only label of a namespace that users cannot set or remove.
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

/// Returns one rule for each API group of the selected foreign policies, then one for each given kind. The chart replaces
/// the rules of given kinds by its own.
fn foreign_policies(is_selected: impl Fn(&ForeignKind) -> bool, given: &[GivenKind]) -> Vec<Value> {
    let selected: Vec<&ForeignKind> = foreign::KINDS.iter().filter(|kind| is_selected(kind)).collect();
    let mut rules = Vec::new();
    let mut groups: Vec<&str> = Vec::new();
    for kind in &selected {
        if !groups.contains(&kind.group) {
            groups.push(kind.group);
            let resources: Vec<&str> = selected.iter().filter(|other| other.group == kind.group).map(|other| other.resource).collect();
            rules.push(rule(kind.group, &resources, WRITE, "*"));
        }
    }
    rules.extend(given.iter().map(|kind| rule(&kind.group, &[&kind.resource], WRITE, "*")));
    rules
}
