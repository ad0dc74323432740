//! The sentence of a finding.

use std::fmt::{self, Write as _};
use std::ops::{Deref, Range};

use super::words::List;

/// A sentence for the user: what is wrong, where, and what to do. It remembers one of its lists, so that a shortened
/// sentence loses items of the list and keeps its end, which is the cure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sentence {
    text: String,
    /// The items after the first one.
    rest: Option<Rest>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Rest {
    /// Their place in the text, in bytes.
    at: Range<usize>,
    /// Their number.
    items: usize,
}

/// The capacity for a sentence, in bytes. Most are shorter.
const CAPACITY: usize = 256;

impl Sentence {
    /// Returns the sentence `before`, `list`, `after`.
    pub(super) fn listing<I>(before: fmt::Arguments<'_>, list: &List<I>, after: fmt::Arguments<'_>) -> Sentence
    where
        I: Iterator<Item: fmt::Display> + Clone,
    {
        let mut text = String::with_capacity(CAPACITY);
        // Writing to a string cannot fail.
        let _ = text.write_fmt(before);
        if let Some(first) = list.items.clone().next() {
            let _ = write!(text, "{first}");
        }
        let start = text.len();
        let _ = list.write_rest(&mut text);
        let at = start..text.len();
        let rest = (!at.is_empty()).then(|| Rest { at, items: list.items.clone().skip(1).count() });
        let _ = text.write_fmt(after);
        Sentence { text, rest }
    }

    /// Puts `start` before the sentence.
    pub(super) fn prefix(&mut self, start: &str) {
        self.text.insert_str(0, start);
        if let Some(rest) = &mut self.rest {
            rest.at = rest.at.start + start.len()..rest.at.end + start.len();
        }
    }

    /// Puts `end` after the sentence.
    pub(super) fn append(&mut self, end: &str) {
        self.text.push_str(end);
    }

    /// Returns the sentence with only the first item of its list and the number of the others.
    pub(super) fn shortened(&self) -> String {
        let Some(Rest { at, items }) = &self.rest else { return self.text.clone() };
        let (start, end) = (self.text.get(..at.start).unwrap_or_default(), self.text.get(at.end..).unwrap_or_default());
        format!("{start} and {items} more{end}")
    }
}

impl From<String> for Sentence {
    fn from(text: String) -> Sentence {
        Sentence { text, rest: None }
    }
}

impl From<Sentence> for String {
    fn from(sentence: Sentence) -> String {
        sentence.text
    }
}

impl Deref for Sentence {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Sentence {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(items: &[&str], most: usize) -> Sentence {
        Sentence::listing(format_args!("it has "), &List { items: items.iter(), most }, format_args!(". Remove them"))
    }

    #[test]
    fn a_shortened_sentence_keeps_its_end() {
        let mut sentence = listing(&["a", "b", "c", "d"], 3);
        assert_eq!(&*sentence, "it has a, b, c and 1 more. Remove them");
        assert_eq!(sentence.shortened(), "it has a and 3 more. Remove them");
        sentence.prefix("existing problem: ");
        sentence.append(" now");
        assert_eq!(&*sentence, "existing problem: it has a, b, c and 1 more. Remove them now");
        assert_eq!(sentence.shortened(), "existing problem: it has a and 3 more. Remove them now");
    }

    #[test]
    fn a_sentence_without_a_longer_list_is_never_shortened() {
        for sentence in [listing(&["a"], 3), listing(&[], 3), Sentence::from("it has none".to_owned())] {
            assert_eq!(sentence.shortened(), &*sentence);
        }
    }
}
