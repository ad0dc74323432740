//! JSON files as JSON values: one document after another, as `kubectl get -o json | jq '.items[]'` writes them.
//! A JSON parser reads them because tabs and escapes have another meaning in YAML.

use serde_json::error::Category;
use serde_json::{Deserializer, Value};

use super::encoding::without_marks;
use super::file::{Document, File};
use super::node::Node;
use super::problem::{Place, Problems};

/// The maximum number of documents of one file.
const MAX_DOCUMENTS: usize = 100_000;

/// The maximum depth of the JSON parser.
const MAX_DEPTH: usize = 127;

/// Passes the documents of a file to `take`, in order. `null` is not a document. Nothing after an invalid
/// document is read.
pub(super) fn read(file: &File, problems: &mut Problems, mut take: impl FnMut(Document, &mut Problems)) {
    let text = without_marks(&file.text);
    // The tree rejects duplicate keys, which `Value` does not.
    let nodes = Deserializer::from_str(&text).into_iter::<Node<'_>>();
    let mut values = Deserializer::from_str(&text).into_iter::<Value>();
    let mut number = 1;
    let (mut line, mut end) = (1, 0);
    for node in nodes {
        let rest = text.get(end..).unwrap_or_default();
        let start = end + rest.len() - rest.trim_start().len();
        line += lines(&text, end, start);
        let starts = line;
        let value = node.and_then(|_| values.next().unwrap_or(Ok(Value::Null)));
        end = values.byte_offset();
        line += lines(&text, start, end);
        let fault = match value {
            Ok(Value::Null) => continue,
            Ok(_) if number > MAX_DOCUMENTS => format!("the file has more than {MAX_DOCUMENTS} documents; split it"),
            Ok(value) => {
                take(Document { number, line: starts, value }, problems);
                number += 1;
                continue;
            }
            Err(error) => sentence(&error),
        };
        return problems.add(&Place::of_document(file, number), "", fault);
    }
}

/// Returns whether a text starts like JSON: a map with a quoted key.
pub(super) fn is_likely(text: &str) -> bool {
    let text = without_marks(text);
    text.trim_start().strip_prefix('{').is_some_and(|rest| rest.trim_start().starts_with(['"', '}']))
}

/// Returns the number of line breaks between two places in a text.
fn lines(text: &str, start: usize, end: usize) -> usize {
    text.get(start..end).map_or(0, |part| part.matches('\n').count())
}

fn sentence(error: &serde_json::Error) -> String {
    if error.classify() == Category::Syntax && error.to_string().starts_with("recursion limit exceeded") {
        let line = error.line();
        return format!(
            "line {line}: the document is nested too deeply: more than {MAX_DEPTH} lists and maps contain each other; flatten it"
        );
    }
    format!("cannot be parsed as JSON: {error}")
}
