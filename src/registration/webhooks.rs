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

use super::claim_conditions;
use super::conditions::{self, Condition};
use super::endpoint::{Authorities, Endpoint};
use super::pod_condition::{Send, lacks_labels, not_plainly_right};
use crate::canon::{Canons, ForeignResource};
use crate::policy::selector::NAMESPACE_NAME_KEY;
use crate::verdict::Settings;
use crate::verdict::foreign::{self, ForeignKind, GivenKind};
use crate::verdict::settings::Action;

/// The namespace of the control plane.
const SYSTEM: &str = "kube-system";

/// The timeout of `/mutate` in seconds. A pod without its labels is denied by `/validate`, and a retry succeeds.
const MUTATE_TIMEOUT: u8 = 3;
/// The timeout of `/validate` in seconds.
const VALIDATE_TIMEOUT: u8 = 5;

const CREATE: &[&str] = &["CREATE"];
const WRITE: &[&str] = &["CREATE", "UPDATE"];
const UPDATE: &[&str] = &["UPDATE"];
const ALL: &[&str] = &["CREATE", "UPDATE", "DELETE"];

/// Everything that the registration depends on.
#[derive(Debug)]
pub struct Registration<'a> {
    /// The accepted canons, for their grants and the keys that they read.
    pub canons: &'a Canons,
    /// The settings of the servers: the guarded namespaces, users and kinds that conditions name, and the actions of which
    /// `Deny` must also hold while no server responds.
    pub settings: &'a Settings,
    /// Which new pods are sent.
    pub send: Send,
    /// The name of both configurations.
    pub name: &'a str,
    /// The address of the server.
    pub endpoint: &'a Endpoint,
    /// The CA bundle. `None` if the API server's own trust store is enough, or a bundle is added later.
    pub authorities: Option<&'a Authorities>,
}

impl<'a> Registration<'a> {
    /// Returns the namespaces that the servers need to start: a request there never waits for them.
    fn system_namespaces(&self) -> Vec<&'a str> {
        let own = match self.endpoint {
            Endpoint::Service { namespace, .. } => Some(namespace.as_str()),
            Endpoint::Url(_) => None,
        };
        [SYSTEM].into_iter().chain(own.filter(|own| *own != SYSTEM)).collect()
    }

    /// Returns the conditions of the webhook for new pods of a stage, if `needed` returns one.
    fn of_new_pods(&self, needed: impl Fn(&Canons, &Settings) -> Option<Condition>) -> Vec<Condition> {
        (self.send == Send::Needed).then(|| needed(self.canons, self.settings)).flatten().into_iter().collect()
    }

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

impl FailurePolicy {
    /// Returns the policy for requests that are judged by a flag.
    fn of(action: Action) -> FailurePolicy {
        match action {
            Action::Deny => FailurePolicy::Fail,
            Action::Warn | Action::Allow => FailurePolicy::Ignore,
        }
    }
}

/// The namespaces for which a webhook is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// The guarded namespaces, and cluster-scoped objects that are not namespaces.
    Guarded,
    /// The namespaces that the servers need to start.
    System,
    /// All other namespaces.
    NotSystem,
}

/// One webhook.
#[derive(Debug)]
struct Webhook {
    /// The first part of the name.
    name: &'static str,
    failure_policy: FailurePolicy,
    scope: Scope,
    rules: Vec<Value>,
    conditions: Vec<Condition>,
}

/// Returns the webhooks of `/mutate`.
fn mutating(registration: &Registration<'_>) -> Vec<Value> {
    let pods = |name, operations, conditions| {
        let rules = vec![rule("", &["pods"], operations, "Namespaced")];
        let pods = Webhook { name, failure_policy: FailurePolicy::Ignore, scope: Scope::Guarded, rules, conditions };
        let mut webhook = pods.manifest(registration, "mutate", MUTATE_TIMEOUT);
        // A webhook that is called later may change the labels that decide what the pod is granted.
        webhook.insert("reinvocationPolicy".to_owned(), Value::from("IfNeeded"));
        Value::Object(webhook)
    };
    vec![pods("pods", CREATE, registration.of_new_pods(lacks_labels)), pods("pod-updates", UPDATE, vec![conditions::labels_change()])]
}

/// Returns the webhooks of `/validate`.
fn validating(registration: &Registration<'_>) -> Vec<Value> {
    let Registration { canons, settings, .. } = *registration;
    let controllers = settings.namespace_controllers.iter().map(String::as_str);
    let plugin_writers = settings.plugin_writers.iter().map(String::as_str);
    let mut webhooks = Vec::from(of_pods(registration));
    webhooks.extend([
        Webhook {
            name: "policies",
            failure_policy: FailurePolicy::Fail,
            scope: Scope::Guarded,
            rules: vec![rule("networking.k8s.io", &["networkpolicies"], ALL, "Namespaced")],
            conditions: vec![conditions::not_by_namespace_controller(controllers.clone()), conditions::ends_no_deletion()],
        },
        Webhook {
            name: "deleted-policies",
            failure_policy: FailurePolicy::Ignore,
            scope: Scope::Guarded,
            rules: vec![rule("networking.k8s.io", &["networkpolicies"], UPDATE, "Namespaced")],
            conditions: vec![conditions::ends_a_deletion()],
        },
    ]);
    webhooks.extend(of_programs(settings));
    webhooks.extend([
        // Without canonical policies of other APIs no request matches.
        Webhook {
            name: "canonical-foreign-policies",
            failure_policy: FailurePolicy::Fail,
            scope: Scope::Guarded,
            rules: canonical_foreign_policies(canons, settings),
            conditions: vec![
                conditions::not_by_namespace_controller(controllers),
                conditions::ends_no_foreign_deletion(),
                conditions::is_canonical(canons),
            ],
        },
        Webhook {
            name: "foreign-policies",
            failure_policy: FailurePolicy::of(settings.foreign_policies),
            scope: Scope::Guarded,
            rules: namespaced_foreign_policies(settings, WRITE),
            conditions: vec![conditions::is_not_canonical(canons)],
        },
        // One of them may cut off the servers. Its correction must not depend on them.
        Webhook {
            name: "cluster-foreign-policies",
            failure_policy: FailurePolicy::Ignore,
            scope: Scope::Guarded,
            rules: foreign_policies(|kind| !kind.plugin_written && !kind.namespaced, &settings.foreign_kinds, WRITE, "Cluster"),
            conditions: Vec::new(),
        },
        // Without neighbors no request matches, but the set of webhooks is always the same.
        Webhook {
            name: "neighbors",
            failure_policy: FailurePolicy::of(settings.neighbors),
            scope: Scope::NotSystem,
            rules: namespaces(),
            conditions: vec![conditions::neighbors_change(canons.neighbors())],
        },
        Webhook {
            name: "system-neighbors",
            failure_policy: FailurePolicy::Ignore,
            scope: Scope::System,
            rules: namespaces(),
            conditions: vec![conditions::neighbors_change(canons.neighbors())],
        },
        Webhook {
            name: "plugin-policies",
            // Without it, an account of the plugin that is not known would cut off pods.
            failure_policy: FailurePolicy::Ignore,
            scope: Scope::Guarded,
            rules: foreign_policies(|kind| kind.plugin_written, &[], WRITE, "*"),
            conditions: vec![conditions::not_by_plugin(plugin_writers.clone())],
        },
        Webhook {
            name: "namespaces",
            failure_policy: FailurePolicy::of(settings.network_annotations),
            scope: Scope::Guarded,
            rules: namespaces(),
            conditions: vec![conditions::network_annotations_change(plugin_writers, &settings.network_annotation_keys)],
        },
        // Only a member of a break-glass group pauses repair, whatever enforcement is.
        Webhook {
            name: "repair-pause",
            failure_policy: FailurePolicy::Fail,
            scope: Scope::Guarded,
            rules: namespaces(),
            conditions: vec![conditions::repair_is_paused()],
        },
    ]);
    webhooks.into_iter().map(|webhook| Value::Object(webhook.manifest(registration, "validate", VALIDATE_TIMEOUT))).collect()
}

/// Returns the webhooks for the labels and networks of pods.
fn of_pods(registration: &Registration<'_>) -> [Webhook; 3] {
    let given = &registration.settings.network_annotation_keys;
    [
        Webhook {
            name: "pods",
            failure_policy: FailurePolicy::Fail,
            scope: Scope::Guarded,
            rules: vec![rule("", &["pods"], CREATE, "Namespaced")],
            conditions: registration.of_new_pods(not_plainly_right),
        },
        Webhook {
            name: "pod-updates",
            failure_policy: FailurePolicy::Fail,
            scope: Scope::Guarded,
            rules: vec![rule("", &["pods", "pods/status"], UPDATE, "Namespaced")],
            conditions: vec![conditions::labels_or_network_change(given)],
        },
        Webhook {
            name: "bindings",
            failure_policy: FailurePolicy::Fail,
            scope: Scope::Guarded,
            rules: vec![rule("", &["bindings", "pods/binding"], CREATE, "Namespaced")],
            conditions: vec![conditions::binding_carries(registration.canons.identity_keys(), given)],
        },
    ]
}

/// Returns the webhooks for workloads, and for updates that change what a pod runs.
fn of_programs(settings: &Settings) -> [Webhook; 4] {
    [
        Webhook {
            name: "workload-selectors",
            failure_policy: FailurePolicy::Fail,
            scope: Scope::Guarded,
            rules: workloads(),
            conditions: vec![conditions::selector_reads_capabilities()],
        },
        Webhook {
            name: "workloads",
            failure_policy: FailurePolicy::Ignore,
            scope: Scope::Guarded,
            rules: workloads(),
            conditions: vec![
                conditions::spec_changes(),
                conditions::selector_reads_no_capabilities(),
                claim_conditions::template_is_not_claimed(&settings.workload_controllers),
            ],
        },
        Webhook {
            name: "workload-claims",
            failure_policy: FailurePolicy::of(settings.claims),
            scope: Scope::Guarded,
            rules: claimed_workloads(),
            conditions: vec![
                conditions::selector_reads_no_capabilities(),
                claim_conditions::template_is_claimed(&settings.workload_controllers),
            ],
        },
        Webhook {
            name: "pod-claims",
            failure_policy: FailurePolicy::of(settings.claims),
            scope: Scope::Guarded,
            rules: vec![rule("", &["pods", "pods/ephemeralcontainers"], UPDATE, "Namespaced")],
            conditions: vec![claim_conditions::images_change()],
        },
    ]
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
        let (operator, namespaces) = match self.scope {
            Scope::Guarded => ("In", registration.settings.namespaces.iter().map(String::as_str).collect()),
            Scope::System => ("In", registration.system_namespaces()),
            Scope::NotSystem => ("NotIn", registration.system_namespaces()),
        };
        // The only label of a namespace that users cannot set or remove. For a namespace, its own label counts.
        let names = json!({"key": NAMESPACE_NAME_KEY, "operator": operator, "values": namespaces});
        set("namespaceSelector", json!({"matchExpressions": [names]}));
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

/// Returns the rules of workloads, and of the objects from which workloads take templates.
fn claimed_workloads() -> Vec<Value> {
    let mut rules = workloads();
    rules.extend([rule("", &["podtemplates"], WRITE, "Namespaced"), rule("apps", &["controllerrevisions"], CREATE, "Namespaced")]);
    rules
}

fn namespaces() -> Vec<Value> {
    vec![rule("", &["namespaces", "namespaces/finalize", "namespaces/status"], WRITE, "Cluster")]
}

/// Returns one rule for each resource of the canonical policies of other APIs, in the version of the canon: the API server converts
/// requests in other versions to it. Without such policies, the rules are those of all kinds that could be canonical.
fn canonical_foreign_policies(canons: &Canons, settings: &Settings) -> Vec<Value> {
    let names = canons.foreign_names();
    if names.is_empty() {
        return namespaced_foreign_policies(settings, ALL);
    }
    let rule = |resource: &ForeignResource| {
        let ForeignResource { group, version, resource, .. } = resource;
        json!({"apiGroups": [group], "apiVersions": [version], "resources": [resource], "operations": ALL, "scope": "Namespaced"})
    };
    names.into_keys().map(rule).collect()
}

fn namespaced_foreign_policies(settings: &Settings, operations: &[&str]) -> Vec<Value> {
    foreign_policies(|kind| !kind.plugin_written && kind.namespaced, &settings.foreign_kinds, operations, "Namespaced")
}

/// Returns one rule for each API group of the selected foreign policies, then one for each given kind, whose scope is not
/// known. The chart replaces the rules of given kinds by its own.
fn foreign_policies(is_selected: impl Fn(&ForeignKind) -> bool, given: &[GivenKind], operations: &[&str], scope: &str) -> Vec<Value> {
    let selected: Vec<&ForeignKind> = foreign::KINDS.iter().filter(|kind| is_selected(kind)).collect();
    let mut rules = Vec::new();
    let mut groups: Vec<&str> = Vec::new();
    for kind in &selected {
        if !groups.contains(&kind.group) {
            groups.push(kind.group);
            let resources: Vec<&str> = selected.iter().filter(|other| other.group == kind.group).map(|other| other.resource).collect();
            rules.push(rule(kind.group, &resources, operations, scope));
        }
    }
    rules.extend(given.iter().map(|kind| rule(&kind.group, &[&kind.resource], operations, scope)));
    rules
}
