//! The paths that Rust source names, with `use` trees written out.

use super::code::{is_word, tokens};

/// Returns every path of two or more segments in `code`: `use a::{b, c::d}` names `a::b` and `a::c::d`.
pub(super) fn paths(code: &str) -> Vec<String> {
    let tokens = tokens(code);
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        at = if is_word(tokens[at]) { tree(&tokens, at, "", &mut found) } else { at + 1 };
    }
    found
}

/// Reads one tree that starts at `at` below `prefix`; returns where it ends.
fn tree(tokens: &[&str], mut at: usize, prefix: &str, found: &mut Vec<String>) -> usize {
    let mut path = prefix.to_owned();
    let token = |at: usize| tokens.get(at).copied().unwrap_or_default();
    loop {
        match token(at) {
            "{" if !prefix.is_empty() || path.contains("::") => {
                at += 1;
                while at < tokens.len() && token(at) != "}" {
                    at = match token(at) {
                        "as" => at + 2,
                        word if is_word(word) => tree(tokens, at, &path, found),
                        _ => at + 1,
                    };
                }
                return at + 1;
            }
            word if is_word(word) => {
                path.push_str(word);
                at += 1;
            }
            _ => {
                found.push(path.trim_end_matches(':').to_owned());
                return at + 1;
            }
        }
        if token(at) == "::" {
            path.push_str("::");
            at += 1;
        } else {
            if path.contains("::") {
                found.push(path);
            }
            return at;
        }
    }
}

#[test]
fn use_trees_are_written_out() {
    let code = "use crate::{audit::{Record, record}, verdict::Rule as R};\nfn f() { std::fs::read(x); let y = crate::canon::Canon { a }; }\nuse super::super::x::*;";
    let expected =
        ["crate::audit::Record", "crate::audit::record", "crate::verdict::Rule", "std::fs::read", "crate::canon::Canon", "super::super::x"];
    assert_eq!(paths(code), expected);
}
