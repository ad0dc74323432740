//! Calls of the API server.

use std::time::Duration;

use hyper::header::CONTENT_TYPE;
use hyper::http::uri::Authority;
use hyper::{Method, Request};
use kube::api::{self, ListParams};
use kube::core::Status;
use kube::{Client, Config};
use serde_json::Value;
use tokio::time::timeout;

use super::failure::{CallCause, CallError};
use super::kubeconfig::{self, Chosen, Found};
use super::proxy::Proxy;
use super::reference::{Collection, ObjectRef};
use super::sentence::with_sources;
use crate::documents::values::text;

/// How long a call for one object may take. It must be shorter than the renew deadline of a leader.
const DEADLINE: Duration = Duration::from_secs(5);
/// How long a chunk of a list may take.
const LIST_DEADLINE: Duration = Duration::from_secs(30);
/// The objects in a chunk of a list, as kubectl asks for.
const CHUNK: u32 = 500;
/// The objects in a chunk of a list of large objects, all of which are in memory for a moment.
const SMALL_CHUNK: u32 = 100;

/// A client of a cluster.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
    /// The field manager of its writes.
    manager: &'static str,
    /// The address of the API server and the proxy, for messages.
    server: String,
    proxy: Option<Proxy>,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Cluster").finish_non_exhaustive()
    }
}

/// What is read of each object of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// All of it.
    Whole,
    /// All of it, in smaller chunks.
    Large,
    /// Its metadata (`PartialObjectMetadata`).
    Metadata,
}

impl Form {
    /// Returns the objects in a chunk of a list.
    fn chunk(self) -> u32 {
        match self {
            Form::Whole | Form::Metadata => CHUNK,
            Form::Large => SMALL_CHUNK,
        }
    }
}

/// Which objects of a collection are read. Without selectors, all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selectors {
    /// A field selector, or empty.
    pub fields: String,
    /// A label selector, or empty.
    pub labels: String,
}

impl Selectors {
    /// Returns the objects that a field selector selects.
    pub fn fields(selector: &str) -> Selectors {
        Selectors { fields: selector.to_owned(), labels: String::new() }
    }

    /// Returns those of them that a label selector selects, too.
    #[must_use]
    pub fn labels(self, selector: &str) -> Selectors {
        Selectors { labels: selector.to_owned(), ..self }
    }

    /// Returns the parameters of a request: none that is empty.
    pub(super) fn parameters(&self) -> [Option<String>; 2] {
        [&self.fields, &self.labels].map(|selector| Some(selector.clone()).filter(|selector| !selector.is_empty()))
    }
}

/// The response to a request that may fail on purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status code.
    pub code: u16,
    /// The message of a failure; empty if the request succeeded.
    pub message: String,
    /// The sentence about a failure that names what is missing.
    pub sentence: Option<String>,
}

impl Cluster {
    /// Creates a client as kubectl does: from what was chosen, `KUBECONFIG` or `~/.kube/config`, otherwise from the service account of
    /// the pod. It makes no call. `manager` is the field manager of its writes.
    ///
    /// # Errors
    /// There is no configuration, or it is invalid. The error is a sentence.
    pub fn find(chosen: &Chosen, manager: &'static str) -> Result<Cluster, String> {
        let Found { mut config, proxy } = kubeconfig::find(chosen, |name| std::env::var_os(name))?;
        config.connect_timeout = Some(DEADLINE);
        Ok(Cluster { proxy, ..Cluster::from_config(config, manager)? })
    }

    /// Creates a client from a configuration.
    ///
    /// # Errors
    /// The configuration is invalid. The error is a sentence.
    pub fn from_config(config: Config, manager: &'static str) -> Result<Cluster, String> {
        // Without a user and password.
        let authority = config.cluster_url.authority().map(Authority::as_str).unwrap_or_default();
        let server = authority.rsplit_once('@').map_or(authority, |(_, server)| server).to_owned();
        let client = Client::try_from(config).map_err(|error| format!("the cluster configuration is invalid: {}", with_sources(&error)))?;
        Ok(Cluster { client, manager, server, proxy: None })
    }

    /// Reads an object; `None` if it or its kind does not exist.
    ///
    /// # Errors
    /// The call failed.
    pub async fn get(&self, object: &ObjectRef<'_>) -> Result<Option<Value>, CallError> {
        match self.call(Method::GET, object.path(), None, |status| object.error("get", status)).await {
            Err(error) if error.cause == CallCause::Missing => Ok(None),
            other => other.map(Some),
        }
    }

    /// Reads a document that is no object, such as the list of API groups at `/apis`; `None` if it does not exist.
    ///
    /// # Errors
    /// The call failed.
    pub async fn document(&self, path: &str) -> Result<Option<Value>, CallError> {
        let collection = Collection { api: "", namespace: None, resource: path };
        match self.call(Method::GET, path.to_owned(), None, |status| collection.error("get", status)).await {
            Err(error) if error.cause == CallCause::Missing => Ok(None),
            other => other.map(Some),
        }
    }

    /// Reads a collection in chunks. `read` returns what is kept of an object, so that a large collection is never in
    /// memory as a whole. Returns what was kept, and the resource version of the collection.
    ///
    /// If the API server forgets the version of the list before the last chunk, the list is read once more from its start.
    ///
    /// # Errors
    /// A call failed.
    pub async fn list<T>(
        &self,
        collection: &Collection<'_>,
        form: Form,
        selectors: &Selectors,
        read: impl Fn(Value) -> Option<T>,
    ) -> Result<(Vec<T>, String), CallError> {
        match self.list_once(collection, form, selectors, &read).await {
            Err(error) if error.cause == CallCause::Expired => self.list_once(collection, form, selectors, &read).await,
            other => other,
        }
    }

    async fn list_once<T>(
        &self,
        collection: &Collection<'_>,
        form: Form,
        selectors: &Selectors,
        read: &impl Fn(Value) -> Option<T>,
    ) -> Result<(Vec<T>, String), CallError> {
        let request = api::Request::new(collection.path());
        let [field_selector, label_selector] = selectors.parameters();
        let mut wanted = ListParams { limit: Some(form.chunk()), field_selector, label_selector, ..ListParams::default() };
        let mut kept = Vec::new();
        loop {
            let next = match form {
                Form::Whole | Form::Large => request.list(&wanted),
                Form::Metadata => request.list_metadata(&wanted),
            };
            let next = next.map_err(|error| refused(format!("{collection} cannot be listed: {}", with_sources(&error))))?;
            let mut list = self.send(next, LIST_DEADLINE, |status| collection.error("list", status)).await?;
            if let Some(Value::Array(items)) = list.get_mut("items").map(Value::take) {
                kept.extend(items.into_iter().filter_map(read));
            }
            wanted.continue_token = text(&list, "/metadata/continue").filter(|token| !token.is_empty()).map(str::to_owned);
            if wanted.continue_token.is_none() {
                return Ok((kept, text(&list, "/metadata/resourceVersion").unwrap_or_default().to_owned()));
            }
        }
    }

    /// Creates an object and returns it.
    ///
    /// # Errors
    /// The call failed.
    pub async fn create(&self, object: &ObjectRef<'_>, content: &Value) -> Result<Value, CallError> {
        let path = format!("{}?fieldManager={}", object.collection.path(), self.manager);
        self.call(Method::POST, path, Some(("application/json", content)), |status| object.error("create", status)).await
    }

    /// Creates an object as a dry run, which stores nothing, and returns the response, also if it is a failure.
    ///
    /// # Errors
    /// The API server did not respond.
    pub async fn dry_run(&self, object: &ObjectRef<'_>, content: &Value) -> Result<Response, CallError> {
        let path = format!("{}?dryRun=All&fieldManager={}", object.collection.path(), self.manager);
        let mut failure = None;
        let created = self
            .call(Method::POST, path, Some(("application/json", content)), |status| {
                let error = object.error("create", status);
                failure = Some(Response { code: status.code, message: status.message.clone(), sentence: Some(error.sentence.clone()) });
                error
            })
            .await;
        match (created, failure) {
            (Ok(_), _) => Ok(Response { code: 201, message: String::new(), sentence: None }),
            (Err(_), Some(failure)) => Ok(failure),
            (Err(error), None) => Err(error),
        }
    }

    /// Replaces an object. The content has the resource version that was read, so a change by another client in between is a
    /// conflict.
    ///
    /// # Errors
    /// The call failed.
    pub async fn replace(&self, object: &ObjectRef<'_>, content: &Value) -> Result<Value, CallError> {
        let path = format!("{}?fieldManager={}", object.path(), self.manager);
        self.call(Method::PUT, path, Some(("application/json", content)), |status| object.error("update", status)).await
    }

    /// Changes an object by a JSON patch and returns it.
    ///
    /// # Errors
    /// The call failed.
    pub async fn patch(&self, object: &ObjectRef<'_>, patch: &Value) -> Result<Value, CallError> {
        let path = format!("{}?fieldManager={}", object.path(), self.manager);
        self.call(Method::PATCH, path, Some(("application/json-patch+json", patch)), |status| object.error("patch", status)).await
    }

    /// Returns the client of the library.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Returns the error for a call without a response. It names the proxy, which may be what is wrong.
    pub(super) fn unreachable(&self, reason: &str) -> CallError {
        let through = self.proxy.as_ref().map(|proxy| format!(" through {proxy}")).unwrap_or_default();
        CallError { cause: CallCause::Unreachable, sentence: format!("cannot reach the API server {}{through}: {reason}", self.server) }
    }

    async fn call(
        &self,
        method: Method,
        path: String,
        body: Option<(&str, &Value)>,
        failed: impl FnOnce(&Status) -> CallError,
    ) -> Result<Value, CallError> {
        let mut request = Request::builder().method(method).uri(&path);
        if let Some((content_type, _)) = body {
            request = request.header(CONTENT_TYPE, content_type);
        }
        let bytes = body.map(|(_, value)| value.to_string().into_bytes()).unwrap_or_default();
        let request =
            request.body(bytes).map_err(|_| refused(format!("\"{path}\" is not the path of an object: a name in it is invalid")))?;
        self.send(request, DEADLINE, failed).await
    }

    async fn send(
        &self,
        request: Request<Vec<u8>>,
        deadline: Duration,
        failed: impl FnOnce(&Status) -> CallError,
    ) -> Result<Value, CallError> {
        // `request` would log a response that it cannot parse, which could be a Secret.
        match timeout(deadline, self.client.request_text(request)).await {
            Err(_) => Err(self.unreachable(&format!("no response within {} s", deadline.as_secs()))),
            Ok(Err(kube::Error::Api(status))) => Err(failed(&status)),
            Ok(Err(error)) => Err(self.unreachable(&with_sources(&error))),
            Ok(Ok(text)) => serde_json::from_str(&text).map_err(|_| self.unreachable("the response is not JSON")),
        }
    }
}

fn refused(sentence: String) -> CallError {
    CallError { cause: CallCause::Refused, sentence }
}
