//! `values.schema.json` knows every value, and nothing else.

use serde_json::Value;

use crate::support::helm::chart;

pub(super) fn schema() -> Value {
    serde_json::from_str(&std::fs::read_to_string(chart().join("values.schema.json")).unwrap()).unwrap()
}

pub(super) fn defaults() -> Value {
    let text = std::fs::read_to_string(chart().join("values.yaml")).unwrap();
    netpol::documents::reading::read("values.yaml", text).unwrap().remove(0).value
}

/// Calls `see` with every schema in a schema, and its path.
fn walk(schema: &Value, path: &str, see: &mut impl FnMut(&str, &Value)) {
    see(path, schema);
    for (word, inner) in schema.as_object().into_iter().flatten() {
        let path = format!("{path}/{word}");
        match word.as_str() {
            "properties" | "definitions" => {
                inner.as_object().into_iter().flatten().for_each(|(name, schema)| walk(schema, &format!("{path}/{name}"), see));
            }
            "items" | "additionalProperties" | "propertyNames" if inner.is_object() => walk(inner, &path, see),
            _ => {}
        }
    }
}

#[test]
fn no_object_takes_what_nobody_reads() {
    // Objects of the Kubernetes API, which looks at them itself, and what parent charts hand down.
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
            assert!(schema["items"].is_object(), "{path}: items of any kind");
        }
        if schema["type"] == "string" && !path.starts_with("/definitions/ofTheApi") {
            let bounded = schema.get("pattern").is_some() || schema.get("minLength").is_some();
            // Values of labels to compare with, and of tolerations, are the API's to check.
            let free = ["/value", "/values/items", "/key", "annotations/additionalProperties"];
            assert!(bounded || free.iter().any(|end| path.ends_with(end)), "{path}: any string at all");
        }
    });
    assert!(objects > 30, "{objects}");
}

/// Both ways: a value without a schema would be refused, and a schema without a value is one that nobody finds.
#[test]
fn schema_and_values_name_the_same() {
    fn names(schema: &Value, values: &Value, path: &str) {
        // A definition's parts are optional: they need no default.
        let Some(properties) = schema["properties"].as_object() else { return };
        let values = values.as_object().unwrap_or_else(|| panic!("{path} is no map"));
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
