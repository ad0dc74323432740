//! What one source file declares and names: its `use` declarations, its paths, and its single words.

use std::collections::BTreeSet;

use super::code::{code, is_word, tokens};

/// One name that a `use` declaration brings into a file.
#[derive(Debug, PartialEq)]
pub(super) struct Use {
    /// Whether it has a visibility (`pub`, `pub(crate)`, …), so that the file re-exports it.
    pub(super) is_public: bool,
    /// The segments of its path.
    pub(super) path: Vec<String>,
    /// The name in this file: the last segment, the alias, or `*`.
    pub(super) name: String,
}

/// The names of one file, without those of its tests.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) uses: Vec<Use>,
    /// Paths of two or more segments outside `use` declarations.
    pub(super) paths: Vec<Vec<String>>,
    /// Single words outside `use` declarations that can name an imported item.
    pub(super) words: BTreeSet<String>,
    /// Modules with a body in this file.
    pub(super) inline_modules: Vec<String>,
}

impl Names {
    /// Reads a source file.
    pub(super) fn read(text: &str) -> Names {
        let code = code(text);
        let all = tokens(&code);
        let tokens = without_tests(&all);
        let mut names = Names::default();
        let mut bound = BTreeSet::new();
        let mut unbound = BTreeSet::new();
        let token = |at: usize| tokens.get(at).copied().unwrap_or_default();
        let mut at = 0;
        while at < tokens.len() {
            let before = at.checked_sub(1).map_or("", token);
            if token(at) == "use" && token(at + 1) != "<" {
                let is_public = before == "pub" || before == ")";
                at = tree(&tokens, at + 1, is_public, &[], &mut names.uses);
            } else if token(at) == "mod" {
                if token(at + 2) == "{" {
                    names.inline_modules.push(token(at + 1).to_owned());
                }
                at += 2;
            } else if is_word(token(at)) {
                let (path, end) = path(&tokens, at);
                match path.as_slice() {
                    // A method, a field, or the rest of a path through a type.
                    _ if matches!(before, "." | "::" | "fn") => {}
                    [name] if token(end) == ":" || matches!(before, "let" | "mut" | "|") => {
                        bound.insert(name.clone());
                    }
                    [name] if token(end) == "(" || name.starts_with(char::is_uppercase) => {
                        names.words.insert(name.clone());
                    }
                    [name] => {
                        unbound.insert(name.clone());
                    }
                    _ => names.paths.push(path),
                }
                at = end;
            } else {
                at += 1;
            }
        }
        names.words.extend(unbound.difference(&bound).cloned());
        names
    }
}

/// Returns the tokens without items that have the attribute `#[cfg(test)]`.
fn without_tests<'t>(tokens: &[&'t str]) -> Vec<&'t str> {
    const ATTRIBUTE: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while at < tokens.len() {
        if tokens[at..].starts_with(&ATTRIBUTE) {
            at = end_of_item(tokens, at + ATTRIBUTE.len());
        } else {
            kept.push(tokens[at]);
            at += 1;
        }
    }
    kept
}

/// Returns where an item ends: after its `;`, or after its body.
fn end_of_item(tokens: &[&str], mut at: usize) -> usize {
    let mut depth = 0;
    while let Some(token) = tokens.get(at) {
        at += 1;
        match *token {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" => depth -= 1,
            "}" => {
                depth -= 1;
                if depth == 0 {
                    return at;
                }
            }
            ";" if depth == 0 => return at,
            _ => {}
        }
    }
    at
}

/// Reads the path that starts at `at`; returns it and where it ends.
fn path(tokens: &[&str], mut at: usize) -> (Vec<String>, usize) {
    let mut path = vec![tokens[at].to_owned()];
    at += 1;
    while tokens.get(at) == Some(&"::") && tokens.get(at + 1).is_some_and(|token| is_word(token)) {
        path.push(tokens[at + 1].to_owned());
        at += 2;
    }
    (path, at)
}

/// Reads the tree of a `use` declaration below `prefix`; returns where it ends.
fn tree(tokens: &[&str], mut at: usize, is_public: bool, prefix: &[String], uses: &mut Vec<Use>) -> usize {
    let token = |at: usize| tokens.get(at).copied().unwrap_or_default();
    let mut path = prefix.to_vec();
    loop {
        match token(at) {
            "{" => {
                at += 1;
                while at < tokens.len() && token(at) != "}" {
                    at = if token(at) == "," { at + 1 } else { tree(tokens, at, is_public, &path, uses) };
                }
                return at + 1;
            }
            "*" => {
                uses.push(Use { is_public, path, name: "*".to_owned() });
                return at + 1;
            }
            "self" if !path.is_empty() => at += 1,
            segment => {
                path.push(segment.to_owned());
                at += 1;
            }
        }
        match token(at) {
            "::" => at += 1,
            "as" => {
                uses.push(Use { is_public, path, name: token(at + 1).to_owned() });
                return at + 2;
            }
            _ => {
                let name = path.last().cloned().unwrap_or_default();
                uses.push(Use { is_public, path, name });
                return at;
            }
        }
    }
}

#[test]
fn use_declarations_are_read_with_visibility_and_alias() {
    let names = Names::read("pub(crate) use a::{B as C, d::{self, E}};\nuse super::f::*;\nfn g() -> impl H + use<'_> { use i::J; }");
    let written: Vec<String> = names
        .uses
        .iter()
        .map(|found| format!("{}{} = {}", if found.is_public { "pub " } else { "" }, found.name, found.path.join("::")))
        .collect();
    assert_eq!(written, ["pub C = a::B", "pub d = a::d", "pub E = a::d::E", "* = super::f", "J = i::J"]);
}

#[test]
fn paths_and_words_are_those_of_the_code_without_its_tests() {
    let names = Names::read(
        "mod inner { }\nfn f(count: Size) -> k::L { m::n(o(p), self.q, count); R { s: 1 } }\n\
         #[cfg(test)]\nmod tests { fn t() { u::v(); } }\n#[cfg(test)]\nuse w::X;\nconst Y: [u8; 2] = z::Z;",
    );
    let paths: Vec<String> = names.paths.iter().map(|path| path.join("::")).collect();
    assert_eq!(paths, ["k::L", "m::n", "z::Z"]);
    assert!(["Size", "R", "o", "p"].iter().all(|name| names.words.contains(*name)), "{:?}", names.words);
    assert!(["count", "q", "s", "f"].iter().all(|name| !names.words.contains(*name)), "{:?}", names.words);
    assert_eq!(names.inline_modules, ["inner"]);
    assert!(names.uses.is_empty());
}
