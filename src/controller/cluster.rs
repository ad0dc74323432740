//! Calls of the API server, and what is said of those that fail.
//!
//! Objects stay the JSON that they came as: what a newer cluster adds survives being written back.

use std::time::Duration;

use hyper::header::CONTENT_TYPE;
use hyper::{Method, Request};
use kube::{Client, Config};
use serde_json::Value;
use tokio::time::timeout;

pub(super) use crate::documents::values::{put, text};

/// How long a call may take: shorter than a leader can go without renewing.
const DEADLINE: Duration = Duration::from_secs(5);

/// Who is said to have written a field.
pub(super) const FIELD_MANAGER: &str = "netpol-certificates";

/// A cluster.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Cluster").finish_non_exhaustive()
    }
}

/// What kind of failure one is: a closed set, for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The API server does not answer, or not in time.
    Unreachable,
    /// It does not know who is asking.
    Unauthorized,
    /// A right is missing.
    Forbidden,
    /// The object is not there.
    Missing,
    /// Somebody else wrote first.
    Conflict,
    /// It refuses what it was sent.
    Refused,
    /// The Secret is somebody else's.
    Foreign,
    /// A certificate cannot be issued.
    Issue,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 8] =
        [Kind::Unreachable, Kind::Unauthorized, Kind::Forbidden, Kind::Missing, Kind::Conflict, Kind::Refused, Kind::Foreign, Kind::Issue];

    /// How metrics call it.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Unreachable => "unreachable",
            Kind::Unauthorized => "unauthorized",
            Kind::Forbidden => "forbidden",
            Kind::Missing => "missing",
            Kind::Conflict => "conflict",
            Kind::Refused => "refused",
            Kind::Foreign => "foreign",
            Kind::Issue => "issue",
        }
    }
}

/// A call that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct Fault {
    /// What kind it is.
    pub kind: Kind,
    /// What went wrong and what to do.
    pub sentence: String,
}

/// One object of the cluster.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target<'t> {
    /// `/api/v1`, `/apis/coordination.k8s.io/v1`
    pub(super) api: &'static str,
    pub(super) namespace: Option<&'t str>,
    /// The plural.
    pub(super) resource: &'static str,
    pub(super) name: &'t str,
    /// Whether nothing of what the API server says of a write may be repeated.
    pub(super) is_secret: bool,
}

impl Target<'_> {
    fn collection(&self) -> String {
        let Target { api, resource, .. } = self;
        match self.namespace {
            Some(namespace) => format!("{api}/namespaces/{namespace}/{resource}"),
            None => format!("{api}/{resource}"),
        }
    }

    fn object(&self) -> String {
        format!("{}/{}", self.collection(), self.name)
    }

    /// Its name for people: `the secret "ns/name"`.
    pub(super) fn words(&self) -> String {
        let kind = self.resource.trim_end_matches('s');
        match self.namespace {
            Some(namespace) => format!("the {kind} \"{namespace}/{}\"", self.name),
            None => format!("the {kind} \"{}\"", self.name),
        }
    }

    fn fault(&self, verb: &str, error: &kube::Error) -> Fault {
        let kube::Error::Api(status) = error else {
            return Fault { kind: Kind::Unreachable, sentence: format!("the API server cannot be reached: {}", chain(error)) };
        };
        let what = self.words();
        let (kind, sentence) = match status.code {
            401 => (
                Kind::Unauthorized,
                "the API server does not know who this is: the token or certificate of the kubeconfig is refused".to_owned(),
            ),
            403 => (Kind::Forbidden, self.forbidden(verb, &status.message)),
            404 => (Kind::Missing, format!("{what} is not there")),
            409 => (Kind::Conflict, format!("{what} was written by somebody else in between")),
            429 | 500.. => (Kind::Unreachable, format!("the API server cannot {verb} {what} now: {}", status.reason)),
            code if self.is_secret => (Kind::Refused, format!("the API server refuses to {verb} {what}: {code} {}", status.reason)),
            _ => (Kind::Refused, format!("the API server refuses to {verb} {what}: {}", status.message)),
        };
        Fault { kind, sentence }
    }

    /// What is missing in a role, in words that can be typed into it.
    fn forbidden(&self, verb: &str, message: &str) -> String {
        let group = self.api.strip_prefix("/apis/").and_then(|rest| rest.split_once('/')).map_or("", |(group, _)| group);
        let place = self.namespace.map_or_else(|| "a ClusterRole".to_owned(), |namespace| format!("a Role in \"{namespace}\""));
        // An admission plugin refuses with the same code, and other words.
        if !message.contains("cannot ") {
            return format!("the API server does not let {} be changed ({verb}): an admission plugin or webhook refuses it", self.words());
        }
        format!("may not {verb} {}: {place} must allow the verb \"{verb}\" on \"{}\" (apiGroup \"{group}\")", self.words(), self.resource)
    }
}

impl Cluster {
    /// Finds the cluster: by `KUBECONFIG` or `~/.kube/config`, else the one that this runs in. Nothing is
    /// asked yet.
    ///
    /// # Errors
    /// There is none, or its configuration cannot be used, in words.
    pub async fn find() -> Result<Cluster, String> {
        let mut config = Config::infer().await.map_err(|error| format!("no cluster is configured: {}", chain(&error)))?;
        config.connect_timeout = Some(DEADLINE);
        Cluster::of(config)
    }

    /// Takes a configuration.
    ///
    /// # Errors
    /// It cannot be used, in words.
    pub fn of(config: Config) -> Result<Cluster, String> {
        let client = Client::try_from(config).map_err(|error| format!("the cluster's configuration cannot be used: {}", chain(&error)))?;
        Ok(Cluster { client })
    }

    pub(super) async fn get(&self, target: &Target<'_>) -> Result<Option<Value>, Fault> {
        match self.call(target, "get", Method::GET, target.object(), None).await {
            Err(fault) if fault.kind == Kind::Missing => Ok(None),
            other => other.map(Some),
        }
    }

    pub(super) async fn create(&self, target: &Target<'_>, object: &Value) -> Result<Value, Fault> {
        let path = format!("{}?fieldManager={FIELD_MANAGER}", target.collection());
        self.call(target, "create", Method::POST, path, Some(("application/json", object))).await
    }

    /// Writes an object whole. It has the resource version that it was read with, so what somebody else
    /// wrote in between is a conflict.
    pub(super) async fn replace(&self, target: &Target<'_>, object: &Value) -> Result<Value, Fault> {
        let path = format!("{}?fieldManager={FIELD_MANAGER}", target.object());
        self.call(target, "update", Method::PUT, path, Some(("application/json", object))).await
    }

    pub(super) async fn patch(&self, target: &Target<'_>, patch: &Value) -> Result<Value, Fault> {
        let path = format!("{}?fieldManager={FIELD_MANAGER}", target.object());
        self.call(target, "patch", Method::PATCH, path, Some(("application/json-patch+json", patch))).await
    }

    async fn call(
        &self,
        target: &Target<'_>,
        verb: &str,
        method: Method,
        path: String,
        body: Option<(&str, &Value)>,
    ) -> Result<Value, Fault> {
        let unreachable = |why: &str| Fault { kind: Kind::Unreachable, sentence: format!("the API server cannot be reached: {why}") };
        let mut request = Request::builder().method(method).uri(path);
        if let Some((content_type, _)) = body {
            request = request.header(CONTENT_TYPE, content_type);
        }
        let bytes = body.map(|(_, value)| value.to_string().into_bytes()).unwrap_or_default();
        let request = request
            .body(bytes)
            .map_err(|_| Fault { kind: Kind::Refused, sentence: format!("{} has a name that no object can have", target.words()) })?;
        // As text: the client logs what it cannot parse, and a Secret is not for a log.
        match timeout(DEADLINE, self.client.request_text(request)).await {
            Err(_) => Err(unreachable(&format!("no answer within {} s", DEADLINE.as_secs()))),
            Ok(Err(error)) => Err(target.fault(verb, &error)),
            Ok(Ok(text)) => serde_json::from_str(&text).map_err(|_| unreachable("it answers with something else than JSON")),
        }
    }
}

/// An error with its causes, in one line; none is said twice.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let words = inner.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = inner.source();
    }
    text
}
