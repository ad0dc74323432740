//! The Secret with the managed certificate. A write fails if another client changed the Secret since it was read.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use super::election::Owner;
use crate::certificates::stored::{CA, CA_KEY, CERT, KEY, NEXT_CA_KEY, Renewal, Stored};
use crate::cluster::{CallError, Cluster, Collection, ObjectRef};
use crate::documents::values::{map, set, text};

/// The label that marks a Secret as managed by netpol, and its value.
pub const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "netpol");
/// The annotation that requests a renewal: `leaf` or `ca`.
pub const RENEW: &str = "netpol.abcdesktop.io/renew";
/// The annotation that lists the trusted CAs.
const TRUSTED: &str = "netpol.abcdesktop.io/trusted";

/// The Secret as it was read.
#[derive(Debug, Clone)]
pub struct Secret {
    /// Its content.
    pub content: Content,
    /// Whether the value of the renewal annotation is unknown.
    pub has_unknown_renewal: bool,
    /// The object; none if it does not exist.
    object: Option<Redacted>,
}

/// The content of a Secret.
#[derive(Debug, Clone)]
pub enum Content {
    /// A Secret that netpol manages, or no Secret yet.
    Managed(Box<Stored>),
    /// A Secret that netpol does not manage and never writes.
    Foreign,
}

/// An object with private keys. Its `Debug` output hides it.
#[derive(Clone)]
struct Redacted(Value);

impl std::fmt::Debug for Redacted {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("(redacted)")
    }
}

/// The parts of a Secret that contain no private key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicSecret {
    /// The certificate chain, PEM.
    pub cert: Vec<u8>,
    /// The trusted CAs, PEM.
    pub ca: Vec<u8>,
    /// Whether netpol manages the Secret.
    pub is_managed: bool,
    /// Whether it has a next CA that does not sign yet.
    pub is_rotating: bool,
}

impl PublicSecret {
    /// Reads the public parts of a Secret, whether netpol manages it or not. Returns `None` if it does not exist.
    ///
    /// # Errors
    /// The call of the API server failed.
    pub async fn read(cluster: &Cluster, namespace: &str, name: &str) -> Result<Option<PublicSecret>, CallError> {
        let Some(object) = cluster.get(&object(namespace, name)).await? else { return Ok(None) };
        let mut data = data(&object);
        Ok(Some(PublicSecret {
            is_rotating: data.contains_key(NEXT_CA_KEY),
            cert: data.remove(CERT).unwrap_or_default(),
            ca: data.remove(CA).unwrap_or_default(),
            is_managed: is_managed(&object),
        }))
    }
}

fn object<'t>(namespace: &'t str, name: &'t str) -> ObjectRef<'t> {
    let collection = Collection { api: "/api/v1", namespace: Some(namespace), resource: "secrets" };
    ObjectRef { collection, name, is_secret: true }
}

fn is_managed(object: &Value) -> bool {
    map(object, "/metadata/labels").get(MANAGED_BY.0).and_then(Value::as_str) == Some(MANAGED_BY.1)
}

impl Secret {
    /// Reads the Secret.
    ///
    /// # Errors
    /// The call of the API server failed.
    pub async fn read(cluster: &Cluster, namespace: &str, name: &str) -> Result<Secret, CallError> {
        let object = cluster.get(&object(namespace, name)).await?;
        Ok(Secret::parse(namespace, name, object))
    }

    fn parse(namespace: &str, name: &str, object: Option<Value>) -> Secret {
        let Some(object) = object else {
            return Secret { content: Content::Managed(Box::new(Stored::absent())), has_unknown_renewal: false, object: None };
        };
        if !is_managed(&object) {
            return Secret { content: Content::Foreign, has_unknown_renewal: false, object: Some(Redacted(object)) };
        }
        let annotations = map(&object, "/metadata/annotations");
        let annotation = |name: &str| annotations.get(name).and_then(Value::as_str);
        let requested = annotation(RENEW);
        let renewal = requested.and_then(Renewal::parse);
        let stored = Stored::read(&format!("{namespace}/{name}"), &data(&object), annotation(TRUSTED), renewal);
        let has_unknown_renewal = requested.is_some() && renewal.is_none();
        Secret { content: Content::Managed(Box::new(stored)), has_unknown_renewal, object: Some(Redacted(object)) }
    }

    /// Returns its resource version; an empty text if it does not exist.
    pub(super) fn version(&self) -> &str {
        self.object.as_ref().and_then(|Redacted(object)| text(object, "/metadata/resourceVersion")).unwrap_or_default()
    }

    /// Creates the Secret with new content, or replaces the object that was read.
    pub(super) async fn write(
        &self,
        cluster: &Cluster,
        (namespace, name): (&str, &str),
        stored: &Stored,
        owner: Option<&Owner>,
    ) -> Result<(), CallError> {
        let target = object(namespace, name);
        match &self.object {
            None => {
                let metadata = json!({"name": name, "namespace": namespace});
                let empty = json!({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "metadata": metadata});
                cluster.create(&target, &with_content(empty, stored, owner)).await?;
            }
            Some(Redacted(object)) => {
                cluster.replace(&target, &with_content(object.clone(), stored, owner)).await?;
            }
        }
        Ok(())
    }
}

/// Returns the decoded data of a Secret. Values that are not base64 are empty.
fn data(object: &Value) -> BTreeMap<String, Vec<u8>> {
    let entry = |(key, value): (&String, &Value)| Some((key.clone(), BASE64.decode(value.as_str()?).unwrap_or_default()));
    object.get("data").and_then(Value::as_object).into_iter().flatten().filter_map(entry).collect()
}

/// Returns an object with new content. Fields that netpol does not manage are unchanged.
fn with_content(mut object: Value, stored: &Stored, owner: Option<&Owner>) -> Value {
    set(&mut object, &["metadata", "labels", MANAGED_BY.0], json!(MANAGED_BY.1));
    let mut annotations = map(&object, "/metadata/annotations");
    annotations.insert(TRUSTED.to_owned(), json!(stored.trust_annotation()));
    if stored.renewal.is_none() {
        annotations.remove(RENEW);
    }
    set(&mut object, &["metadata", "annotations"], Value::Object(annotations));
    if let Some(owner) = owner {
        let mut owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array).cloned().unwrap_or_default();
        // A recreated Lease has another uid. The garbage collector would delete a Secret whose owner has the old one.
        owners.retain(|other| text(other, "/kind") != Some("Lease") || text(other, "/name") != Some(&owner.lease));
        owners.push(json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "name": owner.lease, "uid": owner.uid, "blockOwnerDeletion": false,
        }));
        set(&mut object, &["metadata", "ownerReferences"], Value::Array(owners));
    }
    let mut data = map(&object, "/data");
    for key in [CERT, KEY, CA, CA_KEY, NEXT_CA_KEY] {
        data.remove(key);
    }
    data.extend(stored.data().into_iter().map(|(key, value)| (key.to_owned(), json!(BASE64.encode(value)))));
    set(&mut object, &["data"], Value::Object(data));
    object
}
