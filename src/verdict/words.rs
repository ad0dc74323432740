//! Parts of the sentences of findings. A sentence starts in lower case, has no period at its end, and says what is
//! wrong, where, and what to do.

use std::fmt;

/// The maximum number of characters of a name in a sentence: the length limit of names in Kubernetes.
const MAX_NAME: usize = 253;

/// A name or key in a sentence: of limited length, and without control characters. No valid name has any.
#[derive(Clone, Copy)]
pub(super) struct Plain<'t>(pub(super) &'t str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The usual case: nothing to cut or replace.
        if self.0.len() <= MAX_NAME && self.0.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            return formatter.write_str(self.0);
        }
        let mut characters = self.0.chars();
        for character in characters.by_ref().take(MAX_NAME) {
            let shown = if character.is_control() { char::REPLACEMENT_CHARACTER } else { character };
            fmt::Write::write_char(formatter, shown)?;
        }
        if characters.next().is_some() { formatter.write_str("…") } else { Ok(()) }
    }
}

/// The kind and name of the object that a verdict is about, also for sentences. A sentence about a new object has only the
/// prefix of a generated name, so that the events of one workload are equal.
#[derive(Clone, Copy)]
pub(super) struct Named<'t> {
    /// The kind in a sentence: `pod`, `NetworkPolicy`.
    pub(super) kind: &'t str,
    /// The name; empty if the object has none yet. Look-ups must use it, because a client can set it and a prefix.
    pub(super) name: &'t str,
    /// The prefix from which the API server makes the name.
    pub(super) generate_name: &'t str,
    /// Whether the object is created.
    pub(super) is_new: bool,
}

impl Named<'_> {
    /// Returns whether the name looks generated: the API server appends five characters to the first 58 of the prefix.
    fn is_generated(&self) -> bool {
        const LONGEST: usize = 58;
        const SUFFIX: usize = 5;
        let start = self.generate_name.get(..LONGEST).unwrap_or(self.generate_name);
        !start.is_empty() && self.name.strip_prefix(start).is_some_and(|end| end.len() == SUFFIX)
    }
}

impl fmt::Display for Named<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = Plain(self.kind);
        let is_stated = !self.is_new || !self.is_generated();
        if is_stated && !self.name.is_empty() {
            write!(formatter, "{kind} \"{}\"", Plain(self.name))
        } else if self.generate_name.is_empty() {
            write!(formatter, "{kind} without a name")
        } else {
            write!(formatter, "{kind} \"{}…\"", Plain(self.generate_name))
        }
    }
}

/// Items separated by commas: at most `most` of them, which is at least one, and the number of the rest.
pub(super) struct List<I> {
    pub(super) items: I,
    pub(super) most: usize,
}

impl<I: Iterator<Item: fmt::Display> + Clone> List<I> {
    /// Writes what follows the first item.
    pub(super) fn write_rest(&self, out: &mut impl fmt::Write) -> fmt::Result {
        let mut items = self.items.clone().skip(1);
        for item in items.by_ref().take(self.most.saturating_sub(1)) {
            write!(out, ", {item}")?;
        }
        match items.count() {
            0 => Ok(()),
            rest => write!(out, " and {rest} more"),
        }
    }
}

impl<I: Iterator<Item: fmt::Display> + Clone> fmt::Display for List<I> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(first) = self.items.clone().next() {
            first.fmt(formatter)?;
        }
        self.write_rest(formatter)
    }
}

/// Begins a sentence about a problem that exists before the update.
pub const EXISTING: &str = "existing problem: ";

/// Returns the plural ending for a count.
pub(super) fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_bounded_and_has_no_control_characters() {
        assert_eq!(Plain("netpol/~x y").to_string(), "netpol/~x y");
        assert_eq!(Plain("a\nb\u{7f}").to_string(), "a\u{fffd}b\u{fffd}");
        assert_eq!(Plain("é\u{85}").to_string(), "é\u{fffd}");
        assert_eq!(Plain(&"x".repeat(MAX_NAME)).to_string().len(), MAX_NAME);
        assert!(Plain(&"x".repeat(MAX_NAME + 1)).to_string().ends_with("x…"));
        let long = Plain(&"é".repeat(300)).to_string();
        assert_eq!(long.chars().count(), MAX_NAME + 1);
        assert!(long.ends_with('…'));
    }

    #[test]
    fn a_list_is_cut_with_a_count() {
        let list = |most| List { items: ["a", "b", "c"].iter(), most }.to_string();
        assert_eq!(list(3), "a, b, c");
        assert_eq!(list(1), "a and 2 more");
    }

    #[test]
    fn an_object_with_no_name_or_a_generated_one_shows_its_prefix() {
        let named = |name: &str, generate_name: &str| Named { kind: "pod", name, generate_name, is_new: true }.to_string();
        assert_eq!(named("thief", ""), r#"pod "thief""#);
        assert_eq!(named("", "pyos-"), r#"pod "pyos-…""#);
        assert_eq!(named("", ""), "pod without a name");
        assert_eq!(named("pyos-7d9f-x2x4z", "pyos-7d9f-"), r#"pod "pyos-7d9f-…""#);
        assert_eq!(named(&format!("{}abcde", "p".repeat(58)), &"p".repeat(70)), format!(r#"pod "{}…""#, "p".repeat(70)));
        assert_eq!(named("memcached-permits", "memcached-pe"), r#"pod "memcached-pe…""#, "it looks generated");
        for name in ["pyos-", "p12345", "other-abcde", "pyos-longer"] {
            assert_eq!(named(name, "pyos-"), format!("pod \"{name}\""), "the API server did not generate it");
        }
        let updated = Named { kind: "pod", name: "pyos-7d9f-x2x4z", generate_name: "pyos-7d9f-", is_new: false };
        assert_eq!(updated.to_string(), r#"pod "pyos-7d9f-x2x4z""#);
    }
}
