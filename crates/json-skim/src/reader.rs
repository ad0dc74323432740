//! The deserializer.

use std::fmt;

use fearless_simd::Level;
use serde::de::value::BorrowedStrDeserializer;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::skip;

/// How deep what is read may be nested: `serde_json` stops at 128, and the stack is as deep.
const DEEPEST: usize = 100;

/// Something is wrong, or not as an API server writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unclear;

impl fmt::Display for Unclear {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("not plainly right")
    }
}

impl std::error::Error for Unclear {}

impl de::Error for Unclear {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Unclear
    }
}

type Result<T> = std::result::Result<T, Unclear>;

/// A deserializer of one text, that hands on borrowed strings where they have no escape in them.
#[derive(Debug)]
pub struct Reader<'de> {
    /// What vectors the processor has.
    level: Level,
    text: &'de str,
    at: usize,
    depth: usize,
}

impl<'de> Reader<'de> {
    /// Begins to read `text`.
    pub fn new(text: &'de str) -> Self {
        Reader { level: Level::new(), text, at: 0, depth: 0 }
    }

    /// Checks that nothing but white space follows.
    ///
    /// # Errors
    /// Something else does.
    pub fn end(self) -> Result<()> {
        if self.rest()?.iter().all(|byte| matches!(byte, b' ' | b'\n' | b'\t' | b'\r')) { Ok(()) } else { Err(Unclear) }
    }

    fn rest(&self) -> Result<&'de [u8]> {
        self.text.as_bytes().get(self.at..).ok_or(Unclear)
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Passes over a byte if it comes next; answers whether it did.
    fn takes(&mut self, byte: u8) -> bool {
        let comes = self.peek() == Some(byte);
        self.at += usize::from(comes);
        comes
    }

    fn expect(&mut self, byte: u8) -> Result<()> {
        if self.takes(byte) { Ok(()) } else { Err(Unclear) }
    }

    /// Passes over the next `length` bytes and answers them.
    fn take(&mut self, length: usize) -> Result<&'de str> {
        let from = self.at;
        self.at += length;
        self.text.get(from..self.at).ok_or(Unclear)
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

    /// Has the parts of a map or a list read, up to and with the byte that closes it.
    fn nested<T>(&mut self, closes: u8, read: impl FnOnce(&mut Parts<'_, 'de>) -> Result<T>) -> Result<T> {
        if self.depth == DEEPEST {
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
    /// As it is, without its quotes.
    Plain(&'de str),
    /// With escapes in it, and its quotes: `serde_json` reads it.
    Escaped(&'de str),
}

/// Has `serde_json` read a value that is known to be one.
fn hand_over<'de, V: Visitor<'de>>(value: &'de str, visitor: V) -> Result<V::Value> {
    serde_json::Deserializer::from_str(value).deserialize_any(visitor).map_err(|_| Unclear)
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = Unclear;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.peek().ok_or(Unclear)? {
            b'"' => match self.string()? {
                Found::Plain(text) => visitor.visit_borrowed_str(text),
                Found::Escaped(quoted) => hand_over(quoted, visitor),
            },
            b'{' => self.nested(b'}', |parts| visitor.visit_map(parts)),
            b'[' => self.nested(b']', |parts| visitor.visit_seq(parts)),
            _ => {
                let length = skip::word(self.rest()?).ok_or(Unclear)?;
                match self.take(length)? {
                    "true" => visitor.visit_bool(true),
                    "false" => visitor.visit_bool(false),
                    "null" => visitor.visit_unit(),
                    number => hand_over(number, visitor),
                }
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        // No other value begins with this letter.
        if self.peek() == Some(b'n') { self.deserialize_any(visitor) } else { visitor.visit_some(self) }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.at += skip::value(self.level, self.rest()?).ok_or(Unclear)?;
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier
    }
}

/// What stands in a map or a list.
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
    /// Goes on to the next part; answers whether there is one.
    fn next(&mut self) -> Result<bool> {
        match self.state {
            State::Closed => return Ok(false),
            _ if self.reader.takes(self.closes) => {
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
