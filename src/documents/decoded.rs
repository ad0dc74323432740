//! Changes a parsed document to the document that `kubectl` sends for it. `kubectl` and the API server decode
//! JSON with the libraries of Go.

use serde_json::Value;

/// Changes numbers such as `80.0` and `8e1` to integers, and `null` as the value of a label or an annotation to
/// an empty string. It does not change `null` in a selector, which the parser of selectors rejects.
pub(super) fn as_sent(value: &mut Value) {
    match value {
        Value::Number(number) => {
            // Go writes a number without a fraction as an integer.
            let integer = number.as_f64().filter(|_| number.is_f64()).filter(|float| float.fract() == 0.0);
            if let Some(integer) = integer.and_then(|float| format!("{float:.0}").parse::<i64>().ok()) {
                *value = integer.into();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(as_sent),
        Value::Object(fields) => {
            if let Some(Value::Object(metadata)) = fields.get_mut("metadata") {
                for key in ["labels", "annotations"] {
                    metadata.get_mut(key).into_iter().for_each(empty_for_null);
                }
            }
            fields.values_mut().for_each(as_sent);
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// Changes `null` to an empty string in the `matchLabels` of every selector of an object.
pub fn empty_for_null_in_selectors(object: &mut Value) {
    match object {
        Value::Array(items) => items.iter_mut().for_each(empty_for_null_in_selectors),
        Value::Object(fields) => {
            fields.get_mut("matchLabels").into_iter().for_each(empty_for_null);
            fields.values_mut().for_each(empty_for_null_in_selectors);
        }
        _ => {}
    }
}

/// Changes `null` to an empty string in a map of strings.
fn empty_for_null(map: &mut Value) {
    let values = map.as_object_mut().into_iter().flat_map(serde_json::Map::values_mut);
    for value in values.filter(|value| value.is_null()) {
        *value = Value::String(String::new());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_those_that_kubectl_sends() {
        let mut value = json!([80.0, 8e1, -0.0, 1.5, 1e21, 9_223_372_036_854_775_808.0, u64::MAX, 7, "80.0"]);
        as_sent(&mut value);
        assert_eq!(value, json!([80, 80, 0, 1.5, 1e21, 9_223_372_036_854_775_808.0, u64::MAX, 7, "80.0"]));
    }

    #[test]
    fn null_is_an_empty_label_value() {
        let mut value = json!({"metadata": {"labels": {"a": null, "b": "x", "c": 1}, "annotations": {"d": null}, "name": null},
            "spec": {"template": {"metadata": {"labels": {"e": null}}}, "selector": {"matchLabels": {"f": null}}}});
        as_sent(&mut value);
        assert_eq!(
            value,
            json!({"metadata": {"labels": {"a": "", "b": "x", "c": 1}, "annotations": {"d": ""}, "name": null},
                "spec": {"template": {"metadata": {"labels": {"e": ""}}}, "selector": {"matchLabels": {"f": null}}}})
        );
        empty_for_null_in_selectors(&mut value);
        assert_eq!(value["spec"]["selector"], json!({"matchLabels": {"f": ""}}));
    }
}
