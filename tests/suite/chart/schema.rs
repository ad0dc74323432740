//! `values.schema.json` describes exactly the values of the chart.

use serde_json::Value;

use crate::support::helm::chart;

pub(super) fn schema() -> Value {
    serde_json::from_str(&std::fs::read_to_string(chart().join("values.schema.json")).unwrap()).unwrap()
}

pub(super) fn defaults() -> Value {
    let text = std::fs::read_to_string(chart().join("values.yaml")).unwrap();
    netpol::documents::reading::read("values.yaml", text).unwrap().remove(0).value
}

/// Calls `visit` with every schema in a schema, and its path.
fn walk(schema: &Value, path: &str, visit: &mut impl FnMut(&str, &Value)) {
    visit(path, schema);
    for (word, inner) in schema.as_object().into_iter().flatten() {
        let path = format!("{path}/{word}");
        match word.as_str() {
            "properties" | "definitions" => {
                inner.as_object().into_iter().flatten().for_each(|(name, schema)| walk(schema, &format!("{path}/{name}"), visit));
            }
            "items" | "additionalProperties" | "propertyNames" if inner.is_object() => walk(inner, &path, visit),
            _ => {}
        }
    }
}

#[test]
fn no_schema_accepts_unknown_values() {
    // Objects that the API server validates, and the values of parent charts.
    const OPEN: [&str; 2] = ["/definitions/ofTheApi", "/properties/global"];
    let mut objects = 0;
    walk(&schema(), "", &mut |path, schema| {
        if schema["type"] == "object" {
            objects += 1;
            let others = &schema["additionalProperties"];
            let strict = *others == Value::Bool(false) || others.is_object();
            assert!(strict != OPEN.contains(&path), "{path}: additionalProperties is {others}");
        }
        if schema["type"] == "array" {
            assert!(schema["items"].is_object(), "{path}: items without a schema");
        }
        if schema["type"] == "string" && !path.starts_with("/definitions/ofTheApi") {
            let bounded = schema.get("pattern").is_some() || schema.get("minLength").is_some();
            // The API server validates these.
            let free = ["/value", "/values/items", "/key", "annotations/additionalProperties"];
            assert!(bounded || free.iter().any(|end| path.ends_with(end)), "{path}: an unrestricted string");
        }
    });
    assert!(objects > 30, "{objects}");
}

/// A value without a schema would be rejected, and a schema without a default would not be documented.
#[test]
fn schema_and_values_have_the_same_keys() {
    fn names(schema: &Value, values: &Value, path: &str) {
        // The properties of a definition are optional and need no default.
        let Some(properties) = schema["properties"].as_object() else { return };
        let values = values.as_object().unwrap_or_else(|| panic!("{path} is not a map"));
        if values.is_empty() {
            return;
        }
        for name in values.keys() {
            assert!(properties.contains_key(name), "{path}.{name} has no schema");
        }
        for (name, schema) in properties.iter().filter(|(name, _)| *name != "global") {
            assert!(values.contains_key(name), "{path}.{name} has no default in values.yaml");
            names(schema, &values[name], &format!("{path}.{name}"));
        }
    }
    names(&schema(), &defaults(), "");
}
