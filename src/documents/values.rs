//! Reading and writing single fields of a JSON value.

use json_patch::jsonptr::PointerBuf;
use serde_json::{Map, Value};

/// Returns the string at a JSON pointer such as `/metadata/name`, or `None` if there is no string.
pub fn text<'v>(object: &'v Value, pointer: &str) -> Option<&'v str> {
    object.pointer(pointer).and_then(Value::as_str)
}

/// Returns a copy of the map at a JSON pointer; empty if there is no map.
pub fn map(object: &Value, pointer: &str) -> Map<String, Value> {
    object.pointer(pointer).and_then(Value::as_object).cloned().unwrap_or_default()
}

/// Sets the field at a path of map keys and list indexes, and creates the maps on the way. A path that does
/// not fit a list on the way changes nothing.
pub fn set(object: &mut Value, path: &[&str], value: Value) {
    // The only errors are indexes that a list does not have.
    let _ = PointerBuf::from_tokens(path.iter().copied()).assign(object, value);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn set_creates_maps_and_replaces_values() {
        let mut object = json!({"metadata": {"labels": null, "name": "a"}, "items": [{"image": "old"}]});
        set(&mut object, &["metadata", "labels", "example.com/x~y"], json!("b"));
        set(&mut object, &["metadata", "name"], json!("c"));
        set(&mut object, &["spec", "holder"], json!(1));
        set(&mut object, &["items", "0", "image"], json!("new"));
        set(&mut object, &["items", "7", "image"], json!("none"));
        set(&mut object, &["items", "name"], json!("none"));
        assert_eq!(
            object,
            json!({
                "metadata": {"labels": {"example.com/x~y": "b"}, "name": "c"},
                "items": [{"image": "new"}],
                "spec": {"holder": 1},
            })
        );
        assert_eq!((text(&object, "/metadata/name"), text(&object, "/spec/holder")), (Some("c"), None));
    }
}
