//! The values without quotes and brackets: `true`, `false`, `null` and numbers (RFC 8259, section 6).

/// Returns the length of the `true`, `false`, `null` or number at the start of `text`. A byte must follow.
pub(crate) fn length(text: &[u8]) -> Option<usize> {
    let length = text.iter().position(|byte| matches!(byte, b',' | b']' | b'}'))?;
    let word = text.get(..length)?;
    (matches!(word, b"true" | b"false" | b"null") || is_number(word)).then_some(length)
}

fn is_number(text: &[u8]) -> bool {
    let (whole, mut rest) = digits(text.strip_prefix(b"-").unwrap_or(text));
    if whole.is_empty() || whole.len() > 1 && whole.starts_with(b"0") {
        return false;
    }
    if let Some(after) = rest.strip_prefix(b".") {
        let (fraction, after) = digits(after);
        if fraction.is_empty() {
            return false;
        }
        rest = after;
    }
    if let Some((b'e' | b'E', after)) = rest.split_first() {
        let (exponent, after) = digits(after.strip_prefix(b"+").or(after.strip_prefix(b"-")).unwrap_or(after));
        if exponent.is_empty() {
            return false;
        }
        rest = after;
    }
    rest.is_empty()
}

/// Splits the digits from the start of `text`.
fn digits(text: &[u8]) -> (&[u8], &[u8]) {
    text.split_at(text.iter().take_while(|byte| byte.is_ascii_digit()).count())
}
