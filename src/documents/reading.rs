//! Reads and writes files of Kubernetes documents, in YAML or JSON.

use std::fmt;
use std::path::Path;

use serde_json::Value;

pub use super::file::Document;
use super::file::File;
use super::problem::{Problem, Problems};
use super::{decoded, json, yaml};

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

/// Parses the documents of a text that is JSON or YAML, as `read_file` does. Errors call the text `name`. A text
/// without a document is an empty list.
///
/// # Errors
/// Every document that cannot be parsed, with its number and line.
pub fn read(name: &str, text: String) -> Result<Vec<Document>, Unreadable> {
    let file = File { name: name.to_owned(), text };
    parse(|problems, take| read_file(&file, problems, take)).map_err(|problems| {
        let (problems, more) = problems.into_parts();
        Unreadable { problems, more }
    })
}

/// Writes a value as one YAML document without a separator. Strings that a YAML 1.1 parser would take for
/// another type are quoted.
///
/// # Errors
/// Errors of the serializer. None is known for JSON values.
pub fn write(value: &Value) -> Result<String, impl std::error::Error + Send + Sync + 'static + use<>> {
    yaml::write(value)
}

/// Passes the documents of a file to `take`, in order. A file whose name ends in `.json` is JSON; other files are
/// JSON or YAML, depending on the text. Numbers and labels have the values that `kubectl` sends. Reports invalid
/// documents, and continues with the next YAML document if possible.
pub(crate) fn read_file(file: &File, problems: &mut Problems, mut take: impl FnMut(Document, &mut Problems)) {
    let mut take = |mut document: Document, problems: &mut Problems| {
        decoded::as_sent(&mut document.value);
        take(document, problems);
    };
    let is_json = Path::new(&file.name).extension().is_some_and(|ending| ending == "json");
    if is_json {
        return json::read(file, problems, take);
    }
    if !json::is_likely(&file.text) {
        return yaml::read(file, problems, take);
    }
    // Text that starts like JSON may be a flow map of YAML, or YAML documents that look like JSON.
    match parse(|problems, take| json::read(file, problems, take)) {
        Ok(documents) => documents.into_iter().for_each(|document| take(document, problems)),
        Err(faulty) => match parse(|problems, take| yaml::read(file, problems, take)) {
            Ok(documents) => documents.into_iter().for_each(|document| take(document, problems)),
            // If it is neither, the error is about JSON.
            Err(_) => problems.append(faulty),
        },
    }
}

type Take<'t> = &'t mut dyn FnMut(Document, &mut Problems);

fn parse(parser: impl Fn(&mut Problems, Take<'_>)) -> Result<Vec<Document>, Problems> {
    let mut problems = Problems::default();
    let mut documents = Vec::new();
    parser(&mut problems, &mut |document, _: &mut Problems| documents.push(document));
    if problems.is_empty() { Ok(documents) } else { Err(problems) }
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
    fn a_document_has_the_line_where_its_content_starts() {
        let lines = |text: &str| -> Vec<usize> { read("x", text.to_owned()).unwrap().iter().map(|document| document.line).collect() };
        assert_eq!(lines("a: 1\n---\n---\n# of b\n\nb: 2\n...\n---\n{c: 3}\n--- # d\nd:\n- 4\n"), [1, 6, 9, 11]);
        assert_eq!(lines("\u{feff}# license\r\n---\r\na: 1\r\n---\r\n\r\nb: {}\r\n"), [3, 6]);
        assert_eq!(lines("&it\na: &x\n  y: 1\nb: *x\n---\nc: |\n  ---\n  d\n---\ne: 1"), [2, 6, 10]);
        assert_eq!(lines("{\"a\": 1}"), [1]);
        assert_eq!(lines("\n{\n\"a\": 1\n} {\"b\": \"\\n\"}\nnull\n\n{\n\"c\": [\n1]}\n{}\n"), [2, 4, 7, 10]);
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
