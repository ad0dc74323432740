//! Both readers side by side: what this one takes, `serde_json` takes, and reads the same; and of what is
//! written without white space it takes all that `serde_json` takes.

use std::fmt::Write as _;

use fearless_simd::Level;
use serde::Deserialize as _;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::skip;
use super::{Reader, Unclear};

/// A small generator: what matters is that what it makes differs, and is the same in every run.
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

    /// Answers a list without white space.
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
                    // Readers of a `Value` keep one of two equal keys, in an order of their own.
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

    /// Replaces a byte, puts some in or takes one out; the text stays UTF-8.
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

/// Passes over a value with every kind of vectors that this processor has; what they answer is one.
fn pass_over(text: &str) -> Option<usize> {
    let level = Level::new();
    let answer = skip::value(level, text.as_bytes());
    for lesser in lesser(level) {
        assert_eq!(skip::value(lesser, text.as_bytes()), answer, "{lesser:?}: {text}");
    }
    answer
}

/// The levels below that of the processor.
fn lesser(level: Level) -> Vec<Level> {
    #[cfg(target_arch = "x86_64")]
    let lesser = [level.as_sse2().map(Level::Sse2), level.as_sse4_2().map(Level::Sse4_2), level.as_avx2().map(Level::Avx2)];
    #[cfg(not(target_arch = "x86_64"))]
    let lesser = [Some(level)];
    lesser.into_iter().flatten().collect()
}

/// What both readers make of the start of `text`: whether they took it, and where it ended. `serde_json` first.
fn ends(text: &str) -> (Option<usize>, Option<usize>) {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>();
    let taken = values.next().is_some_and(|value| value.is_ok());
    (taken.then(|| values.byte_offset()), pass_over(text))
}

/// Whether nothing stands between the words of a value.
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

/// Checks a text; answers whether its start was taken, as every map or list is that stands there without white space.
#[track_caller]
fn check(text: &str) -> bool {
    let (theirs, ours) = ends(text);
    if ours.is_some() {
        assert_eq!(ours, theirs, "{text:?}");
    } else if let Some(end) = theirs
        && text.starts_with(['{', '['])
    {
        assert!(!is_compact(&text[..end]), "not taken: {text:?}");
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
fn every_short_text_is_taken_as_serde_json_takes_it() {
    const WORDS: [&str; 13] = ["{", "}", "[", "]", ":", ",", "\"", "\"a\"", "\"b\":", "1", "\\", " ", "null"];
    let (mut taken, mut left) = (0, 0);
    for length in 0..=4u32 {
        for number in 0..WORDS.len().pow(length) {
            let words: String = (0..length).map(|place| WORDS[number / WORDS.len().pow(place) % WORDS.len()]).collect();
            for begin in ["{", "["] {
                // Wherever a block ends, in the words or before them or behind.
                for fill in [0, 56, 58, 60, 61, 62] {
                    let fill = if fill == 0 { String::new() } else { format!("[\"{}\"],", "f".repeat(fill - 6)) };
                    let text =
                        if begin == "{" && !fill.is_empty() { format!("{{\"\":{fill}{words}}}") } else { format!("{begin}{fill}{words}") };
                    *(if check(&text) { &mut taken } else { &mut left }) += 1;
                }
            }
        }
    }
    assert!(taken > 5_000 && left > 100_000, "{taken} taken, {left} left");
}

#[test]
fn whatever_is_written_without_white_space_is_taken_and_read_the_same() {
    let mut random = Random(0x2545_F491_4F6C_DD1D);
    for _ in 0..20_000 {
        let mut text = random.list();
        let whole = text.len();
        assert_eq!(read(&text).as_ref(), Ok(&serde_json::from_str(&text).unwrap()), "{text}");
        text.push_str(random.one_of(&["", ",", "}", "\n", "\"", "\u{1}", "]]]"]));
        assert_eq!(pass_over(&text), Some(whole), "{text}");
    }
}

#[test]
fn what_is_wrong_somewhere_is_not_taken() {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let (mut taken, mut left) = (0, 0);
    for _ in 0..100_000 {
        let mut text = random.list();
        for _ in 0..=random.below(3) {
            random.change(&mut text);
        }
        *(if check(&text) { &mut taken } else { &mut left }) += 1;
    }
    assert!(taken > 10_000 && left > 10_000, "{taken} taken, {left} left");
}

#[test]
fn a_text_that_is_cut_off_is_not_taken() {
    let mut random = Random(0xD1B5_4A32_D192_ED03);
    for _ in 0..300 {
        let text = random.list();
        for (end, _) in text.char_indices() {
            assert!(!check(&text[..end]), "{}", &text[..end]);
        }
    }
}

#[test]
fn escapes_are_those_of_json_wherever_they_stand() {
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
fn numbers_are_those_of_json() {
    for number in ["0", "-0", "10", "1.0", "1e5", "1E-5", "1.5e+07", "-120", "1e999"] {
        assert!(check(&format!("[{number}]")), "{number}");
    }
    for number in ["-", "01", "-01", "1.", ".5", "1e", "1e+", "+1", "0x1", "1.e5", "1e5.0", "NaN", "Infinity", "truer", "nul", "1 "] {
        assert!(!check(&format!("[{number}]")), "{number}");
    }
}

#[test]
fn depth_has_a_bound_and_never_costs_the_stack() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(pass_over(&nested(63)).is_some());
    assert!(read(&nested(100)).is_ok());
    for depth in [101, 1_000_000] {
        assert_eq!(pass_over(&nested(depth)), None);
        assert_eq!(read(&nested(depth)), Err(Unclear));
    }
}
