//! Rust source without comments and literals, and its tokens.

/// Returns `text` with comments, strings and character literals replaced by spaces. Line numbers stay the same.
pub(super) fn code(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let word = word(rest);
        let skipped = if word > 0 {
            kept.push_str(&rest[..word]);
            rest = &rest[word..];
            let is_raw = kept.ends_with('r') && matches!(word, 1 | 2);
            if is_raw { raw_string(rest) } else { 0 }
        } else {
            match first {
                '/' => comment(rest),
                '"' => quoted(rest, '"'),
                '\'' if is_character(rest) => quoted(rest, '\''),
                _ => 0,
            }
        };
        if skipped > 0 {
            kept.push(' ');
            kept.extend(rest[..skipped].chars().filter(|character| *character == '\n'));
            rest = &rest[skipped..];
        } else if word == 0 {
            kept.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    kept
}

/// Splits code into words, `::` and single characters.
pub(super) fn tokens(code: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = code.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match word(rest) {
            0 if rest.starts_with("::") => 2,
            0 => first.len_utf8(),
            length => length,
        };
        let (token, after) = rest.split_at(length);
        tokens.push(token);
        rest = after.trim_start();
    }
    tokens
}

/// Returns whether a token is a word.
pub(super) fn is_word(token: &str) -> bool {
    word(token) > 0
}

/// Returns the length in bytes of the word that `text` starts with; 0 if there is none.
fn word(text: &str) -> usize {
    text.find(|character: char| !character.is_alphanumeric() && character != '_').unwrap_or(text.len())
}

fn comment(text: &str) -> usize {
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    if !text.starts_with("/*") {
        return 0;
    }
    let mut depth = 0;
    let mut at = 0;
    while at < text.len() {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// Returns whether `text` starts with a character literal; otherwise the quote starts a lifetime.
fn is_character(text: &str) -> bool {
    text[1..].starts_with('\\') || text.chars().nth(2) == Some('\'')
}

fn quoted(text: &str, quote: char) -> usize {
    let mut characters = text.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        if character == '\\' {
            characters.next();
        } else if character == quote {
            return at + 1;
        }
    }
    text.len()
}

/// Returns the length of a raw string whose `r` has been read; 0 if `text` is something else, such as `#type`.
fn raw_string(text: &str) -> usize {
    let hashes = text.len() - text.trim_start_matches('#').len();
    if !text[hashes..].starts_with('"') {
        return 0;
    }
    let end = format!("\"{}", "#".repeat(hashes));
    text[hashes + 1..].find(&end).map_or(text.len(), |at| hashes + 1 + at + end.len())
}

#[test]
fn comments_and_literals_are_not_code() {
    let left = |text: &str| code(text).split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(left("a // b::c\nd"), "a d");
    assert_eq!(left("a /* b /* c */ d */ e"), "a e");
    assert_eq!(left(r#"f("use a::b; \" // c", d)"#), "f( , d)");
    assert_eq!(left("f(r\"a\\\", r#\"b \" c\"#, br\"d\", r#type)"), "f(r , r , br , r#type)");
    assert_eq!(left("f::<'a>('\"', '\\'', 'é', b'x')"), "f::<'a>( , , , b )");
    assert_eq!(code("\"a\nb\"\nc").lines().count(), 3);
}
