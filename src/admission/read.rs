//! Reads JSON into a struct, and names the field that is wrong.

use std::fmt::{self, Write as _};

use json_skim::{Raw, Reader};
use serde::Deserialize;
use serde_path_to_error::{Path, Segment};

/// The fields whose keys users choose. A fault does not repeat them.
const KEYS_OF_USERS: [&str; 4] = ["labels", "annotations", "matchLabels", "selector"];

/// The maximum number of fields in the path of a fault.
const MAX_FIELDS: usize = 12;

/// The maximum length of a field in the path of a fault, in bytes.
const MAX_FIELD: usize = 40;

/// A fault in a body: where it is and which type the value must have. It never contains the value, which may be a secret.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// The path of the field: `request.object.metadata.labels`; empty for the whole body.
    place: String,
    cause: String,
}

/// Reads a text.
///
/// # Errors
/// The text is not JSON, or does not fit `T`.
pub(super) fn text<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Fault> {
    quickly(Reader::new(text)).map_or_else(|| thoroughly(text), Ok)
}

/// Reads a value whose syntax is checked already.
///
/// # Errors
/// The value does not fit `T`.
pub(super) fn raw<'a, T: Deserialize<'a>>(raw: Raw<'a>) -> Result<T, Fault> {
    quickly(Reader::of_raw(raw)).map_or_else(|| thoroughly(raw.text()), Ok)
}

/// Reads JSON as API servers write it, or returns `None`.
pub(super) fn quickly<'a, T: Deserialize<'a>>(mut reader: Reader<'a>) -> Option<T> {
    let value = T::deserialize(&mut reader).ok()?;
    reader.end().ok()?;
    Some(value)
}

/// Reads any JSON, and finds the fault if there is one.
pub(super) fn thoroughly<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Fault> {
    let mut json = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| Fault::at(error.path(), error.inner()))?;
    json.end().map_err(|error| Fault::new("", &error))?;
    Ok(value)
}

impl Fault {
    /// Describes an error of `serde_json` in the field `place`.
    pub(super) fn new(place: &str, error: &serde_json::Error) -> Fault {
        let text = error.to_string();
        let position = format!(" at line {} column {}", error.line(), error.column());
        let text = text.strip_suffix(&position).unwrap_or(&text);
        let in_backticks = |text: &str| text.split('`').nth(1).unwrap_or_default().to_owned();
        let mut place = place.to_owned();
        // `serde` prints the wrong value first and the expected type last.
        let cause = if let Some((_, expected)) = text.strip_prefix("invalid ").and_then(|text| text.rsplit_once(", expected ")) {
            format!("must be {expected}")
        } else if text.starts_with("missing field ") {
            let field = in_backticks(text);
            // The field is `null`.
            if place.ends_with(&field) {
                place.truncate(place.len() - field.len());
                place.truncate(place.trim_end_matches('.').len());
            }
            format!("has no {field}")
        } else if text.starts_with("duplicate field ") {
            place = join(&place, &in_backticks(text));
            "duplicate key".to_owned()
        } else if error.is_data() {
            text.to_owned()
        } else {
            format!("{text}{position}")
        };
        Fault { place, cause }
    }

    fn at(path: &Path, error: &serde_json::Error) -> Fault {
        let mut place = String::new();
        for segment in path.iter().take(MAX_FIELDS) {
            match segment {
                // Writing to a string cannot fail.
                Segment::Seq { index } => drop(write!(place, "[{index}]")),
                Segment::Map { key } if key.len() <= MAX_FIELD && key.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
                    place = join(&place, key);
                    if KEYS_OF_USERS.contains(&key.as_str()) {
                        break;
                    }
                }
                _ => break,
            }
        }
        Fault::new(&place, error)
    }

    /// Returns the fault of a value at `place` in the body.
    pub(super) fn within(self, place: &str) -> Fault {
        Fault { place: join(place, &self.place), ..self }
    }
}

fn join(before: &str, after: &str) -> String {
    if before.is_empty() || after.is_empty() || after.starts_with('[') { format!("{before}{after}") } else { format!("{before}.{after}") }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.place.is_empty() { "body" } else { &self.place };
        write!(formatter, "{place}: {}", self.cause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::facts::fields::Map;
    use crate::verdict::facts::{NetworkPolicy, Pod};

    fn pod(text: &str) -> String {
        thoroughly::<Map<Pod<'_>>>(text).unwrap_err().within("request.object").to_string()
    }

    #[test]
    fn a_fault_names_the_field_and_never_the_value() {
        assert_eq!(pod(r#"{"metadata":{"name":["s3cret"]}}"#), "request.object.metadata.name: must be a string");
        assert_eq!(pod(r#"{"metadata":{"labels":{"xauthkey":1}}}"#), "request.object.metadata.labels: must be a string");
        assert_eq!(pod(r#"{"metadata":{},"spec":{"hostNetwork":"x, expected y"}}"#), "request.object.spec.hostNetwork: must be a boolean");
        assert_eq!(pod("{}"), "request.object: has no metadata");
        assert_eq!(pod(r#"{"metadata":null}"#), "request.object: has no metadata");
        assert_eq!(pod(r#"{"metadata":{},"metadata":{}}"#), "request.object.metadata: duplicate key");
        assert_eq!(pod("[]"), "request.object: must be a map");
    }

    #[test]
    fn the_path_of_a_fault_is_short() {
        let key = "k".repeat(100_000);
        let text = format!(r#"{{"metadata":{{}},"spec":{{"egress":[{{"to":1}},{{"{key}":{{"a":1,"a":2}}}}]}}}}"#);
        let fault = thoroughly::<Map<NetworkPolicy<'_>>>(&text).unwrap_err();
        assert_eq!(fault.to_string(), r#"spec.egress[1]: duplicate key "a""#);
    }

    #[test]
    fn only_errors_of_syntax_have_a_position() {
        let fault = thoroughly::<Map<Pod<'_>>>("{\n\"metadata\" 1}").unwrap_err();
        assert_eq!(fault.to_string(), "body: expected `:` at line 2 column 12");
    }
}
