//! Writes the patch of an answer (RFC 6902). It changes labels only, so that all other fields of the object stay as the
//! API server sent them.

use json_patch::jsonptr::PointerBuf;
use json_patch::{AddOperation, PatchOperation, RemoveOperation};
use serde_json::{Map, Value};

use crate::verdict::Edit;

/// The path of an object's labels.
const LABELS: &str = "/metadata/labels";

/// The capacity for an operation, in bytes. Most are shorter.
const OPERATION: usize = 96;

/// Returns edits as a JSON Patch, or `None` if there are none.
pub(super) fn patch(edits: &[Edit<'_>]) -> Option<Vec<u8>> {
    if edits.is_empty() {
        return None;
    }
    let mut operations = Vec::with_capacity(edits.len());
    for edit in edits {
        operations.push(operation(edit)?);
    }
    let mut patch = Vec::with_capacity(edits.len() * OPERATION);
    serde_json::to_writer(&mut patch, &json_patch::Patch(operations)).ok()?;
    Some(patch)
}

/// Returns the operation of an edit. Never `None`, because each path is a JSON pointer.
fn operation(edit: &Edit<'_>) -> Option<PatchOperation> {
    Some(match edit {
        Edit::MakeMap => PatchOperation::Add(AddOperation { path: PointerBuf::parse(LABELS).ok()?, value: Value::Object(Map::new()) }),
        Edit::Add { key, value } => PatchOperation::Add(AddOperation { path: label(key)?, value: Value::String((*value).to_owned()) }),
        Edit::Remove { key } => PatchOperation::Remove(RemoveOperation { path: label(key)? }),
    })
}

/// Returns the path of a label, with `~` in the key as `~0` and `/` as `~1`.
fn label(key: &str) -> Option<PointerBuf> {
    let mut path = String::with_capacity(LABELS.len() + key.len() + 8);
    path.push_str(LABELS);
    path.push('/');
    for character in key.chars() {
        match character {
            '~' => path.push_str("~0"),
            '/' => path.push_str("~1"),
            other => path.push(other),
        }
    }
    PointerBuf::parse(path).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(edits: &[Edit<'_>]) -> String {
        String::from_utf8(patch(edits).unwrap()).unwrap()
    }

    #[test]
    fn a_slash_and_a_tilde_in_a_key_are_escaped() {
        assert_eq!(text(&[Edit::Remove { key: "netpol/~1" }]), r#"[{"op":"remove","path":"/metadata/labels/netpol~1~01"}]"#);
    }

    #[test]
    fn a_missing_map_is_added_first() {
        let edits = [Edit::MakeMap, Edit::Add { key: "netpol/dns", value: "true" }];
        let expected =
            r#"[{"op":"add","path":"/metadata/labels","value":{}},{"op":"add","path":"/metadata/labels/netpol~1dns","value":"true"}]"#;
        assert_eq!(text(&edits), expected);
        assert_eq!(patch(&[]), None);
    }
}
