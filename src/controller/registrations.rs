//! Webhook configurations: which bundles API servers check this server with, and how one gets there.
//!
//! The bundle is written as a JSON patch of `caBundle` alone under a field manager of its own, guarded by the
//! resource version that was read. Server-side apply would claim the whole entry of the list with it:
//! whoever else then takes the entry out by server-side apply (as Helm 4 does) is told that it has to
//! stay, and fails over the fields that are missing in what stays of it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use super::cluster::{Cluster, Fault, Target, text};
use crate::certificates::plan::same;
use crate::certificates::trust::{self, Bundle, Ca};

/// The two kinds of configurations.
const RESOURCES: [&str; 2] = [MUTATING, "validatingwebhookconfigurations"];
const MUTATING: &str = "mutatingwebhookconfigurations";

/// A webhook configuration as it was read.
#[derive(Debug, Clone)]
pub struct Registration {
    resource: &'static str,
    name: String,
    version: String,
    /// Its webhooks; none where it is not there.
    pub hooks: Vec<Hook>,
    /// Whether it is there.
    pub is_there: bool,
}

/// A webhook of a configuration.
#[derive(Debug, Clone)]
pub struct Hook {
    /// Its name.
    pub name: String,
    /// The name that its server must have a certificate for.
    pub server: Option<String>,
    /// The authorities that its server is checked with.
    pub bundle: Vec<Ca>,
}

fn target<'t>(resource: &'static str, name: &'t str) -> Target<'t> {
    Target { api: "/apis/admissionregistration.k8s.io/v1", namespace: None, resource, name, is_secret: false }
}

impl Registration {
    /// Reads the configurations of some names, both kinds of each.
    ///
    /// # Errors
    /// The cluster cannot be asked.
    pub async fn read_all(cluster: &Cluster, names: &[String]) -> Result<Vec<Registration>, Fault> {
        let mut all = Vec::new();
        for name in names {
            for resource in RESOURCES {
                let object = cluster.get(&target(resource, name)).await?;
                all.push(Registration::of(resource, name, object.as_ref()));
            }
        }
        Ok(all)
    }

    fn of(resource: &'static str, name: &str, object: Option<&Value>) -> Registration {
        let hooks = object.and_then(|object| object.get("webhooks")).and_then(Value::as_array);
        let version = object.and_then(|object| text(object, "/metadata/resourceVersion")).unwrap_or_default().to_owned();
        let hooks = hooks.into_iter().flatten().map(Hook::of).collect();
        Registration { resource, name: name.to_owned(), version, hooks, is_there: object.is_some() }
    }

    /// Its name for people.
    pub fn words(&self) -> String {
        let kind = if self.resource == MUTATING { "MutatingWebhookConfiguration" } else { "ValidatingWebhookConfiguration" };
        format!("the {kind} \"{}\"", self.name)
    }

    /// Publishes a bundle wherever there is another one; answers whether there was.
    pub(super) async fn publish(&self, cluster: &Cluster, bundle: &[Ca]) -> Result<bool, Fault> {
        let stale = self.hooks.iter().enumerate().filter(|(_, hook)| !same(&hook.bundle, bundle));
        let encoded = BASE64.encode(trust::pem(bundle));
        let mut operations = Vec::new();
        for (index, hook) in stale {
            operations.push(json!({"op": "test", "path": format!("/webhooks/{index}/name"), "value": hook.name}));
            operations.push(json!({"op": "add", "path": format!("/webhooks/{index}/clientConfig/caBundle"), "value": encoded}));
        }
        if operations.is_empty() {
            return Ok(false);
        }
        // Whoever wrote in between is not written over.
        operations.push(json!({"op": "replace", "path": "/metadata/resourceVersion", "value": self.version}));
        cluster.patch(&target(self.resource, &self.name), &Value::Array(operations)).await?;
        Ok(true)
    }
}

impl Hook {
    fn of(hook: &Value) -> Hook {
        let service = |field: &str| text(hook, &format!("/clientConfig/service/{field}"));
        let server = match (service("name"), service("namespace")) {
            (Some(name), Some(namespace)) => Some(format!("{name}.{namespace}.svc")),
            _ => text(hook, "/clientConfig/url").and_then(host),
        };
        let bundle = text(hook, "/clientConfig/caBundle").and_then(|text| BASE64.decode(text).ok()).unwrap_or_default();
        let name = text(hook, "/name").unwrap_or_default().to_owned();
        Hook { name, server, bundle: Bundle::read(&bundle).cas }
    }
}

/// The host of a URL, as a certificate has it.
fn host(url: &str) -> Option<String> {
    let uri: hyper::Uri = url.parse().ok()?;
    Some(uri.host()?.trim_start_matches('[').trim_end_matches(']').to_owned())
}
