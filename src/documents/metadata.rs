//! Checks the metadata that objects of every kind have: name, namespace, labels and annotations.

use serde_json::Value;

use super::fault::{Fault, FaultKind, Faults, Path};
use super::names::{dns_subdomain_fault, is_dns_label, label_key_fault, label_value_fault};
use super::node::Node;

/// Returns the faults of the metadata at a path of map keys, such as `["spec", "template", "metadata"]`: names,
/// labels and annotations that the API server rejects. Returns no fault if there is no metadata.
pub fn faults(object: &Value, path: &[&str]) -> Vec<Fault> {
    let mut metadata = Some(object);
    for key in path {
        metadata = metadata.and_then(|value| value.get(key));
    }
    let Some(metadata) = metadata.filter(|metadata| !metadata.is_null()).map(Node::from) else { return Vec::new() };
    let mut faults = Faults::default();
    let root = path.join(".");
    let field = Path::Root(&root);
    if !matches!(metadata, Node::Object(_)) {
        faults.wrong_type(&metadata, &field, "a map");
    }
    let name = faults.string(&metadata, "name", &field).filter(|name| !name.is_empty());
    if let Some(fault) = name.and_then(dns_subdomain_fault) {
        faults.add(&field.key("name"), FaultKind::Invalid, fault);
    }
    if metadata.get("namespace").and_then(Node::as_str) != Some("") {
        check_namespace(&metadata, &field, &mut faults);
    }
    check_labels(&metadata, &field, &mut faults);
    check_annotations(&metadata, &field, &mut faults, |_, _| {});
    faults.into_result(()).err().unwrap_or_default()
}

/// Checks and returns the namespace, if any.
pub(crate) fn check_namespace<'n>(metadata: &'n Node<'n>, field: &Path<'_>, faults: &mut Faults) -> Option<&'n str> {
    let namespace = faults.string(metadata, "namespace", field);
    if namespace.is_some_and(|namespace| !is_dns_label(namespace)) {
        faults.add(&field.key("namespace"), FaultKind::Invalid, "must be a valid namespace name, or be omitted");
    }
    namespace
}

/// Checks keys and values of labels.
pub(crate) fn check_labels<'n>(metadata: &'n Node<'n>, field: &Path<'_>, faults: &mut Faults) {
    let labels = field.key("labels");
    each_string(metadata, "labels", &labels, faults, |key, value, faults| {
        for fault in label_key_fault(key).into_iter().chain(label_value_fault(value)) {
            faults.add(&labels.key(key), FaultKind::Invalid, fault);
        }
    });
}

/// Checks that annotations are strings, and calls `check` with each key.
pub(crate) fn check_annotations<'n>(metadata: &'n Node<'n>, field: &Path<'_>, faults: &mut Faults, check: impl Fn(&str, &mut Faults)) {
    each_string(metadata, "annotations", &field.key("annotations"), faults, |key, _, faults| check(key, faults));
}

/// Calls `check` for each entry of a map of strings.
fn each_string<'n>(parent: &'n Node<'n>, key: &str, field: &Path<'_>, faults: &mut Faults, check: impl Fn(&str, &str, &mut Faults)) {
    match parent.get(key) {
        None => {}
        Some(Node::Object(entries)) => {
            for (key, value) in entries {
                match value {
                    Node::String(text) => check(key, text, faults),
                    other => faults.wrong_type(other, &field.key(key), "a string (in YAML, quote it)"),
                }
            }
        }
        Some(other) => faults.wrong_type(other, field, "a map"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_fault_names_the_key() {
        let object = json!({"spec": {"template": {"metadata": {
            "name": "A", "namespace": "a.b",
            "labels": {"netpol/ocuser": true, "ok": "x", "no": "a b", "-": "", "n": 7},
            "annotations": {"a": false, "free text": "is fine"}}}}});
        let found: Vec<String> = faults(&object, &["spec", "template", "metadata"]).iter().map(ToString::to_string).collect();
        let starts = [
            "spec.template.metadata.name: must have at most 253",
            "spec.template.metadata.namespace: must be a valid namespace name",
            "spec.template.metadata.labels[\"-\"]: the name in a label key",
            "spec.template.metadata.labels.n: must be a string (in YAML, quote it), not a number",
            "spec.template.metadata.labels[\"netpol/ocuser\"]: must be a string (in YAML, quote it), not a boolean",
            "spec.template.metadata.labels.no: a label value must have",
            "spec.template.metadata.annotations.a: must be a string (in YAML, quote it), not a boolean",
        ];
        assert_eq!(found.len(), starts.len(), "{found:?}");
        for (found, start) in found.iter().zip(starts) {
            assert!(found.starts_with(start), "{found}");
        }
        assert_eq!(faults(&object, &["metadata"]), []);
        assert_eq!(faults(&json!({"metadata": []}), &["metadata"])[0].to_string(), "metadata: must be a map, not a list");
    }
}
