//! Decodes the bytes of a file: UTF-8 or UTF-16, with or without byte order marks.

use std::borrow::Cow;

/// The byte order mark.
const MARK: char = '\u{feff}';

/// Decodes UTF-8, or UTF-16 with a byte order mark.
///
/// # Errors
/// Returns the fault of the encoding, in a sentence without the name of the file.
pub fn decode(bytes: Vec<u8>) -> Result<String, String> {
    const UTF_32: &str = "is UTF-32; save it as UTF-8";
    match bytes.as_slice() {
        [0xFF, 0xFE, 0, 0, ..] | [0, 0, 0xFE, 0xFF, ..] => Err(UTF_32.to_owned()),
        [0xFF, 0xFE, text @ ..] => utf_16(text, u16::from_le_bytes),
        [0xFE, 0xFF, text @ ..] => utf_16(text, u16::from_be_bytes),
        bytes if bytes.contains(&0) => {
            Err("has NUL bytes, so it is not UTF-8 (UTF-16 requires a byte order mark); save it as UTF-8".to_owned())
        }
        _ => String::from_utf8(bytes).map_err(|error| {
            let valid = error.as_bytes().iter().take(error.utf8_error().valid_up_to());
            let line = valid.filter(|byte| **byte == b'\n').count() + 1;
            format!("line {line} is not UTF-8; save the file as UTF-8")
        }),
    }
}

fn utf_16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, String> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let text: Option<String> = char::decode_utf16(pairs.iter().copied().map(unit)).map(Result::ok).collect();
    text.filter(|text| rest.is_empty() && !text.contains('\0')).ok_or_else(|| "is not valid UTF-16; save it as UTF-8".to_owned())
}

/// Removes the byte order mark at the start of a text and of each YAML document. Programs that join files keep
/// the mark of each file. A mark elsewhere remains, and the YAML parser reports it.
pub(super) fn without_marks(text: &str) -> Cow<'_, str> {
    let text = text.strip_prefix(MARK).unwrap_or(text);
    if !text.contains(MARK) {
        return Cow::Borrowed(text);
    }
    let mut result = String::with_capacity(text.len());
    let mut before_document = true;
    for line in text.split_inclusive('\n') {
        let unmarked = line.strip_prefix(MARK).unwrap_or(line);
        let is_separator = unmarked.starts_with("---");
        let line = if before_document || is_separator { unmarked } else { line };
        let content = if is_separator { line.trim_start_matches('-') } else { line }.trim_start();
        before_document = (is_separator || before_document) && (content.is_empty() || content.starts_with('#'));
        result.push_str(line);
    }
    Cow::Owned(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf_16_with_a_mark_is_decoded() {
        let text = "a: \u{1f600}\n";
        let little: Vec<u8> = "\u{feff}a: \u{1f600}\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = "\u{feff}a: \u{1f600}\n".encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!((decode(little.clone()).as_deref(), decode(big).as_deref()), (Ok(text), Ok(text)));
        for (bytes, sentence) in [
            (&little[..5], "is not valid UTF-16"),
            (&[0xFF, 0xFE, 0, 0xD8][..], "is not valid UTF-16"),
            (&little[2..], "is not UTF-8"),
            (&[0xFF, 0xFE, 0, 0, 97, 0, 0, 0], "is UTF-32"),
            (b"a\nb\xff", "line 2 is not UTF-8"),
        ] {
            let error = decode(bytes.to_vec()).unwrap_err();
            assert!(error.contains(sentence), "{error}");
        }
    }

    #[test]
    fn marks_before_documents_are_removed() {
        let marked = "\u{feff}a: 1\n\u{feff}---\n\u{feff}b: 1\n--- # next\n# comment\n\n\u{feff}c: \u{feff}1\n";
        assert_eq!(without_marks(marked), "a: 1\n---\nb: 1\n--- # next\n# comment\n\nc: \u{feff}1\n");
        assert_eq!(without_marks("a: 1\n\u{feff}b: 1\n"), "a: 1\n\u{feff}b: 1\n");
    }
}
