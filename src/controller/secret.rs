//! The Secret: read as far as it can be, and written only where nobody wrote in between.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value, json};

use super::cluster::{Cluster, Fault, Target, put, text};
use crate::certificates::stored::{CA, CA_KEY, CERT, KEY, NEXT_CA_KEY, Request, Stored};

/// The label that marks a Secret as made by netpol, and its value.
pub const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "netpol");
/// The annotation by which somebody asks for another certificate: `leaf` or `ca`.
pub const RENEW: &str = "netpol.abcdesktop.io/renew";
/// The annotation that says which authorities are trusted, and until when.
const TRUSTED: &str = "netpol.abcdesktop.io/trusted";

/// The Secret, as it was read.
#[derive(Debug, Clone)]
pub struct Secret {
    /// What it keeps.
    pub found: Found,
    /// What to say of its annotation, where that is not understood.
    pub strange_request: bool,
    /// None where there is none. Never shown: it has keys in it.
    object: Option<Hidden>,
}

/// What was found in the place of the Secret.
#[derive(Debug, Clone)]
pub enum Found {
    /// What netpol wrote, or nothing, or what somebody made of what netpol wrote.
    Ours(Box<Stored>),
    /// A Secret that netpol did not make: never written.
    Foreign,
}

/// An object that shows itself to nobody.
#[derive(Clone)]
struct Hidden(Value);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("(hidden)")
    }
}

/// Whose Secret it is: whoever deletes the owner deletes the Secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) lease: String,
    pub(super) uid: String,
}

/// What of a Secret may be shown to anybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Public {
    /// The certificate and its chain, PEM.
    pub cert: Vec<u8>,
    /// The authorities that are trusted, PEM.
    pub ca: Vec<u8>,
    /// Whether netpol keeps it.
    pub is_ours: bool,
    /// Whether an authority is being made known that does not sign yet.
    pub is_rotating: bool,
}

impl Public {
    /// Reads the part of a Secret that may be shown, whoever keeps it.
    ///
    /// # Errors
    /// The cluster cannot be asked.
    pub async fn read(cluster: &Cluster, namespace: &str, name: &str) -> Result<Option<Public>, Fault> {
        let Some(object) = cluster.get(&target(namespace, name)).await? else { return Ok(None) };
        let mut data = data(&object);
        let labels = entries(&object, "/metadata/labels");
        Ok(Some(Public {
            is_rotating: data.contains_key(NEXT_CA_KEY),
            cert: data.remove(CERT).unwrap_or_default(),
            ca: data.remove(CA).unwrap_or_default(),
            is_ours: labels.get(MANAGED_BY.0).and_then(Value::as_str) == Some(MANAGED_BY.1),
        }))
    }
}

fn target<'t>(namespace: &'t str, name: &'t str) -> Target<'t> {
    Target { api: "/api/v1", namespace: Some(namespace), resource: "secrets", name, is_secret: true }
}

impl Secret {
    /// Reads it.
    ///
    /// # Errors
    /// The cluster cannot be asked.
    pub async fn read(cluster: &Cluster, namespace: &str, name: &str) -> Result<Secret, Fault> {
        let object = cluster.get(&target(namespace, name)).await?;
        Ok(Secret::of(namespace, name, object))
    }

    fn of(namespace: &str, name: &str, object: Option<Value>) -> Secret {
        let Some(object) = object else {
            return Secret { found: Found::Ours(Box::new(Stored::absent())), strange_request: false, object: None };
        };
        let metadata = |map: &str, key: &str| object.pointer(map)?.get(key)?.as_str();
        if metadata("/metadata/labels", MANAGED_BY.0) != Some(MANAGED_BY.1) {
            return Secret { found: Found::Foreign, strange_request: false, object: Some(Hidden(object)) };
        }
        let annotation = |name: &str| metadata("/metadata/annotations", name);
        let asked = annotation(RENEW);
        let request = asked.and_then(Request::read);
        let stored = Stored::read(&format!("{namespace}/{name}"), &data(&object), annotation(TRUSTED), request);
        let strange_request = asked.is_some() && request.is_none();
        Secret { found: Found::Ours(Box::new(stored)), strange_request, object: Some(Hidden(object)) }
    }

    /// Writes what it is to keep from now on: as a new Secret, or over the one that was read.
    pub(super) async fn write(
        &self,
        cluster: &Cluster,
        (namespace, name): (&str, &str),
        stored: &Stored,
        owner: Option<&Owner>,
    ) -> Result<(), Fault> {
        let target = target(namespace, name);
        match &self.object {
            None => {
                let metadata = json!({"name": name, "namespace": namespace});
                let fresh = json!({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "metadata": metadata});
                cluster.create(&target, &filled(fresh, stored, owner)).await?;
            }
            Some(Hidden(object)) => {
                cluster.replace(&target, &filled(object.clone(), stored, owner)).await?;
            }
        }
        Ok(())
    }
}

/// The bytes of a Secret's data. What is no base64 is nothing.
fn data(object: &Value) -> BTreeMap<String, Vec<u8>> {
    let entry = |(key, value): (&String, &Value)| Some((key.clone(), BASE64.decode(value.as_str()?).unwrap_or_default()));
    object.get("data").and_then(Value::as_object).into_iter().flatten().filter_map(entry).collect()
}

/// An object with our part of it as it is to be. The rest stays.
fn filled(mut object: Value, stored: &Stored, owner: Option<&Owner>) -> Value {
    put(&mut object, &["metadata", "labels", MANAGED_BY.0], json!(MANAGED_BY.1));
    let mut annotations = entries(&object, "/metadata/annotations");
    annotations.insert(TRUSTED.to_owned(), json!(stored.written_trust()));
    if stored.request.is_none() {
        annotations.remove(RENEW);
    }
    put(&mut object, &["metadata", "annotations"], Value::Object(annotations));
    if let Some(owner) = owner {
        let mut owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array).cloned().unwrap_or_default();
        // A Lease that was made again has another uid: with the old one the Secret would be collected.
        owners.retain(|other| text(other, "/kind") != Some("Lease") || text(other, "/name") != Some(&owner.lease));
        owners.push(json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "name": owner.lease, "uid": owner.uid, "blockOwnerDeletion": false,
        }));
        put(&mut object, &["metadata", "ownerReferences"], Value::Array(owners));
    }
    let mut data = entries(&object, "/data");
    for key in [CERT, KEY, CA, CA_KEY, NEXT_CA_KEY] {
        data.remove(key);
    }
    data.extend(stored.data().into_iter().map(|(key, value)| (key.to_owned(), json!(BASE64.encode(value)))));
    put(&mut object, &["data"], Value::Object(data));
    object
}

/// The entries of a map; none where there is no map.
fn entries(object: &Value, pointer: &str) -> Map<String, Value> {
    object.pointer(pointer).and_then(Value::as_object).cloned().unwrap_or_default()
}
