//! Text that is safe to print in a message: truncated, on one line, or quoted for a shell.

use std::fmt::Write as _;

/// The maximum length of a map key in a message, in characters.
const MAX_KEY: usize = 80;

/// Returns the start of `text`, at most `max` bytes, ending at a character boundary.
pub fn truncated(text: &str, max: usize) -> &str {
    let end = (0..=max.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

/// Returns the first `max` characters of `text` with control characters and quotes escaped, and `…` if there
/// are more.
pub fn escaped(text: &str, max: usize) -> String {
    let mut short: String = text.chars().take(max).flat_map(char::escape_debug).collect();
    if text.chars().nth(max).is_some() {
        short.push('…');
    }
    short
}

/// Returns a map key for a message: escaped, at most 80 characters.
pub fn key(key: &str) -> String {
    escaped(key, MAX_KEY)
}

/// Returns the first `max` characters of `text` with control characters as blanks, and `…` if there are more.
pub fn one_line(text: &str, max: usize) -> String {
    let mut line: String = text.chars().take(max).map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    if text.chars().nth(max).is_some() {
        line.push('…');
    }
    line
}

/// Quotes a word for a shell if necessary.
pub fn quoted(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+:@%,".contains(&byte);
    if !word.is_empty() && word.bytes().all(is_plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

/// Returns bytes in lowercase hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_truncated_between_characters() {
        assert_eq!(truncated("añb", 2), "a");
        assert_eq!(truncated("añb", 3), "añ");
        assert_eq!(truncated("añb", 9), "añb");
        assert_eq!(escaped("a\nb\"c", 4), "a\\nb\\\"…");
        assert_eq!(escaped("ab", 2), "ab");
        assert_eq!(one_line("a\nb\"c", 4), "a b\"…");
    }

    #[test]
    fn a_path_is_quoted_for_a_shell_if_necessary() {
        assert_eq!(quoted("./canon-4.4/x.yaml"), "./canon-4.4/x.yaml");
        assert_eq!(quoted("it's mine"), r"'it'\''s mine'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn each_byte_is_two_digits() {
        assert_eq!(hex(&[0, 10, 255]), "000aff");
    }
}
