//! Reads and writes files of Kubernetes documents, in YAML or JSON.

use std::fmt;
use std::path::Path;

use serde_json::Value;

pub use super::file::Document;
use super::file::File;
use super::node::Node;
use super::problem::{Place, Problem, Problems};
use super::yaml;

/// A file that cannot be parsed, with everything that is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// What is wrong, in the order of the documents: at least one problem, at most 20.
    pub problems: Vec<Problem>,
    /// The number of further problems.
    pub more: usize,
}

impl fmt::Display for Unreadable {
    /// One line for each problem.
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

/// Parses the documents of a text that is JSON or YAML. Errors call the text `name`.
///
/// # Errors
/// Every document that cannot be parsed, with its number and line.
pub fn read(name: &str, text: String) -> Result<Vec<Document>, Unreadable> {
    let file = File { name: name.to_owned(), text };
    if !is_json_like(&file.text) {
        return collect(|problems, take| read_file(&file, problems, take));
    }
    // Text that looks like JSON may be a flow map of YAML. If it is neither, the error is about JSON.
    collect(|problems, take| read_json(&file, problems, take))
        .or_else(|error| collect(|problems, take| read_file(&file, problems, take)).map_err(|_| error))
}

/// Writes a value as one YAML document without a separator. Strings that a YAML 1.1 parser would take for
/// another type are quoted.
///
/// # Errors
/// Errors of the serializer. None is known for JSON values.
pub fn write(value: &Value) -> Result<String, impl std::error::Error + Send + Sync + 'static + use<>> {
    yaml::write(value)
}

/// Passes the documents of a file to `take`, in order: JSON if the file's name ends in `.json`, else YAML.
/// Reports invalid documents, and continues with the next document if possible.
pub(crate) fn read_file(file: &File, problems: &mut Problems, take: impl FnMut(Document, &mut Problems)) {
    let is_json = Path::new(&file.name).extension().is_some_and(|ending| ending == "json");
    if is_json { read_json(file, problems, take) } else { yaml::read(file, problems, take) }
}

/// Parses JSON with a JSON parser: tabs and escapes have another meaning in YAML.
fn read_json(file: &File, problems: &mut Problems, mut take: impl FnMut(Document, &mut Problems)) {
    if file.text.trim().is_empty() {
        return;
    }
    // The tree rejects duplicate keys, which `Value` does not.
    match serde_json::from_str::<Node<'_>>(&file.text).and_then(|_| serde_json::from_str(&file.text)) {
        Ok(value) => take(Document { number: 1, value }, problems),
        Err(error) => problems.add(&Place::of_document(file, 1), "", format!("cannot be parsed as JSON: {error}")),
    }
}

type Take<'t> = &'t mut dyn FnMut(Document, &mut Problems);

fn collect(parse: impl Fn(&mut Problems, Take<'_>)) -> Result<Vec<Document>, Unreadable> {
    let mut problems = Problems::default();
    let mut documents = Vec::new();
    parse(&mut problems, &mut |document, _: &mut Problems| documents.push(document));
    if problems.is_empty() {
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
    fn json_is_parsed_as_json_and_a_flow_map_as_yaml() {
        assert_eq!(values("{\"a\":\t\"\\ud83d\\ude00\"}"), [json!({"a": "\u{1f600}"})]);
        assert_eq!(values("{\"a\": b} # flow"), [json!({"a": "b"})]);
        assert_eq!(values("a: 1\n---\n---\nb: 2\n"), [json!({"a": 1}), json!({"b": 2})]);
        assert_eq!(values(""), [] as [Value; 0]);
    }

    #[test]
    fn invalid_text_is_an_error_with_its_document() {
        let error = read("x.yaml", "a: 1\n---\nb: [\n".to_owned()).unwrap_err().to_string();
        assert!(error.starts_with("x.yaml, document 2: "), "{error}");
        let error = read("-", "{\"a\": 1, \"a\": 2}".to_owned()).unwrap_err().to_string();
        assert!(error.contains("JSON") && error.contains("duplicate"), "{error}");
    }

    #[test]
    fn written_strings_are_the_same_to_every_yaml_parser() {
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
