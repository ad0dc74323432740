//! YAML files as JSON values. Only this file uses the YAML library.

use serde_json::Value;
use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::options::{DuplicateKeyPolicy, NonFiniteFloatPolicy};
use serde_saphyr::{Error, Options, Spanned};

use super::encoding::without_marks;
use super::file::{Document, File};
use super::problem::{Place, Problems};
use super::text;

/// The maximum number of values and keys of one YAML document, after aliases are expanded.
const MAX_DOCUMENT_NODES: usize = 250_000;

/// The maximum number of values of all documents of one file.
const MAX_VALUES: usize = 400_000;

/// The number of invalid documents after which the rest of a file is not read.
const MAX_INVALID: usize = 5;

/// The maximum number of lists and maps that contain each other.
const MAX_DEPTH: usize = 64;

/// The maximum number of aliases of one document.
const MAX_ALIASES: usize = 10_000;

/// The maximum number of anchors of one document.
const MAX_ANCHORS: usize = 1_000;

/// Passes the documents of a file to `take`, in order. Reports invalid documents, and continues with the
/// next document if possible.
pub(super) fn read(file: &File, problems: &mut Problems, mut take: impl FnMut(Document, &mut Problems)) {
    let mut invalid = 0;
    let mut values = 0;
    let text = without_marks(&file.text);
    let mut bytes = text.as_bytes();
    for (index, parsed) in serde_saphyr::read_with_options::<_, Spanned<Value>>(&mut bytes, options()).enumerate() {
        let number = index + 1;
        match parsed {
            Ok(Spanned { value, referenced, .. }) => {
                values += count(&value);
                if values > MAX_VALUES {
                    let message = format!("the file has more than {MAX_VALUES} values up to this document; split the file");
                    problems.add(&Place::of_document(file, number), "", message);
                    break;
                }
                let line = usize::try_from(referenced.line()).unwrap_or(usize::MAX).max(1);
                take(Document { number, line, value }, problems);
            }
            Err(error) => {
                problems.add(&Place::of_document(file, number), "", sentence(&error));
                invalid += 1;
                if invalid == MAX_INVALID {
                    break;
                }
            }
        }
    }
}

/// Writes a value as one document.
pub(super) fn write(value: &Value) -> Result<String, serde_saphyr::ser::Error> {
    serde_saphyr::to_string_with_options(value, serde_saphyr::ser_options! { prefer_block_scalars: false })
}

/// Returns the options of the YAML library. `kubectl` reads numbers with a leading zero as octal and accepts
/// underscores in numbers; here both are strings, which a port does not accept. `yes` and `on` are booleans,
/// as in `kubectl`, so a label value of that kind must be quoted.
fn options() -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_nodes: MAX_DOCUMENT_NODES,
            max_events: 4 * MAX_DOCUMENT_NODES,
            max_depth: MAX_DEPTH,
            max_aliases: MAX_ALIASES,
            max_anchors: MAX_ANCHORS,
            // Many aliases of one anchor are normal, such as the labels of a hundred pods. The limits above bound the work.
            enforce_alias_anchor_ratio: false,
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

/// Returns the message for an error. The library's own messages about duplicate keys and aliases name its options.
fn sentence(error: &Error) -> String {
    let line = error.location().map(|location| format!("line {}: ", location.line())).unwrap_or_default();
    let mut cause = error;
    while let Error::AliasError { error, .. } | Error::WithSnippet { error, .. } = cause {
        cause = error;
    }
    match cause {
        Error::DuplicateMappingKey { key, .. } => {
            let key = key.as_ref().map(|key| format!(" \"{}\"", text::key(key))).unwrap_or_default();
            format!("{line}duplicate key{key}; remove one of the two")
        }
        Error::NullIntoString { .. } => format!("{line}a map key is null; write a name or quote the key"),
        Error::UnknownAnchor { .. } => format!("{line}the alias refers to an anchor that is not in the same document"),
        Error::RecursiveReferencesRequireWeakTypes { .. } => {
            format!("{line}the alias is inside its own anchor; write the value instead")
        }
        Error::Budget { breach: BudgetBreach::Depth { .. }, .. } => too_deep(&line),
        // The parser of `[` and `{` has a limit of its own.
        _ if cause.to_string().starts_with("recursion limit exceeded") => too_deep(&line),
        Error::Budget { breach: BudgetBreach::Aliases { .. }, .. } => {
            format!("{line}the document has more than {MAX_ALIASES} aliases; write some of the values instead, or split the document")
        }
        Error::Budget { breach: BudgetBreach::Anchors { .. }, .. } => {
            format!("{line}the document has more than {MAX_ANCHORS} anchors; write some of the values instead, or split the document")
        }
        Error::Budget { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => {
            format!("{line}the document is too large after its aliases are expanded; split it or remove the aliases")
        }
        _ => format!("cannot be parsed as YAML: {error}"),
    }
}

fn too_deep(line: &str) -> String {
    format!("{line}the document is nested too deeply: more than {MAX_DEPTH} lists and maps contain each other; flatten it")
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(entries) => entries.values().map(count).sum(),
        _ => 0,
    }
}
