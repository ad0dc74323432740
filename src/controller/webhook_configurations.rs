//! Webhook configurations: the CA bundle with which API servers verify this server, and how it is published.
//!
//! The bundle is written as a JSON patch of `caBundle` alone, under its own field manager and guarded by the resource version that
//! was read. Server-side apply would own the whole list entry: a client that later removes the entry by server-side apply (as Helm 4
//! does) would leave a part of the entry behind and fail because of its missing fields.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use crate::certificates::trust::{self, Bundle, Ca, same_cas};
use crate::cluster::{CallError, Cluster, Collection, ObjectRef};
use crate::documents::values::text;
use crate::registration;

/// The two kinds of configurations.
const RESOURCES: [&str; 2] = [MUTATING, "validatingwebhookconfigurations"];
const MUTATING: &str = "mutatingwebhookconfigurations";

/// A webhook configuration of the cluster.
#[derive(Debug, Clone)]
pub struct WebhookConfiguration {
    resource: &'static str,
    name: String,
    version: String,
    /// Its webhooks; empty if it does not exist.
    pub webhooks: Vec<Webhook>,
    /// The object as the API server returned it; `None` if it does not exist.
    pub content: Option<Value>,
}

/// A webhook of a configuration.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// Its name.
    pub name: String,
    /// The server name that the certificate must be valid for.
    pub server: Option<String>,
    /// The CAs in its `caBundle`.
    pub bundle: Vec<Ca>,
}

fn object<'t>(resource: &'static str, name: &'t str) -> ObjectRef<'t> {
    let collection = Collection { api: "/apis/admissionregistration.k8s.io/v1", namespace: None, resource };
    ObjectRef { collection, name, is_secret: false }
}

/// Names the configuration in messages.
impl std::fmt::Display for WebhookConfiguration {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = if self.resource == MUTATING { "MutatingWebhookConfiguration" } else { "ValidatingWebhookConfiguration" };
        write!(formatter, "the {kind} \"{}\"", self.name)
    }
}

impl WebhookConfiguration {
    /// Reads the mutating and the validating configuration of each name.
    ///
    /// # Errors
    /// A call of the API server failed.
    pub async fn read_all(cluster: &Cluster, names: &[String]) -> Result<Vec<WebhookConfiguration>, CallError> {
        let mut all = Vec::new();
        for name in names {
            for resource in RESOURCES {
                let content = cluster.get(&object(resource, name)).await?;
                all.push(WebhookConfiguration::parse(resource, name, content.as_ref()));
            }
        }
        Ok(all)
    }

    /// Returns the mutating and the validating configuration of each name, if both were read.
    pub fn pairs(all: &[WebhookConfiguration]) -> impl Iterator<Item = (&str, registration::Found<'_>)> {
        let (pairs, _) = all.as_chunks::<2>();
        pairs.iter().map(|[mutating, validating]| (mutating.name.as_str(), [mutating.content.as_ref(), validating.content.as_ref()]))
    }

    fn parse(resource: &'static str, name: &str, content: Option<&Value>) -> WebhookConfiguration {
        let webhooks = content.and_then(|content| content.get("webhooks")).and_then(Value::as_array);
        let version = content.and_then(|content| text(content, "/metadata/resourceVersion")).unwrap_or_default().to_owned();
        let webhooks = webhooks.into_iter().flatten().map(Webhook::parse).collect();
        WebhookConfiguration { resource, name: name.to_owned(), version, webhooks, content: content.cloned() }
    }

    /// Publishes a bundle to the webhooks that have a different one. Returns whether there were any.
    pub(super) async fn publish(&self, cluster: &Cluster, bundle: &[Ca]) -> Result<bool, CallError> {
        let stale = self.webhooks.iter().enumerate().filter(|(_, webhook)| !same_cas(&webhook.bundle, bundle));
        let encoded = BASE64.encode(trust::pem(bundle));
        let mut operations = Vec::new();
        for (index, webhook) in stale {
            operations.push(json!({"op": "test", "path": format!("/webhooks/{index}/name"), "value": webhook.name}));
            operations.push(json!({"op": "add", "path": format!("/webhooks/{index}/clientConfig/caBundle"), "value": encoded}));
        }
        if operations.is_empty() {
            return Ok(false);
        }
        // With the resource version that was read, a change by another client in between is a conflict.
        operations.push(json!({"op": "replace", "path": "/metadata/resourceVersion", "value": self.version}));
        cluster.patch(&object(self.resource, &self.name), &Value::Array(operations)).await?;
        Ok(true)
    }
}

/// Returns the server names that the webhooks of a configuration call.
pub(super) fn servers(content: &Value) -> Vec<String> {
    let webhooks = content.get("webhooks").and_then(Value::as_array);
    webhooks.into_iter().flatten().filter_map(|webhook| Webhook::parse(webhook).server).collect()
}

impl Webhook {
    fn parse(webhook: &Value) -> Webhook {
        let service = |field: &str| text(webhook, &format!("/clientConfig/service/{field}"));
        let server = match (service("name"), service("namespace")) {
            (Some(name), Some(namespace)) => Some(format!("{name}.{namespace}.svc")),
            _ => text(webhook, "/clientConfig/url").and_then(host),
        };
        let bundle = text(webhook, "/clientConfig/caBundle").and_then(|text| BASE64.decode(text).ok()).unwrap_or_default();
        let name = text(webhook, "/name").unwrap_or_default().to_owned();
        Webhook { name, server, bundle: Bundle::read(&bundle).cas }
    }
}

/// Returns the host of a URL, without the brackets of an IPv6 address.
fn host(url: &str) -> Option<String> {
    let uri: hyper::Uri = url.parse().ok()?;
    Some(uri.host()?.trim_start_matches('[').trim_end_matches(']').to_owned())
}
