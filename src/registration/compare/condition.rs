//! Whether a match condition is true whenever the expected one is.
//!
//! There is no general proof about two CEL expressions. Two are compared piece by piece: their text must be equal outside of lists of
//! strings, and a list may be in another order. A list may also differ where its place in the conditions tells that more is sent.

use std::collections::BTreeSet;

use crate::canon::CAPABILITY_PREFIX;

/// A piece of an expression.
#[derive(Debug, PartialEq, Eq)]
enum Piece<'t> {
    Text(&'t str),
    /// A list of string literals, as a set.
    List(BTreeSet<&'t str>),
}

/// Which lists let at least as much be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The same set.
    Same,
    /// The same set, or a larger one.
    Larger,
    /// The same set, or a smaller one.
    Smaller,
}

/// Returns whether `found` is true whenever `expected` is.
pub(super) fn is_implied(expected: &str, found: &str) -> bool {
    let found = found.trim();
    if found == expected || found == "true" {
        return true;
    }
    let (expected, found) = (pieces(expected), pieces(found));
    expected.len() == found.len()
        && expected.iter().zip(&found).enumerate().all(|(index, pair)| match pair {
            (Piece::List(wanted), Piece::List(is)) => match place(&expected, index) {
                Place::Same => wanted == is,
                Place::Larger => is.is_superset(wanted),
                Place::Smaller => is.is_subset(wanted),
            },
            (wanted, is) => wanted == is,
        })
}

/// Returns how the list at an index may differ.
fn place(pieces: &[Piece<'_>], index: usize) -> Place {
    let text = |index: Option<usize>| match index.and_then(|index| pieces.get(index)) {
        Some(Piece::Text(text)) => *text,
        _ => "",
    };
    let (before, after) = (text(index.checked_sub(1)), text(index.checked_add(1)));
    // A request of a listed user is not sent.
    if before.ends_with("!(request.userInfo.username in ") {
        return Place::Smaller;
    }
    // A request with a listed annotation, or a binding with a listed label, is sent.
    let labels = format!("object.metadata.?labels.orValue({{}}).exists(key, key.startsWith(\"{CAPABILITY_PREFIX}\") || key in ");
    let is_larger = after.starts_with(".exists(key, object.metadata.?annotations[?key]")
        || before.ends_with("object.metadata.?annotations.orValue({}).exists(key, key in ")
        || before.ends_with(&labels);
    if is_larger { Place::Larger } else { Place::Same }
}

/// Splits an expression into lists of string literals and the text between them.
fn pieces(expression: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let (mut start, mut at) = (0, 0);
    while let Some(rest) = expression.get(at..).filter(|rest| !rest.is_empty()) {
        if let Some((list, length)) = list(rest) {
            pieces.push(Piece::Text(expression.get(start..at).unwrap_or_default()));
            pieces.push(Piece::List(list));
            at += length;
            start = at;
        } else {
            at += literal(rest).unwrap_or_else(|| rest.chars().next().map_or(1, char::len_utf8));
        }
    }
    pieces.push(Piece::Text(expression.get(start..).unwrap_or_default()));
    pieces
}

/// Reads `["a", "b"]`: the literals and the length of the text.
fn list(text: &str) -> Option<(BTreeSet<&str>, usize)> {
    let mut rest = text.strip_prefix('[')?;
    let mut items = BTreeSet::new();
    while !rest.starts_with(']') {
        let length = literal(rest).filter(|_| rest.starts_with('"'))?;
        let (item, after) = rest.split_at_checked(length)?;
        items.insert(item);
        rest = after.strip_prefix(", ").filter(|rest| rest.starts_with('"')).or_else(|| after.starts_with(']').then_some(after))?;
    }
    Some((items, text.len() - rest.len() + 1))
}

/// Returns the length of the string literal that a text starts with.
fn literal(text: &str) -> Option<usize> {
    let quote = text.chars().next().filter(|first| matches!(first, '"' | '\''))?;
    let mut letters = text.char_indices().skip(1);
    while let Some((at, letter)) = letters.next() {
        if letter == '\\' {
            letters.next();
        } else if letter == quote {
            return Some(at + 1);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_sets_and_brackets_in_literals_are_not_lists() {
        assert!(is_implied(r#"a in ["x", "y"]"#, r#"a in ["y", "x"]"#));
        assert!(!is_implied(r#"a in ["x", "y"]"#, r#"a in ["x"]"#));
        assert!(!is_implied(r#"a in ["x"]"#, r#"a in ["x", "y"]"#));
        assert!(!is_implied(r#"a == "[\"x\", \"y\"]""#, r#"a == "[\"y\", \"x\"]""#));
        assert!(!is_implied(r#"a == '["x", "y"]'"#, r#"a == '["y", "x"]'"#));
        assert!(!is_implied(r#"["a", "b"][0]"#, r#"["a"][0]"#));
        assert!(is_implied("false", " true "));
        assert!(!is_implied("true", "false"));
        assert_eq!(pieces(r"[].x([a])"), [Piece::Text(""), Piece::List(BTreeSet::new()), Piece::Text(".x([a])")]);
    }

    #[test]
    fn a_list_may_differ_where_more_is_sent() {
        let users = |list: &str| format!("!(request.userInfo.username in {list}) && x");
        assert!(is_implied(&users(r#"["a", "b"]"#), &users(r#"["b"]"#)));
        assert!(is_implied(&users(r#"["a", "b"]"#), &users("[]")));
        assert!(!is_implied(&users(r#"["a", "b"]"#), &users(r#"["a", "b", "c"]"#)));
        // Requests of users who may claim an identity are not sent either, and their lists are written in many ways.
        let claims = |list: &str| format!("!(selected) || (request.userInfo.username in {list})");
        assert!(!is_implied(&claims(r#"["a"]"#), &claims(r#"["a", "b"]"#)));
        let keys = |list: &str| format!("object.metadata.?annotations.orValue({{}}).exists(key, key in {list})");
        assert!(is_implied(&keys(r#"["a"]"#), &keys(r#"["a", "b"]"#)));
        assert!(!is_implied(&keys(r#"["a", "b"]"#), &keys(r#"["a"]"#)));
        // Such a label makes a pod plainly right.
        let granted = |labels: &str| format!(r#"[{{"x": {{"labels": {{{labels}}}, "is": {{}}}}}}[?labels[?"run"]]]"#);
        assert!(!is_implied(&granted(r#""a": "1""#), &granted(r#""a": "1", "b": "1""#)));
    }
}
