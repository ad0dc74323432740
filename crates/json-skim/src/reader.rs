//! The deserializer.

use std::fmt;

use fearless_simd::Level;
use serde::de::value::BorrowedStrDeserializer;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::raw::{self, Raw};
use crate::skip;
use crate::word;

/// The maximum nesting depth of maps and lists that are read, which bounds the stack. `serde_json` allows 128.
const MAX_DEPTH: usize = 100;

/// The text is not valid JSON, does not fit the target type, or is not written as this reader expects. Read it
/// with `serde_json` to find out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unclear;

impl fmt::Display for Unclear {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the JSON text is unclear")
    }
}

impl std::error::Error for Unclear {}

impl de::Error for Unclear {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Unclear
    }
}

type Result<T> = std::result::Result<T, Unclear>;

/// A deserializer for one JSON text. It borrows strings without escapes from the text.
#[derive(Debug)]
pub struct Reader<'de> {
    /// The vector instructions that the processor has.
    level: Level,
    text: &'de str,
    at: usize,
    depth: usize,
    /// Whether the syntax of the text is checked already.
    is_valid: bool,
}

impl<'de> Reader<'de> {
    /// Creates a reader for `text`.
    pub fn new(text: &'de str) -> Self {
        Reader { level: Level::new(), text, at: 0, depth: 0, is_valid: false }
    }

    /// Creates a reader for a value whose syntax is checked already. It skips faster, and any depth.
    pub fn of_raw(raw: Raw<'de>) -> Self {
        Reader { is_valid: true, ..Reader::new(raw.text()) }
    }

    /// Checks that only white space follows.
    ///
    /// # Errors
    /// More text follows.
    pub fn end(self) -> Result<()> {
        if self.rest()?.iter().all(|byte| matches!(byte, b' ' | b'\n' | b'\t' | b'\r')) { Ok(()) } else { Err(Unclear) }
    }

    fn rest(&self) -> Result<&'de [u8]> {
        self.text.as_bytes().get(self.at..).ok_or(Unclear)
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Consumes the next byte if it is `byte`. Returns whether it was.
    fn consume_if(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn expect(&mut self, byte: u8) -> Result<()> {
        if self.consume_if(byte) { Ok(()) } else { Err(Unclear) }
    }

    /// Consumes and returns the next `length` bytes.
    fn take(&mut self, length: usize) -> Result<&'de str> {
        let from = self.at;
        self.at += length;
        self.text.get(from..self.at).ok_or(Unclear)
    }

    /// Skips a value and returns its text.
    fn skip(&mut self) -> Result<&'de str> {
        let rest = self.rest()?;
        let length = if self.is_valid { skip::valid_value(self.level, rest) } else { skip::value(self.level, rest) };
        self.take(length.ok_or(Unclear)?)
    }

    fn string(&mut self) -> Result<Found<'de>> {
        if self.peek() != Some(b'"') {
            return Err(Unclear);
        }
        let (length, is_escaped) = skip::string(self.rest()?).ok_or(Unclear)?;
        let quoted = self.take(length)?;
        if is_escaped {
            return Ok(Found::Escaped(quoted));
        }
        quoted.get(1..length - 1).map(Found::Plain).ok_or(Unclear)
    }

    /// Calls `read` with the parts of a map or list. `closes` is the byte that ends it.
    fn nested<T>(&mut self, closes: u8, read: impl FnOnce(&mut Parts<'_, 'de>) -> Result<T>) -> Result<T> {
        if self.depth == MAX_DEPTH {
            return Err(Unclear);
        }
        self.depth += 1;
        self.at += 1;
        let mut parts = Parts { reader: self, closes, state: State::First };
        let value = read(&mut parts)?;
        if parts.state != State::Closed {
            return Err(Unclear);
        }
        self.depth -= 1;
        Ok(value)
    }
}

/// A string.
enum Found<'de> {
    /// The content, without quotes.
    Plain(&'de str),
    /// The JSON text of a string with escapes, with quotes. `serde_json` reads it.
    Escaped(&'de str),
}

/// Reads a string or number with `serde_json`.
fn read_scalar<'de, V: Visitor<'de>>(value: &'de str, visitor: V) -> Result<V::Value> {
    serde_json::Deserializer::from_str(value).deserialize_any(visitor).map_err(|_| Unclear)
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = Unclear;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.peek().ok_or(Unclear)? {
            b'"' => match self.string()? {
                Found::Plain(text) => visitor.visit_borrowed_str(text),
                Found::Escaped(quoted) => read_scalar(quoted, visitor),
            },
            b'{' => self.nested(b'}', |parts| visitor.visit_map(parts)),
            b'[' => self.nested(b']', |parts| visitor.visit_seq(parts)),
            _ => {
                let length = word::length(self.rest()?).ok_or(Unclear)?;
                match self.take(length)? {
                    "true" => visitor.visit_bool(true),
                    "false" => visitor.visit_bool(false),
                    "null" => visitor.visit_unit(),
                    number => read_scalar(number, visitor),
                }
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        // Only `null` begins with this letter.
        if self.peek() == Some(b'n') { self.deserialize_any(visitor) } else { visitor.visit_some(self) }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.skip()?;
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value> {
        if name == raw::TOKEN { visitor.visit_borrowed_str(self.skip()?) } else { visitor.visit_newtype_struct(self) }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct enum identifier
    }
}

/// The entries of a map or the items of a list.
struct Parts<'s, 'de> {
    reader: &'s mut Reader<'de>,
    closes: u8,
    state: State,
}

#[derive(PartialEq, Eq)]
enum State {
    First,
    Further,
    Closed,
}

impl Parts<'_, '_> {
    /// Moves to the next part. Returns whether there is one.
    fn next(&mut self) -> Result<bool> {
        match self.state {
            State::Closed => return Ok(false),
            _ if self.reader.consume_if(self.closes) => {
                self.state = State::Closed;
                return Ok(false);
            }
            State::First => self.state = State::Further,
            State::Further => self.reader.expect(b',')?,
        }
        Ok(true)
    }
}

impl<'de> MapAccess<'de> for Parts<'_, 'de> {
    type Error = Unclear;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        if !self.next()? {
            return Ok(None);
        }
        let key = match self.reader.string()? {
            Found::Plain(text) => seed.deserialize(BorrowedStrDeserializer::new(text))?,
            Found::Escaped(quoted) => seed.deserialize(&mut serde_json::Deserializer::from_str(quoted)).map_err(|_| Unclear)?,
        };
        self.reader.expect(b':')?;
        Ok(Some(key))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value> {
        seed.deserialize(&mut *self.reader)
    }
}

impl<'de> SeqAccess<'de> for Parts<'_, 'de> {
    type Error = Unclear;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        if self.next()? { seed.deserialize(&mut *self.reader).map(Some) } else { Ok(None) }
    }
}
