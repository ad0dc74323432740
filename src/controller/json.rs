//! Reads and changes fields of JSON objects.

use json_patch::jsonptr::PointerBuf;
use serde_json::{Map, Value};

/// Returns the string at a JSON pointer; `None` if there is no string.
pub(super) fn text<'o>(object: &'o Value, pointer: &str) -> Option<&'o str> {
    object.pointer(pointer).and_then(Value::as_str)
}

/// Returns a copy of the map at a JSON pointer; empty if there is no map.
pub(super) fn map(object: &Value, pointer: &str) -> Map<String, Value> {
    object.pointer(pointer).and_then(Value::as_object).cloned().unwrap_or_default()
}

/// Sets a field, and creates the maps on the path to it.
pub(super) fn set(object: &mut Value, path: &[&str], value: Value) {
    // Fails only if an array is on the path, and no caller has one there.
    let _ = PointerBuf::from_tokens(path.iter().copied()).assign(object, value);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_field_is_set_and_the_maps_on_its_path_are_created() {
        let mut object = json!({"metadata": {"labels": null, "name": "n"}});
        set(&mut object, &["metadata", "labels", "example.com/a"], json!("b"));
        set(&mut object, &["spec", "holderIdentity"], json!("me"));
        assert_eq!(object, json!({"metadata": {"labels": {"example.com/a": "b"}, "name": "n"}, "spec": {"holderIdentity": "me"}}));
    }
}
