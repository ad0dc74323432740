//! Files of any Kubernetes objects, read and written as canons are: for the commands that take or
//! print manifests.

use std::fmt;

use serde_json::Value;

use super::File;
use super::problem::{Problem, Problems};
use super::yaml;

/// One document of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// From 1; empty documents do not count.
    pub number: usize,
    /// Its content, with every key once.
    pub value: Value,
}

/// A file that cannot be read, with everything that is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// What is wrong, in the order of the documents: never empty, at most 20.
    pub problems: Vec<Problem>,
    /// How many further problems there are.
    pub more: usize,
}

impl fmt::Display for Unreadable {
    /// A line for each.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            write!(formatter, "{}{problem}", if index == 0 { "" } else { "\n  " })?;
        }
        if self.more > 0 {
            write!(formatter, "\n  and {} more", self.more)?;
        }
        Ok(())
    }
}

impl std::error::Error for Unreadable {}

/// Reads the documents of a text: JSON, or YAML. `name` is what errors call it.
///
/// # Errors
/// Every document that cannot be read, each with its number and line.
pub fn read(name: &str, text: String) -> Result<Vec<Document>, Unreadable> {
    let file = File { name: name.to_owned(), text };
    if !is_json_like(&file.text) {
        return read_as(&file, |file, problems, take| yaml::read(file, problems, take));
    }
    // What looks like JSON may still be a flow map of YAML; where it is neither, the error is about JSON.
    read_as(&file, |file, problems, take| yaml::read_json(file, problems, take))
        .or_else(|error| read_as(&file, |file, problems, take| yaml::read(file, problems, take)).map_err(|_| error))
}

/// Writes a value as one YAML document without its separator. Strings that a reader of YAML 1.1 would take for
/// something else are quoted.
///
/// # Errors
/// Those of the serializer; none is known for JSON values.
pub fn write(value: &Value) -> Result<String, impl std::error::Error + Send + Sync + 'static + use<>> {
    yaml::write(value)
}

type Take<'t> = &'t mut dyn FnMut(yaml::Document, &mut Problems);

fn read_as(file: &File, reader: impl Fn(&File, &mut Problems, Take<'_>)) -> Result<Vec<Document>, Unreadable> {
    let mut problems = Problems::default();
    let mut documents = Vec::new();
    reader(file, &mut problems, &mut |yaml::Document { number, value }, _: &mut Problems| documents.push(Document { number, value }));
    if problems.is_clean() {
        return Ok(documents);
    }
    let (problems, more) = problems.into_parts();
    Err(Unreadable { problems, more })
}

fn is_json_like(text: &str) -> bool {
    text.trim_start().strip_prefix('{').is_some_and(|rest| rest.trim_start().starts_with(['"', '}']))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn values(text: &str) -> Vec<Value> {
        read("x", text.to_owned()).unwrap().into_iter().map(|document| document.value).collect()
    }

    #[test]
    fn json_is_read_as_json_and_a_flow_map_as_yaml() {
        assert_eq!(values("{\"a\":\t\"\\ud83d\\ude00\"}"), [json!({"a": "\u{1f600}"})]);
        assert_eq!(values("{\"a\": b} # flow"), [json!({"a": "b"})]);
        assert_eq!(values("a: 1\n---\n---\nb: 2\n"), [json!({"a": 1}), json!({"b": 2})]);
        assert_eq!(values(""), [] as [Value; 0]);
    }

    #[test]
    fn what_is_neither_is_an_error_with_its_line() {
        let error = read("x.yaml", "a: 1\n---\nb: [\n".to_owned()).unwrap_err().to_string();
        assert!(error.starts_with("x.yaml, document 2: "), "{error}");
        let error = read("-", "{\"a\": 1, \"a\": 2}".to_owned()).unwrap_err().to_string();
        assert!(error.contains("JSON") && error.contains("duplicate"), "{error}");
    }

    #[test]
    fn what_is_written_reads_the_same_to_every_reader_of_yaml() {
        let strings = [
            "true",
            "yes",
            "on",
            "y",
            "null",
            "~",
            "1",
            "0123",
            "1e3",
            "1_000",
            "12:30",
            "2026-11-24",
            "0x1f",
            "",
            " a",
            "a: b",
            "#",
            "a\nb",
            "é",
            "-",
            "netpol/x",
        ];
        let value = json!({"map": strings.iter().map(|text| ((*text).to_owned(), json!(text))).collect::<serde_json::Map<_, _>>(), "number": 80, "flag": true, "nothing": {}, "list": []});
        let text = write(&value).unwrap();
        assert_eq!(values(&text), [value]);
        for plain in ["true", "yes", "on", "y", "null", "1", "0123", "12:30", "2026-11-24"] {
            assert!(text.contains(&format!("\"{plain}\": \"{plain}\"\n")), "{plain} is not quoted:\n{text}");
        }
    }
}
