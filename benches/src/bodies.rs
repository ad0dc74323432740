//! The bodies of the measured reviews, as an API server sends them.

use netpol::canon::{Canon, CanonicalPolicy};
use netpol::verdict::Stage;
use serde_json::Value;

use crate::pods::{self, Pod};

/// The guarded namespace.
pub const NAMESPACE: &str = "abcdesktop";

/// A body and its endpoint.
#[derive(Debug, Clone)]
pub struct Body {
    /// Its name, for tables and file names.
    pub name: &'static str,
    /// The endpoint that receives it.
    pub stage: Stage,
    /// Whether it is admitted.
    pub allowed: bool,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// A request with its objects as JSON.
struct Request<'a> {
    group: &'a str,
    kind: &'a str,
    resource: &'a str,
    subresource: Option<&'a str>,
    name: &'a str,
    operation: &'a str,
    user: &'a str,
    object: Option<&'a str>,
    old: Option<&'a str>,
}

impl Request<'_> {
    fn body(&self) -> Vec<u8> {
        let Request { group, kind, resource, name, operation, user, .. } = self;
        let kind = format!(r#"{{"group":"{group}","version":"v1","kind":"{kind}"}}"#);
        let resource = format!(r#"{{"group":"{group}","version":"v1","resource":"{resource}"}}"#);
        let sub = |field: &str| self.subresource.map_or_else(String::new, |sub| format!(r#","{field}":"{sub}""#));
        let (sub, request_sub) = (sub("subResource"), sub("requestSubResource"));
        let (object, old) = (self.object.unwrap_or("null"), self.old.unwrap_or("null"));
        format!(
            r#"{{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{{"uid":"7db632e2-76b8-44bc-9d3a-83245d013ea0","kind":{kind},"resource":{resource}{sub},"requestKind":{kind},"requestResource":{resource}{request_sub},"name":"{name}","namespace":"{NAMESPACE}","operation":"{operation}","userInfo":{{"username":"{user}","uid":"5f1c","groups":["system:serviceaccounts","system:serviceaccounts:{NAMESPACE}","system:authenticated"],"extra":{{"authentication.kubernetes.io/credential-id":["X509SHA256=1085d2f9b594c560ade918cd4ea278fc3e22260f6d2da5f8c8f6ccebb3facd61"]}}}},"object":{object},"oldObject":{old},"dryRun":false,"options":{{"kind":"CreateOptions","apiVersion":"meta.k8s.io/v1","fieldManager":"OpenAPI-Generator"}}}}}}"#
        )
        .into_bytes()
    }
}

const PYOS: &str = "system:serviceaccount:abcdesktop:pyos-serviceaccount";
const GRANTED: &[(&str, &str)] = &[("netpol/ocuser", "true")];
/// The labels of pyos, which has eleven granted labels.
const CONTROL_PLANE: &[(&str, &str)] = &[("run", "pyos-od"), ("type", "server")];
const THIEF: &[(&str, &str)] = &[("netpol/mongodb", "true"), ("netpol/ocuser", "true")];

/// Returns all bodies, in the order of the tables.
pub fn all(canon: &Canon) -> Vec<Body> {
    let mut bodies = pod_bodies();
    bodies.extend(policy_bodies(canon));
    bodies
}

fn pod_bodies() -> Vec<Body> {
    let desktop = |shape, labels| pods::render(&Pod { shape, labels, phase: "Pending" });
    let request = |object: &str| Request { object: Some(object), ..pod("CREATE") }.body();
    let body = |name, stage, allowed, bytes| Body { name, stage, allowed, bytes };
    let (bare, granted, thief) = (desktop(pods::SMALL, &[]), desktop(pods::SMALL, GRANTED), desktop(pods::SMALL, THIEF));
    let status = pods::render(&Pod { shape: pods::SMALL, labels: GRANTED, phase: "Running" });
    let status =
        Request { subresource: Some("status"), user: "system:node:worker-1", object: Some(&status), old: Some(&granted), ..pod("UPDATE") };
    vec![
        body("pod-14k/mutate", Stage::Mutate, true, request(&bare)),
        body("pod-14k-labeled/mutate", Stage::Mutate, true, request(&granted)),
        body("pod-eleven-labels/mutate", Stage::Mutate, true, request(&desktop(pods::SMALL, CONTROL_PLANE))),
        body("pod-14k/validate", Stage::Validate, true, request(&granted)),
        body("pod-107k/mutate", Stage::Mutate, true, request(&desktop(pods::LARGE, &[]))),
        body("pod-107k/validate", Stage::Validate, true, request(&desktop(pods::LARGE, GRANTED))),
        body("pod-refused/validate", Stage::Validate, false, request(&thief)),
        body("pod-status/validate", Stage::Validate, true, status.body()),
    ]
}

/// Returns a review that creates a desktop, with a body of about `bytes` bytes, but at least the size of a pod without containers.
pub fn pod_of(bytes: usize) -> Vec<u8> {
    let of = |containers| {
        let shape = pods::Shape { containers, ..pods::SMALL };
        let object = pods::render(&Pod { shape, labels: &[], phase: "Pending" });
        Request { object: Some(&object), ..pod("CREATE") }.body()
    };
    let (empty, ten) = (of(0).len(), of(10).len());
    if bytes < empty {
        let object = r#"{"kind":"Pod","apiVersion":"v1","metadata":{"name":"fry-74bea","namespace":"abcdesktop","labels":{"type":"x11server"}},"spec":{}}"#;
        return Request { object: Some(object), ..pod("CREATE") }.body();
    }
    of((bytes - empty) * 10 / (ten - empty))
}

fn pod(operation: &str) -> Request<'_> {
    Request {
        group: "",
        kind: "Pod",
        resource: "pods",
        subresource: None,
        name: "fry-74bea",
        operation,
        user: PYOS,
        object: None,
        old: None,
    }
}

/// The policy of the bodies below: the one with the most rules.
pub const LARGEST: &str = "ocuser-rights";

fn policy_bodies(canon: &Canon) -> Vec<Body> {
    let Some(canonical) = canon.policies(NAMESPACE).and_then(|policies| policies.named(LARGEST)) else { return Vec::new() };
    let body = |name, allowed, request: Request<'_>| Body { name, stage: Stage::Validate, allowed, bytes: request.body() };
    let (same, mut wider) = (spec(canonical).to_string(), spec(canonical));
    wider["ingress"][0]["ports"][0]["port"] = 22.into();
    let wider = wider.to_string();
    let (extra, extra_wider) = (policy("extra", &same), policy("extra", &wider));
    let (same, drifted) = (policy(LARGEST, &same), policy(LARGEST, &wider));
    let create = |name, object| Request { object: Some(object), ..network_policy(name, "CREATE") };
    vec![
        body("policy/validate", true, create(LARGEST, &same)),
        body("policy-updated/validate", true, Request { object: Some(&same), old: Some(&same), ..network_policy(LARGEST, "UPDATE") }),
        body("policy-drifted/validate", false, Request { object: Some(&drifted), old: Some(&same), ..network_policy(LARGEST, "UPDATE") }),
        body("policy-deleted/validate", false, Request { old: Some(&same), ..network_policy(LARGEST, "DELETE") }),
        body("policy-extra/validate", true, create("extra", &extra)),
        body("policy-extra-wider/validate", false, create("extra", &extra_wider)),
    ]
}

/// Returns a review that creates a policy with this name and `spec` (as JSON).
pub fn policy_review(name: &str, spec: &str) -> Vec<u8> {
    let object = format!(
        r#"{{"kind":"NetworkPolicy","apiVersion":"networking.k8s.io/v1","metadata":{{"name":"{name}","namespace":"{NAMESPACE}"}},"spec":{spec}}}"#
    );
    Request { object: Some(&object), ..network_policy(name, "CREATE") }.body()
}

fn network_policy<'a>(name: &'a str, operation: &'a str) -> Request<'a> {
    Request {
        group: "networking.k8s.io",
        kind: "NetworkPolicy",
        resource: "networkpolicies",
        subresource: None,
        name,
        operation,
        user: "kubernetes-admin",
        object: None,
        old: None,
    }
}

fn spec(canonical: &CanonicalPolicy) -> Value {
    canonical.manifest["spec"].clone()
}

/// Renders a policy as `kubectl apply` stores it: with its manifest in an annotation.
fn policy(name: &str, spec: &str) -> String {
    let applied = format!(
        r#"{{"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{{"annotations":{{}},"name":"{name}","namespace":"{NAMESPACE}"}},"spec":{spec}}}"#
    );
    let applied = Value::String(applied + "\n");
    format!(
        r#"{{"kind":"NetworkPolicy","apiVersion":"networking.k8s.io/v1","metadata":{{"name":"{name}","namespace":"{NAMESPACE}","uid":"2b57061b-690b-4632-8aa7-2bfb3eda4401","resourceVersion":"668","generation":2,"creationTimestamp":"2026-11-22T16:16:11Z","annotations":{{"kubectl.kubernetes.io/last-applied-configuration":{applied}}},"managedFields":[{{"manager":"kubectl-client-side-apply","operation":"Update","apiVersion":"networking.k8s.io/v1","time":"2026-11-22T16:16:11Z","fieldsType":"FieldsV1","fieldsV1":{{"f:metadata":{{"f:annotations":{{".":{{}},"f:kubectl.kubernetes.io/last-applied-configuration":{{}}}}}},"f:spec":{{"f:egress":{{}},"f:ingress":{{}},"f:podSelector":{{}},"f:policyTypes":{{}}}}}}}}]}},"spec":{spec}}}"#
    )
}
