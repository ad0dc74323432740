//! Calls of the API server, and the errors of calls that fail.
//!
//! Objects stay JSON, so fields that a newer cluster adds survive a write.

use std::time::Duration;

use hyper::header::CONTENT_TYPE;
use hyper::http::uri::Authority;
use hyper::{Method, Request};
use kube::core::Status;
use kube::{Client, Config};
use serde_json::Value;
use tokio::time::timeout;

use super::kubeconfig::{self, Found};
use super::proxy::Proxy;
use super::sentence::with_sources;

/// How long a call may take. It must be shorter than the renew deadline of a leader.
const DEADLINE: Duration = Duration::from_secs(5);

/// The field manager of every write.
pub(super) const FIELD_MANAGER: &str = "netpol-certificates";

/// A client of a cluster.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
    /// The address of the API server and the proxy, for messages.
    server: String,
    proxy: Option<Proxy>,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Cluster").finish_non_exhaustive()
    }
}

/// The cause of a failure: a closed set, for the label `cause` of metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// The API server does not respond in time, or has an internal error.
    Unreachable,
    /// The API server rejects the credentials.
    Unauthorized,
    /// RBAC or an admission plugin denies the call.
    Forbidden,
    /// The object does not exist.
    Missing,
    /// Another client changed the object at the same time.
    Conflict,
    /// The API server rejects the request.
    Refused,
    /// The Secret is not managed by netpol.
    Foreign,
    /// A certificate cannot be issued.
    Issue,
    /// The Secret contains a CA that netpol did not introduce.
    UnknownCa,
}

impl Cause {
    /// All causes.
    pub const ALL: [Cause; 9] = [
        Cause::Unreachable,
        Cause::Unauthorized,
        Cause::Forbidden,
        Cause::Missing,
        Cause::Conflict,
        Cause::Refused,
        Cause::Foreign,
        Cause::Issue,
        Cause::UnknownCa,
    ];

    /// Returns the name of the cause in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Cause::Unreachable => "unreachable",
            Cause::Unauthorized => "unauthorized",
            Cause::Forbidden => "forbidden",
            Cause::Missing => "missing",
            Cause::Conflict => "conflict",
            Cause::Refused => "refused",
            Cause::Foreign => "foreign",
            Cause::Issue => "issue",
            Cause::UnknownCa => "unknown-ca",
        }
    }
}

/// A call that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct ClusterError {
    /// The cause.
    pub cause: Cause,
    /// What failed, and what to do.
    pub sentence: String,
}

/// A reference to one object of the cluster.
#[derive(Debug, Clone, Copy)]
pub(super) struct ObjectRef<'t> {
    /// The path of its API group and version: `/api/v1`, `/apis/coordination.k8s.io/v1`.
    pub(super) api: &'static str,
    pub(super) namespace: Option<&'t str>,
    /// The plural name of its resource.
    pub(super) resource: &'static str,
    pub(super) name: &'t str,
    /// Whether messages of the API server about a write must not be repeated, because they could quote the object.
    pub(super) is_secret: bool,
}

/// Names the object in messages: `the secret "ns/name"`.
impl std::fmt::Display for ObjectRef<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = self.resource.trim_end_matches('s');
        match self.namespace {
            Some(namespace) => write!(formatter, "the {kind} \"{namespace}/{}\"", self.name),
            None => write!(formatter, "the {kind} \"{}\"", self.name),
        }
    }
}

impl ObjectRef<'_> {
    fn collection_path(&self) -> String {
        let ObjectRef { api, resource, .. } = self;
        match self.namespace {
            Some(namespace) => format!("{api}/namespaces/{namespace}/{resource}"),
            None => format!("{api}/{resource}"),
        }
    }

    fn path(&self) -> String {
        format!("{}/{}", self.collection_path(), self.name)
    }

    /// Returns the error for a response that is a failure.
    fn error(&self, verb: &str, status: &Status) -> ClusterError {
        let (cause, sentence) = match status.code {
            401 => (
                Cause::Unauthorized,
                "the API server rejects the credentials: the token or client certificate of the kubeconfig is not valid".to_owned(),
            ),
            403 => (Cause::Forbidden, self.forbidden(verb, &status.message)),
            404 => (Cause::Missing, format!("{self} does not exist")),
            409 => (Cause::Conflict, format!("another client changed {self} at the same time")),
            429 | 500.. => (Cause::Unreachable, format!("the API server currently cannot {verb} {self}: {}", status.reason)),
            code if self.is_secret => {
                (Cause::Refused, format!("the API server rejects the request to {verb} {self}: {code} {}", status.reason))
            }
            _ => (Cause::Refused, format!("the API server rejects the request to {verb} {self}: {}", status.message)),
        };
        ClusterError { cause, sentence }
    }

    /// Returns the sentence for a call that is not allowed. It names the rule that a role lacks.
    fn forbidden(&self, verb: &str, message: &str) -> String {
        let group = self.api.strip_prefix("/apis/").and_then(|rest| rest.split_once('/')).map_or("", |(group, _)| group);
        let role = self.namespace.map_or_else(|| "a ClusterRole".to_owned(), |namespace| format!("a Role in \"{namespace}\""));
        // Admission plugins deny with the same status code. Only the message of RBAC contains "cannot".
        if !message.contains("cannot ") {
            return format!("an admission plugin or webhook denies the request to {verb} {self}");
        }
        format!("not allowed to {verb} {self}: {role} must allow the verb \"{verb}\" on \"{}\" (apiGroup \"{group}\")", self.resource)
    }
}

impl Cluster {
    /// Creates a client from `KUBECONFIG` or `~/.kube/config`, or from the service account of the pod. It makes no call.
    ///
    /// # Errors
    /// There is no configuration, or it is invalid. The error is a sentence.
    pub fn find() -> Result<Cluster, String> {
        let Found { mut config, proxy } = kubeconfig::find(|name| std::env::var_os(name))?;
        config.connect_timeout = Some(DEADLINE);
        Ok(Cluster { proxy, ..Cluster::from_config(config)? })
    }

    /// Creates a client from a configuration.
    ///
    /// # Errors
    /// The configuration is invalid. The error is a sentence.
    pub fn from_config(config: Config) -> Result<Cluster, String> {
        // Without a user and password.
        let authority = config.cluster_url.authority().map(Authority::as_str).unwrap_or_default();
        let server = authority.rsplit_once('@').map_or(authority, |(_, server)| server).to_owned();
        let client = Client::try_from(config).map_err(|error| format!("the cluster configuration is invalid: {}", with_sources(&error)))?;
        Ok(Cluster { client, server, proxy: None })
    }

    pub(super) async fn get(&self, object: &ObjectRef<'_>) -> Result<Option<Value>, ClusterError> {
        match self.call(object, "get", Method::GET, object.path(), None).await {
            Err(error) if error.cause == Cause::Missing => Ok(None),
            other => other.map(Some),
        }
    }

    pub(super) async fn create(&self, object: &ObjectRef<'_>, content: &Value) -> Result<Value, ClusterError> {
        let path = format!("{}?fieldManager={FIELD_MANAGER}", object.collection_path());
        self.call(object, "create", Method::POST, path, Some(("application/json", content))).await
    }

    /// Replaces an object. The content has the resource version that was read, so a change by another client in between is a
    /// conflict.
    pub(super) async fn replace(&self, object: &ObjectRef<'_>, content: &Value) -> Result<Value, ClusterError> {
        let path = format!("{}?fieldManager={FIELD_MANAGER}", object.path());
        self.call(object, "update", Method::PUT, path, Some(("application/json", content))).await
    }

    pub(super) async fn patch(&self, object: &ObjectRef<'_>, patch: &Value) -> Result<Value, ClusterError> {
        let path = format!("{}?fieldManager={FIELD_MANAGER}", object.path());
        self.call(object, "patch", Method::PATCH, path, Some(("application/json-patch+json", patch))).await
    }

    /// Returns the error for a call without a response. It names the proxy, which may be what is wrong.
    fn unreachable(&self, reason: &str) -> ClusterError {
        let through = self.proxy.as_ref().map(|proxy| format!(" through {proxy}")).unwrap_or_default();
        ClusterError { cause: Cause::Unreachable, sentence: format!("cannot reach the API server {}{through}: {reason}", self.server) }
    }

    async fn call(
        &self,
        object: &ObjectRef<'_>,
        verb: &str,
        method: Method,
        path: String,
        body: Option<(&str, &Value)>,
    ) -> Result<Value, ClusterError> {
        let mut request = Request::builder().method(method).uri(path);
        if let Some((content_type, _)) = body {
            request = request.header(CONTENT_TYPE, content_type);
        }
        let bytes = body.map(|(_, value)| value.to_string().into_bytes()).unwrap_or_default();
        let request = request
            .body(bytes)
            .map_err(|_| ClusterError { cause: Cause::Refused, sentence: format!("the name of {object} is invalid") })?;
        // `request` would log a response that it cannot parse, which could be a Secret.
        match timeout(DEADLINE, self.client.request_text(request)).await {
            Err(_) => Err(self.unreachable(&format!("no response within {} s", DEADLINE.as_secs()))),
            Ok(Err(kube::Error::Api(status))) => Err(object.error(verb, &status)),
            Ok(Err(error)) => Err(self.unreachable(&with_sources(&error))),
            Ok(Ok(text)) => serde_json::from_str(&text).map_err(|_| self.unreachable("the response is not JSON")),
        }
    }
}
