//! A JSON tree that borrows from the text it was parsed from.
//!
//! `serde_json::Value` keeps the last of two duplicate keys and uses over 600 bytes for an object with one
//! field. This tree rejects duplicate keys, keeps the order of the document, stores an object in one slice,
//! and counts its values, so that a hostile body cannot make it large.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::fmt;

use serde::de::{self, Deserialize, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::text;

/// The maximum number of values in one tree. 10,000 peers with one label each are 40,000 values. For values
/// past the maximum only the JSON syntax is checked. They become [`Node::Unread`], which no field accepts.
pub const MAX_NODES: usize = 50_000;

/// One JSON value.
#[derive(Debug, Clone, PartialEq)]
pub enum Node<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// An integer.
    Integer(i64),
    /// A number that is not an integer, or is outside the range of an `i64`.
    Float(f64),
    /// A string, borrowed if it has no escapes.
    String(Cow<'a, str>),
    /// A list.
    Array(Box<[Node<'a>]>),
    /// Values past [`MAX_NODES`]. Not equal to anything.
    Unread,
    /// A map: its entries in the order of the document, without duplicate keys.
    Object(Box<[(Cow<'a, str>, Node<'a>)]>),
}

impl<'a> Node<'a> {
    /// Returns the value of `key`, or `None` if there is no such key, the value is `null`, or this is not a
    /// map. The API treats a missing field and `null` the same (`semantics.md` rule 4).
    pub fn get(&self, key: &str) -> Option<&Node<'a>> {
        let Node::Object(entries) = self else { return None };
        let (_, value) = entries.iter().find(|(name, _)| name == key)?;
        (!matches!(value, Node::Null)).then_some(value)
    }

    /// Returns the string, or `None` if this is not a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Node::String(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the JSON type for error messages.
    pub fn type_name(&self) -> &'static str {
        match self {
            Node::Null => "null",
            Node::Bool(_) => "a boolean",
            Node::Integer(_) | Node::Float(_) => "a number",
            Node::String(_) => "a string",
            Node::Array(_) => "a list",
            Node::Object(_) => "a map",
            Node::Unread => "unread",
        }
    }

    /// Returns whether both are the same JSON, regardless of the order of keys. A missing field, `null` and an
    /// empty list are the same (`semantics.md` rule 4).
    pub fn same_json(&self, other: &Node<'_>) -> bool {
        match (self, other) {
            (Node::Array(left), Node::Array(right)) => left.len() == right.len() && left.iter().zip(right).all(|(l, r)| l.same_json(r)),
            (Node::Object(left), Node::Object(right)) => same_entries(stated(left), stated(right), Node::same_json),
            (Node::Unread, _) | (_, Node::Unread) => false,
            (left, right) => left == right,
        }
    }

    /// Returns whether both are exactly the same JSON, regardless of the order of keys. The fields `but` of the
    /// outermost maps are ignored.
    pub fn is_exactly(&self, other: &Node<'_>, but: &[&str]) -> bool {
        match (self, other) {
            (Node::Array(left), Node::Array(right)) => {
                left.len() == right.len() && left.iter().zip(right).all(|(left, right)| left.is_exactly(right, &[]))
            }
            (Node::Object(left), Node::Object(right)) => {
                let left = left.iter().filter(|(key, _)| !but.contains(&key.as_ref()));
                let right = right.iter().filter(|(key, _)| !but.contains(&key.as_ref()));
                same_entries(left, right, |left, right| left.is_exactly(right, &[]))
            }
            (Node::Unread, _) | (_, Node::Unread) => false,
            (left, right) => left == right,
        }
    }

    /// Returns whether this is exactly the same JSON as `value`, regardless of the order of keys. Only integers
    /// are compared: other numbers are never equal.
    pub fn is_word_for_word(&self, value: &serde_json::Value) -> bool {
        use serde_json::Value;
        match (self, value) {
            (Node::Null, Value::Null) => true,
            (Node::Bool(found), Value::Bool(stated)) => found == stated,
            (Node::Integer(found), Value::Number(stated)) => stated.as_i64() == Some(*found),
            (Node::String(found), Value::String(stated)) => found == stated,
            (Node::Array(found), Value::Array(stated)) => {
                found.len() == stated.len() && found.iter().zip(stated).all(|(found, stated)| found.is_word_for_word(stated))
            }
            // Neither side has duplicate keys, so equal counts and each key found are enough. The order is usually the same.
            (Node::Object(found), Value::Object(stated)) => {
                let mut in_order = stated.iter();
                let is_stated = |(key, found): &Field<'_>| {
                    let stated =
                        in_order.next().filter(|(name, _)| *name == key).map(|(_, value)| value).or_else(|| stated.get(key.as_ref()));
                    stated.is_some_and(|stated| found.is_word_for_word(stated))
                };
                found.len() == stated.len() && found.iter().all(is_stated)
            }
            _ => false,
        }
    }

    fn is_unset(&self) -> bool {
        match self {
            Node::Null => true,
            Node::Array(items) => items.is_empty(),
            _ => false,
        }
    }
}

/// A field of a map.
type Field<'a> = (Cow<'a, str>, Node<'a>);

/// Returns the fields of a map that are set.
fn stated<'n, 'a>(fields: &'n [Field<'a>]) -> impl Iterator<Item = &'n Field<'a>> + Clone {
    fields.iter().filter(|(_, value)| !value.is_unset())
}

/// Returns whether two maps have the same keys and the same values.
fn same_entries<'n, 'm, 'a: 'n, 'b: 'm>(
    left: impl Iterator<Item = &'n Field<'a>> + Clone,
    right: impl Iterator<Item = &'m Field<'b>> + Clone,
    same: impl Fn(&Node<'a>, &Node<'b>) -> bool,
) -> bool {
    // The order is usually the same; only maps in another order are sorted.
    if left.clone().map(|(key, _)| key).eq(right.clone().map(|(key, _)| key)) {
        return left.zip(right).all(|((_, left), (_, right))| same(left, right));
    }
    let (mut left, mut right): (Vec<_>, Vec<_>) = (left.collect(), right.collect());
    left.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    right.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    left.len() == right.len() && left.iter().zip(&right).all(|((key, left), (name, right))| key == name && same(left, right))
}

impl<'a> From<&'a serde_json::Value> for Node<'a> {
    fn from(value: &'a serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Node::Null,
            serde_json::Value::Bool(flag) => Node::Bool(*flag),
            serde_json::Value::Number(number) => {
                number.as_i64().map_or_else(|| Node::Float(number.as_f64().unwrap_or(f64::NAN)), Node::Integer)
            }
            serde_json::Value::String(text) => Node::String(Cow::Borrowed(text)),
            serde_json::Value::Array(items) => Node::Array(items.iter().map(Node::from).collect()),
            serde_json::Value::Object(entries) => {
                Node::Object(entries.iter().map(|(key, value)| (Cow::Borrowed(key.as_str()), Node::from(value))).collect())
            }
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Node<'a> {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Seed { left: &Cell::new(MAX_NODES), pending: &RefCell::default() }.deserialize(deserializer)
    }
}

/// The items and fields of lists and maps that are not complete yet, the innermost last. Each list or map is
/// allocated once, when its size is known.
#[derive(Default)]
struct Pending<'a> {
    items: Vec<Node<'a>>,
    fields: Vec<Field<'a>>,
}

/// The number of pending items or fields that nearly every policy stays below.
const PENDING_CAPACITY: usize = 16;

#[derive(Clone, Copy)]
struct Seed<'c, 'a> {
    left: &'c Cell<usize>,
    pending: &'c RefCell<Pending<'a>>,
}

impl<'de> DeserializeSeed<'de> for Seed<'_, 'de> {
    type Value = Node<'de>;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Node<'de>, D::Error> {
        match self.left.get().checked_sub(1) {
            Some(left) => {
                self.left.set(left);
                deserializer.deserialize_any(self)
            }
            None => IgnoredAny::deserialize(deserializer).map(|_| Node::Unread),
        }
    }
}

impl<'de> Visitor<'de> for Seed<'_, 'de> {
    type Value = Node<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Node<'de>, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node<'de>, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node<'de>, E> {
        Ok(Node::Integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node<'de>, E> {
        #[allow(clippy::cast_precision_loss, reason = "no field accepts a number that large, as an integer or as a float")]
        Ok(i64::try_from(value).map_or(Node::Float(value as f64), Node::Integer))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node<'de>, E> {
        Ok(Node::Float(value))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Node<'de>, E> {
        Ok(Node::String(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node<'de>, E> {
        Ok(Node::String(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Node<'de>, A::Error> {
        let start = self.pending.borrow().items.len();
        while let Some(item) = access.next_element_seed(self)? {
            let items = &mut self.pending.borrow_mut().items;
            if items.is_empty() {
                items.reserve(PENDING_CAPACITY);
            }
            // One unread item represents all that follow.
            if !matches!(item, Node::Unread) || !matches!(items.get(start..), Some([.., Node::Unread])) {
                items.push(item);
            }
        }
        Ok(Node::Array(self.pending.borrow_mut().items.drain(start..).collect()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Node<'de>, A::Error> {
        let start = self.pending.borrow().fields.len();
        while let Some(Key(key)) = access.next_key::<Key<'de>>()? {
            let value = access.next_value_seed(self)?;
            let fields = &mut self.pending.borrow_mut().fields;
            if fields.is_empty() {
                fields.reserve(PENDING_CAPACITY);
            }
            if !matches!(value, Node::Unread) || !matches!(fields.get(start..), Some([.., (_, Node::Unread)])) {
                fields.push((key, value));
            }
        }
        let fields = &mut self.pending.borrow_mut().fields;
        if let Some(key) = fields.get(start..).and_then(duplicate) {
            return Err(de::Error::custom(format_args!("duplicate key \"{}\"", text::key(key))));
        }
        Ok(Node::Object(fields.drain(start..).collect()))
    }
}

/// Returns a key that `entries` has more than once.
fn duplicate<'e>(entries: &'e [(Cow<'_, str>, Node<'_>)]) -> Option<&'e str> {
    if entries.len() <= 16 {
        return entries
            .iter()
            .enumerate()
            .find(|(index, (key, _))| entries.iter().take(*index).any(|(earlier, _)| earlier == key))
            .map(|(_, (key, _))| key.as_ref());
    }
    let mut keys: Vec<&str> = entries.iter().map(|(key, _)| key.as_ref()).collect();
    keys.sort_unstable();
    keys.windows(2).find_map(|pair| match pair {
        [left, right] if left == right => Some(*left),
        _ => None,
    })
}

struct Key<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Key<'a> {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a key")
            }
            fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(value)))
            }
            fn visit_str<E>(self, value: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(value.to_owned())))
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(text: &str) -> Node<'_> {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn word_for_word_ignores_only_the_order_of_keys() {
        let value = json!({"a": [1, -2, "x", true, null, {}], "b": {"c": "", "d": [[]]}});
        assert!(Node::from(&value).is_word_for_word(&value));
        assert!(read(r#"{"b":{"d":[[]],"c":""},"a":[1,-2,"x",true,null,{}]}"#).is_word_for_word(&value));
        for other in [
            r#"{"a":[1,-2,"x",true,null,{}],"b":{"c":"","d":[[]]},"e":null}"#,
            r#"{"a":[1,-2,"x",true,null,{}]}"#,
            r#"{"a":[-2,1,"x",true,null,{}],"b":{"c":"","d":[[]]}}"#,
            r#"{"a":[1,-2,"x",true,null,{}],"b":{"c":"","d":[]}}"#,
            r#"{"a":[1,-2,"x",true,null,{}],"b":{"c":null,"d":[[]]}}"#,
            r#"{"a":[1,-2,"x",true,null],"b":{"c":"","d":[[]]}}"#,
            r#"{"a":[1,-2,"x",true,null,{}],"b":{"C":"","d":[[]]}}"#,
            r#"{"a":[1.0,-2,"x",true,null,{}],"b":{"c":"","d":[[]]}}"#,
            r#"{"a":["1",-2,"x",true,null,{}],"b":{"c":"","d":[[]]}}"#,
        ] {
            assert!(!read(other).is_word_for_word(&value), "{other}");
        }
        assert!(!Node::Unread.is_word_for_word(&Value::Null));
    }
}
