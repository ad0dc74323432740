//! Compares both readers: `serde_json` accepts every text that this one accepts and reads the same values, and this
//! one accepts every text without white space that `serde_json` accepts.

use std::fmt::Write as _;

use fearless_simd::Level;
use serde::Deserialize as _;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::skip;
use super::{Raw, Reader, Unclear};

/// A small random number generator with the same sequence in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap()
    }

    fn one_of<'t>(&mut self, texts: &[&'t str]) -> &'t str {
        texts[self.below(texts.len())]
    }

    /// Returns a list without white space.
    fn list(&mut self) -> String {
        let mut text = String::from("[");
        self.value(0, &mut text);
        text.push(']');
        text
    }

    /// Writes a value without white space.
    fn value(&mut self, depth: usize, text: &mut String) {
        match self.below(if depth > 4 { 3 } else { 7 }) {
            0 => text.push_str(self.one_of(&["0", "-0", "-1.5e3", "12E+07", "3.14", "true", "false", "null"])),
            1 | 2 => self.string(text),
            3 | 4 => {
                text.push('{');
                for number in 0..self.below(4) {
                    text.push_str(if number > 0 { "," } else { "" });
                    // Each key differs: a `Value` keeps only one of two equal keys.
                    let _ = write!(text, "\"{number}{}\":", "k".repeat(self.below(20)));
                    self.value(depth + 1, text);
                }
                text.push('}');
            }
            _ => {
                text.push('[');
                for number in 0..self.below(4) {
                    text.push_str(if number > 0 { "," } else { "" });
                    self.value(depth + 1, text);
                }
                text.push(']');
            }
        }
    }

    fn string(&mut self, text: &mut String) {
        text.push('"');
        text.push_str(&"s".repeat(self.below(30)));
        for _ in 0..self.below(4) {
            text.push_str(self.one_of(&["\\\"", "\\\\", "\\n", "\\u00e9", "\\/", "é", "{", "]", ":", ",", " ", "x"]));
        }
        text.push('"');
    }

    /// Replaces, inserts or removes a character.
    fn change(&mut self, text: &mut String) {
        let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        let at = places[self.below(places.len())];
        let way = self.below(3);
        if way > 0 {
            text.remove(at);
        }
        if way < 2 {
            text.insert_str(at, self.one_of(PIECES));
        }
    }
}

const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "\\",
    "{}",
    "[]",
    "{\"a\":",
    "[1,",
    "\"a\"",
    "\"a\":",
    "1",
    "-",
    "0",
    ".",
    "e",
    "true",
    "null",
    " ",
    "\n",
    "\u{1}",
    "\u{7f}",
    "u",
    "00e9",
    "\\u00e9",
    "\\n",
    "\\\\",
    "é",
    ",\"k\":\"v\"",
];

/// Skips a value with each level of vector instructions that this processor has, and checks that the results agree.
fn skip_value(text: &str) -> Option<usize> {
    let level = Level::new();
    let length = skip::value(level, text.as_bytes());
    for level in lower(level).into_iter().chain([level]) {
        assert_eq!(skip::value(level, text.as_bytes()), length, "{level:?}: {text}");
        if length.is_some() {
            assert_eq!(skip::valid_value(level, text.as_bytes()), length, "{level:?}: {text}");
        }
    }
    length
}

/// Returns the levels below `level`.
fn lower(level: Level) -> Vec<Level> {
    #[cfg(target_arch = "x86_64")]
    let lower = [level.as_sse2().map(Level::Sse2), level.as_sse4_2().map(Level::Sse4_2), level.as_avx2().map(Level::Avx2)];
    #[cfg(not(target_arch = "x86_64"))]
    let lower = [Some(level)];
    lower.into_iter().flatten().collect()
}

/// Returns the length of the value at the start of `text` according to `serde_json` and to this crate, if they accept it.
fn ends(text: &str) -> (Option<usize>, Option<usize>) {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>();
    let accepted = values.next().is_some_and(|value| value.is_ok());
    (accepted.then(|| values.byte_offset()), skip_value(text))
}

/// Returns whether a text has no white space between tokens.
fn is_compact(text: &str) -> bool {
    let mut in_string = false;
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => in_string = !in_string,
            b'\\' => drop(bytes.next()),
            b' ' | b'\n' | b'\t' | b'\r' if !in_string => return false,
            _ => {}
        }
    }
    true
}

/// Compares both readers on a text. Returns whether this crate accepts the value at its start.
#[track_caller]
fn check(text: &str) -> bool {
    let (theirs, ours) = ends(text);
    if ours.is_some() {
        assert_eq!(ours, theirs, "{text:?}");
    } else if let Some(end) = theirs
        && text.starts_with(['{', '['])
    {
        assert!(!is_compact(&text[..end]), "not accepted: {text:?}");
    }
    if let Ok(value) = read(text) {
        assert_eq!(serde_json::from_str::<Value>(text).ok(), Some(value), "{text:?}");
    }
    ours.is_some()
}

fn read(text: &str) -> Result<Value, Unclear> {
    let mut reader = Reader::new(text);
    let value = Value::deserialize(&mut reader)?;
    reader.end().map(|()| value)
}

#[test]
fn serde_json_accepts_every_short_text_that_this_reader_accepts() {
    const WORDS: [&str; 13] = ["{", "}", "[", "]", ":", ",", "\"", "\"a\"", "\"b\":", "1", "\\", " ", "null"];
    let (mut accepted, mut rejected) = (0, 0);
    for length in 0..=4u32 {
        for number in 0..WORDS.len().pow(length) {
            let words: String = (0..length).map(|place| WORDS[number / WORDS.len().pow(place) % WORDS.len()]).collect();
            for begin in ["{", "["] {
                // A block may end before, within and after the words.
                for fill in [0, 56, 58, 60, 61, 62] {
                    let fill = if fill == 0 { String::new() } else { format!("[\"{}\"],", "f".repeat(fill - 6)) };
                    let text =
                        if begin == "{" && !fill.is_empty() { format!("{{\"\":{fill}{words}}}") } else { format!("{begin}{fill}{words}") };
                    *(if check(&text) { &mut accepted } else { &mut rejected }) += 1;
                }
            }
        }
    }
    assert!(accepted > 5_000 && rejected > 100_000, "{accepted} accepted, {rejected} rejected");
}

#[test]
fn every_text_without_white_space_is_accepted_and_read_the_same() {
    let mut random = Random(0x2545_F491_4F6C_DD1D);
    for _ in 0..20_000 {
        let mut text = random.list();
        let whole = text.len();
        assert_eq!(read(&text).as_ref(), Ok(&serde_json::from_str(&text).unwrap()), "{text}");
        text.push_str(random.one_of(&["", ",", "}", "\n", "\"", "\u{1}", "]]]"]));
        assert_eq!(skip_value(&text), Some(whole), "{text}");
    }
}

#[test]
fn a_text_with_errors_is_rejected_as_serde_json_rejects_it() {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let (mut accepted, mut rejected) = (0, 0);
    for _ in 0..100_000 {
        let mut text = random.list();
        for _ in 0..=random.below(3) {
            random.change(&mut text);
        }
        *(if check(&text) { &mut accepted } else { &mut rejected }) += 1;
    }
    assert!(accepted > 10_000 && rejected > 10_000, "{accepted} accepted, {rejected} rejected");
}

#[test]
fn a_truncated_text_is_rejected() {
    let mut random = Random(0xD1B5_4A32_D192_ED03);
    for _ in 0..300 {
        let text = random.list();
        for (end, _) in text.char_indices() {
            assert!(!check(&text[..end]), "{}", &text[..end]);
        }
    }
}

#[test]
fn escapes_follow_the_grammar_at_every_position() {
    for before in 0..70 {
        let filler = "s".repeat(before);
        for letter in ' '..='\u{7f}' {
            check(&format!(r#"["{filler}\{letter}"]"#));
            check(&format!(r#"["{filler}\{letter}00e9"]"#));
            for place in 0..4 {
                let digits: String = (0..4).map(|digit| if digit == place { letter } else { 'A' }).collect();
                check(&format!(r#"["{filler}\u{digits}\n"]"#));
            }
        }
    }
}

#[test]
fn numbers_follow_the_grammar() {
    for number in ["0", "-0", "10", "1.0", "1e5", "1E-5", "1.5e+07", "-120", "1e999"] {
        assert!(check(&format!("[{number}]")), "{number}");
    }
    for number in ["-", "01", "-01", "1.", ".5", "1e", "1e+", "+1", "0x1", "1.e5", "1e5.0", "NaN", "Infinity", "truer", "nul", "1 "] {
        assert!(!check(&format!("[{number}]")), "{number}");
    }
}

#[test]
fn depth_is_bounded_and_skipping_needs_no_stack() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(skip_value(&nested(63)).is_some());
    assert!(read(&nested(100)).is_ok());
    for depth in [101, 1_000_000] {
        assert_eq!(skip_value(&nested(depth)), None);
        assert_eq!(read(&nested(depth)), Err(Unclear));
    }
}

/// A struct reads a raw value and ignores another field.
#[derive(Debug, PartialEq, serde::Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    object: Option<Raw<'a>>,
}

#[test]
fn a_raw_value_is_the_text_of_the_value_from_both_readers() {
    let mut random = Random(0xA076_1D64_78BD_642F);
    for _ in 0..2_000 {
        let object = random.list();
        let text = format!(r#"{{"before":{},"object":{object},"after":{}}}"#, random.list(), random.list());
        let mut reader = Reader::new(&text);
        let envelope = Envelope::deserialize(&mut reader).unwrap();
        reader.end().unwrap();
        assert_eq!(envelope, serde_json::from_str(&text).unwrap());
        let raw = envelope.object.unwrap();
        assert_eq!(raw.text(), object);
        let mut reader = Reader::of_raw(raw);
        assert_eq!(Value::deserialize(&mut reader), Ok(serde_json::from_str(&object).unwrap()));
        reader.end().unwrap();
    }
    let null: Envelope<'_> = Envelope::deserialize(&mut Reader::new(r#"{"object":null}"#)).unwrap();
    assert_eq!(null.object, None);
    let spaced: Envelope<'_> = serde_json::from_str(r#"{ "object" : { "a" : 1 } }"#).unwrap();
    assert_eq!(spaced.object.unwrap().text(), r#"{ "a" : 1 }"#);
}

#[test]
fn a_raw_value_is_checked_when_it_is_found() {
    for object in [r#"{"a":01}"#, r#"{"a":"\x"}"#, r#"{"a"}"#, "[1,]", r#"{"a":1]"#, "{", "nul"] {
        let text = format!(r#"{{"object":{object}}}"#);
        assert_eq!(Envelope::deserialize(&mut Reader::new(&text)), Err(Unclear), "{object}");
    }
}

#[test]
fn the_debug_output_of_a_raw_value_hides_its_text() {
    let envelope = Envelope::deserialize(&mut Reader::new(r#"{"object":"secret"}"#)).unwrap();
    assert_eq!(format!("{envelope:?}"), "Envelope { object: Some(Raw(8 bytes)) }");
}

#[test]
fn a_newtype_is_read_as_its_value() {
    #[derive(Debug, PartialEq, serde::Deserialize)]
    struct Name<'a>(&'a str);
    assert_eq!(Vec::<Name<'_>>::deserialize(&mut Reader::new(r#"["a","b"]"#)), Ok(vec![Name("a"), Name("b")]));
}
