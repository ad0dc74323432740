//! YAML and JSON files as JSON values: the one place that knows the YAML library.

use std::path::Path;

use serde_json::Value;
use serde_saphyr::options::{DuplicateKeyPolicy, NonFiniteFloatPolicy};
use serde_saphyr::{Error, Options};

use super::problem::{Place, Problems};
use super::{File, MAX_KEY, Node};

/// The most values (and keys) that one YAML document may state or make by aliases.
const MAX_DOCUMENT_NODES: usize = 250_000;

/// The most values that the documents of one file may state together.
const MAX_VALUES: usize = 400_000;

/// The most documents of one file that cannot be read before the rest of it is left alone.
const MAX_BROKEN: usize = 5;

/// One document of a file.
#[derive(Debug)]
pub(crate) struct Document {
    /// From 1, empty documents left out.
    pub(crate) number: usize,
    pub(crate) value: Value,
}

/// Hands the documents of a file to `take`, in order. What cannot be read is reported, and the
/// documents after it are read where that is possible.
pub(crate) fn read(file: &File, problems: &mut Problems, take: impl FnMut(Document, &mut Problems)) {
    let is_json = Path::new(&file.name).extension().is_some_and(|ending| ending == "json");
    if is_json { read_json(file, problems, take) } else { read_yaml(file, problems, take) }
}

fn read_yaml(file: &File, problems: &mut Problems, mut take: impl FnMut(Document, &mut Problems)) {
    let mut broken = 0;
    let mut values = 0;
    let mut bytes = file.text.as_bytes();
    for (index, read) in serde_saphyr::read_with_options::<_, Value>(&mut bytes, options()).enumerate() {
        let number = index + 1;
        match read {
            Ok(value) => {
                values += count(&value);
                if values > MAX_VALUES {
                    let message = format!("the file states more than {MAX_VALUES} values up to here: split it, or state less");
                    problems.add(&place(file, number), "", message);
                    break;
                }
                take(Document { number, value }, problems);
            }
            Err(error) => {
                problems.add(&place(file, number), "", sentence(&error));
                broken += 1;
                if broken == MAX_BROKEN {
                    break;
                }
            }
        }
    }
}

/// JSON is read as such: it may hold tabs and escapes that YAML reads differently.
pub(crate) fn read_json(file: &File, problems: &mut Problems, mut take: impl FnMut(Document, &mut Problems)) {
    if file.text.trim().is_empty() {
        return;
    }
    // A tree that refuses duplicate keys and too many values, then the values.
    match serde_json::from_str::<Node<'_>>(&file.text).and_then(|_| serde_json::from_str(&file.text)) {
        Ok(value) => take(Document { number: 1, value }, problems),
        Err(error) => problems.add(&place(file, 1), "", format!("cannot be read as JSON: {error}")),
    }
}

/// Writes a value as one document.
pub(crate) fn write(value: &Value) -> Result<String, serde_saphyr::ser::Error> {
    serde_saphyr::to_string_with_options(value, serde_saphyr::ser_options! { prefer_block_scalars: false })
}

fn place(file: &File, number: usize) -> Place {
    Place { file: Some(file.name.clone()), document: Some(number), ..Place::default() }
}

/// The library's YAML, less what `kubectl` would read as something else: a number with a leading zero
/// (octal there) and one with underscores become strings, which a port refuses. Words like `yes` and
/// `on` are booleans here as there, so that a label value of that kind asks for quotes.
fn options() -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_nodes: MAX_DOCUMENT_NODES,
            max_events: 4 * MAX_DOCUMENT_NODES,
            max_depth: 64,
            max_aliases: 10_000,
            max_anchors: 1_000,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: MAX_DOCUMENT_NODES,
        },
        duplicate_keys: DuplicateKeyPolicy::Error,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        non_finite_float_policy: NonFiniteFloatPolicy::Reject,
        reject_unsupported_tags: true,
        emit_comments: false,
        with_snippet: false,
    }
}

/// The sentence for an error: the library speaks to programmers where it speaks of duplicates and aliases.
fn sentence(error: &Error) -> String {
    let line = error.location().map(|location| format!("line {}: ", location.line())).unwrap_or_default();
    let mut cause = error;
    while let Error::AliasError { error, .. } | Error::WithSnippet { error, .. } = cause {
        cause = error;
    }
    match cause {
        Error::DuplicateMappingKey { key, .. } => {
            let key = key.as_ref().map(|key| format!(" \"{}\"", key.chars().take(MAX_KEY).collect::<String>())).unwrap_or_default();
            format!("{line}the key{key} stands twice in one map: remove one")
        }
        Error::NullIntoString { .. } => format!("{line}a key of a map is null: write a name, or quote it"),
        Error::UnknownAnchor { .. } => format!("{line}an alias names no anchor of its document: anchors end with their document"),
        Error::RecursiveReferencesRequireWeakTypes { .. } => format!("{line}an alias stands within its own anchor: write it out"),
        Error::Budget { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => {
            format!("{line}states, or makes by its aliases, more than a document may: write less, without aliases")
        }
        _ => format!("cannot be read as YAML: {error}"),
    }
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(entries) => entries.values().map(count).sum(),
        _ => 0,
    }
}
