//! The kinds of cert-manager with the fields that the manifests of the chart use. Other fields are rejected.

use std::sync::Once;

use serde_json::{Value, json};

use super::guard::apply;
use super::plane::plane;

/// Installs the kinds without a controller.
pub(crate) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let text = json!({"type": "string"});
        let reference = object(&["name"], &json!({"name": text, "kind": text, "group": text}));
        let key = object(
            &[],
            &json!({
                "algorithm": {"type": "string", "enum": ["RSA", "ECDSA", "Ed25519"]}, "size": {"type": "integer"},
                "rotationPolicy": {"type": "string", "enum": ["Never", "Always"]},
            }),
        );
        let certificate = object(
            &["issuerRef", "secretName"],
            &json!({
                "isCA": {"type": "boolean"}, "commonName": text, "secretName": text, "duration": text, "renewBefore": text,
                "dnsNames": {"type": "array", "items": text}, "usages": {"type": "array", "items": text},
                "privateKey": key, "issuerRef": reference,
            }),
        );
        let issuer = object(&[], &json!({"selfSigned": {"type": "object"}, "ca": object(&["secretName"], &json!({"secretName": text}))}));
        let kinds = [("Certificate", "certificates", "Namespaced", &certificate), ("Issuer", "issuers", "Namespaced", &issuer)];
        for (kind, plural, scope, spec) in kinds {
            let name = format!("{plural}.cert-manager.io");
            apply(&definition(kind, plural, scope, spec));
            let established = ["wait", "--for=condition=Established", "--timeout=60s", "crd", &name];
            plane().kubectl.run(established, "").expect("the API server knows the kind");
        }
    });
}

fn object(required: &[&str], properties: &Value) -> Value {
    let mut schema = json!({"type": "object", "properties": properties});
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

fn definition(kind: &str, plural: &str, scope: &str, spec: &Value) -> Value {
    let schema = object(&["spec"], &json!({"spec": spec}));
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": format!("{plural}.cert-manager.io")},
        "spec": {
            "group": "cert-manager.io", "scope": scope, "names": {"kind": kind, "plural": plural, "singular": kind.to_lowercase()},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}}],
        },
    })
}
